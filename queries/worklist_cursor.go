package queries

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"

	"dossierledger/domain/fault"
)

// worklistCursor is the place after which a page starts, with the moment of the
// first page. Its text is base64url of
//
//	version (1) | question (8) | now (8) | urgency (1) | due (8) | code | check (4)
//
// question binds it to the filter that it was made for; check finds a cursor
// that was cut or mistyped. It is not a secret and grants nothing: whoever
// forges one sees another part of a list that is theirs anyway.
type worklistCursor struct {
	Now  int64 // microseconds since 1970
	Rank uint8
	Due  int64
	Code string
}

const (
	worklistCursorVersion = 1
	worklistCursorHead    = 1 + 8 + 8 + 1 + 8
	worklistCursorMax     = 1024 // characters of text
)

func (c worklistCursor) text(filter WorklistFilter) string {
	b := []byte{worklistCursorVersion}
	b = append(b, filter.question()...)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Now))
	b = append(b, c.Rank)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Due))
	b = append(b, c.Code...)
	check := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(append(b, check[:4]...))
}

// readWorklistCursor is strict: what it accepts is exactly what text makes.
func readWorklistCursor(text string, filter WorklistFilter) (worklistCursor, error) {
	bad := fault.New(fault.Invalid, CodeWorklistCursor, "this is not the cursor of a worklist; start again without one")
	if len(text) > worklistCursorMax {
		return worklistCursor{}, bad
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < worklistCursorHead+4 || b[0] != worklistCursorVersion {
		return worklistCursor{}, bad
	}
	body, check := b[:len(b)-4], sha256.Sum256(b[:len(b)-4])
	if !bytes.Equal(check[:4], b[len(b)-4:]) {
		return worklistCursor{}, bad
	}
	if !bytes.Equal(body[1:9], filter.question()) {
		return worklistCursor{}, fault.New(fault.Invalid, CodeWorklistCursor, "this cursor belongs to a worklist with another filter; start again without one")
	}
	c := worklistCursor{
		Now: int64(binary.BigEndian.Uint64(body[9:])), Rank: body[17],
		Due: int64(binary.BigEndian.Uint64(body[18:])), Code: string(body[worklistCursorHead:]),
	}
	if c.Rank > 1 || !utf8.ValidString(c.Code) || time.UnixMicro(c.Now).Year() > 9999 || c.Now < 0 {
		return worklistCursor{}, bad
	}
	return c, nil
}

// question is a fingerprint of the filter; the order of statuses does not matter.
func (f WorklistFilter) question() []byte {
	f.Statuses = slices.Compact(slices.Sorted(slices.Values(f.Statuses)))
	text, err := json.Marshal(f)
	if err != nil {
		panic("queries: a worklist filter is always JSON: " + err.Error())
	}
	hash := sha256.Sum256(text)
	return hash[:8]
}
