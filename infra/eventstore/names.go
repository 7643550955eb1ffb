package eventstore

import (
	"unicode"
	"unicode/utf8"

	"dossierledger/domain/fault"
)

// CheckName holds the name of a stream or of a type to the rules of every
// engine: some bytes, at most limit, of UTF-8 without control characters. what
// is how the refusal calls it.
func CheckName(what, name string, limit int) error {
	switch {
	case name == "":
		return fault.New(ErrInvalid.Kind, ErrInvalid.Code, "an empty %s", what)
	case len(name) > limit:
		return fault.New(ErrTooLarge.Kind, ErrTooLarge.Code, "a %s of %d bytes, at most %d are allowed", what, len(name), limit)
	case !utf8.ValidString(name):
		return fault.New(ErrInvalid.Kind, ErrInvalid.Code, "%s %q is not UTF-8", what, name)
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return fault.New(ErrInvalid.Kind, ErrInvalid.Code, "%s %q has a control character", what, name)
		}
	}
	return nil
}
