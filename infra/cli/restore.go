package cli

import (
	"errors"
	"fmt"
	"io"
	"time"

	"dossierledger/infra/backup"
	"dossierledger/infra/eventstore/transfer"
	"dossierledger/infra/ledger"
)

type restoreCommand struct {
	From     string  `placeholder:"PLACE" help:"Backup of events: a folder, or s3://BUCKET/PREFIX."`
	KeysFrom string  `placeholder:"PLACE" help:"Backup of keys; the newest snapshot is taken."`
	At       string  `xor:"point" placeholder:"TIME" help:"Events up to the first one that was recorded after this instant."`
	Position *uint64 `xor:"point" placeholder:"N" help:"Events up to and with position N of the ledger that was backed up."`
	Check    bool    `help:"Only read the backups and hold them to their hashes; nothing is restored."`
	s3Flags
}

// Run makes a ledger of backups in the data folder, which must be empty.
func (c *restoreCommand) Run(w *world) error {
	if c.From == "" && c.KeysFrom == "" {
		return usage("--from names a backup of events, --keys-from one of keys; at least one is needed")
	}
	at, err := instant("--at", c.At)
	if err != nil {
		return err
	}
	if c.From == "" && (at != nil || c.Position != nil) {
		return usage("--at and --position are points of a backup of events: name it with --from")
	}
	config := ledger.RestoreConfig{Config: w.config(), Point: backup.Point{At: at, Position: c.Position}}
	if config.Events, err = c.place(c.From); err != nil {
		return err
	}
	if config.Keys, err = c.place(c.KeysFrom); err != nil {
		return err
	}
	if c.Check {
		return c.check(w, config)
	}
	var bar *progress
	config.Progress = func(done, total uint64) {
		if bar == nil {
			bar = w.progress("restoring events", int64(total), false)
		}
		bar.set(int64(done))
	}
	restored, err := ledger.Restore(w.ctx, config)
	if bar != nil {
		bar.done()
	}
	if errors.Is(err, backup.ErrDamaged) || errors.Is(err, transfer.ErrDifference) {
		return w.defect(err)
	}
	if err != nil {
		return err
	}
	return w.print(restored, func(out io.Writer) error { return printRestored(out, restored) })
}

// defect prints what a verification found.
func (w *world) defect(found error) error {
	err := w.print(map[string]string{"defect": oneLine(found)}, func(out io.Writer) error {
		_, err := fmt.Fprintln(out, oneLine(found))
		return err
	})
	if err != nil {
		return err
	}
	return errDefect
}

func (c *restoreCommand) check(w *world, config ledger.RestoreConfig) error {
	checked, err := ledger.CheckBackups(w.ctx, config.Events, config.Keys)
	if err != nil {
		return err
	}
	defects := 0
	err = w.print(checked, func(out io.Writer) error {
		for _, c := range checked {
			if _, err := fmt.Fprintf(out, "%s: %d events, keys of %d persons, %d defects\n", c.Place, c.Events, c.Persons, len(c.Defects)); err != nil {
				return err
			}
			for _, d := range c.Defects {
				if _, err := fmt.Fprintf(out, "  %s\n", d); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for _, c := range checked {
		defects += len(c.Defects)
	}
	if err == nil && defects > 0 {
		return errDefect
	}
	return err
}

func printRestored(out io.Writer, r ledger.Restored) (err error) {
	if e := r.Events; e != nil {
		last := ""
		if e.Events > 0 {
			last = fmt.Sprintf(", the last at position %d, recorded %s", e.LastPosition, e.LastRecordedAt.Format(time.RFC3339Nano))
		}
		_, err = fmt.Fprintf(out, "%d events are in %s as they were in %s%s\nsha256 of both: %s\n", e.Events, r.Data, e.From, last, e.Hash)
	}
	if k := r.Keys; k != nil && err == nil {
		_, err = fmt.Fprintf(out, "keys of %d persons are there, from the snapshot %s of %s\n%d persons are erased as the events record it\n",
			k.Persons, k.Snapshot, k.From, r.Erased)
	}
	for _, note := range r.Notes {
		if err == nil {
			_, err = fmt.Fprintf(out, "note: %s\n", note)
		}
	}
	return err
}
