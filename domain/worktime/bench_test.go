package worktime_test

import (
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/worktime"
)

func BenchmarkBetween(b *testing.B) {
	c := worktime.Standard()
	from, to := at(b, "2015-03-02 09:17"), at(b, "2026-10-08 15:41")
	for b.Loop() {
		c.Between(from, to)
	}
}

func BenchmarkAdd(b *testing.B) {
	c := worktime.Standard()
	from := at(b, "2015-03-02 09:17")
	for b.Loop() {
		if _, err := c.Add(from, 20_000*time.Hour); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDeadline(b *testing.B) {
	c := worktime.Standard()
	from, term := at(b, "2026-02-12 09:17"), worktime.Term{Amount: 20, Unit: worktime.WorkingDays}
	for b.Loop() {
		if _, err := c.Deadline(from, term); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCalendarAt finds a calendar that is already built by what was known.
func BenchmarkCalendarAt(b *testing.B) {
	s := worktime.StandardState()
	when := at(b, "2025-12-01 08:00")
	keep := s.CalendarAt(when)
	for b.Loop() {
		if s.CalendarAt(when) != keep {
			b.Fatal("built again")
		}
	}
}

// BenchmarkBuild computes a calendar that nobody has asked for yet.
func BenchmarkBuild(b *testing.B) {
	national := worktime.StandardState()
	for n := 0; b.Loop(); n++ {
		windows := worktime.Windows{{Open: 300, Close: worktime.Clock(310 + n%1000)}}
		own := worktime.Evolve(worktime.State{}, event.Event{Payload: worktime.Opened{Scope: "x", Windows: windows}})
		own.Over(national).Calendar()
	}
}
