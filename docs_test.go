package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/infra/cli"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/readmodels"
	"dossierledger/infra/web"
	"dossierledger/infra/web/api"
	"dossierledger/infra/web/auth"
	"dossierledger/queries"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

var update = flag.Bool("update", false, "write the generated sections of the docs anew")

// TestDocs holds the README and the docs to the program: what they name exists,
// what exists is named, and what they tell people to run runs.
func TestDocs(t *testing.T) {
	pages := readPages(t)
	help := readHelp(t)
	t.Run("links lead somewhere", func(t *testing.T) { checkLinks(t, pages) })
	t.Run("words", func(t *testing.T) { checkWords(t, pages) })
	t.Run("commands and flags exist and are described", func(t *testing.T) { checkCommandLine(t, pages, help) })
	t.Run("reports are described", func(t *testing.T) { checkReports(t, pages) })
	t.Run("numbers are those of the program", func(t *testing.T) { checkNumbers(t, pages) })
	t.Run("codes of refusals exist", func(t *testing.T) { checkCodes(t, pages) })
	t.Run("sections are what the code says", func(t *testing.T) { checkSections(t, pages, staticSections(t, help)) })
	if testing.Short() {
		t.Skip("-short: nothing is built and served")
	}
	site := serveDemonstration(t)
	t.Run("endpoints are what the API says", func(t *testing.T) {
		endpoints := site.endpoints(t)
		checkSections(t, pages, map[string]string{"endpoints": endpointTable(endpoints)})
		checkAddresses(t, pages, endpoints)
	})
	t.Run("metrics exist and are described", func(t *testing.T) { checkMetrics(t, pages, site) })
	for _, p := range pages {
		if len(p.runs()) > 0 {
			t.Run("run "+p.path, func(t *testing.T) { p.run(t, site) })
		}
	}
}

// page is one Markdown file.
type page struct {
	path string // from the repository's root
	text string
}

func readPages(t *testing.T) []*page {
	t.Helper()
	paths := []string{"README.md"}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	if len(paths) < 10 {
		t.Fatalf("only %d pages were found", len(paths))
	}
	pages := make([]*page, len(paths))
	for i, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pages[i] = &page{path: path, text: string(text)}
	}
	return pages
}

func find(t *testing.T, pages []*page, path string) *page {
	t.Helper()
	for _, p := range pages {
		if p.path == path {
			return p
		}
	}
	t.Fatalf("there is no %s", path)
	return nil
}

// written is the page without its generated sections.
func (p *page) written() string { return sectionPattern.ReplaceAllString(p.text, "") }

var (
	fence = regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")
	span  = regexp.MustCompile("`([^`\n]+)`")
)

// code lists what stands in blocks of shell and in code spans.
func (p *page) code() []string {
	var all []string
	text := p.written()
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		if strings.HasPrefix(m[1], "sh") {
			all = append(all, m[2])
		}
	}
	for _, m := range span.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		all = append(all, m[1])
	}
	return all
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func checkLinks(t *testing.T, pages []*page) {
	linked := map[string]bool{"README.md": true}
	for _, p := range pages {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(p.text, ""), -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			path := filepath.Join(filepath.Dir(p.path), target)
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s links to %s, which is not there", p.path, m[1])
			}
			linked[path] = true
		}
	}
	for _, p := range pages {
		if !linked[p.path] {
			t.Errorf("no page links to %s", p.path)
		}
	}
}

// forbidden are words that say that something is not done, addresses of package
// registries, and paths of one machine.
var forbidden = regexp.MustCompile(`TODO|FIXME|TBD|lorem ipsum|\b(registry|proxy|sum|deb|static|index)\.[a-z]+\.(org|com|io)\b|\.\./shared|/tmp/|/home/`)

func checkWords(t *testing.T, pages []*page) {
	for _, p := range pages {
		for i, line := range strings.Split(p.text, "\n") {
			if word := forbidden.FindString(line); word != "" {
				t.Errorf("%s:%d says %q", p.path, i+1, word)
			}
		}
	}
}

// option is one flag of the command line.
type option struct {
	name, value, variable, meaning string
	commands                       []string // that have it
}

// commandLine is what --help says.
type commandLine struct {
	commands []string
	options  []*option // in the order of the help
}

var (
	helpCommand  = regexp.MustCompile(`(?m)^  ([a-z]+)( .*)?$`)
	helpOption   = regexp.MustCompile(`^ +(?:-\w, )?--(?:\[no-\])?([a-z][a-z0-9-]*)(?:=(\S+))?(?:\s+(.*))?$`)
	helpVariable = regexp.MustCompile(`\s*\(\$([A-Z_0-9]+)(?:, \$[A-Z_0-9]+)*\)`)
)

func helpOf(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := cli.Run(append(args, "--help"), strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatalf("ledger %v --help exits with %d: %s", args, code, &errs)
	}
	return out.String()
}

func readHelp(t *testing.T) commandLine {
	t.Helper()
	_, list, found := strings.Cut(helpOf(t), "Commands:\n")
	if !found {
		t.Fatal("the help lists no commands")
	}
	var line commandLine
	for _, m := range helpCommand.FindAllStringSubmatch(list, -1) {
		line.commands = append(line.commands, m[1])
		line.read(helpOf(t, m[1]), m[1])
	}
	if len(line.commands) < 5 || len(line.options) < 10 {
		t.Fatalf("the help was not understood: %d commands, %d flags", len(line.commands), len(line.options))
	}
	return line
}

