package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"dossierledger/domain/fault"
	"dossierledger/infra/clickhouse/chdb"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/ledger"
	"dossierledger/infra/readmodels"
)

type doctorCommand struct {
	Deep bool `help:"Fold every dossier again and compare every column of every row."`
}

// finding is one thing that was looked at.
type finding struct {
	What   string `json:"what"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	// WayOut says what to do where something is wrong.
	WayOut string `json:"way_out,omitempty"`
}

type diagnosis struct {
	Healthy     bool                 `json:"healthy"`
	Findings    []finding            `json:"findings"`
	Projections []readmodels.Status  `json:"projections,omitempty"`
	Tables      []readmodels.Finding `json:"tables,omitempty"`
}

func (d *diagnosis) note(what string, err error, detail, wayOut string) bool {
	f := finding{What: what, OK: err == nil, Detail: detail}
	if err != nil {
		f.Detail, f.WayOut = oneLine(err), wayOut
		d.Healthy = false
	}
	d.Findings = append(d.Findings, f)
	return f.OK
}

// Run looks at every part: what it is, whether it is well, and what to do.
func (c *doctorCommand) Run(w *world) error {
	d := &diagnosis{Healthy: true}
	c.examine(w, d)
	err := w.print(d, d.print)
	if err == nil && !d.Healthy {
		return errDefect
	}
	return err
}

// restoreEvents is the way out of damage to the event store.
const restoreEvents = "restore the event store from a backup: a damaged record is never served"

func (c *doctorCommand) examine(w *world, d *diagnosis) {
	l, err := w.read()
	if !d.note("event store, keys and registers", err, "open in "+w.opts.Data, wayOutOf(err)) {
		return
	}
	defer w.close(l)
	d.noteOpening(l)
	events, err := readEverything(w, l)
	if !d.note("every event can be read", err, fmt.Sprintf("%d events", events), restoreEvents) {
		return
	}
	models, err := l.OpenReadModels(w.ctx, nil)
	if !d.note("ClickHouse and its tables", err, "open", wayOutOf(err)) {
		return
	}
	err = models.Exclusively(w.ctx, func(ctx context.Context) error {
		c.examineTables(ctx, d, models)
		return ctx.Err()
	})
	if err != nil {
		d.note("the read models are given over by the ledger that keeps them", err, "", wayOutOf(err))
	}
}

func (c *doctorCommand) examineTables(ctx context.Context, d *diagnosis, models *ledger.ReadModels) {
	err := models.Runner.CatchUp(ctx, nil)
	d.Projections = models.Runner.Status(ctx)
	d.note("projections reach the last event", err, "caught up", "see the halted projection; after its cause is mended run `ledger rebuild`")
	if err != nil {
		return
	}
	depth := readmodels.Shallow
	if c.Deep {
		depth = readmodels.Deep
	}
	d.Tables, err = models.Runner.Verify(ctx, depth)
	if err == nil {
		err = readmodels.Mismatch(d.Tables)
	}
	wayOut := "run `ledger rebuild`"
	if errors.Is(err, eventstore.ErrCorrupt) {
		// It is the log that cannot be read, by an index of it.
		wayOut = restoreEvents
	}
	d.note("tables are what the log says", err, "counts and hashes are equal", wayOut)
}

// noteOpening says what opening the events has mended.
func (d *diagnosis) noteOpening(l *ledger.Ledger) {
	store, ok := l.Store.(*embedded.Store)
	if !ok {
		return
	}
	if opening := store.Opening(); opening.IndexMadeAgain != "" {
		d.note("index of the events", nil, "made again from the log: "+opening.IndexMadeAgain, "")
	}
}

// readEverything reads and decodes every event. The store's own events, which
// EventStoreDB clients can bring about ("$…"), are read but mean nothing here.
func readEverything(w *world, l *ledger.Ledger) (events int, err error) {
	for recorded, err := range l.Store.ReadAll(w.ctx, eventstore.AllRead{}) {
		if err != nil {
			return events, err
		}
		events++
		if strings.HasPrefix(recorded.Stream, "$") || strings.HasPrefix(recorded.Type, "$") {
			continue
		}
		if _, err := l.Journal.Decode(recorded); err != nil {
			return events, err
		}
	}
	return events, nil
}

func wayOutOf(err error) string {
	if fault.CodeOf(err) == chdb.CodeStart {
		return "where it does not start again, stop the ledger and remove clickhouse/ in the data folder: the read models are made again from the events"
	}
	switch fault.KindOf(err) {
	case fault.Unavailable:
		return "stop the other process, or start the neighbour that is away, and try again"
	case fault.Corrupt:
		return "restore from a backup, or give the right master key"
	case fault.Full:
		return "make room on the disk; the ledger then goes on by itself"
	}
	return "mend what the message names and try again"
}

func (d *diagnosis) print(out io.Writer) error {
	for _, f := range d.Findings {
		mark := "ok "
		if !f.OK {
			mark = "BAD"
		}
		if _, err := fmt.Fprintf(out, "%s  %s: %s\n", mark, f.What, f.Detail); err != nil {
			return err
		}
		if f.WayOut != "" {
			if _, err := fmt.Fprintf(out, "     way out: %s\n", f.WayOut); err != nil {
				return err
			}
		}
	}
	for _, p := range d.Projections {
		if _, err := fmt.Fprintf(out, "     projection %s: %s at %d of %d, %d events (%.0f s) behind, %.0f events/s\n",
			p.Name, p.State, p.Checkpoint, p.Head, p.LagEvents, p.LagSeconds, p.Rate); err != nil {
			return err
		}
	}
	for _, p := range d.Projections {
		if p.Halt == nil {
			continue
		}
		if _, err := fmt.Fprintf(out, "     halted before %s@%d (%s, position %d): %s\n     way out: %s\n",
			p.Halt.Stream, p.Halt.Revision, p.Halt.Type, p.Halt.Position, p.Halt.Reason, p.Halt.WayOut); err != nil {
			return err
		}
	}
	for _, t := range d.Tables {
		if _, err := fmt.Fprintf(out, "     table %s: %d rows, the log says %d\n", t.Table, t.Actual, t.Expected); err != nil {
			return err
		}
	}
	return nil
}
