package cli

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"dossierledger/infra/eventstore/transfer"
	"dossierledger/infra/ledger"
)

type copyCommand struct {
	From string `required:"" placeholder:"PATH" help:"What is copied: the data folder of a ledger on the embedded store, or a file with the connection string of an EventStoreDB or KurrentDB."`
	To   string `required:"" placeholder:"PATH" help:"Where it goes, named in the same way. A folder is made where there is none."`
}

// Run copies the events of a ledger and compares both sides. A copy that was
// broken off goes on where it stopped.
func (c *copyCommand) Run(w *world) error {
	from, err := filepath.Abs(c.From)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	to, err := filepath.Abs(c.To)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	if from == to {
		return usage("--from and --to name the same place")
	}
	var bar *progress
	copied, err := ledger.Copy(w.ctx, from, to, w.config(), func(done, total uint64) {
		if bar == nil {
			bar = w.progress("copying events", int64(total), false)
		}
		bar.set(int64(done))
	})
	if bar != nil {
		bar.done()
	}
	result := struct {
		ledger.Copied
		Difference string `json:"difference,omitempty"`
	}{Copied: copied}
	different := errors.Is(err, transfer.ErrDifference)
	if err != nil && !different {
		return err
	}
	if different {
		result.Difference = oneLine(err)
	}
	err = w.print(result, func(out io.Writer) error {
		if different {
			_, err := fmt.Fprintf(out, "%s\n", result.Difference)
			return err
		}
		return printCopied(out, copied)
	})
	if err == nil && different {
		return errDefect
	}
	return err
}

func printCopied(out io.Writer, c ledger.Copied) error {
	_, err := fmt.Fprintf(out, "%d events are the same in %s and %s: %d copied, %d were there already\nsha256 of both: %s\n",
		c.Events, c.From, c.To, c.Copied, c.Present, c.Hash)
	if err == nil && c.LeftOut > 0 {
		_, err = fmt.Fprintf(out, "left out: %d events in streams that a server keeps for itself ($…)\n", c.LeftOut)
	}
	if err == nil && !c.PositionsKept {
		_, err = fmt.Fprintln(out, "not kept: the positions of the events; run `ledger rebuild` on the copy")
	}
	if err == nil {
		_, err = fmt.Fprintln(out, "not copied: keys of persons, which stay in their data folder; `ledger keys copy` moves them to NATS")
	}
	return err
}