// read takes in the flags of one command's help. Flags of one name that mean
// the same are one.
func (l *commandLine) read(help, command string) {
	var own []*option
	open := false
	for text := range strings.SplitSeq(help, "\n") {
		m := helpOption.FindStringSubmatch(text)
		switch {
		case m != nil:
			own, open = append(own, &option{name: m[1], value: strings.Trim(m[2], `"`), meaning: m[3]}), true
		case strings.TrimSpace(text) == "":
			open = false
		case open:
			last := own[len(own)-1]
			last.meaning = strings.TrimSpace(last.meaning + " " + strings.TrimSpace(text))
		}
	}
	for _, o := range own {
		if m := helpVariable.FindStringSubmatch(o.meaning); m != nil {
			o.variable, o.meaning = m[1], helpVariable.ReplaceAllString(o.meaning, "")
		}
		same := slices.IndexFunc(l.options, func(known *option) bool { return known.name == o.name && known.meaning == o.meaning })
		if same < 0 {
			l.options, same = append(l.options, o), len(l.options)
		}
		l.options[same].commands = append(l.options[same].commands, command)
	}
}

var (
	namedCommand = regexp.MustCompile(`(?m)(?:^|[^a-z./-]|bin/)ledger ([a-z]+)`)
	namedOption  = regexp.MustCompile(`(?:^|[\s(|,])--([a-z][a-z0-9-]*)`)
)

func checkCommandLine(t *testing.T, pages []*page, help commandLine) {
	operator := find(t, pages, "docs/operator.md")
	for _, command := range help.commands {
		if !strings.Contains(operator.written(), "`ledger "+command+"`") {
			t.Errorf("%s does not describe `ledger %s`", operator.path, command)
		}
	}
	known := map[string]bool{"help": true, "update": true}
	for _, o := range help.options {
		known[o.name] = true
	}
	for _, p := range pages {
		for _, code := range p.code() {
			for _, m := range namedCommand.FindAllStringSubmatch(code, -1) {
				if !slices.Contains(help.commands, m[1]) {
					t.Errorf("%s names `ledger %s`, which is no command", p.path, m[1])
				}
			}
			for _, m := range namedOption.FindAllStringSubmatch(code, -1) {
				if !known[m[1]] {
					t.Errorf("%s names --%s, which no command has", p.path, m[1])
				}
			}
		}
	}
}

func checkReports(t *testing.T, pages []*page) {
	described := find(t, pages, "docs/reports.md").written()
	for _, name := range queries.NewReports(struct{ queries.Database }{}).Names() {
		if !strings.Contains(described, "| `"+name+"` |") {
			t.Errorf("docs/reports.md does not describe %s", name)
		}
	}
}

// checkNumbers holds limits that the docs tell to the constants of the program.
func checkNumbers(t *testing.T, pages []*page) {
	thousands := message.NewPrinter(language.English).Sprintf
	for path, sentences := range map[string][]string{
		"docs/api.md": {
			thousands("| Token | %d KiB |", auth.MaxToken>>10),
			thousands("seconds; %.0f where it is not said, at most %.0f", api.DefaultWait.Seconds(), api.MaxWait.Seconds()),
			thousands("| %d; %d; %d bytes |", dossier.MaxText, dossier.MaxName, dossier.MaxIdentifier),
			thousands("| Documents of a dossier | %d |", dossier.MaxDocuments),
		},
		"docs/operator.md": {
			thousands("have %.0f seconds to finish", web.DrainTime.Seconds()),
			thousands("one event at most %d MiB, one batch at most %d MiB", eventstore.MaxEventSize>>20, eventstore.MaxBatchSize>>20),
			thousands("growing pauses, up to %.0f s", readmodels.DefaultRetryMax.Seconds()),
			"`" + strings.Join(commands.ErasureGrounds, "`, `") + "`",
		},
		"docs/reports.md": {
			thousands("at most %d rows", queries.MaxReportRows),
			thousands("may take %.0f s", queries.ReportTimeout.Seconds()),
		},
	} {
		for _, sentence := range sentences {
			if !strings.Contains(find(t, pages, path).written(), sentence) {
				t.Errorf("%s does not say: %s", path, sentence)
			}
		}
	}
}

var refusal = regexp.MustCompile("`((?:dossier|idempotency|revision|request|eventstore|read-model|http|report|auth)\\.[a-z-]+)`")

// checkCodes holds that a code that the docs name is one that the program gives.
func checkCodes(t *testing.T, pages []*page) {
	var source bytes.Buffer
	for _, folder := range []string{"domain", "commands", "queries", "infra"} {
		err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			source.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range pages {
		for _, m := range refusal.FindAllStringSubmatch(p.written(), -1) {
			if !strings.HasSuffix(m[1], ".go") && !bytes.Contains(source.Bytes(), []byte(`"`+m[1]+`"`)) {
				t.Errorf("%s names the code %s, which the program does not have", p.path, m[1])
			}
		}
	}
}
