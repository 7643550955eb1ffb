package main

import (
	"crypto/sha256"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/bench"
	"dossierledger/infra/ledger"
	"dossierledger/infra/web/problem"
)

// Sections of the docs that are made from the code stand between two comments:
// <!-- generated: name --> and <!-- end -->.
var sectionPattern = regexp.MustCompile(`(?s)<!-- generated: ([a-z]+) -->\n(.*?)<!-- end -->\n`)

// checkSections compares the sections of these names with what they should be,
// or writes them with -update.
func checkSections(t *testing.T, pages []*page, sections map[string]string) {
	t.Helper()
	seen := map[string]bool{}
	for _, p := range pages {
		made := sectionPattern.ReplaceAllStringFunc(p.text, func(old string) string {
			name := sectionPattern.FindStringSubmatch(old)[1]
			content, mine := sections[name]
			if !mine {
				return old
			}
			seen[name] = true
			return "<!-- generated: " + name + " -->\n" + content + "<!-- end -->\n"
		})
		if made == p.text {
			continue
		}
		if !*update {
			t.Errorf("%s: a generated section is not what the code says; run: go test -run TestDocs -update .", p.path)
			continue
		}
		p.text = made
		if err := os.WriteFile(p.path, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name := range sections {
		if !seen[name] {
			t.Errorf("no page has the section %s", name)
		}
	}
}

// staticSections are those that need no running ledger.
func staticSections(t *testing.T, help commandLine) map[string]string {
	t.Helper()
	return map[string]string{
		"events":    eventTable(t),
		"vectors":   vectorList(t),
		"authority": authorityTable(),
		"kinds":     kindTable(t),
		"imports":   importDiagram(t),
		"flags":     optionTable(help),
		"measured":  measuredSections(t),
	}
}

// table writes a Markdown table.
func table(head []string, rows [][]string) string {
	var out strings.Builder
	line := func(cells []string) { fmt.Fprintf(&out, "| %s |\n", strings.Join(cells, " | ")) }
	line(head)
	line(slices.Repeat([]string{"---"}, len(head)))
	for _, row := range rows {
		for i := range row {
			row[i] = strings.ReplaceAll(row[i], "|", "\\|")
		}
		line(row)
	}
	return out.String()
}

// measuredSections writes the results that are kept of the benchmarks.
func measuredSections(t *testing.T) string {
	t.Helper()
	results, err := bench.Read("docs/measurements")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, r := range results {
		if err := r.Markdown(&out); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func optionTable(help commandLine) string {
	var rows [][]string
	for _, o := range help.options {
		if o.name == "help" {
			continue
		}
		name, commands := "`--"+o.name+"`", strings.Join(o.commands, ", ")
		if o.value != "" {
			name = "`--" + o.name + " " + o.value + "`"
		}
		if len(o.commands) == len(help.commands) {
			commands = "all"
		}
		rows = append(rows, []string{name, "`" + o.variable + "`", commands, o.meaning})
	}
	return table([]string{"Flag", "Variable", "Commands", "Meaning"}, rows)
}

func authorityTable() string {
	var rows [][]string
	for _, c := range dossier.Commands() {
		var parts []string
		for _, part := range dossier.Authority(c.CommandName()) {
			parts = append(parts, string(part))
		}
		rows = append(rows, []string{"`" + c.CommandName() + "`", strings.Join(parts, ", ")})
	}
	return table([]string{"Action", "Who may"}, rows)
}

// kindTable is made from the constants of package fault and their comments.
func kindTable(t *testing.T) string {
	t.Helper()
	var rows [][]string
	for _, file := range parseFolder(t, "domain/fault") {
		for _, declaration := range file.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				value := spec.(*ast.ValueSpec)
				kind := fault.Kind(literal(t, value.Values[0]))
				status := problem.From(fault.New(kind, "x.y", "x")).Status
				rows = append(rows, []string{"`" + string(kind) + "`", strconv.Itoa(status), says(value.Names[0].Name, value.Doc.Text())})
			}
		}
	}
	return table([]string{"Kind", "Status", "Means"}, rows)
}

func vectorList(t *testing.T) string {
	t.Helper()
	paths, err := filepath.Glob("infra/journal/testdata/vectors/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no test vectors were found: %v", err)
	}
	var out strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data, _, _ := strings.Cut(string(text), "\n")
		fmt.Fprintf(&out, "`%s`, SHA-256 `%x`:\n\n```json\n%s\n```\n\n", filepath.Base(path), sha256.Sum256([]byte(data)), data)
	}
	return out.String()
}

