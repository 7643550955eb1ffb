package delivery

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
)

// Letter is what was given up of one key and has not been delivered since.
type Letter struct {
	GivenUp
	// At is when it was given up.
	At time.Time `json:"at"`
	// Asked is true where it is to be sent again: it is tried as anything else.
	Asked bool `json:"asked"`
}

// Letters is the fold of a receiver's stream of letters. The zero Letters is
// usable. It is not safe for concurrent use.
type Letters struct {
	byKey map[string]Letter
	// next is the revision that the next event gets.
	next uint64
}

// Fold takes in one event. Events that were taken in already change nothing.
func (l *Letters) Fold(e event.Event) {
	if e.Revision < l.next {
		return
	}
	l.next = e.Revision + 1
	if l.byKey == nil {
		l.byKey = map[string]Letter{}
	}
	switch p := e.Payload.(type) {
	case GivenUp:
		l.byKey[p.Key] = Letter{GivenUp: p, At: e.Metadata.OccurredAt}
	case ResendAsked:
		if letter, ok := l.byKey[p.Key]; ok {
			letter.Asked = true
			l.byKey[p.Key] = letter
		}
	case Skipped:
		if letter, ok := l.byKey[p.Key]; ok && letter.From <= p.Position {
			letter.From, letter.Asked = p.Position+1, true
			l.byKey[p.Key] = letter
		}
	case CaughtUp:
		delete(l.byKey, p.Key)
	}
}

// Of gives what was given up of a key.
func (l *Letters) Of(key string) (Letter, bool) {
	letter, ok := l.byKey[key]
	return letter, ok
}

// List gives them all, the oldest first.
func (l *Letters) List() []Letter {
	return slices.SortedFunc(maps.Values(l.byKey), func(a, b Letter) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Key, b.Key))
	})
}

// Expected is the state of the stream that was folded.
func (l *Letters) Expected() event.Expected {
	if l.next == 0 {
		return event.None
	}
	return event.Exact(l.next - 1)
}

// MaxWhy bounds the reason for which an event is skipped, in bytes.
const MaxWhy = 500

// The refusals.
var (
	ErrNoLetter = fault.New(fault.NotFound, "outbound.no-letter", "nothing was given up of this")
	ErrWhy      = fault.New(fault.Invalid, "outbound.why", "say on one line, in at most %d bytes, why the receiver is not to get it", MaxWhy)
)

// Resend decides that what was given up of a key is to be sent again. Where it is
// being sent again already, there is nothing to do.
func (l *Letters) Resend(key string) ([]event.Payload, error) {
	letter, ok := l.byKey[key]
	switch {
	case !ok:
		return nil, ErrNoLetter
	case letter.Asked:
		return nil, nil
	}
	return []event.Payload{ResendAsked{Key: key}}, nil
}

// Skip decides that the event which a key stands before is never to be delivered.
// While it is being sent again it cannot be skipped: it may be on its way.
func (l *Letters) Skip(key, why string) ([]event.Payload, error) {
	why = strings.TrimSpace(why)
	if why == "" || len(why) > MaxWhy || !utf8.ValidString(why) || strings.ContainsFunc(why, unicode.IsControl) {
		return nil, ErrWhy.Lacking("why")
	}
	letter, ok := l.byKey[key]
	switch {
	case !ok:
		return nil, ErrNoLetter
	case letter.Asked:
		return nil, fault.New(fault.Refused, "outbound.being-sent", "it is being sent again; it can be skipped when it is given up once more")
	}
	return []event.Payload{Skipped{Key: key, Position: letter.From, Why: why}}, nil
}
