package cli

import (
	"fmt"
	"io"

	"dossierledger/infra/backup"
	"dossierledger/infra/ledger"
)

// s3Flags say how a bucket is reached. Credentials come from the environment or a
// credentials file, never from flags.
type s3Flags struct {
	S3Endpoint string `name:"s3-endpoint" placeholder:"URL" help:"S3-compatible store of a place s3://… (default: Amazon's)."`
	S3Region   string `name:"s3-region" placeholder:"NAME" help:"Region of the bucket (default: found out)."`
}

// place is the place that a flag names, or nil where it names none.
func (f s3Flags) place(name string) (backup.Place, error) {
	if name == "" {
		return nil, nil
	}
	return backup.OpenPlace(name, backup.S3{Endpoint: f.S3Endpoint, Region: f.S3Region})
}

type backupCommand struct {
	To   string `required:"" placeholder:"PLACE" help:"Where the backup lies: a folder, or s3://BUCKET/PREFIX."`
	Keys bool   `help:"Back up the keys of persons instead of the events. They never lie in one place."`
	Keep int    `placeholder:"N" help:"With --keys: how many snapshots stay, the new one among them (default: all)."`
	s3Flags
}

// Run adds what is new to a backup. The ledger may be served meanwhile.
func (c *backupCommand) Run(w *world) error {
	if c.Keep < 0 || c.Keep > 0 && !c.Keys {
		return usage("--keep is a number of snapshots, with --keys")
	}
	to, err := c.place(c.To)
	if err != nil {
		return err
	}
	defer steadyMemory(40 << 20)()
	if c.Keys {
		taken, err := ledger.BackUpKeys(w.ctx, w.config(), to, c.Keep)
		if err != nil {
			return err
		}
		return w.print(taken, func(out io.Writer) error {
			_, err := fmt.Fprintf(out, "keys of %d persons (%d erased) are in %s, snapshot %s; %d older snapshots were removed\nsha256 of its manifest: %s\n",
				taken.Persons, taken.Erased, taken.Place, taken.Snapshot, len(taken.Removed), taken.SHA256)
			return err
		})
	}
	var bar *progress
	taken, err := ledger.BackUpEvents(w.ctx, w.config(), to, func(done, total uint64) {
		if bar == nil {
			bar = w.progress("backing up events", int64(total), false)
		}
		bar.set(int64(done))
	})
	if bar != nil {
		bar.done()
	}
	if err != nil {
		return err
	}
	return w.print(taken, func(out io.Writer) error {
		_, err := fmt.Fprintf(out, "%d events added in %d segments (%d bytes); %d events are in %s, up to position %d\nchain: %s\n",
			taken.Events, taken.Segments, taken.Bytes, taken.Total, taken.Place, taken.LastPosition, taken.Chain)
		return err
	})
}
