package queries

import (
	"encoding/json"
	"fmt"
	"time"
)

// Instant is a moment in an answer. In JSON it is RFC 3339 in UTC, without
// fraction on a whole second and with six digits otherwise, so that the same
// moment is always the same text.
type Instant struct{ time.Time }

// String gives the text that JSON has.
func (i Instant) String() string { return string(i.append(nil)) }

func (i Instant) append(b []byte) []byte {
	if i.Nanosecond()/1000 == 0 {
		return i.UTC().AppendFormat(b, "2006-01-02T15:04:05Z")
	}
	return i.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
}

// MarshalJSON implements json.Marshaler. Nothing in the text is to be escaped.
func (i Instant) MarshalJSON() ([]byte, error) {
	return append(i.append(append(make([]byte, 0, 32), '"')), '"'), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (i *Instant) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("reading a moment: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return fmt.Errorf("reading a moment: %w", err)
	}
	i.Time = at.UTC()
	return nil
}

func instant(at *time.Time) *Instant {
	if at == nil {
		return nil
	}
	return &Instant{at.UTC()}
}
