package cli

import (
	"fmt"
	"io"

	"dossierledger/commands"
	"dossierledger/domain/event"
	"dossierledger/infra/ledger"
	"dossierledger/infra/outbound"
	"dossierledger/queries"
)

type outboundCommand struct {
	Action   string   `arg:"" enum:"list,dead,resend,skip" help:"list: how far each receiver has come; dead: what was given up for one; resend: have it sent again; skip: never send an event of it."`
	Receiver string   `arg:"" optional:"" help:"Name of the receiver."`
	Dossiers []string `arg:"" optional:"" help:"Codes of dossiers, or keys as they are listed."`
	All      bool     `help:"With resend: everything that was given up for the receiver."`
	Why      string   `placeholder:"TEXT" help:"With skip: why the receiver is not to get it."`
}

// Run looks at deliveries, or decides on what was given up; a server that delivers
// takes it in. On the embedded store that is done while no server runs, or through
// the server's API.
func (c *outboundCommand) Run(w *world) error {
	if err := c.check(); err != nil {
		return err
	}
	l, err := w.read()
	if err != nil {
		return err
	}
	defer w.close(l)
	switch c.Action {
	case "list":
		return c.list(w, l)
	case "dead":
		return c.dead(w, l)
	case "resend":
		return c.resend(w, l)
	default:
		return c.skip(w, l)
	}
}

func (c *outboundCommand) check() error {
	for i := range c.Dossiers {
		c.Dossiers[i] = outbound.KeyNamed(given(c.Dossiers[i]))
	}
	switch {
	case c.Action == "list" && c.Receiver == "" && !c.All && c.Why == "":
		return nil
	case c.Action == "list":
		return usage("list takes nothing more")
	case c.Receiver == "":
		return usage("name the receiver; ledger outbound list shows them")
	case c.All && c.Action != "resend", c.Why != "" && c.Action != "skip":
		return usage("--all goes with resend, --why with skip")
	case c.Action == "dead" && len(c.Dossiers) > 0:
		return usage("dead takes the receiver alone")
	case c.Action == "resend" && c.All == (len(c.Dossiers) > 0):
		return usage("name dossiers, or say --all")
	case c.Action == "skip" && (len(c.Dossiers) != 1 || c.Why == ""):
		return usage("skip takes one dossier and --why")
	}
	return nil
}

func (c *outboundCommand) list(w *world, l *ledger.Ledger) error {
	asked, err := queries.NewDeliveries(l.Journal)
	if err != nil {
		return err
	}
	receivers, err := asked.Receivers(w.ctx)
	if err != nil {
		return err
	}
	return w.print(receivers, func(out io.Writer) error {
		for _, r := range receivers {
			if _, err := fmt.Fprintf(out, "%s: everything before position %d; %d behind, %d given up\n", r.Receiver, r.Next, len(r.Behind), r.GivenUp); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *outboundCommand) dead(w *world, l *ledger.Ledger) error {
	asked, err := queries.NewDeliveries(l.Journal)
	if err != nil {
		return err
	}
	letters, err := asked.Letters(w.ctx, c.Receiver)
	if err != nil {
		return err
	}
	return w.print(letters, func(out io.Writer) error {
		for _, letter := range letters {
			state := ""
			if letter.Asked {
				state = ", is to be sent again"
			}
			if _, err := fmt.Fprintf(out, "%s  %s: %s (revision %d, event %s): %s, %d attempts since %s%s\n",
				local(letter.At), letter.Key, letter.Type, letter.Revision, letter.Event, letter.Reason, letter.Attempts, local(letter.Since), state); err != nil {
				return err
			}
		}
		return nil
	})
}

// deciding is who decides on the command line, for the record.
func deciding() commands.Request {
	return commands.Request{Actor: event.Actor{ID: operator(), Role: event.RoleAdmin}}
}

func (c *outboundCommand) resend(w *world, l *ledger.Ledger) error {
	resending, err := commands.NewDeliveries(l.Journal, l.Now)
	if err != nil {
		return err
	}
	asked, err := resending.Resend(w.ctx, deciding(), c.Receiver, c.Dossiers...)
	if err != nil {
		return err
	}
	return w.print(map[string][]string{"keys": asked}, func(out io.Writer) error {
		_, err := fmt.Fprintf(out, "%d are sent again, in order, by the server that delivers to %s\n", len(asked), c.Receiver)
		return err
	})
}

func (c *outboundCommand) skip(w *world, l *ledger.Ledger) error {
	resending, err := commands.NewDeliveries(l.Journal, l.Now)
	if err != nil {
		return err
	}
	if err := resending.Skip(w.ctx, deciding(), c.Receiver, c.Dossiers[0], c.Why); err != nil {
		return err
	}
	return w.print(map[string][]string{"keys": c.Dossiers}, func(out io.Writer) error {
		_, err := fmt.Fprintf(out, "the event that %s stood before is never sent to %s; what follows is\n", c.Dossiers[0], c.Receiver)
		return err
	})
}
