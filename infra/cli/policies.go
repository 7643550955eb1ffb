package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"dossierledger/domain/policy"
)

// policyRules are the spans of the policies, on the command line.
type policyRules struct {
	Reminder time.Duration `default:"16h" placeholder:"SPAN" help:"Working time before an appointment at which it is brought to mind; a day has eight hours."`
	Apology  time.Duration `default:"8h" placeholder:"SPAN" help:"Working time before an appointment at which a letter of apology is due where it will not be kept."`
}

func (r policyRules) rules() (policy.Rules, error) {
	if r.Reminder <= 0 || r.Apology <= 0 {
		return policy.Rules{}, usage("--reminder and --apology are spans before the appointment, such as 16h")
	}
	return policy.Rules{Reminder: r.Reminder, Apology: r.Apology}, nil
}

type policiesCommand struct {
	DryRun bool   `help:"Do nothing; tell what would have been done, all the while."`
	At     string `placeholder:"TIME" help:"With --dry-run: up to this day or instant (default: now)."`
	policyRules
}

// Run does what is due, which a server does all the while, or tells it.
func (c *policiesCommand) Run(w *world) error {
	rules, err := c.rules()
	if err != nil {
		return err
	}
	at, err := instant("--at", c.At)
	if err != nil {
		return err
	}
	if at != nil && !c.DryRun {
		return usage("--at goes with --dry-run: what is done is done now")
	}
	l, err := w.read()
	if err != nil {
		return err
	}
	defer w.close(l)
	if c.DryRun {
		until := l.Now()
		if at != nil {
			until = *at
		}
		told, err := l.DryPolicies(w.ctx, rules, until)
		if err != nil {
			return err
		}
		return w.print(told, func(out io.Writer) error {
			for _, t := range told {
				if _, err := fmt.Fprintf(out, "%s  %-17s %s, due %s: %s\n", local(t.From), t.Kind, t.Dossier, local(t.Due), t.Outcome); err != nil {
					return err
				}
			}
			return nil
		})
	}
	runner, err := l.Policies(rules, nil)
	if err != nil {
		return err
	}
	var done []policy.Wake
	err = l.PoliciesOnce(w.ctx, func(ctx context.Context) (err error) {
		done, err = runner.Once(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return w.print(done, func(out io.Writer) error {
		for _, d := range done {
			if _, err := fmt.Fprintf(out, "%-17s %s, due %s\n", d.Kind, d.Dossier, local(d.Due)); err != nil {
				return err
			}
		}
		return nil
	})
}
