package queries

import (
	"context"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
)

// Moment says which past of a dossier is asked for: one revision, or what was
// known at a time. The zero Moment is the present.
type Moment struct {
	Revision *uint64
	At       time.Time
	// Occurred counts events by when they happened instead of by when the ledger
	// recorded them. What the ledger did not know yet at that time is then part of
	// the answer too.
	Occurred bool
}

// The bases on which a replay can be cut off.
const (
	BasisRevision = "revision"
	BasisRecorded = "recorded"
	BasisOccurred = "occurred"
)

// Codes of the faults of replays.
const (
	CodeReplayBefore   = "replay.before-first" // the dossier was not known then
	CodeReplayRevision = "replay.no-revision"  // the dossier has no such revision
	CodeReplayBoth     = "replay.both"         // a revision and a time were given
)

// Replay is a dossier as it was at a moment, and what the last event before it
// changed.
type Replay struct {
	Code  string   `json:"code"`
	Basis string   `json:"basis"`
	At    *Instant `json:"at,omitempty"`
	// Revision is the last one that counts; Previous and Next are its neighbours,
	// Last is the newest of the dossier.
	Revision uint64  `json:"revision"`
	Previous *uint64 `json:"previous,omitempty"`
	Next     *uint64 `json:"next,omitempty"`
	Last     uint64  `json:"last"`
	// Status is what the public was told then, by the calendar announced by then.
	Status Status `json:"status"`
	Event  Entry  `json:"event"`
	// State is everything that was known. Personal values are hidden unless the
	// reader may see them.
	State any `json:"state,omitempty"`
	// Changes is how the state differs from before the event.
	Changes []Change `json:"changes"`
	// History holds the entries up to here, for a dossier of an older system,
	// which has no state.
	History []Entry `json:"history,omitempty"`
}

// Replay answers how a dossier was at a moment.
func (d *Dossiers) Replay(ctx context.Context, code string, moment Moment, view View) (Replay, error) {
	c, err := d.Load(ctx, code)
	if err != nil {
		return Replay{}, err
	}
	return d.ReplayOf(ctx, c, moment, view)
}

// ReplayOf answers it for a case that was read. With view.Personal the personal
// values of the events that count are opened, and only those.
func (d *Dossiers) ReplayOf(ctx context.Context, c *Case, moment Moment, view View) (Replay, error) {
	events, n, basis, err := d.cut(ctx, c, moment)
	if err != nil {
		return Replay{}, err
	}
	counts, err := d.revealed(ctx, c.Code, events[:n], view)
	if err != nil {
		return Replay{}, err
	}
	part, before := caseOf(c.Code, counts), caseOf(c.Code, counts[:n-1])
	at := moment.At
	if at.IsZero() {
		at = part.Last().Metadata.OccurredAt
	}
	answer := Replay{Code: c.Code, Basis: basis, Revision: part.Last().Revision, Last: c.last.Revision, Changes: []Change{}}
	if !moment.At.IsZero() {
		answer.At = &Instant{at.UTC()}
	}
	if n > 1 {
		answer.Previous = &counts[n-2].Revision
	}
	if n < len(events) {
		answer.Next = &events[n].Revision
	}
	if answer.Status, err = d.StatusOf(part, at); err != nil {
		return Replay{}, err
	}
	if answer.Event, err = d.LastEntry(part, view); err != nil {
		return Replay{}, err
	}
	if c.Source != "" {
		answer.History, err = d.entries(part, counts, time.Time{}, view)
		return answer, err
	}
	answer.State = present(part.State)
	var earlier any = map[string]any{}
	if before.State.Exists() {
		earlier = present(before.State)
	}
	answer.Changes = append(answer.Changes, changes(earlier, answer.State)...)
	return answer, nil
}

// CheckMoment refuses a moment at which nothing of a case was known.
func (d *Dossiers) CheckMoment(ctx context.Context, c *Case, m Moment) error {
	_, _, _, err := d.cut(ctx, c, m)
	return err
}

// cut gives the events of a case and how many of them count, at least one.
func (d *Dossiers) cut(ctx context.Context, c *Case, m Moment) (events []event.Event, n int, basis string, err error) {
	switch {
	case m.Revision != nil && !m.At.IsZero():
		return nil, 0, "", fault.New(fault.Invalid, CodeReplayBoth, "ask for a revision or for a time, not for both")
	case m.Revision != nil && *m.Revision > c.last.Revision:
		return nil, 0, "", fault.New(fault.NotFound, CodeReplayRevision, "dossier %s has revisions 0 to %d, not %d", c.Code, c.last.Revision, *m.Revision)
	}
	if events, err = d.all(ctx, c); err != nil {
		return nil, 0, "", err
	}
	n, basis, err = m.count(c.Code, events)
	return events, n, basis, err
}

// count gives how many of a dossier's events count.
func (m Moment) count(code string, events []event.Event) (n int, basis string, err error) {
	switch {
	case m.Revision != nil:
		return int(*m.Revision) + 1, BasisRevision, nil
	case m.At.IsZero():
		return len(events), BasisRevision, nil
	}
	// Neither time falls along a stream: events are recorded in order, and an
	// action that is dated before the last event is refused. A history taken over
	// was put into the order of its times.
	basis = BasisRecorded
	for n < len(events) {
		e := events[n]
		known := e.RecordedAt
		if m.Occurred {
			basis, known = BasisOccurred, e.Metadata.OccurredAt
		}
		if known.After(m.At) {
			break
		}
		n++
	}
	if m.Occurred {
		basis = BasisOccurred
	}
	if n == 0 {
		return 0, "", fault.New(fault.NotFound, CodeReplayBefore, "nothing of dossier %s was known at %s", code, Instant{m.At})
	}
	return n, basis, nil
}
