package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"dossierledger/queries"
)

type replayCommand struct {
	Code     string  `arg:"" help:"Dossier code."`
	At       string  `xor:"moment" placeholder:"TIME" help:"As it was known at this day or instant."`
	Revision *uint64 `xor:"moment" placeholder:"N" help:"As it was after revision N."`
	Occurred bool    `help:"With --at: by when things happened, not by when the ledger recorded them."`
}

// Run prints a dossier as it was. Personal values stay sealed.
func (c *replayCommand) Run(w *world) error {
	moment := queries.Moment{Revision: c.Revision, Occurred: c.Occurred}
	at, err := instant("--at", c.At)
	if err != nil {
		return err
	}
	if at != nil {
		moment.At = *at
	}
	l, err := w.read()
	if err != nil {
		return err
	}
	defer w.close(l)
	dossiers, err := queries.NewDossiers(l.Journal, l.Registers, l.Now)
	if err != nil {
		return err
	}
	replay, err := dossiers.Replay(w.ctx, given(c.Code), moment, queries.View{Concerned: true, Internal: true})
	if err != nil {
		return err
	}
	return w.print(replay, func(out io.Writer) error {
		text, err := json.Marshal(replay)
		if err != nil {
			return fmt.Errorf("print replay: %w", err)
		}
		return newTable(out).write(text)
	})
}
