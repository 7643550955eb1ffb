package cli

import (
	"fmt"
	"io"
	"os/user"

	"dossierledger/commands"
	"dossierledger/domain/event"
)

type eraseCommand struct {
	Subject string `arg:"" help:"Pseudonym of the person."`
	Ground  string `required:"" help:"Ground of the law: request, purpose-done, retention-expired, authority-decision, agreement, other-law."`
}

// Run erases a person for ever. Nothing else changes: the events stay.
func (c *eraseCommand) Run(w *world) error {
	l, err := w.open()
	if err != nil {
		return err
	}
	defer w.close(l)
	req := commands.Request{Actor: event.Actor{ID: operator(), Role: event.RoleAdmin}}
	if err := l.Erasures.Erase(w.ctx, req, c.Subject, c.Ground); err != nil {
		return err
	}
	return w.print(map[string]string{"erased": c.Subject}, func(out io.Writer) error {
		_, err := fmt.Fprintf(out, "%s was erased: the key of their personal data is destroyed\n", c.Subject)
		return err
	})
}

// operator is who runs the program, for the record.
func operator() string {
	if u, err := user.Current(); err == nil {
		return "operator:" + u.Username
	}
	return "operator"
}
