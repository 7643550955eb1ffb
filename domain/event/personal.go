package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
)

// Personal is a value about one person (dữ liệu cá nhân; Luật 91/2025/QH15).
// In memory it may be clear; it can be stored only sealed under that person's
// key, so that destroying the key erases the value and nothing else. Marshalling
// a clear value is an error rather than a leak.
type Personal struct {
	// Subject is the pseudonym of the person whose key seals the value.
	Subject string
	// Text is the clear value; empty when the value is sealed or erased.
	Text string
	// Sealed is the ciphertext; empty while the value is only clear.
	Sealed []byte
	// Erased is true when the value was sealed and the key is gone.
	Erased bool
}

// ErrClearPersonal is returned by MarshalJSON for a value that was not sealed.
var ErrClearPersonal = errors.New("event.personal-in-clear: a personal value must be sealed before it is stored")

// About makes a clear personal value.
func About(subject, text string) Personal { return Personal{Subject: subject, Text: text} }

// IsZero reports whether there is no value at all, so that `omitzero` leaves it out.
func (p Personal) IsZero() bool { return p.Text == "" && len(p.Sealed) == 0 }

// String hides the value: a Personal can be printed or logged by mistake without harm.
func (p Personal) String() string { return "[personal]" }

// GoString hides the value from %#v.
func (p Personal) GoString() string { return "[personal]" }

// LogValue hides the value from slog.
func (p Personal) LogValue() slog.Value { return slog.StringValue("[personal]") }

type storedPersonal struct {
	Sealed  []byte `json:"sealed"`
	Subject string `json:"subject"`
}

// MarshalJSON writes the stored form: subject and ciphertext (base64).
func (p Personal) MarshalJSON() ([]byte, error) {
	if p.IsZero() {
		return []byte("null"), nil
	}
	if len(p.Sealed) == 0 {
		return nil, ErrClearPersonal
	}
	return json.Marshal(storedPersonal{Sealed: p.Sealed, Subject: p.Subject})
}

// UnmarshalJSON reads the stored form; the value stays sealed.
func (p *Personal) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*p = Personal{}
		return nil
	}
	if stored, ok := readStored(data); ok {
		*p = stored
		return nil
	}
	var s storedPersonal
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	*p = Personal{Subject: s.Subject, Sealed: s.Sealed}
	return nil
}

// readStored reads what MarshalJSON writes; ok is false for what is written
// otherwise, which encoding/json reads.
func readStored(data []byte) (p Personal, ok bool) {
	const before, between, after = `{"sealed":"`, `","subject":"`, `"}`
	rest, begins := bytes.CutPrefix(data, []byte(before))
	sealed, rest, has := bytes.Cut(rest, []byte(between))
	subject, ends := bytes.CutSuffix(rest, []byte(after))
	if !begins || !has || !ends || len(sealed) == 0 {
		return Personal{}, false
	}
	for _, b := range subject {
		if b < ' ' || b > '~' || b == '"' || b == '\\' {
			return Personal{}, false
		}
	}
	// Ends of lines, which base64 would pass over, are no part of a JSON text.
	cipher, err := base64.StdEncoding.AppendDecode(nil, sealed)
	if err != nil || bytes.ContainsAny(sealed, "\r\n") {
		return Personal{}, false
	}
	return Personal{Subject: string(subject), Sealed: cipher}, true
}
