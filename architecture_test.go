package main

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Arrows point one way: infra → commands, queries, projections → domain; main
// alone knows all. The domain is pure: it imports nothing that touches the world.
func TestImportsPointOneWay(t *testing.T) {
	allowed := map[string][]string{
		"domain":      {"domain"},
		"commands":    {"commands", "domain"},
		"queries":     {"queries", "domain"},
		"projections": {"projections", "domain"},
		"infra":       {"infra", "commands", "queries", "projections", "domain"},
	}
	impure := []string{
		"os", "net", "io/fs", "log", "log/slog", "os/exec", "net/http", "database/sql", "syscall", "context", "math/rand",
	}
	// What the domain says about itself to a log is not logging, and tests read files.
	const forTests = "dossierledger/domain/event/goldentest"
	except := map[string]bool{"dossierledger/domain/event log/slog": true, forTests + " os": true}

	seen := 0
	for _, p := range listPackages(t) {
		top, _, _ := strings.Cut(strings.TrimPrefix(p.ImportPath, "dossierledger/"), "/")
		if p.ImportPath == "dossierledger" {
			continue
		}
		may, known := allowed[top]
		if !known {
			t.Errorf("%s is in none of the top folders", p.ImportPath)
			continue
		}
		seen++
		for _, imported := range p.Imports {
			if imported == forTests {
				t.Errorf("%s imports %s, which is for tests", p.ImportPath, imported)
			}
			if inside, ok := strings.CutPrefix(imported, "dossierledger/"); ok {
				target, _, _ := strings.Cut(inside, "/")
				if !slices.Contains(may, target) {
					t.Errorf("%s imports %s: arrows point from infra to commands, queries, projections to domain", p.ImportPath, imported)
				}
				continue
			}
			if top == "domain" && slices.Contains(impure, imported) && !except[p.ImportPath+" "+imported] {
				t.Errorf("%s imports %s: the domain is pure", p.ImportPath, imported)
			}
		}
	}
	if seen < 10 {
		t.Fatalf("only %d packages were looked at", seen)
	}
}

type listedPackage struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listedPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		if err := dec.Decode(&p); err == io.EOF {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
