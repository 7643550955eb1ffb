package dossier

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"dossierledger/domain/fault"
	"github.com/google/uuid"
)

// MaxCodeLength bounds a dossier code, in bytes.
const MaxCodeLength = 64

// DefaultCodeFormat is used where neither procedure nor agency names one.
const DefaultCodeFormat = "tt01-2018"

// The refusals of codes.
var (
	// ErrBadCode is the refusal of a string that cannot be a dossier code.
	ErrBadCode = fault.New(fault.Invalid, "dossier.bad-code", "a dossier code is 1 to %d bytes of printable characters without spaces", MaxCodeLength)
	// ErrUnknownCodeFormat is the refusal of a format that nobody defined.
	ErrUnknownCodeFormat = fault.New(fault.Invalid, "dossier.unknown-code-format", "the format of dossier codes is not known")
	// ErrCodesUsedUp is the refusal of a number that the format has no digits for.
	ErrCodesUsedUp = fault.New(fault.Refused, "dossier.codes-used-up", "the day's numbers are used up for this format of dossier codes")
)

// codeFormats holds the named formats as patterns: {agency}, {date:LAYOUT} with
// a layout of package time, {number:DIGITS}. Everything else is literal.
//
// A code is opaque once it was made: nothing parses a date or an agency out of
// it, because codes of other systems follow none of these.
var codeFormats = map[string]string{
	// Thông tư 01/2018/TT-VPCP, art. 19: H15.50.05.13-261008-0975
	"tt01-2018": "{agency}-{date:060102}-{number:4}",
	// as seen in ministries' systems: G09.20-20260609-0092637
	"long-date": "{agency}-{date:20060102}-{number:7}",
	// ministries with six digits: G12-260609-092637
	"six-digits": "{agency}-{date:060102}-{number:6}",
	// social insurance: 03706/2026/07906, the agency's own number last
	"social-insurance": "{number:5}/{date:2006}/{agency}",
}

// CodeFormats lists the names of the formats, sorted.
func CodeFormats() []string {
	return slices.Sorted(maps.Keys(codeFormats))
}

// FormatCode makes the code of the number-th dossier (from 1) of an agency on a
// day, in a named format ("" for the default). The day is read in Vietnam's
// time. A number with more digits than the format has is ErrCodesUsedUp rather
// than a code of another shape.
func FormatCode(format, agency string, day time.Time, number uint64) (string, error) {
	if format == "" {
		format = DefaultCodeFormat
	}
	pattern, ok := codeFormats[format]
	if !ok {
		return "", fmt.Errorf("format %q: %w", format, ErrUnknownCodeFormat)
	}
	var code strings.Builder
	code.Grow(MaxCodeLength)
	for pattern != "" {
		literal, rest, found := strings.Cut(pattern, "{")
		code.WriteString(literal)
		if !found {
			break
		}
		field, after, _ := strings.Cut(rest, "}")
		name, argument, _ := strings.Cut(field, ":")
		switch name {
		case "agency":
			code.WriteString(agency)
		case "date":
			code.WriteString(day.In(ICT).Format(argument))
		case "number":
			digits := strconv.FormatUint(number, 10)
			width, err := strconv.Atoi(argument)
			if err != nil {
				return "", fmt.Errorf("format %q: %w", format, err)
			}
			if number == 0 || len(digits) > width {
				return "", fmt.Errorf("number %d in format %q: %w", number, format, ErrCodesUsedUp)
			}
			for range width - len(digits) {
				code.WriteByte('0')
			}
			code.WriteString(digits)
		}
		pattern = after
	}
	made := code.String()
	if err := ValidateCode(made); err != nil {
		return "", err
	}
	return made, nil
}

// ICT is Vietnam's time, UTC+7 without daylight saving.
var ICT = time.FixedZone("ICT", 7*60*60)

// ValidateCode checks an incoming code as the opaque string it is.
func ValidateCode(code string) error {
	if code == "" || len(code) > MaxCodeLength || !utf8.ValidString(code) {
		return fmt.Errorf("code of %d bytes: %w", len(code), ErrBadCode)
	}
	for _, r := range code {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return fmt.Errorf("character %U: %w", r, ErrBadCode)
		}
	}
	return nil
}

// SequencePrefix begins the name of every sequence's stream.
const SequencePrefix = "sequence-"

// SequenceStream names the stream that gives out an agency's numbers in a format
// ("" for the default): one stream a day, or a year for formats that show only
// the year, in Vietnam's time. The number of an allocation is its revision plus
// one, so that numbers have neither gaps nor duplicates, however many allocate
// at once.
func SequenceStream(format, agency string, day time.Time) (string, error) {
	if format == "" {
		format = DefaultCodeFormat
	}
	pattern, ok := codeFormats[format]
	if !ok {
		return "", fmt.Errorf("format %q: %w", format, ErrUnknownCodeFormat)
	}
	period := "20060102"
	if strings.Contains(pattern, "{date:2006}") {
		period = "2006"
	}
	return SequencePrefix + format + "-" + agency + "-" + day.In(ICT).Format(period), nil
}

// NumberAllocated: the next number of a sequence was given to a dossier. Where the
// dossier is written by an append of its own, the number holds the submission, so
// that whoever finds a number without a dossier after a crash can finish the
// submission with the very same events. A number that was written together with its
// dossier holds none.
type NumberAllocated struct {
	Dossier    string         `json:"dossier"`
	Submission []EncodedEvent `json:"submission,omitempty"`
}

// EventType implements event.Payload.
func (NumberAllocated) EventType() string { return "sequence.number-allocated.v1" }

// EncodedEvent is an event as the store takes it, personal values sealed under
// the names of the dossier's stream.
type EncodedEvent struct {
	ID       uuid.UUID       `json:"id"`
	Type     string          `json:"type"`
	Data     json.RawMessage `json:"data"`
	Metadata json.RawMessage `json:"metadata"`
}
