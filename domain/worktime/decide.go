package worktime

import (
	"slices"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
)

// Command is something that somebody wants done to a calendar. Each is the event
// that it leads to, wished for; an AnnouncedAt that is left zero means now.
type Command interface {
	decide(s State, now time.Time) ([]event.Payload, error)
}

// The commands of a calendar.
type (
	// Open begins a calendar. Opening the National one also announces what
	// NationalNotices knows.
	Open Opened
	// SetWindows changes the working hours from a date on.
	SetWindows WindowsSet
	// SetSaturdayReception opens or, without windows, closes the desk on Saturdays.
	SetSaturdayReception SaturdayReceptionSet
	// AnnounceSwap exchanges a working day for a weekly day of rest.
	AnnounceSwap SwapAnnounced
	// RevokeSwap takes a swap back; an agency may so stay out of a national one.
	RevokeSwap SwapRevoked
	// DeclareHoliday adds a day off that the law does not have.
	DeclareHoliday HolidayDeclared
	// RevokeHoliday takes a declared holiday back.
	RevokeHoliday HolidayRevoked
	// SetHolidayDays says on which days a statutory holiday falls in a year.
	SetHolidayDays HolidayDaysSet
)

// Decide gives the events that a command leads to, or the refusal. A command
// that would change nothing that is known leads to none, so that it can be
// repeated. An agency's state is given Over the national one, so that its
// decision sees what it inherits.
func Decide(s State, c Command, now time.Time) ([]event.Payload, error) {
	_, opening := c.(Open)
	if !opening && s.Scope == "" {
		return nil, fault.New(fault.Refused, "worktime.not-opened", "this calendar was not opened yet").Lacking("calendar.opened.v1")
	}
	payloads, err := c.decide(s, now)
	if err != nil || len(payloads) == 0 {
		return nil, err
	}
	before, after := s.knowledge(), s.knowledge()
	for _, p := range payloads {
		if f, ok := p.(fact); ok {
			f.apply(after)
		}
	}
	if !opening && before.version() == after.version() {
		return nil, nil
	}
	return payloads, nil
}

func (c Open) decide(s State, now time.Time) ([]event.Payload, error) {
	if c.Scope == "" {
		return nil, fault.New(fault.Invalid, "worktime.no-scope", "a calendar belongs to an agency, or is %q", National)
	}
	if s.Scope == c.Scope {
		return nil, nil
	}
	if s.Scope != "" {
		return nil, fault.New(fault.Conflict, "worktime.other-scope", "this is the calendar of %q, not of %q", s.Scope, c.Scope)
	}
	if len(c.Windows) > 0 {
		if err := mustWork(c.Windows); err != nil {
			return nil, err
		}
	}
	announced, err := announcedBy(c.AnnouncedAt, now)
	if err != nil {
		return nil, err
	}
	c.AnnouncedAt = announced
	if c.Scope != National {
		return []event.Payload{Opened(c)}, nil
	}
	notices := NationalNotices()
	if len(c.Windows) > 0 {
		opened := Opened(c)
		opened.AnnouncedAt = notices[0].(fact).announced()
		notices[0] = opened
	}
	return notices, nil
}

func (c SetWindows) decide(_ State, now time.Time) ([]event.Payload, error) {
	if err := mustWork(c.Windows); err != nil {
		return nil, err
	}
	if err := withinHorizon(c.From); err != nil {
		return nil, err
	}
	var err error
	c.AnnouncedAt, err = announcedBy(c.AnnouncedAt, now)
	return []event.Payload{WindowsSet(c)}, err
}

func (c SetSaturdayReception) decide(_ State, now time.Time) ([]event.Payload, error) {
	if err := c.Windows.Validate(); err != nil {
		return nil, err
	}
	if err := withinHorizon(c.From); err != nil {
		return nil, err
	}
	var err error
	c.AnnouncedAt, err = announcedBy(c.AnnouncedAt, now)
	return []event.Payload{SaturdayReceptionSet(c)}, err
}

func (c AnnounceSwap) decide(s State, now time.Time) ([]event.Payload, error) {
	if err := withinHorizon(c.Off, c.Worked); err != nil {
		return nil, err
	}
	k := s.knowledge()
	if slices.Contains(k.Swaps, swap{Off: c.Off, Worked: c.Worked}) {
		return nil, nil
	}
	calendar := k.calendar()
	if kind := calendar.KindOf(c.Off); kind != Workday {
		return nil, fault.New(fault.Refused, "worktime.swap-off-not-a-workday",
			"%s cannot be given free: it is %s already", c.Off, kind)
	}
	if kind := calendar.KindOf(c.Worked); kind != WeeklyRest {
		return nil, fault.New(fault.Refused, "worktime.swap-worked-not-at-rest",
			"%s cannot be worked instead: it is not a weekly day of rest but %s", c.Worked, kind)
	}
	var err error
	c.AnnouncedAt, err = announcedBy(c.AnnouncedAt, now)
	return []event.Payload{SwapAnnounced(c)}, err
}

