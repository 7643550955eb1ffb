package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"dossierledger/commands"
	"dossierledger/domain/fault"
	"dossierledger/domain/legacy"
	"dossierledger/infra/historylog"
	"dossierledger/infra/ledger"
)

type importCommand struct {
	File       string `arg:"" help:"The log; gzip is read as it is."`
	Format     string `enum:"xes,csv,ocel," default:"" help:"xes, csv or ocel (default: found from the content)."`
	CasePrefix string `placeholder:"P" help:"What comes before each case's identifier to make the dossier code."`
	Map        string `placeholder:"FILE" help:"JSON file that names columns not found by name: {\"case_id\": \"Mã hồ sơ\", \"activity\": …, \"timestamp\": …, \"resource\": …}; further members: time_format, time_zone, delimiter, case_attributes, ignore."`
	Source     string `placeholder:"NAME" help:"Name of the log, by which reports select it (default: the file's name)."`
	CaseType   string `placeholder:"TYPE" help:"OCEL: the object type that makes a case (default: the one with most events)."`
}

// importCache is the cache of a store that hardly looks back: what it reads of its
// index, to put tables together, is not read again.
const importCache = 16 << 20

// Run takes over a log into the ledger in the data folder.
func (c *importCommand) Run(w *world) error {
	opts := historylog.Options{Format: historylog.Format(c.Format), CaseType: c.CaseType}
	if c.Map != "" {
		m, err := readColumnMap(c.Map)
		if err != nil {
			return err
		}
		opts.Map = m
	}
	file, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	if info.IsDir() {
		return fmt.Errorf("import: %s is a folder, not a log", c.File)
	}
	defer steadyMemory(112 << 20)()
	config := w.config()
	config.StoreCache = importCache
	l, err := ledger.Open(w.ctx, config)
	if err != nil {
		return err
	}
	defer w.close(l)
	return c.take(w, l, file, info.Size(), opts)
}

// take reads the file to its end first: only a file that is whole changes the ledger.
func (c *importCommand) take(w *world, l *ledger.Ledger, file io.Reader, size int64, opts historylog.Options) error {
	source := given(c.Source)
	if source == "" {
		source = given(logName(c.File))
	}
	temp, err := l.Temp()
	if err != nil {
		return err
	}
	opts.TempDir = temp
	spool, err := historylog.NewSpool(temp)
	if err != nil {
		return err
	}
	defer func() {
		if err := spool.Close(); err != nil {
			w.log.Warn("temporary files of the import remain", "error", err)
		}
	}()

	reading := w.progress("reading "+filepath.Base(c.File), size, true)
	summary, err := historylog.Read(w.ctx, io.TeeReader(file, reading), opts, spool)
	reading.done()
	if err != nil {
		return fmt.Errorf("import %s: nothing was taken over: %w", c.File, err)
	}

	storing := w.progress("storing events", int64(summary.Events), false)
	importing, err := commands.NewImportHistory(l.Journal, source, given(c.CasePrefix), func(n int) { storing.set(int64(n)) })
	if err != nil {
		return err
	}
	var t taking
	err = spool.Cases(w.ctx, func(g *historylog.GroupedCase) error { return importing.Case(w.ctx, t.caseHistory(g)) })
	noteProblems(importing, spool, summary)
	result, finishErr := importing.Finish()
	storing.done()
	if w.ctx.Err() != nil {
		return fmt.Errorf("import %s: interrupted; what was stored stays, and the same import again adds the rest: %w", c.File, w.ctx.Err())
	}
	if finishErr != nil && !errors.Is(err, finishErr) { // reading ends with the error of the storing
		err = errors.Join(err, finishErr)
	}
	if err != nil {
		return err
	}
	if err := w.print(result, func(out io.Writer) error { return printImport(out, source, result) }); err != nil {
		return err
	}
	if result.Skipped > 0 && result.Events+result.AlreadyPresent == 0 {
		return fault.New(fault.Invalid, "import.nothing", "nothing of %s could be taken over: all %d events were skipped", c.File, result.Skipped)
	}
	return nil
}

func readColumnMap(path string) (*historylog.ColumnMap, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("column map: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	return historylog.ReadColumnMap(f)
}

// noteProblems hands on what the reader passed over. Not every problem is a
// skipped event: the reader counts those itself.
func noteProblems(to *commands.ImportHistory, spool *historylog.Spool, summary historylog.Summary) {
	problems, total := spool.Problems()
	for i, p := range problems {
		skipped := 0
		if i == 0 {
			skipped = summary.Skipped
		}
		to.Problem(commands.ImportProblem{Line: p.Line, Message: p.Message}, skipped)
	}
	for range total - len(problems) {
		to.Problem(commands.ImportProblem{}, 0)
	}
}

// taking turns cases of a log into the form in which they are taken over, one
// after the other in the same room.
type taking struct{ ofCase, ofAction []legacy.Attribute }

func (t *taking) caseHistory(g *historylog.GroupedCase) commands.CaseHistory {
	t.ofCase = appendLegacy(t.ofCase[:0], g.Attributes)
	return commands.CaseHistory{
		ID: g.ID, Line: g.Line, Attributes: t.ofCase,
		Actions: func(yield func(commands.LegacyAction, error) bool) {
			for e, err := range g.Events() {
				if err != nil {
					yield(commands.LegacyAction{}, err)
					return
				}
				t.ofAction = appendLegacy(t.ofAction[:0], e.Attributes)
				if !yield(commands.LegacyAction{
					At: e.Time, Activity: e.Activity, Resource: e.Resource, Lifecycle: e.Lifecycle,
					OffsetMinutes: e.OffsetMinutes, Attributes: t.ofAction,
				}, nil) {
					return
				}
			}
		},
	}
}

// appendLegacy adds attributes of a log in the form in which they are taken over.
func appendLegacy(into []legacy.Attribute, attributes []historylog.Attribute) []legacy.Attribute {
	for _, a := range attributes {
		kind := a.Type
		if kind == "string" {
			kind = ""
		}
		into = append(into, legacy.Attribute{Name: a.Name, Type: kind, Value: a.Value, Depth: a.Depth})
	}
	return into
}

// logName is a file's name without folder and endings: "receipt" for
// "logs/receipt.xes.gz".
func logName(path string) string {
	name := filepath.Base(path)
	for _, ending := range []string{".gz", ".xes", ".csv", ".jsonocel", ".ocel", ".json"} {
		name = strings.TrimSuffix(name, ending)
	}
	return name
}

func printImport(out io.Writer, source string, r commands.ImportResult) error {
	_, err := fmt.Fprintf(out, "%s: %d events of %d cases taken over, %d were there already, %d skipped\n",
		source, r.Events, r.Cases, r.AlreadyPresent, r.Skipped)
	for _, p := range r.Errors {
		if err == nil {
			_, err = fmt.Fprintf(out, "  line %d: %s\n", p.Line, p.Message)
		}
	}
	if err == nil && r.MoreErrors > 0 {
		_, err = fmt.Fprintf(out, "  and %d more\n", r.MoreErrors)
	}
	return err
}
