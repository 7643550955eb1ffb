package soak

import (
	"bytes"
	"context"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// damage changes bytes in copies of the events' files. What is damaged is
// reported with its place and never served: what is served is what was written.
func (s *site) damage() {
	s.t.Helper()
	before := s.stored()
	reported := 0
	for _, kind := range []string{".segment", ".sst"} {
		file := largest(s.eventsDir(), kind)
		if file == "" {
			s.t.Fatalf("the store has no %s to damage", kind)
		}
		name, err := filepath.Rel(s.eventsDir(), file)
		if err != nil {
			s.t.Fatal(err)
		}
		size := contentSize(s.t, file)
		for i := range 3 {
			offset := max(0, min(size-1, size*int64(2*i+1)/8+s.random.Int64N(64)))
			if s.damagedAt(name, offset, before) {
				reported++
			}
		}
		s.figures.Faults["damaged "+kind] += 3
	}
	if reported == 0 {
		s.t.Error("no changed byte was reported, so nothing was shown")
	}
	s.cutShort()
	s.figures.Faults["acknowledged events cut off"]++
}

func largest(dir, kind string) (path string) {
	size := int64(0)
	_ = filepath.WalkDir(dir, func(at string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(at, kind) {
			return err
		}
		if info, err := e.Info(); err == nil && info.Size() > size {
			path, size = at, info.Size()
		}
		return nil
	})
	return path
}

// contentSize is the size of a file without the zeros at its end: a segment of the
// log is made ready beyond its last record.
func contentSize(t *testing.T, path string) int64 {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return int64(len(bytes.TrimRight(text, "\x00")))
}

// copied is a site on a copy of this one's data, with processes of its own.
func (s *site) copied() *site {
	s.t.Helper()
	data := filepath.Join(s.t.TempDir(), "data")
	for _, part := range []string{"events", "keys", "master.key", "demo-issuer.key", "demo-simulated"} {
		from := filepath.Join(s.data, part)
		info, err := os.Stat(from)
		if err != nil {
			s.t.Fatal(err)
		}
		if info.IsDir() {
			err = os.CopyFS(filepath.Join(data, part), os.DirFS(from))
		} else if text, rerr := os.ReadFile(from); rerr == nil {
			err = os.WriteFile(filepath.Join(data, part), text, 0o600)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return newSite(s.t, s.random.Uint64(), data, false)
}

// damagedAt flips bits of one byte and looks at what the doctor says and what a
// subscriber is given.
func (s *site) damagedAt(file string, offset int64, whole *chronicle) (reported bool) {
	s.t.Helper()
	c := s.copied()
	path := filepath.Join(c.eventsDir(), file)
	text, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	text[offset] ^= 0x55
	if err := os.WriteFile(path, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	out, code := c.command("doctor", "--json")
	if code != 0 {
		c.places(string(out))
		reported = true
	}
	c.ledger.start()
	defer c.ledger.kill()
	for c.ledger.running() {
		if status, _ := c.get("/healthz"); status == 200 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if !c.ledger.running() {
		c.ledger.meant = true
		c.places(c.ledger.tail())
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// An error says where the damage begins; without one it is in an index of the
	// events that reading them all does not need.
	served, err := readBack(ctx, c.face)
	if err == nil && served.size() < whole.size() {
		s.t.Errorf("%d of %d events were served from a damaged store, and no error", served.size(), whole.size())
	}
	if n := served.size(); n > whole.size() {
		// The ledger itself may have added something since; what was there is the same.
		s.same(served.before(uint64(whole.size())).compare("served from a damaged store, and written", whole))
	} else {
		s.same(served.compare("served from a damaged store, and written", whole.before(uint64(n))))
	}
	return reported
}

// places holds that a report of damage says where it is.
func (s *site) places(report string) {
	s.t.Helper()
	if !strings.Contains(report, "eventstore.corrupt") || !strings.Contains(report, "position") && !strings.Contains(report, "stream") && !strings.Contains(report, s.data) {
		s.t.Errorf("the damage is reported without its place: %s", report)
	}
}

// cutShort takes acknowledged events off the end of the log, as only a disk does
// that lies: the store does not open, rather than to give their places away again.
func (s *site) cutShort() {
	s.t.Helper()
	c := s.copied()
	c.begin(4, 10*time.Millisecond)
	c.worked(20)
	c.load.end()
	c.check()
	for _, sub := range c.subscribers {
		sub.end()
	}
	end, _ := c.subscribers[0].chronicle.last()
	c.eventually("it is noted up to where the log is synced", func() bool {
		mark, err := os.ReadFile(filepath.Join(c.eventsDir(), "SYNCED"))
		return err == nil && len(mark) >= 8 && binary.BigEndian.Uint64(mark) > end
	})
	c.ledger.kill()
	path := newestLog(s.t, c.eventsDir())
	if err := os.Truncate(path, contentSize(s.t, path)*3/4); err != nil {
		s.t.Fatal(err)
	}
	out, code := c.command("doctor", "--json")
	if code == 0 {
		s.t.Errorf("a quarter of the log is gone, and the doctor is content: %s", out)
	}
	c.places(string(out))
	c.ledger.start()
	<-c.ledger.exited
	c.ledger.meant = true
	if c.ledger.outcome == nil {
		s.t.Error("a quarter of the log is gone, and the ledger ended well")
	}
	c.places(c.ledger.tail())
}
