package pages

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"text/template/parse"
	"unicode"

	"dossierledger/domain/dossier"
)

func TestEveryTextIsInBothLanguages(t *testing.T) {
	verbs := regexp.MustCompile(`%[sd%]`)
	for key, text := range messages {
		if strings.TrimSpace(text.VI) == "" || strings.TrimSpace(text.EN) == "" {
			t.Errorf("%s lacks a language", key)
		}
		if vi, en := verbs.FindAllString(text.VI, -1), verbs.FindAllString(text.EN, -1); strings.Join(vi, "") != strings.Join(en, "") {
			t.Errorf("%s is filled in differently: %v and %v", key, vi, en)
		}
	}
}

// Words in a template would be in one language only.
func TestTemplatesHoldNoWords(t *testing.T) {
	tags := regexp.MustCompile(`(?s)<[^>]*>`)
	spoken := regexp.MustCompile(`(?:aria-label|alt|title|placeholder)="([^"]*)"`)
	actions := regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	entries, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range entries {
		source, err := templateFiles.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		plain := actions.ReplaceAllString(string(source), "")
		for _, attribute := range spoken.FindAllStringSubmatch(plain, -1) {
			if strings.ContainsFunc(attribute[1], unicode.IsLetter) {
				t.Errorf("%s says %q in an attribute", file, attribute[1])
			}
		}
		for _, words := range strings.Fields(tags.ReplaceAllString(plain, " ")) {
			if strings.ContainsFunc(words, unicode.IsLetter) {
				t.Errorf("%s says %q", file, words)
			}
		}
	}
}

// A key that is not in the table would break the page at the first reader.
func TestEveryKeyOfATemplateIsInTheTable(t *testing.T) {
	view, err := parseViews(Vietnamese, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for name, page := range view.pages {
		for _, part := range page.Templates() {
			if part.Tree == nil {
				continue
			}
			walk(part.Tree.Root, func(key string) {
				seen++
				if _, ok := messages[key]; !ok {
					t.Errorf("%s asks for %q", name, key)
				}
			})
		}
	}
	if seen < 200 {
		t.Errorf("only %d keys were found: the walk misses some", seen)
	}
}

// walk finds what templates hand to t.
func walk(node parse.Node, found func(key string)) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, child := range n.Nodes {
			walk(child, found)
		}
	case *parse.ActionNode:
		walk(n.Pipe, found)
	case *parse.PipeNode:
		if n == nil {
			return
		}
		for _, command := range n.Cmds {
			walk(command, found)
		}
	case *parse.CommandNode:
		if len(n.Args) > 1 {
			if f, ok := n.Args[0].(*parse.IdentifierNode); ok && f.Ident == "t" {
				if key, ok := n.Args[1].(*parse.StringNode); ok {
					found(key.Text)
				}
			}
		}
		for _, argument := range n.Args {
			walk(argument, found)
		}
	case *parse.IfNode:
		walkBranch(&n.BranchNode, found)
	case *parse.RangeNode:
		walkBranch(&n.BranchNode, found)
	case *parse.WithNode:
		walkBranch(&n.BranchNode, found)
	case *parse.TemplateNode:
		walk(n.Pipe, found)
	}
}

func walkBranch(n *parse.BranchNode, found func(key string)) {
	walk(n.Pipe, found)
	walk(n.List, found)
	walk(n.ElseList, found)
}

// A key that the program names is in the table too.
func TestEveryKeyOfTheProgramIsInTheTable(t *testing.T) {
	asked := regexp.MustCompile(`\.text\("([^"]+)"[,)]`)
	files, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range asked.FindAllStringSubmatch(string(source), -1) {
			seen++
			if _, ok := messages[key[1]]; !ok {
				t.Errorf("%s asks for %q", file, key[1])
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d keys were found", seen)
	}
}

func TestEveryCodeThatPeopleMeetHasAName(t *testing.T) {
	for prefix, codes := range map[string][]string{
		"verdict": {"not-started", "running", "overrun", "kept", "exceeded"},
		"clock":   {string(dossier.ClockStart), string(dossier.ClockPause), string(dossier.ClockResume), string(dossier.ClockRestart), string(dossier.ClockExtend), string(dossier.ClockStop)},
		"status":  {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"},
		"payment": {string(dossier.NothingDue), string(dossier.Unpaid), string(dossier.PartlyPaid), string(dossier.Settled), string(dossier.FullyExempted), string(dossier.FullyRefunded)},
		"role":    {"citizen", "officer", "auditor", "analyst", "admin", "system"},
	} {
		for _, code := range codes {
			if _, ok := messages[prefix+"."+code]; !ok {
				t.Errorf("%s.%s has no name", prefix, code)
			}
		}
	}
}
