package soak

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/clickhouse/chdb"
)

// built is the real program, without the race detector, as people run it.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		return "", err
	}
	exe := filepath.Join(dir, "ledger")
	build := exec.Command("go", "build", "-o", exe, "dossierledger")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the ledger: %w: %s", err, out)
	}
	return exe, nil
})

// program is one process of an arrangement, started, stopped and killed again
// and again under the same name.
type program struct {
	t    *testing.T
	name string
	exe  string
	args []string
	env  []string
	log  string // file that gets its standard error

	mu      sync.Mutex
	cmd     *exec.Cmd
	exited  chan struct{} // closed when the process has ended
	outcome error
	meant   bool // its end was brought about
}

// environment is what every child gets: nothing of the ledger's own settings
// that the machine may have, and the engine that was found.
func environment(t *testing.T, extra ...string) []string {
	t.Helper()
	library, err := chdb.Find("")
	if fault.CodeOf(err) == chdb.CodePlatform {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	for _, line := range os.Environ() {
		if len(line) < 7 || line[:7] != "LEDGER_" {
			env = append(env, line)
		}
	}
	return append(append(env, chdb.EnvLibrary+"="+library), extra...)
}

func (p *program) start() {
	p.t.Helper()
	out, err := os.OpenFile(p.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = out.Close() }() // the child has its own
	cmd := exec.Command(p.exe, p.args...)
	cmd.Env, cmd.Stderr, cmd.Stdout = p.env, out, out
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.name, err)
	}
	exited := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.exited, p.meant = cmd, exited, false
	p.mu.Unlock()
	go func() {
		err := cmd.Wait()
		p.mu.Lock()
		p.outcome = err
		p.mu.Unlock()
		close(exited)
	}()
}

func (p *program) running() bool {
	p.mu.Lock()
	exited := p.exited
	p.mu.Unlock()
	if exited == nil {
		return false
	}
	select {
	case <-exited:
		return false
	default:
		return true
	}
}

func (p *program) signal(s syscall.Signal) {
	p.mu.Lock()
	cmd := p.cmd
	p.meant = p.meant || s == syscall.SIGKILL || s == syscall.SIGTERM
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	if err := cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("signal %v to %s: %v", s, p.name, err)
	}
}

// kill ends the process at once, as `kill -9` and the machine's memory killer do.
func (p *program) kill() {
	p.signal(syscall.SIGKILL)
	<-p.exited
}

// pause stops the process in the middle of what it does, for a while.
func (p *program) pause(span time.Duration) {
	p.signal(syscall.SIGSTOP)
	time.Sleep(span)
	p.signal(syscall.SIGCONT)
}

// stop asks the process to end and holds it to a clean end.
func (p *program) stop() {
	p.t.Helper()
	if !p.running() {
		return
	}
	p.signal(syscall.SIGTERM)
	select {
	case <-p.exited:
		if p.outcome != nil {
			p.t.Errorf("%s was asked to stop and ended with %v\n%s", p.name, p.outcome, p.tail())
		}
	case <-time.After(patience):
		p.t.Errorf("%s does not stop\n%s", p.name, p.tail())
		p.kill()
	}
}

// diedByItself says whether the process ended without being made to.
func (p *program) diedByItself() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.exited == nil || p.meant {
		return false
	}
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// missed is what a program says that gives up because a neighbour did not answer in
// its time, or because another had to be waited for too long.
var missed = regexp.MustCompile(`\b(eventstore|nats|keys|leases|clickhouse|readmodels)\.(unavailable|timeout|held|lost|elsewhere)\b`)

// missedNeighbour says whether the process has ended because a neighbour did not
// answer in its time, as on a machine with much else to do: whoever supervises it
// starts it again.
func (p *program) missedNeighbour() bool {
	return p.diedByItself() && missed.MatchString(lastLine(p.tail()))
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// tail is the end of what the process has said.
func (p *program) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-6000):])
}

// confessions are what a program says when it has a bug, and never else.
var confessions = [][]byte{[]byte("panic:"), []byte("fatal error:"), []byte("DATA RACE"), []byte("a handler panicked"), []byte("a projection panicked")}

func (p *program) confesses() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return ""
	}
	for _, sign := range confessions {
		if at := bytes.Index(text, sign); at >= 0 {
			return string(text[max(0, at-300):min(len(text), at+3000)])
		}
	}
	return ""
}

// run carries out one command line of the real program and gives its output and
// the last line of what it said beside. away says that it failed for a neighbour
// that did not answer in its time.
func (p *program) run(args ...string) (stdout []byte, code int, last string, away bool) {
	p.t.Helper()
	cmd := exec.Command(p.exe, args...)
	cmd.Env = p.env
	var said, out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		p.t.Logf("%v ended with %d: %s", args, exit.ExitCode(), said.Bytes()[max(0, said.Len()-2000):])
		// The doctor tells it as a finding.
		last = lastLine(said.String())
		return out.Bytes(), exit.ExitCode(), last, missed.MatchString(last) || missed.Match(out.Bytes())
	}
	if err != nil {
		p.t.Fatalf("%v: %v", args, err)
	}
	return out.Bytes(), 0, "", false
}
