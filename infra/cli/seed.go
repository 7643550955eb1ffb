package cli

import (
	"fmt"
	"io"
)

type seedCommand struct{}

// Run publishes the sample catalogue; again adds nothing.
func (c *seedCommand) Run(w *world) error {
	l, err := w.open()
	if err != nil {
		return err
	}
	defer w.close(l)
	added, err := l.Seed(w.ctx)
	if err != nil {
		return err
	}
	return w.print(map[string]int{"events": added}, func(out io.Writer) error {
		_, err := fmt.Fprintf(out, "%d events of the sample catalogue published\n", added)
		return err
	})
}
