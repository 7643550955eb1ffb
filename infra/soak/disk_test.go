package soak

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The embedded engines on a disk that is slow, full, sick and without power.
func TestDisk(t *testing.T) {
	t.Parallel()
	p := planned(t)
	d := mountDisk(t, 768<<20)
	s := newSite(t, p.seed, filepath.Join(d.dir, "data"), false)
	s.disk = d
	s.begin(6, 20*time.Millisecond)
	s.endure(p, []mishap{
		{"power lost", 6, (*site).powerLost},
		{"disk full", 2, (*site).diskFull},
		{"disk full, kill", 1, (*site).diskFullKill},
		{"disk slow", 2, func(s *site) {
			s.worked(1)
			s.disk.slow(s.between(time.Millisecond, 20*time.Millisecond), s.between(500*time.Millisecond, 2*time.Second))
		}},
		{"disk sick", 1, (*site).diskSick},
	})
}

func (s *site) powerLost() {
	s.killLedger()
	s.figures.WritesLost += s.disk.losePower(s.random)
}

// diskFull takes all room for a while. Commands are refused with the status that
// says so, reading goes on, and when there is room the ledger goes on by itself.
func (s *site) diskFull() {
	s.t.Helper()
	s.fillDisk()
	s.disk.makeRoom()
	s.worked(5)
	s.eventually("commands are done again", func() bool {
		for what := range s.load.diary.window() {
			if strings.HasPrefix(what, "2") {
				return true
			}
		}
		return false
	})
	s.live()
}

// diskFullKill kills the ledger while there is no room. It may say that there is
// no room and end, or serve and refuse; with room it is well.
func (s *site) diskFullKill() {
	s.t.Helper()
	s.fillDisk()
	s.serving().kill()
	s.figures.Kills["ledger"]++
	s.start(false)
	time.Sleep(s.between(500*time.Millisecond, 3*time.Second))
	p := s.serving()
	if !p.running() && !strings.Contains(p.tail(), "full") && !strings.Contains(p.tail(), "no room") && !strings.Contains(p.tail(), "no space") {
		s.t.Fatalf("without room the ledger ends with %v\n%s", p.outcome, p.tail())
	}
	p.kill() // ended or not, what happens now happens after a new start
	s.disk.makeRoom()
}

// fillDisk fills the disk and sees that every command is answered so.
func (s *site) fillDisk() {
	s.t.Helper()
	s.worked(1)
	s.disk.fill()
	s.eventually("commands are refused because the disk is full", func() bool {
		return s.load.diary.window()["507 eventstore.full"] > 0
	})
	// What still fits into the blocks that the log has reserved is done, until the
	// store has looked at the disk, which it does ten times a second.
	time.Sleep(time.Second)
	// From here on the store knows: what is sent now is not done.
	full := s.load.epoch.Add(1)
	time.Sleep(s.between(500*time.Millisecond, 2*time.Second))
	s.load.epoch.Add(1)
	for what, n := range s.load.diary.window() {
		// Where there is nothing to do nothing needs room, and what the order of
		// the law does not allow is refused as ever.
		if what != "507 eventstore.full" && what != "507 keys.full" && what[0] != '4' && what[0] != '2' {
			s.t.Errorf("with a full disk %d commands were answered %s", n, what)
		}
	}
	entries, _ := s.load.diary.told()
	for _, r := range entries {
		if r.fate == acknowledged && r.epoch == full && len(r.answer.Events) > 0 && !r.repeated {
			s.t.Errorf("with a full disk %s %s was done", r.path, r.key)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := s.get(path); status != 200 {
			s.t.Errorf("with a full disk %s is %d %s", path, status, body)
		}
	}
	for _, r := range entries {
		if r.fate == acknowledged && r.submits {
			if status, body := s.get("/api/v1/dossiers/" + r.answer.Code); status != 200 {
				s.t.Errorf("with a full disk reading a dossier is %d %s", status, body)
			}
			break
		}
	}
}

// diskSick lets syncs fail. The store takes nothing more until it is opened
// again, since a failed sync cannot be made good.
func (s *site) diskSick() {
	s.t.Helper()
	s.worked(1)
	s.load.diary.window()
	s.disk.setSick(true)
	s.eventually("commands are refused because the store cannot write", func() bool {
		for what := range s.load.diary.window() {
			if what == "503 eventstore.broken" {
				return true
			}
		}
		return false
	})
	_, body := s.get("/readyz")
	var ready struct {
		Ready bool `json:"ready"`
	}
	if err := json.Unmarshal(body, &ready); err != nil {
		s.t.Errorf("/readyz of a store that cannot write: %s", body)
	}
	s.serving().kill()
	s.figures.Kills["ledger"]++
	s.disk.setSick(false)
	s.figures.WritesLost += s.disk.losePower(s.random)
}
