package worktime

import (
	"time"

	"dossierledger/domain/event"
)

// Opened begins a calendar. An agency's calendar without windows of its own has
// the national ones.
type Opened struct {
	Scope       string    `json:"scope"` // "national" or an agency's id
	Windows     Windows   `json:"windows,omitempty"`
	AnnouncedAt time.Time `json:"announced_at"`
	Basis       string    `json:"basis,omitempty"`
}

// WindowsSet changes the working hours of the days from a date on.
type WindowsSet struct {
	From        Date      `json:"from"`
	Windows     Windows   `json:"windows"`
	AnnouncedAt time.Time `json:"announced_at"`
	Basis       string    `json:"basis"`
}

// SaturdayReceptionSet opens the desk on Saturdays from a date on (tiếp nhận
// sáng thứ Bảy, Quyết định 14/2010/QĐ-TTg); no windows closes it again. A
// Saturday with reception takes dossiers in, but is no working day of a term.
type SaturdayReceptionSet struct {
	From        Date      `json:"from"`
	Windows     Windows   `json:"windows,omitempty"`
	AnnouncedAt time.Time `json:"announced_at"`
	Basis       string    `json:"basis"`
}

// SwapAnnounced exchanges a working day for a weekly day of rest (hoán đổi ngày
// làm việc): Off becomes free and Worked is worked instead (làm bù).
type SwapAnnounced struct {
	Off         Date      `json:"off"`
	Worked      Date      `json:"worked"`
	AnnouncedAt time.Time `json:"announced_at"`
	Basis       string    `json:"basis"`
}

// SwapRevoked takes back the swap whose free day is Off.
type SwapRevoked struct {
	Off         Date      `json:"off"`
	AnnouncedAt time.Time `json:"announced_at"`
	Basis       string    `json:"basis"`
}

// HolidayDeclared adds a day off that the built-in law does not have: once, on
// a date (a closure, a day of mourning), or every year on a month and day.
type HolidayDeclared struct {
	Code string `json:"code"` // a slug, unique in the calendar
	Name Name   `json:"name"`
	// On is the date of a holiday that comes once.
	On Date `json:"on,omitzero"`
	// Month and Day are those of a holiday of every year, from From on until,
	// where it is set, the day before Until.
	Month time.Month `json:"month,omitempty"`
	Day   int        `json:"day,omitempty"`
	From  Date       `json:"from,omitzero"`
	Until Date       `json:"until,omitzero"`
	// Substituted holidays that fall on a weekly day of rest are made up for on
	// the next working day (Bộ luật Lao động 2019, art. 111(3)).
	Substituted bool      `json:"substituted,omitempty"`
	AnnouncedAt time.Time `json:"announced_at"`
	Basis       string    `json:"basis"`
}

// HolidayRevoked takes a declared holiday back, in all years.
type HolidayRevoked struct {
	Code        string    `json:"code"`
	AnnouncedAt time.Time `json:"announced_at"`
	Basis       string    `json:"basis"`
}

// HolidayDaysSet says on which days a statutory holiday falls in one year, where
// the law leaves the choice to a notice: the days around Tết, the day beside 2
// September. It replaces the rule's days; substitute days follow from these.
type HolidayDaysSet struct {
	Holiday     string    `json:"holiday"` // Tet, NationalDay, …
	Year        int       `json:"year"`
	Days        []Date    `json:"days"`
	AnnouncedAt time.Time `json:"announced_at"`
	Basis       string    `json:"basis"`
}

// EventType implements event.Payload.
func (Opened) EventType() string { return "calendar.opened.v1" }

// EventType implements event.Payload.
func (WindowsSet) EventType() string { return "calendar.windows-set.v1" }

// EventType implements event.Payload.
func (SaturdayReceptionSet) EventType() string { return "calendar.saturday-reception-set.v1" }

// EventType implements event.Payload.
func (SwapAnnounced) EventType() string { return "calendar.swap-announced.v1" }

// EventType implements event.Payload.
func (SwapRevoked) EventType() string { return "calendar.swap-revoked.v1" }

// EventType implements event.Payload.
func (HolidayDeclared) EventType() string { return "calendar.holiday-declared.v1" }

// EventType implements event.Payload.
func (HolidayRevoked) EventType() string { return "calendar.holiday-revoked.v1" }

// EventType implements event.Payload.
func (HolidayDaysSet) EventType() string { return "calendar.holiday-days-set.v1" }

// Register makes the events of calendars known to a registry.
func Register(r *event.Registry) {
	event.Register[Opened](r)
	event.Register[WindowsSet](r)
	event.Register[SaturdayReceptionSet](r)
	event.Register[SwapAnnounced](r)
	event.Register[SwapRevoked](r)
	event.Register[HolidayDeclared](r)
	event.Register[HolidayRevoked](r)
	event.Register[HolidayDaysSet](r)
}

// fact is what every event of a calendar can do: say since when it was public,
// and change what is known.
type fact interface {
	event.Payload
	announced() time.Time
	apply(k *knowledge)
}

func (e Opened) announced() time.Time               { return e.AnnouncedAt }
func (e WindowsSet) announced() time.Time           { return e.AnnouncedAt }
func (e SaturdayReceptionSet) announced() time.Time { return e.AnnouncedAt }
func (e SwapAnnounced) announced() time.Time        { return e.AnnouncedAt }
func (e SwapRevoked) announced() time.Time          { return e.AnnouncedAt }
func (e HolidayDeclared) announced() time.Time      { return e.AnnouncedAt }
func (e HolidayRevoked) announced() time.Time       { return e.AnnouncedAt }
func (e HolidayDaysSet) announced() time.Time       { return e.AnnouncedAt }
