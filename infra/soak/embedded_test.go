package soak

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The embedded engines in one process, killed, stopped, with a clock that jumps
// and with garbage where its last write was torn off.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	p := planned(t)
	s := newSite(t, p.seed, filepath.Join(t.TempDir(), "data"), false)
	s.begin(8, 15*time.Millisecond)
	s.endure(p, []mishap{
		{"kill", 10, (*site).killLedger},
		{"kill while it starts", 3, (*site).killStarting},
		{"kill, garbage behind the last write", 4, (*site).killAndGarble},
		{"pause", 3, func(s *site) {
			s.worked(3)
			s.serving().pause(s.between(100*time.Millisecond, 2*time.Second))
		}},
		{"clock jumps", 3, (*site).jump},
	})
	s.damage()
}

func (s *site) killLedger() {
	s.worked(3)
	time.Sleep(s.between(0, 1500*time.Millisecond))
	s.serving().kill()
	s.figures.Kills["ledger"]++
}

// killStarting kills the ledger and then again while it opens what is left.
func (s *site) killStarting() {
	s.killLedger()
	s.start(false)
	time.Sleep(s.between(10*time.Millisecond, 1200*time.Millisecond))
	s.serving().kill()
	s.figures.Kills["ledger"]++
}

// killAndGarble kills the ledger and leaves behind the last write of its logs
// what a torn write leaves: part of a record, zeros, or anything.
func (s *site) killAndGarble() {
	s.killLedger()
	for _, dir := range []string{s.eventsDir(), filepath.Join(s.data, "keys", "wrapped")} {
		path := newestLog(s.t, dir)
		text, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		torn := make([]byte, 1+s.random.IntN(3000))
		switch s.random.IntN(3) {
		case 0:
			for i := range torn {
				torn[i] = byte(s.random.Uint32())
			}
		case 1:
			if len(text) > 0 {
				from := s.random.IntN(len(text))
				torn = text[from:min(len(text), from+len(torn))]
			}
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			s.t.Fatal(err)
		}
		if _, err := f.WriteAt(torn, endOf(s.t, path)); err != nil {
			s.t.Error(err)
		}
		if err := f.Close(); err != nil {
			s.t.Error(err)
		}
	}
}

// endOf is where a log's next write goes. Of a segment it may be some bytes behind
// that: a record can end in zeros.
func endOf(t *testing.T, path string) int64 {
	t.Helper()
	if strings.HasSuffix(path, ".segment") {
		return contentSize(t, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// newestLog is the log file that a store in a folder wrote last.
func newestLog(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var logs []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".log") || strings.HasSuffix(e.Name(), ".segment") {
			logs = append(logs, e.Name())
		}
	}
	if len(logs) == 0 {
		t.Fatalf("there is no log in %s", dir)
	}
	return filepath.Join(dir, slices.Max(logs))
}

// jump runs the ledger with a clock that jumps forwards and backwards while
// people act, and kills it. The next start may be by the machine's clock again.
func (s *site) jump() {
	s.worked(1)
	if s.ledger.running() {
		s.ledger.kill()
		s.figures.Kills["ledger"]++
		s.start(true)
		s.up()
	}
	for range 1 + s.random.IntN(3) {
		far := []time.Duration{time.Second, time.Minute, time.Hour, 30 * time.Hour}[s.random.IntN(4)]
		s.moveClock(s.between(-far, far))
		s.figures.Faults["clock jumped"]++
		s.worked(3)
		time.Sleep(s.between(50*time.Millisecond, 400*time.Millisecond))
	}
	s.moved.kill()
	s.figures.Kills["ledger"]++
}
