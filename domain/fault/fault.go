// Package fault is the vocabulary of refusals: an error with a stable code
// that a caller, a script or a translated page can act on, and a sentence
// that says what to do.
package fault

import (
	"errors"
	"fmt"
)

// Kind groups codes by what a caller can do about them. Transports map kinds,
// never single codes, to their own statuses.
type Kind string

// The kinds of refusal.
const (
	// Invalid means that the input itself is wrong; repeating it cannot help.
	Invalid Kind = "invalid"
	// Refused means that the law's order or the dossier's state does not allow the action now.
	Refused Kind = "refused"
	// NotFound means that the thing named does not exist, or not for this caller.
	NotFound Kind = "not-found"
	// Conflict means that somebody else acted first; read again and decide again.
	Conflict Kind = "conflict"
	// Unauthenticated means that it is not known who asks.
	Unauthenticated Kind = "unauthenticated"
	// Forbidden means that it is known who asks, and that they may not.
	Forbidden Kind = "forbidden"
	// TooLarge means that a limit of size was passed.
	TooLarge Kind = "too-large"
	// Unavailable means that a neighbour is away; the same call may succeed later.
	Unavailable Kind = "unavailable"
	// Erased means that personal data was destroyed on purpose and cannot come back.
	Erased Kind = "erased"
	// Corrupt means that stored data is not what was written.
	Corrupt Kind = "corrupt"
	// Full means that the store has no room left.
	Full Kind = "full"
)

// Error is a refusal. Code is stable for ever and unique in the program
// ("dossier.not-received"); Message is one English sentence for the person
// that asked; Missing names, in order, what would have to be there.
type Error struct {
	Kind    Kind
	Code    string
	Message string
	Missing []string
	cause   error
}

// New makes a refusal. The message is formatted as by fmt.Errorf, so %w keeps a cause.
func New(kind Kind, code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Code: code, Message: err.Error(), cause: errors.Unwrap(err)}
}

// Lacking returns a copy that names what is missing.
func (e *Error) Lacking(missing ...string) *Error {
	c := *e
	c.Missing = append(append([]string(nil), e.Missing...), missing...)
	return &c
}

// Error implements error: the code first, so that logs can be searched by it.
func (e *Error) Error() string {
	if len(e.Missing) == 0 {
		return e.Code + ": " + e.Message
	}
	return fmt.Sprintf("%s: %s (missing: %v)", e.Code, e.Message, e.Missing)
}

// Unwrap gives the cause, if there is one.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is a fault of the same code, so that a package can
// export a bare fault as a sentinel for errors.Is.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// As finds the first fault in err's chain.
func As(err error) (*Error, bool) { return errors.AsType[*Error](err) }

// KindOf returns the kind of the first fault in err's chain, or "" where there is none.
func KindOf(err error) Kind {
	if f, ok := As(err); ok {
		return f.Kind
	}
	return ""
}

// CodeOf returns the code of the first fault in err's chain, or "" where there is none.
func CodeOf(err error) string {
	if f, ok := As(err); ok {
		return f.Code
	}
	return ""
}