func (c RevokeSwap) decide(s State, now time.Time) ([]event.Payload, error) {
	was := func(k known) bool {
		announced, ok := k.fact.(SwapAnnounced)
		return ok && announced.Off == c.Off
	}
	if !slices.ContainsFunc(s.facts, was) && !slices.ContainsFunc(s.inherited, was) {
		return nil, fault.New(fault.NotFound, "worktime.no-such-swap", "no swap gives %s free", c.Off)
	}
	var err error
	c.AnnouncedAt, err = announcedBy(c.AnnouncedAt, now)
	return []event.Payload{SwapRevoked(c)}, err
}

func (c DeclareHoliday) decide(_ State, now time.Time) ([]event.Payload, error) {
	once, yearly := !c.On.IsZero(), c.Month != 0 || c.Day != 0
	switch {
	case c.Code == "" || c.Name.VI == "":
		return nil, fault.New(fault.Invalid, "worktime.holiday-unnamed", "a holiday has a code and a Vietnamese name").Lacking("code", "name.vi")
	case slices.Contains(statutoryHolidays, c.Code):
		return nil, fault.New(fault.Refused, "worktime.holiday-statutory", "%q is a holiday of the law; set its days instead", c.Code)
	case once == yearly:
		return nil, fault.New(fault.Invalid, "worktime.holiday-undated", "a holiday has either one date, or a month and a day of every year").Lacking("on")
	case yearly && On(2024, c.Month, c.Day) != Date{2024, c.Month, c.Day}:
		return nil, fault.New(fault.Invalid, "worktime.holiday-undated", "there is no day %d of month %d", c.Day, int(c.Month)).Lacking("month", "day")
	case once:
		if err := withinHorizon(c.On); err != nil {
			return nil, err
		}
	}
	var err error
	c.AnnouncedAt, err = announcedBy(c.AnnouncedAt, now)
	return []event.Payload{HolidayDeclared(c)}, err
}

func (c RevokeHoliday) decide(s State, now time.Time) ([]event.Payload, error) {
	was := func(k known) bool {
		declared, ok := k.fact.(HolidayDeclared)
		return ok && declared.Code == c.Code
	}
	if !slices.ContainsFunc(s.facts, was) && !slices.ContainsFunc(s.inherited, was) {
		return nil, fault.New(fault.NotFound, "worktime.no-such-holiday", "no holiday %q was declared", c.Code)
	}
	var err error
	c.AnnouncedAt, err = announcedBy(c.AnnouncedAt, now)
	return []event.Payload{HolidayRevoked(c)}, err
}

func (c SetHolidayDays) decide(_ State, now time.Time) ([]event.Payload, error) {
	if !slices.Contains(statutoryHolidays, c.Holiday) {
		return nil, fault.New(fault.NotFound, "worktime.no-such-holiday", "%q is no holiday of the law", c.Holiday)
	}
	if len(c.Days) == 0 || len(c.Days) > 10 {
		return nil, fault.New(fault.Invalid, "worktime.holiday-undated", "a holiday has 1 to 10 days in a year, not %d", len(c.Days)).Lacking("days")
	}
	if err := withinHorizon(c.Days...); err != nil {
		return nil, err
	}
	seen := map[Date]bool{}
	for _, day := range c.Days {
		if day.Year != c.Year || seen[day] {
			return nil, fault.New(fault.Invalid, "worktime.holiday-undated", "%s is not in the year %d, or is given twice", day, c.Year)
		}
		seen[day] = true
	}
	var err error
	c.AnnouncedAt, err = announcedBy(c.AnnouncedAt, now)
	return []event.Payload{HolidayDaysSet(c)}, err
}

// announcedBy fills in now, and refuses announcements of the future.
func announcedBy(announced, now time.Time) (time.Time, error) {
	if announced.IsZero() {
		return now.Round(0).UTC(), nil
	}
	if announced.After(now) {
		return time.Time{}, fault.New(fault.Invalid, "worktime.announced-in-future", "%s has not come yet; an announcement is recorded once it is made", inVietnam(announced))
	}
	return announced.Round(0).UTC(), nil
}

// mustWork refuses working hours in which nobody works.
func mustWork(windows Windows) error {
	if err := windows.Validate(); err != nil {
		return err
	}
	if len(windows) == 0 {
		return fault.New(fault.Invalid, "worktime.invalid-windows", "working hours have at least one window").Lacking("windows")
	}
	return nil
}

func withinHorizon(days ...Date) error {
	for _, d := range days {
		if d.Before(horizonFirst) || !d.Before(horizonEnd) {
			return fault.New(fault.Invalid, ErrOutsideHorizon.Code, "%q is not a date from %s to %s", d.String(), horizonFirst, horizonEnd.AddDays(-1))
		}
	}
	return nil
}
