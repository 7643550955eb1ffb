package cli

import (
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress is a bar on a terminal, and nothing where standard error is none.
type progress struct{ bar *progressbar.ProgressBar }

func (w *world) progress(what string, total int64, bytes bool) *progress {
	f, ok := w.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &progress{}
	}
	return &progress{bar: progressbar.NewOptions64(total,
		progressbar.OptionSetDescription(what), progressbar.OptionSetWriter(w.stderr),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionShowBytes(bytes),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(30),
		progressbar.OptionOnCompletion(func() { _, _ = w.stderr.Write([]byte("\n")) }), // a bar that cannot be drawn is no failure
	)}
}

// Write lets a progress follow a reader.
func (p *progress) Write(b []byte) (int, error) {
	if p.bar != nil {
		_ = p.bar.Add(len(b)) // a bar that cannot be drawn is no failure
	}
	return len(b), nil
}

func (p *progress) set(n int64) {
	if p.bar != nil {
		_ = p.bar.Set64(n) // as above
	}
}

func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Finish() // as above
	}
}
