package worktime_test

import (
	"errors"
	"testing"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/domain/worktime"
)

// clockReader is what both testing and rapid hand to a test.
type clockReader interface {
	Helper()
	Fatal(args ...any)
}

// at reads "2026-02-13 09:00" as a clock in Vietnam shows it.
func at(t clockReader, text string) time.Time {
	t.Helper()
	parsed, err := time.ParseInLocation("2006-01-02 15:04", text, worktime.Zone)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func show(instant time.Time) string { return instant.In(worktime.Zone).Format("2006-01-02 15:04") }

func TestReceivedFollowsTheRuleForTheDayAndHour(t *testing.T) {
	c := worktime.Standard()
	for _, tt := range []struct{ name, at, want string }{
		{"in the morning", "2026-10-08 09:10", "2026-10-08 09:10"},
		{"before opening", "2026-10-08 06:59", "2026-10-08 07:30"},
		{"as it opens", "2026-10-08 07:30", "2026-10-08 07:30"},
		{"as the morning ends", "2026-10-08 11:30", "2026-10-08 11:30"},
		{"in the lunch break", "2026-10-08 12:15", "2026-10-08 13:00"},
		{"as it closes", "2026-10-08 17:00", "2026-10-08 17:00"},
		{"after closing", "2026-10-08 17:01", "2026-10-09 07:30"},
		{"online at night before a weekend", "2026-10-09 23:00", "2026-10-12 07:30"},
		{"on a Sunday", "2026-10-11 10:00", "2026-10-12 07:30"},
		{"on the eve of Tết after closing", "2026-02-13 18:00", "2026-02-23 07:30"},
		{"on a make-up Saturday", "2026-01-10 10:00", "2026-01-10 10:00"},
		{"on a swapped day", "2026-01-02 10:00", "2026-01-05 07:30"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := c.Received(at(t, tt.at))
			if show(got) != tt.want {
				t.Errorf("Received(%s) = %s, want %s", tt.at, show(got), tt.want)
			}
			if got.Location() != time.UTC {
				t.Errorf("the answer is in %s, want UTC", got.Location())
			}
		})
	}
}

func TestDeadlineIsTheAppointmentOfTheLaw(t *testing.T) {
	c := worktime.Standard()
	for _, tt := range []struct {
		name, received string
		term           worktime.Term
		want           string
	}{
		{"the day of receipt is not counted", "2026-10-05 09:10", worktime.Term{Amount: 1, Unit: worktime.WorkingDays}, "2026-10-06 09:10"},
		{"five working days pass a weekend", "2026-10-08 09:10", worktime.Term{Amount: 5, Unit: worktime.WorkingDays}, "2026-10-15 09:10"},
		{"working days pass Tết", "2026-02-12 14:00", worktime.Term{Amount: 3, Unit: worktime.WorkingDays}, "2026-02-24 14:00"},
		{"a make-up Saturday counts, a swapped day does not", "2025-12-31 14:00", worktime.Term{Amount: 6, Unit: worktime.WorkingDays}, "2026-01-10 14:00"},
		{"a receipt in the lunch break", "2026-10-05 12:00", worktime.Term{Amount: 2, Unit: worktime.WorkingDays}, "2026-10-07 13:00"},
		{"a receipt on a Sunday counts on Monday", "2026-10-04 10:00", worktime.Term{Amount: 1, Unit: worktime.WorkingDays}, "2026-10-06 07:30"},
		{"calendar days", "2026-10-05 09:10", worktime.Term{Amount: 3, Unit: worktime.CalendarDays}, "2026-10-08 09:10"},
		{"calendar days that end on a Saturday", "2026-10-05 09:10", worktime.Term{Amount: 5, Unit: worktime.CalendarDays}, "2026-10-12 09:10"},
		{"calendar days that end in Tết", "2026-02-10 09:10", worktime.Term{Amount: 7, Unit: worktime.CalendarDays}, "2026-02-23 09:10"},
		{"working hours within the day", "2026-10-05 08:00", worktime.Term{Amount: 2, Unit: worktime.WorkingHours}, "2026-10-05 10:00"},
		{"working hours over lunch", "2026-10-05 10:30", worktime.Term{Amount: 2, Unit: worktime.WorkingHours}, "2026-10-05 14:00"},
		{"working hours over the night", "2026-10-09 16:00", worktime.Term{Amount: 8, Unit: worktime.WorkingHours}, "2026-10-12 16:00"},
		{"working hours end at closing, not at the next opening", "2026-10-05 07:30", worktime.Term{Amount: 8, Unit: worktime.WorkingHours}, "2026-10-05 17:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := c.Deadline(at(t, tt.received), tt.term)
			if err != nil {
				t.Fatal(err)
			}
			if show(got) != tt.want {
				t.Errorf("got %s, want %s", show(got), tt.want)
			}
		})
	}
}

func TestSameDayProceduresAreAnsweredOnTheDayOrTheNext(t *testing.T) {
	c := worktime.Standard()
	for _, tt := range []struct{ received, cutOff, want string }{
		{"2026-10-08 09:00", "15:00", "2026-10-08 17:00"},
		{"2026-10-08 15:00", "15:00", "2026-10-08 17:00"},
		{"2026-10-08 15:01", "15:00", "2026-10-09 17:00"},
		{"2026-10-08 15:01", "", "2026-10-09 17:00"},
		{"2026-10-08 15:01", "16:30", "2026-10-08 17:00"},
		{"2026-10-09 16:00", "15:00", "2026-10-12 17:00"},
		{"2026-10-09 22:00", "15:00", "2026-10-12 17:00"},
		{"2026-10-10 09:00", "15:00", "2026-10-12 17:00"},
	} {
		got, err := c.SameDay(at(t, tt.received), tt.cutOff)
		if err != nil || show(got) != tt.want {
			t.Errorf("SameDay(%s, %q) = %s, %v, want %s", tt.received, tt.cutOff, show(got), err, tt.want)
		}
	}
	if _, err := c.SameDay(at(t, "2026-10-08 09:00"), "3pm"); fault.CodeOf(err) != "worktime.invalid-clock" {
		t.Errorf("a cut-off of 3pm gives %v", err)
	}
}

