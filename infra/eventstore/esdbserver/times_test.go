package esdbserver

import (
	"testing"
	"time"
)

func TestTimesOfTheLastThousandAnswers(t *testing.T) {
	var all times
	if got := all.measured(); got != nil {
		t.Errorf("%v before the first answer", got)
	}
	// The first are pushed out by the thousand that come after them.
	for range 500 {
		all.note(time.Hour)
	}
	for i := range timesKept {
		all.note(time.Duration(i+1) * time.Millisecond)
	}
	want := map[string]int64{"Mean": 500, "Median": 500, "Fastest": 1, "Quintile 1": 200, "Quintile 3": 600, "Quintile 5": 1000,
		"90%": 900, "99.5%": 995, "99.9%": 999, "Highest": 1000}
	got := map[string]int64{}
	for _, m := range all.measured() {
		got[m.GetKey()] = m.GetValue()
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %d ms, want %d", name, got[name], value)
		}
	}
	var one times
	one.note(3 * time.Millisecond)
	for _, m := range one.measured() {
		if m.GetValue() != 3 {
			t.Errorf("of one answer %s is %d ms", m.GetKey(), m.GetValue())
		}
	}
}
