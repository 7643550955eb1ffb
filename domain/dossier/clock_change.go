package dossier

import "time"

// ClockAction is what happens to the clock of the promised term.
type ClockAction string

// The clock's events. The due date is the fold over them and changes by nothing else.
const (
	ClockStart   ClockAction = "start"
	ClockPause   ClockAction = "pause"
	ClockResume  ClockAction = "resume"
	ClockRestart ClockAction = "restart" // the whole term again
	ClockExtend  ClockAction = "extend"
	ClockStop    ClockAction = "stop"
)

// ClockChange is one event of the clock, carried by the event that caused it.
// Due is what was promised from then on, computed with the calendar as it was
// known then; Calendar is that calendar's version, so that the promise can be
// computed again. Nothing is overwritten: a later change is a later entry.
//
// Causes may overlap (a supplement and an opinion at once): the clock stands
// while at least one cause is open, and Due moves when the last one ends.
type ClockChange struct {
	Action ClockAction `json:"action"`
	// Cause identifies what paused or moved the clock: "reception",
	// "supplement-1", "obligation-land-tax", "opinion-2", "forward-1",
	// "extension-1", "complaint", "result", …
	Cause       string    `json:"cause"`
	At          time.Time `json:"at"`
	PreviousDue time.Time `json:"previous_due,omitzero"`
	// Due is zero where the procedure has no deadline.
	Due      time.Time `json:"due,omitzero"`
	Calendar string    `json:"calendar"`
	// From is when the term begins to count, by the rule of the day and hour of
	// receipt; set on start and restart.
	From time.Time `json:"from,omitzero"`
}
