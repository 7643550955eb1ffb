package historylog

import (
	"fmt"

	"dossierledger/domain/fault"
)

// The refusals of a whole log, for errors.Is. What Read returns has the same
// code and a message that names the line and the reason.
var (
	ErrMalformed   = fault.New(fault.Invalid, "history.malformed", "the log is truncated or not well formed")
	ErrUnsupported = fault.New(fault.Invalid, "history.unsupported", "the log is not of a kind that can be read")
	ErrTooLarge    = fault.New(fault.TooLarge, "history.too-large", "a limit on the log was passed")
	ErrNoColumn    = fault.New(fault.Invalid, "history.no-column", "a column that an event needs is not in the log")
	ErrBadMap      = fault.New(fault.Invalid, "history.bad-map", "the column map cannot be used")
)

func malformed(line int, format string, args ...any) error {
	return refuse(ErrMalformed, line, format, args...)
}

func unsupported(line int, format string, args ...any) error {
	return refuse(ErrUnsupported, line, format, args...)
}

func tooLarge(line int, format string, args ...any) error {
	return refuse(ErrTooLarge, line, format, args...)
}

func refuse(as *fault.Error, line int, format string, args ...any) error {
	if line > 0 {
		format = fmt.Sprintf("line %d: ", line) + format
	}
	return fault.New(as.Kind, as.Code, format, args...)
}

// clip keeps a quotation from the log short enough for a message.
func clip[T string | []byte](text T) string {
	const most = 80
	if len(text) <= most {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("%q…", text[:most])
}