// eventTable lists every registered type with what its doc comment says.
func eventTable(t *testing.T) string {
	t.Helper()
	comments := map[string]string{}
	folders, err := filepath.Glob("domain/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range append(folders, "commands") {
		maps.Copy(comments, eventComments(t, folder))
	}
	registry := ledger.Registry()
	var rows [][]string
	for _, name := range registry.Types() {
		payload, err := registry.Decode(name, []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if comments[name] == "" {
			t.Errorf("%s has no doc comment", name)
		}
		members, personal := shapeOf(reflect.TypeOf(payload))
		rows = append(rows, []string{"`" + name + "`", comments[name], strings.Join(members, ", "), strings.Join(personal, ", ")})
	}
	return table([]string{"Type", "Says", "Members", "Personal values at"}, rows)
}

// eventComments gives what the types of events in a folder say, by type name.
func eventComments(t *testing.T, folder string) map[string]string {
	t.Helper()
	types, names := map[string]string{}, map[string]string{}
	for _, file := range parseFolder(t, folder) {
		for _, declaration := range file.Decls {
			switch d := declaration.(type) {
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if s, ok := spec.(*ast.TypeSpec); ok {
						types[s.Name.Name] = d.Doc.Text()
					}
				}
			case *ast.FuncDecl:
				if d.Name.Name != "EventType" || d.Recv == nil {
					continue
				}
				receiver := d.Recv.List[0].Type.(*ast.Ident).Name
				names[literal(t, d.Body.List[0].(*ast.ReturnStmt).Results[0])] = receiver
			}
		}
	}
	out := map[string]string{}
	for name, receiver := range names {
		out[name] = says(receiver, types[receiver])
	}
	return out
}

// says is the first sentence of a comment without the name that it begins with.
func says(name, comment string) string {
	text := new(doc.Package).Synopsis(comment)
	for _, lead := range []string{name + ":", name + " says that", name + " means that", name} {
		if rest, ok := strings.CutPrefix(text, lead); ok {
			return strings.TrimSpace(rest)
		}
	}
	return text
}

func literal(t *testing.T, e ast.Expr) string {
	t.Helper()
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		t.Fatalf("%T is no literal", e)
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parseFolder(t *testing.T, folder string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// shapeOf lists the members of an event's data, and where personal values stand.
func shapeOf(of reflect.Type) (members, personal []string) {
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Anonymous {
			inner, deeper := shapeOf(f.Type)
			members, personal = append(members, inner...), append(personal, deeper...)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		shown := "`" + name + "`"
		if strings.Contains(options, "omit") {
			shown += "?"
		}
		places := personalIn(f.Type, "/"+name, nil)
		if f.Type == reflect.TypeFor[event.Personal]() {
			shown = "*" + shown + "*"
		}
		members, personal = append(members, shown), append(personal, places...)
	}
	return members, personal
}

// personalIn finds personal values below a place; N stands for a number.
func personalIn(of reflect.Type, at string, seen []reflect.Type) []string {
	if of == reflect.TypeFor[event.Personal]() {
		return []string{"`" + at + "`"}
	}
	if slices.Contains(seen, of) {
		return nil
	}
	seen = append(seen, of)
	switch of.Kind() {
	case reflect.Pointer:
		return personalIn(of.Elem(), at, seen)
	case reflect.Slice, reflect.Array:
		return personalIn(of.Elem(), at+"/N", seen)
	case reflect.Struct:
		var found []string
		for i := range of.NumField() {
			name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			if of.Field(i).IsExported() && name != "" {
				found = append(found, personalIn(of.Field(i).Type, at+"/"+name, seen)...)
			}
		}
		return found
	}
	return nil
}

// importDiagram draws which package imports which, without the arrows that
// follow from others.
func importDiagram(t *testing.T) string {
	t.Helper()
	edges := map[string]map[string]bool{}
	for _, p := range listPackages(t) {
		from := node(p.ImportPath)
		if from == "" {
			continue
		}
		if edges[from] == nil {
			edges[from] = map[string]bool{}
		}
		for _, imported := range p.Imports {
			if to := node(imported); to != "" && to != from {
				edges[from][to] = true
			}
		}
	}
	groups := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(edges)) {
		top, _, _ := strings.Cut(name, "/")
		groups[top] = append(groups[top], name)
	}
	var out strings.Builder
	out.WriteString("```mermaid\nflowchart TD\n")
	for _, top := range slices.Sorted(maps.Keys(groups)) {
		if len(groups[top]) > 1 {
			fmt.Fprintf(&out, "  subgraph %s\n", top)
		}
		for _, name := range groups[top] {
			fmt.Fprintf(&out, "    %s[%s]\n", identifier(name), strings.TrimPrefix(name, "infra/"))
		}
		if len(groups[top]) > 1 {
			out.WriteString("  end\n")
		}
	}
	for _, from := range slices.Sorted(maps.Keys(edges)) {
		for _, to := range slices.Sorted(maps.Keys(edges[from])) {
			if !follows(edges, from, to) {
				fmt.Fprintf(&out, "  %s --> %s\n", identifier(from), identifier(to))
			}
		}
	}
	out.WriteString("```\n")
	return out.String()
}

// node names a package in the diagram; "" for packages of others.
func node(path string) string {
	if path == "dossierledger" {
		return "main"
	}
	name, ours := strings.CutPrefix(path, "dossierledger/")
	switch {
	case !ours:
		return ""
	case strings.HasPrefix(name, "domain/"):
		return "domain"
	case strings.HasSuffix(name, "test"): // suites that tests import
		return ""
	default:
		return name
	}
}

func identifier(name string) string { return strings.ReplaceAll(name, "/", "_") }

// follows reports whether an arrow follows from others: whether one gets from
// one package to the other by a detour.
func follows(edges map[string]map[string]bool, from, to string) bool {
	for step := range edges[from] {
		if step != to && reaches(edges, step, to) {
			return true
		}
	}
	return false
}

func reaches(edges map[string]map[string]bool, from, to string) bool {
	if from == to {
		return true
	}
	for step := range edges[from] {
		if reaches(edges, step, to) {
			return true
		}
	}
	return false
}
