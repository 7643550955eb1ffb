package worktime_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/worktime"
)

// fold makes a state of payloads, as if each had been stored when it was announced.
func fold(payloads ...event.Payload) worktime.State {
	var s worktime.State
	for _, p := range payloads {
		s = worktime.Evolve(s, event.Event{Payload: p})
	}
	return s
}

func windows(t testing.TB, text string) worktime.Windows {
	t.Helper()
	w, err := worktime.ParseWindows(text)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestAPromiseIsComputedWithWhatWasKnownThen(t *testing.T) {
	national := worktime.StandardState()
	term := worktime.Term{Amount: 2, Unit: worktime.WorkingDays}
	received := at(t, "2025-12-31 10:00")

	eve := national.CalendarAt(at(t, "2025-12-24 23:59"))
	day := national.CalendarAt(at(t, "2025-12-25 00:00"))
	promisedOnTheEve, err := eve.Deadline(received, term)
	if err != nil {
		t.Fatal(err)
	}
	promisedOnTheDay, err := day.Deadline(received, term)
	if err != nil {
		t.Fatal(err)
	}
	if show(promisedOnTheEve) != "2026-01-05 10:00" || show(promisedOnTheDay) != "2026-01-06 10:00" {
		t.Errorf("promised %s before and %s after the swap of 2 January was announced", show(promisedOnTheEve), show(promisedOnTheDay))
	}
	if eve.Version() == day.Version() {
		t.Error("the version does not tell what was known")
	}
	if again := national.CalendarAt(at(t, "2025-12-24 08:00")); again != eve {
		t.Error("the same knowledge gives another calendar")
	}
	if national.Calendar() != worktime.Standard() {
		t.Error("everything known is not the standard calendar")
	}
	culture := worktime.On(2026, 11, 24)
	if !eve.IsWorkingDay(culture) || national.Calendar().IsWorkingDay(culture) {
		t.Error("24 November 2026 was known as a holiday before it was declared, or is not known now")
	}
}

func TestRecordedByTellsALateEntryFromAWrongPromise(t *testing.T) {
	swap := worktime.SwapAnnounced{
		Off: worktime.On(2027, 4, 15), Worked: worktime.On(2027, 4, 17), AnnouncedAt: at(t, "2027-03-01 08:00"), Basis: "notice",
	}
	late := worktime.Evolve(worktime.StandardState(), event.Event{Payload: swap, RecordedAt: at(t, "2027-03-05 08:00")})
	between := at(t, "2027-03-03 08:00")
	if late.CalendarAt(between).IsWorkingDay(swap.Off) {
		t.Error("the swap was announced by then")
	}
	if !late.RecordedBy(between).Calendar().IsWorkingDay(swap.Off) {
		t.Error("the ledger did not hold the swap yet")
	}
	if late.RecordedBy(at(t, "2027-03-05 08:00")).Calendar().IsWorkingDay(swap.Off) {
		t.Error("the ledger held the swap from then on")
	}
}

func TestAnAnnouncementWithoutATimeCountsFromWhenItHappened(t *testing.T) {
	swap := worktime.SwapAnnounced{Off: worktime.On(2027, 4, 15), Worked: worktime.On(2027, 4, 17)}
	happened := at(t, "2027-03-01 08:00")
	s := worktime.Evolve(worktime.StandardState(), event.Event{Payload: swap, Metadata: event.Metadata{OccurredAt: happened}})
	if !s.CalendarAt(happened.Add(-1)).IsWorkingDay(swap.Off) || s.CalendarAt(happened).IsWorkingDay(swap.Off) {
		t.Error("the swap is not known from when it happened")
	}
}

func TestAgenciesInheritTheNationalCalendar(t *testing.T) {
	own := fold(
		worktime.Opened{Scope: "H15.50"},
		worktime.WindowsSet{From: worktime.On(2026, 5, 1), Windows: windows(t, "07:00-11:30,13:30-17:00"), AnnouncedAt: at(t, "2026-04-20 08:00")},
		worktime.SwapRevoked{Off: worktime.On(2026, 8, 31), AnnouncedAt: at(t, "2026-08-01 08:00")},
		worktime.HolidayDeclared{Code: "flood", Name: worktime.Name{VI: "Nghỉ do lũ"}, On: worktime.On(2026, 10, 14), AnnouncedAt: at(t, "2026-10-13 20:00")},
	)
	c := own.Over(worktime.StandardState()).Calendar()
	if c.IsWorkingDay(worktime.On(2026, 2, 17)) {
		t.Error("Tết is not inherited")
	}
	if !c.IsWorkingDay(worktime.On(2026, 8, 31)) || c.IsWorkingDay(worktime.On(2026, 8, 22)) {
		t.Error("the agency stays out of the national swap")
	}
	if c.IsWorkingDay(worktime.On(2026, 10, 14)) || !worktime.Standard().IsWorkingDay(worktime.On(2026, 10, 14)) {
		t.Error("the agency's own closure is its own")
	}
	if got := c.WorkingDayLength(worktime.On(2026, 4, 29)); got != 8*time.Hour {
		t.Errorf("before May a day has %s", got)
	}
	if got := show(c.Received(at(t, "2026-05-05 07:05"))); got != "2026-05-05 07:05" {
		t.Errorf("in May the agency opens at 7:00, but a receipt at 7:05 counts at %s", got)
	}
	if got := c.Between(at(t, "2026-10-14 00:00"), at(t, "2026-10-15 00:00")); got != 0 {
		t.Errorf("%s were worked on the day of the flood", got)
	}
	same := fold(
		worktime.Opened{Scope: "H15.51"},
		worktime.HolidayDeclared{Code: "flood", Name: worktime.Name{VI: "Nghỉ do lũ"}, On: worktime.On(2026, 10, 14), AnnouncedAt: at(t, "2026-10-13 21:00")},
		worktime.SwapRevoked{Off: worktime.On(2026, 8, 31), AnnouncedAt: at(t, "2026-08-02 08:00")},
		worktime.WindowsSet{From: worktime.On(2026, 5, 1), Windows: windows(t, "07:00-11:30,13:30-17:00"), AnnouncedAt: at(t, "2026-04-21 08:00")},
	)
	if same.Over(worktime.StandardState()).Calendar() != c {
		t.Error("agencies of the same working time do not share a calendar")
	}
}

func TestSaturdayReceptionTakesInButPromisesNothing(t *testing.T) {
	own := fold(
		worktime.Opened{Scope: "H15.50"},
		worktime.SaturdayReceptionSet{From: worktime.On(2026, 3, 1), Windows: windows(t, "07:30-11:30"), AnnouncedAt: at(t, "2026-02-01 08:00")},
		worktime.SaturdayReceptionSet{From: worktime.On(2026, 12, 1), AnnouncedAt: at(t, "2026-11-01 08:00")},
	)
	c := own.Over(worktime.StandardState()).Calendar()
	for _, tt := range []struct{ at, want string }{
		{"2026-10-10 09:00", "2026-10-10 09:00"}, // a Saturday
		{"2026-10-10 12:00", "2026-10-12 07:30"},
		{"2026-10-09 20:00", "2026-10-10 07:30"},
		{"2026-02-28 09:00", "2026-03-02 07:30"}, // not yet
		{"2026-12-05 09:00", "2026-12-07 07:30"}, // not any more
	} {
		if got := show(c.Received(at(t, tt.at))); got != tt.want {
			t.Errorf("Received(%s) = %s, want %s", tt.at, got, tt.want)
		}
	}
	if c.IsWorkingDay(worktime.On(2026, 10, 10)) {
		t.Error("a Saturday with reception is no working day")
	}
	for _, tt := range []struct {
		term worktime.Term
		want string
	}{
		{worktime.Term{Amount: 1, Unit: worktime.WorkingDays}, "2026-10-12 17:00"},
		{worktime.Term{Amount: 5, Unit: worktime.WorkingDays}, "2026-10-16 17:00"},
		{worktime.Term{Amount: 7, Unit: worktime.CalendarDays}, "2026-10-19 17:00"},
		{worktime.Term{Amount: 4, Unit: worktime.WorkingHours}, "2026-10-12 11:30"},
	} {
		got, err := c.Deadline(at(t, "2026-10-10 09:00"), tt.term)
		if err != nil || show(got) != tt.want {
			t.Errorf("%v from a Saturday = %s, %v, want %s", tt.term, show(got), err, tt.want)
		}
	}
	if got, err := c.SameDay(at(t, "2026-10-10 09:00"), "15:00"); err != nil || show(got) != "2026-10-12 17:00" {
		t.Errorf("a same-day procedure from a Saturday: %s, %v", show(got), err)
	}
}

func TestClockTimesMoveIntoOtherWorkingHours(t *testing.T) {
	own := fold(
		worktime.Opened{Scope: "H15.50", Windows: windows(t, "07:00-11:30,13:30-17:00")},
		worktime.WindowsSet{From: worktime.On(2026, 10, 16), Windows: windows(t, "08:00-12:00,13:30-16:30")},
	)
	c := own.Over(worktime.StandardState()).Calendar()
	for received, want := range map[string]string{
		"2026-10-15 07:10": "2026-10-16 08:00",
		"2026-10-15 11:15": "2026-10-16 11:15",
		"2026-10-15 16:45": "2026-10-16 16:30",
	} {
		got, err := c.Deadline(at(t, received), worktime.Term{Amount: 1, Unit: worktime.WorkingDays})
		if err != nil || show(got) != want {
			t.Errorf("received %s: %s, %v, want %s", received, show(got), err, want)
		}
	}
	if c.DayLength() != 7*time.Hour {
		t.Errorf("an ordinary day has %s", c.DayLength())
	}
}

func TestEvolveLeavesTheStateAsItWas(t *testing.T) {
	before := worktime.StandardState()
	version := before.Calendar().Version()
	one := worktime.Evolve(before, event.Event{Payload: worktime.SwapRevoked{Off: worktime.On(2026, 8, 31)}})
	other := worktime.Evolve(before, event.Event{Payload: worktime.SwapRevoked{Off: worktime.On(2026, 1, 2)}})
	if before.Calendar().Version() != version {
		t.Error("the state before changed")
	}
	if one.Calendar().IsWorkingDay(worktime.On(2026, 1, 2)) || !other.Calendar().IsWorkingDay(worktime.On(2026, 1, 2)) {
		t.Error("two futures of one state changed each other")
	}
}

func TestNewCalendarHasOtherHours(t *testing.T) {
	c, err := worktime.NewCalendar(windows(t, "07:00-11:30,13:30-17:00"))
	if err != nil {
		t.Fatal(err)
	}
	if got := show(c.Received(at(t, "2026-10-08 12:00"))); got != "2026-10-08 13:30" {
		t.Errorf("a receipt in the lunch break counts at %s", got)
	}
	if c.IsWorkingDay(worktime.On(2026, 2, 17)) {
		t.Error("Tết is worked")
	}
	for _, bad := range []worktime.Windows{nil, {{Open: 600, Close: 600}}, {{Open: 0, Close: 1500}}} {
		if _, err := worktime.NewCalendar(bad); fault.CodeOf(err) != "worktime.invalid-windows" {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// The version and every day of the standard calendar, pinned: a version is
// stored with promises, so days that change must come with another version.
func TestVersionAndDaysArePinned(t *testing.T) {
	const version, days = "vn1-60d9b37bc47007b0", "dbfbcf5c81b5d8ac"
	c := worktime.Standard()
	hash := sha256.New()
	first, last := c.Horizon()
	for d := worktime.DateOf(first); d.Before(worktime.DateOf(last)); d = d.AddDays(1) {
		fmt.Fprintln(hash, d, c.KindOf(d), c.WorkingDayLength(d))
	}
	if got := hex.EncodeToString(hash.Sum(nil)[:8]); got != days || c.Version() != version {
		t.Errorf("version %s with days %s, pinned are %s and %s: raise lawGeneration if the days changed, then pin both anew",
			c.Version(), got, version, days)
	}
}

type somethingElse struct{}

func (somethingElse) EventType() string { return "something.else.v1" }

func TestEventsOfOtherAggregatesSayNothingAboutCalendars(t *testing.T) {
	other := event.Event{Payload: somethingElse{}, Metadata: event.Metadata{OccurredAt: at(t, "2026-10-08 09:00")}}
	if _, ok := worktime.AnnouncedAt(other); ok {
		t.Error("it was announced")
	}
	before := worktime.StandardState()
	if after := worktime.Evolve(before, other); after.Scope != before.Scope || after.Calendar() != before.Calendar() {
		t.Error("it changed the calendar")
	}
	announced := at(t, "2026-10-08 10:00")
	swap := event.Event{Payload: worktime.SwapRevoked{AnnouncedAt: announced}, Metadata: other.Metadata}
	if got, ok := worktime.AnnouncedAt(swap); !ok || !got.Equal(announced) {
		t.Errorf("a payload's own time is %s, %v", got, ok)
	}
}
