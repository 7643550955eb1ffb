package event

import "fmt"

// Expected is the state in which a stream must be for an append to be taken
// (optimistic concurrency).
type Expected struct {
	kind     expectedKind
	revision uint64
}

type expectedKind uint8

const (
	kindAny expectedKind = iota
	kindNone
	kindExists
	kindExact
)

// The expectations that name no revision. The zero Expected is Any.
var (
	// Any takes the append whatever the stream's state.
	Any = Expected{kind: kindAny}
	// None requires that the stream does not exist.
	None = Expected{kind: kindNone}
	// Exists requires that the stream has at least one event.
	Exists = Expected{kind: kindExists}
)

// Exact requires that the stream's last event has this revision.
func Exact(revision uint64) Expected { return Expected{kind: kindExact, revision: revision} }

// Revision gives the exact revision that is expected, if one is.
func (e Expected) Revision() (uint64, bool) { return e.revision, e.kind == kindExact }

// Holds reports whether a stream in the given state meets the expectation;
// last is ignored where exists is false.
func (e Expected) Holds(exists bool, last uint64) bool {
	switch e.kind {
	case kindNone:
		return !exists
	case kindExists:
		return exists
	case kindExact:
		return exists && last == e.revision
	default:
		return true
	}
}

// String is for messages: "any", "none", "exists" or the number.
func (e Expected) String() string {
	switch e.kind {
	case kindNone:
		return "none"
	case kindExists:
		return "exists"
	case kindExact:
		return fmt.Sprint(e.revision)
	default:
		return "any"
	}
}

// WrongRevision is the refusal of an append whose expectation did not hold. It
// carries the state that the store found, so that the caller can read from there.
type WrongRevision struct {
	Stream   string
	Expected Expected
	// Exists is whether the stream has any event; Actual is the revision of its
	// last one and is meaningful only then.
	Exists bool
	Actual uint64
}

// Error implements error.
func (e *WrongRevision) Error() string {
	actual := "no stream"
	if e.Exists {
		actual = fmt.Sprint(e.Actual)
	}
	return fmt.Sprintf("eventstore.wrong-revision: stream %q: expected %s, actual %s", e.Stream, e.Expected, actual)
}
