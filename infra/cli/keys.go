package cli

import (
	"fmt"
	"io"
	"path/filepath"

	"dossierledger/infra/ledger"
)

type keysCommand struct {
	Copy keysCopyCommand `cmd:"" help:"Copy the keys of persons from a data folder to NATS, for several ledgers, and compare."`
}

type keysCopyCommand struct {
	From string `required:"" placeholder:"DIR" help:"Data folder whose keys are copied. Nobody may have it open."`
}

// Run copies keys. A copy that was broken off goes on where it stopped.
func (c *keysCopyCommand) Run(w *world) error {
	from, err := filepath.Abs(c.From)
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	copied, err := ledger.CopyKeys(w.ctx, from, w.config())
	if err != nil {
		return err
	}
	return w.print(copied, func(out io.Writer) error {
		_, err := fmt.Fprintf(out, "%d keys of persons and the marks of %d who were erased are the same in %s and in NATS: %d shards copied, %d were there already\n",
			copied.Persons, copied.Erased, from, copied.Shards, copied.Present)
		return err
	})
}
