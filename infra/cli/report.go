package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/queries"
)

type reportCommand struct {
	Name      string `arg:"" help:"summary, activities, starts-ends, dfg, variants, durations, resources, handover, rework, on-time, bottlenecks or transparency."`
	From      string `placeholder:"TIME" help:"Only dossiers whose first event is at or after this day or instant."`
	To        string `placeholder:"TIME" help:"Only dossiers whose first event is before this day or instant."`
	Agency    string `placeholder:"ID" help:"Only dossiers of this competent agency and those below it."`
	Procedure string `placeholder:"CODE" help:"Only dossiers of this procedure."`
	Source    string `placeholder:"NAME" help:"Only dossiers of this log; 'ledger' for the ledger's own."`
	Working   bool   `help:"Durations in working time."`
	Approx    bool   `help:"Approximate percentiles, with bounded memory."`
	ByAgency  bool   `help:"Bottlenecks by agency."`
	Limit     int    `placeholder:"N" help:"At most N rows."`
}

// Run prints a report over everything that is in the ledger now.
func (c *reportCommand) Run(w *world) error {
	filter := queries.Filter{Agency: c.Agency, Procedure: c.Procedure, Source: given(c.Source)}
	var err error
	if filter.From, err = instant("--from", c.From); err != nil {
		return err
	}
	if filter.To, err = instant("--to", c.To); err != nil {
		return err
	}
	if filter.From != nil && filter.To != nil && !filter.From.Before(*filter.To) {
		return usage("--to %s is not after --from %s", c.To, c.From)
	}
	if c.Limit < 0 || c.Limit > queries.MaxReportRows {
		return usage("--limit is 0 (all) to %d, not %d", queries.MaxReportRows, c.Limit)
	}
	if names := queries.ReportNames(); !slices.Contains(names, c.Name) {
		return usage("there is no report %q; the reports are %s", c.Name, strings.Join(names, ", "))
	}
	l, models, err := w.caughtUp()
	if err != nil {
		return err
	}
	defer w.close(l)
	result, err := models.Reports.Run(w.ctx, c.Name, filter, queries.Options{
		Working: c.Working, Approx: c.Approx, ByAgency: c.ByAgency, Limit: c.Limit, Now: w.now(),
	})
	if err != nil {
		return err
	}
	return w.print(result, func(out io.Writer) error { return printTable(out, result) })
}

// instant reads a day in Vietnam's time or an RFC 3339 instant.
func instant(flag, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, dossier.ICT); err == nil {
		return &t, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, usage("%s is a day such as 2026-01-31 or an instant such as 2026-01-31T08:00:00+07:00, not %q", flag, text)
	}
	return &t, nil
}

// printTable writes a report for people: lists as lines, objects as fields.
func printTable(out io.Writer, result any) error {
	text, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	return newTable(out).write(text)
}
