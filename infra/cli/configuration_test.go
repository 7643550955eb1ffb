package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dossierledger/infra/cli"
)

// The rank of a setting: configuration file, environment, flag.
func TestAFlagRanksAboveTheEnvironmentAndThatAboveTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ledger.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Which data folder was meant shows by which one is made.
	run := func(args ...string) (int, string) {
		t.Helper()
		var out, errs bytes.Buffer
		code := cli.Run(append([]string{"seed", "--config", path, "--log", "error"}, args...), strings.NewReader(""), &out, &errs)
		return code, errs.String()
	}
	made := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name, "events"))
		return err == nil
	}
	write("data: " + filepath.Join(dir, "by-file") + "\n")
	if code, errs := run(); code != 0 || !made("by-file") {
		t.Fatalf("by the file: exit %d, %s", code, errs)
	}
	t.Setenv("LEDGER_DATA", filepath.Join(dir, "by-environment"))
	if code, errs := run(); code != 0 || !made("by-environment") {
		t.Fatalf("by the environment: exit %d, %s", code, errs)
	}
	if code, errs := run("--data", filepath.Join(dir, "by-flag")); code != 0 || !made("by-flag") {
		t.Fatalf("by a flag: exit %d, %s", code, errs)
	}
}

func TestAConfigurationThatCannotBeMeantIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.yaml")
	for text, want := range map[string]string{
		"dat: x\n":                     "dat",
		"serve: {listn: x}\n":          "serve.listn",
		"- a list\n":                   "not YAML with the names of flags",
		"serve: {rate: many}\n":        "rate",
		"data: [\n":                    "not YAML",
		"config: another.yaml\n":       "config",
		"nonsense: {listen: \":0\"}\n": "nonsense",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		code := cli.Run([]string{"serve", "--config", path, "--data", t.TempDir()}, strings.NewReader(""), &out, &errs)
		if code != 2 || !strings.Contains(errs.String(), want) {
			t.Errorf("%q: exit %d, %s", text, code, errs.String())
		}
	}
}
