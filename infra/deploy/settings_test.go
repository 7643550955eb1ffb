package deploy_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"dossierledger/infra/cli"
)

// settings are the flags and variables that `ledger serve` knows.
type settings map[string]bool

var (
	helpFlag     = regexp.MustCompile(`--(?:\[no-\])?([a-z][a-z-]*)`)
	helpVariable = regexp.MustCompile(`\$(LEDGER_[A-Z0-9_]+)`)
)

func readSettings(t *testing.T) settings {
	t.Helper()
	var out, errs bytes.Buffer
	if code := cli.Run([]string{"serve", "--help"}, strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatalf("ledger serve --help exits with %d: %s", code, &errs)
	}
	known := settings{}
	for _, pattern := range []*regexp.Regexp{helpFlag, helpVariable} {
		for _, m := range pattern.FindAllStringSubmatch(out.String(), -1) {
			known[m[1]] = true
		}
	}
	if !known["listen"] || !known["LEDGER_LISTEN"] {
		t.Fatalf("the help was not understood: %v", known)
	}
	return known
}

// checkVariable reports a variable of the ledger that it does not read.
func (s settings) checkVariable(t *testing.T, where, name string) {
	t.Helper()
	if strings.HasPrefix(name, "LEDGER_") && !s[name] {
		t.Errorf("%s sets %s, which the ledger does not read", where, name)
	}
}

// checkArguments reports a command line that the ledger does not know. Nobody
// may put a demonstration, or a secret, into operation.
func (s settings) checkArguments(t *testing.T, where string, arguments []any) {
	t.Helper()
	if len(arguments) == 0 || arguments[0] != "serve" {
		t.Errorf("%s does not serve: %v", where, arguments)
	}
	for _, a := range arguments {
		name, isFlag := strings.CutPrefix(a.(string), "--")
		name, _, _ = strings.Cut(name, "=")
		if isFlag && (!s[name] || strings.HasPrefix(name, "demo")) {
			t.Errorf("%s gives --%s, which is no flag for operation", where, name)
		}
	}
}

var (
	imageVariable = regexp.MustCompile(`\b(LEDGER_[A-Z0-9_]+)=(\S+)`)
	goImage       = regexp.MustCompile(`golang:([0-9.]+)-`)
	goVersion     = regexp.MustCompile(`(?m)^go ([0-9.]+)$`)
	engineRelease = regexp.MustCompile(`(?m)^VERSION=([0-9]+\.[0-9]+)\.`)
	copied        = regexp.MustCompile(`(?m)^COPY ([a-z]\S*\.\S+) `)
)

const containerfile = "container/Containerfile"

// imageVariables are those that the image sets.
func imageVariables(t *testing.T) map[string]string {
	t.Helper()
	set := map[string]string{}
	for _, m := range imageVariable.FindAllStringSubmatch(read(t, containerfile), -1) {
		set[m[1]] = m[2]
	}
	return set
}

func TestImage(t *testing.T) {
	file, known := read(t, containerfile), readSettings(t)
	set := imageVariables(t)
	for _, name := range []string{"LEDGER_DATA", "LEDGER_LISTEN", "LEDGER_CHDB_LIB"} {
		if set[name] == "" {
			t.Errorf("the image does not set %s", name)
		}
	}
	for name := range set {
		known.checkVariable(t, containerfile, name)
	}
	built, wanted := goImage.FindStringSubmatch(file), goVersion.FindStringSubmatch(read(t, "../../go.mod"))
	if built == nil || wanted == nil || built[1] != wanted[1] {
		t.Errorf("the image is built with Go %v, go.mod says %v", built, wanted)
	}
	for _, m := range copied.FindAllStringSubmatch(file, -1) {
		read(t, "../../"+m[1])
	}
	for _, line := range []string{
		"USER 10001:10001", "STOPSIGNAL SIGTERM", "VOLUME " + set["LEDGER_DATA"], "CMD [\"serve\"]",
		"COPY --from=engine /out/libchdb.so " + set["LEDGER_CHDB_LIB"], "RUN sh /fetch-chdb.sh /out",
		"EXPOSE " + listenPort(t), "http://127.0.0.1:" + listenPort(t) + "/readyz",
	} {
		if !strings.Contains(file, line) {
			t.Errorf("the image does not say: %s", line)
		}
	}
}

// listenPort is the port on which the ledger in the image answers.
func listenPort(t *testing.T) string {
	t.Helper()
	_, port, found := strings.Cut(imageVariables(t)["LEDGER_LISTEN"], ":")
	if !found {
		t.Fatal("the image names no port")
	}
	return port
}

// checkImage holds that an image has a version, and that a ClickHouse is of the
// release with which the SQL is tested.
func checkImage(t *testing.T, where, image string) {
	t.Helper()
	name, version, _ := strings.Cut(image, ":")
	if name == "dossier-ledger" {
		return
	}
	if version == "" || version == "latest" {
		t.Errorf("%s: the image %q has no version", where, image)
	}
	release := engineRelease.FindStringSubmatch(read(t, "../clickhouse/fetch-chdb.sh"))
	if strings.Contains(name, "clickhouse/") && (release == nil || version != release[1]) {
		t.Errorf("%s: the image is %s, the embedded engine %v", where, image, release)
	}
}
