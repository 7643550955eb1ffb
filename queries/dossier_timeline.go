package queries

import (
	"context"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/legacy"
	"dossierledger/domain/procedure"
)

// Timeline is what happened to a dossier, what was promised against it, and
// where it is stuck.
type Timeline struct {
	Status  Status  `json:"status"`
	Entries []Entry `json:"entries"`
	// Next is the revision from which the entries go on, where this is a part.
	Next *uint64 `json:"next,omitempty"`
	// Steps are those of the procedure, in its order; none for a history taken over.
	Steps []StepProgress `json:"steps,omitempty"`
	Stuck *Stuck         `json:"stuck,omitempty"` // absent once the dossier has ended
}

// Entry is one event, in words. It holds nothing personal.
type Entry struct {
	Revision   uint64         `json:"revision"`
	Position   uint64         `json:"position"`
	OccurredAt Instant        `json:"occurred_at"`
	RecordedAt Instant        `json:"recorded_at"`
	Activity   string         `json:"activity"` // the event's type; of a history, the older system's word
	Title      procedure.Text `json:"title"`
	By         ActorView      `json:"by"`
	Step       *Named         `json:"step,omitempty"`
	Clock      []ClockEntry   `json:"clock,omitempty"`
	Details    []Detail       `json:"details,omitempty"`
	// WorkingSecondsSince is the working time since the entry before.
	WorkingSecondsSince int64 `json:"working_seconds_since"`
}

// ActorView is who did something. Of citizens only the role is told.
type ActorView struct {
	Role       event.Role `json:"role,omitempty"`
	Agency     *Named     `json:"agency,omitempty"`
	Department *Named     `json:"department,omitempty"`
	Officer    string     `json:"officer,omitempty"` // pseudonym; of a history, its resource
}

// ClockEntry is what an event did to the clock of the promised term.
type ClockEntry struct {
	Action      dossier.ClockAction `json:"action"`
	Cause       string              `json:"cause"`
	PreviousDue *Instant            `json:"previous_due,omitempty"`
	Due         *Instant            `json:"due,omitempty"`
	// Calendar is the version of the calendar that the date was computed with.
	Calendar string `json:"calendar"`
}

// Timeline answers what happened to a dossier, as of now.
func (d *Dossiers) Timeline(ctx context.Context, code string, view View) (Timeline, error) {
	c, err := d.Load(ctx, code)
	if err != nil {
		return Timeline{}, err
	}
	return d.TimelineOf(ctx, c, view)
}

// TimelineOf answers it for a case that was read.
func (d *Dossiers) TimelineOf(ctx context.Context, c *Case, view View) (Timeline, error) {
	return d.TimelinePart(ctx, c, view, 0, c.Events)
}

// TimelinePart answers it with the entries from a revision on, at most limit. It
// reads no other events.
func (d *Dossiers) TimelinePart(ctx context.Context, c *Case, view View, from uint64, limit int) (Timeline, error) {
	entries, next, err := d.entriesFrom(ctx, c, view, from, limit)
	if err != nil {
		return Timeline{}, err
	}
	answer, err := d.standing(c, d.now())
	answer.Entries, answer.Next = entries, next
	return answer, err
}

// standing is a timeline without entries: what changes with time alone.
func (d *Dossiers) standing(c *Case, now time.Time) (Timeline, error) {
	status, err := d.StatusOf(c, now)
	if err != nil {
		return Timeline{}, err
	}
	answer := Timeline{Status: status}
	if !c.State.Exists() {
		return answer, nil
	}
	version, err := d.version(c.State)
	if err != nil {
		return Timeline{}, err
	}
	n, err := d.names(version, now)
	if err != nil {
		return Timeline{}, err
	}
	calendar, err := d.registers.For(c.State.Competent, now)
	if err != nil {
		return Timeline{}, err
	}
	answer.Steps, err = n.steps(c.State, calendar, now)
	if err != nil {
		return Timeline{}, err
	}
	answer.Stuck = n.stuck(c.State, calendar, now)
	return answer, nil
}

// entriesFrom reads events of a case and puts them into words, in the order of
// the stream; next is the revision from which they go on.
func (d *Dossiers) entriesFrom(ctx context.Context, c *Case, view View, from uint64, limit int) (entries []Entry, next *uint64, err error) {
	first := from
	if first > 0 {
		first-- // how long the first one took is counted from the one before it
	}
	events, err := d.events(ctx, c, first, limit+int(from-first))
	if err != nil {
		return nil, nil, err
	}
	var before time.Time
	if first < from && len(events) > 0 {
		before, events = events[0].Metadata.OccurredAt, events[1:]
	}
	if entries, err = d.entries(c, events, before, view); err != nil {
		return nil, nil, err
	}
	if n := len(events); n > 0 && events[n-1].Revision < c.last.Revision {
		following := events[n-1].Revision + 1
		next = &following
	}
	return entries, next, nil
}

// LastEntry puts the newest event of a case into words.
func (d *Dossiers) LastEntry(c *Case, view View) (Entry, error) {
	entries, err := d.entries(c, []event.Event{c.last}, c.before, view)
	if err != nil {
		return Entry{}, err
	}
	return entries[0], nil
}

// entries puts events of a case into words. before is when the event before the
// first of them happened; zero where there is none.
func (d *Dossiers) entries(c *Case, events []event.Event, before time.Time, view View) ([]Entry, error) {
	version, err := d.version(c.State)
	if err != nil {
		return nil, err
	}
	n, err := d.names(version, d.now())
	if err != nil {
		return nil, err
	}
	calendar, err := d.registers.For(c.State.Competent, d.now())
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(events))
	for i, e := range events {
		entry := n.entry(e, view)
		at := e.Metadata.OccurredAt
		if (i > 0 || !before.IsZero()) && at.After(before) {
			entry.WorkingSecondsSince = wholeSeconds(calendar.Between(before, at))
		}
		before = at
		entries = append(entries, entry)
	}
	return entries, nil
}

func (n names) entry(e event.Event, view View) Entry {
	n.at = e.Metadata.OccurredAt // what things were called then
	s := n.sentenceOf(e)
	entry := Entry{
		Revision: e.Revision, Position: e.Position,
		OccurredAt: Instant{e.Metadata.OccurredAt.UTC()}, RecordedAt: Instant{e.RecordedAt.UTC()},
		Activity: e.Payload.EventType(), Title: s.title, By: n.actor(e.Metadata.Actor), Step: n.step(s.step),
	}
	if p, ok := e.Payload.(legacy.ActionRecorded); ok {
		entry.Activity, entry.By = p.Activity, ActorView{Officer: p.Resource}
	}
	for _, change := range s.clock {
		entry.Clock = append(entry.Clock, ClockEntry{
			Action: change.Action, Cause: change.Cause, Calendar: change.Calendar,
			PreviousDue: moment(change.PreviousDue), Due: moment(change.Due),
		})
	}
	if !s.internal || view.Internal {
		entry.Details = s.public
	}
	if view.Concerned && (!s.internal || view.Internal) {
		entry.Details = append(entry.Details, s.concerned...)
	}
	return entry
}

func (n names) actor(a event.Actor) ActorView {
	view := ActorView{Role: a.Role, Agency: n.agency(a.Agency), Department: n.department(a.Agency, a.Department)}
	if a.Role == event.RoleOfficer {
		view.Officer = a.ID
	}
	return view
}