func TestBetweenMeasuresWorkingTimeOnly(t *testing.T) {
	c := worktime.Standard()
	for _, tt := range []struct {
		a, b string
		want time.Duration
	}{
		{"2026-10-08 08:00", "2026-10-08 09:30", 90 * time.Minute},
		{"2026-10-08 11:00", "2026-10-08 13:30", time.Hour},
		{"2026-10-08 00:00", "2026-10-09 00:00", 8 * time.Hour},
		{"2026-10-09 16:00", "2026-10-12 08:30", 2 * time.Hour},
		{"2026-02-13 17:00", "2026-02-23 07:30", 0},
		{"2026-10-12 08:30", "2026-10-09 16:00", -2 * time.Hour},
		{"2025-12-31 17:00", "2026-01-11 00:00", 6 * 8 * time.Hour},
	} {
		if got := c.Between(at(t, tt.a), at(t, tt.b)); got != tt.want {
			t.Errorf("Between(%s, %s) = %s, want %s", tt.a, tt.b, got, tt.want)
		}
	}
	hanoi, utc := at(t, "2026-10-08 08:00"), at(t, "2026-10-08 09:30").UTC()
	if got := c.Between(hanoi, utc); got != 90*time.Minute {
		t.Errorf("instants in other zones: %s", got)
	}
}

func TestAddGivesTheNearestInstant(t *testing.T) {
	c := worktime.Standard()
	for _, tt := range []struct {
		from string
		d    time.Duration
		want string
	}{
		{"2026-10-09 09:00", 8 * time.Hour, "2026-10-12 09:00"},
		{"2026-10-09 13:00", 4 * time.Hour, "2026-10-09 17:00"},
		{"2026-10-12 07:30", -time.Hour, "2026-10-09 16:00"},
		{"2026-10-12 09:00", -90 * time.Minute, "2026-10-12 07:30"},
		{"2026-10-11 09:00", 0, "2026-10-11 09:00"},
		{"2026-10-11 09:00", time.Minute, "2026-10-12 07:31"},
	} {
		got, err := c.Add(at(t, tt.from), tt.d)
		if err != nil || show(got) != tt.want {
			t.Errorf("Add(%s, %s) = %s, %v, want %s", tt.from, tt.d, show(got), err, tt.want)
		}
	}
}

func TestTimesOutsideTheHorizonAreRefused(t *testing.T) {
	c := worktime.Standard()
	first, last := c.Horizon()
	if show(first) != "2010-01-01 00:00" || show(last) != "2041-01-01 00:00" {
		t.Fatalf("the horizon is %s to %s", show(first), show(last))
	}
	day := worktime.Term{Amount: 1, Unit: worktime.WorkingDays}
	long := worktime.Term{Amount: 100_000, Unit: worktime.WorkingDays}
	for name, call := range map[string]func() error{
		"add before":         func() error { _, err := c.Add(first.Add(-1), time.Hour); return err },
		"add after":          func() error { _, err := c.Add(last, time.Hour); return err },
		"add leads out":      func() error { _, err := c.Add(last.Add(-1), time.Hour); return err },
		"add leads out back": func() error { _, err := c.Add(first, -1); return err },
		"add overflows":      func() error { _, err := c.Add(at(t, "2040-01-02 08:00"), 1<<63-1); return err },
		"deadline before":    func() error { _, err := c.Deadline(first.Add(-1), day); return err },
		"deadline after":     func() error { _, err := c.Deadline(last, day); return err },
		"deadline leads out": func() error { _, err := c.Deadline(at(t, "2026-10-08 09:00"), long); return err },
		"deadline calendar out": func() error {
			_, err := c.Deadline(at(t, "2026-10-08 09:00"), worktime.Term{Amount: 90_000, Unit: worktime.CalendarDays})
			return err
		},
		"same day after": func() error { _, err := c.SameDay(last, ""); return err },
		"zero time":      func() error { _, err := c.Add(time.Time{}, 1); return err },
	} {
		err := call()
		if !errors.Is(err, worktime.ErrOutsideHorizon) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c.Covers(last) || c.Covers(first.Add(-1)) || !c.Covers(first) || !c.Covers(last.Add(-1)) {
		t.Error("Covers does not agree with Horizon")
	}
	if got := c.Between(time.Time{}, first); got != 0 {
		t.Errorf("time before the horizon counts %s", got)
	}
	if got := c.Between(last, last.AddDate(100, 0, 0)); got != 0 {
		t.Errorf("time after the horizon counts %s", got)
	}
	if got := c.Received(last); !got.Equal(last) {
		t.Errorf("a receipt after the horizon counts at %s", got)
	}
}

func TestTermsThatCannotBeCountedAreRefused(t *testing.T) {
	c := worktime.Standard()
	for _, term := range []worktime.Term{
		{}, {Amount: 0, Unit: worktime.WorkingDays}, {Amount: -1, Unit: worktime.WorkingDays},
		{Amount: 3, Unit: "fortnights"}, {Amount: 3}, {Amount: 1 << 40, Unit: worktime.CalendarDays},
	} {
		if _, err := c.Deadline(at(t, "2026-10-08 09:00"), term); !errors.Is(err, worktime.ErrInvalidTerm) {
			t.Errorf("%+v: %v", term, err)
		}
	}
}
