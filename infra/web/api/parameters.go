package api

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"dossierledger/domain/dossier"
	"dossierledger/domain/fault"
	"dossierledger/infra/web/problem"
)

// Segment is a path segment that can hold any text, percent-encoded. It is
// decoded exactly once.
type Segment struct{ Text string }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Segment) UnmarshalText(raw []byte) error {
	text, err := url.PathUnescape(string(raw))
	if err != nil {
		return errors.New("it is not percent-encoded well")
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return errors.New("it is not UTF-8 text")
	}
	s.Text = text
	return nil
}

// Schema implements huma.SchemaProvider.
func (Segment) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: "string"} }

// When is a time: RFC 3339, or a date, which is its first instant in Vietnam.
type When struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (w *When) UnmarshalText(raw []byte) error {
	text := string(raw)
	if len(text) > 64 {
		return errors.New("it is too long for a time")
	}
	at, err := time.ParseInLocation("2006-01-02", text, dossier.ICT)
	if err != nil {
		// A plus sign that was not percent-encoded arrives as a space.
		at, err = time.Parse(time.RFC3339, strings.Replace(text, " ", "+", 1))
	}
	if at = at.UTC(); err != nil || at.Year() < 1900 || at.Year() > 2200 {
		return errors.New("it is neither a date (2026-01-31) nor a time (2026-01-31T08:00:00Z) of 1900 to 2200")
	}
	w.Time = at
	return nil
}

// Schema implements huma.SchemaProvider.
func (When) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: "string", Examples: []any{"2026-01-31", "2026-01-31T08:00:00Z"}}
}

func (w When) pointer() *time.Time {
	if w.IsZero() {
		return nil
	}
	return &w.Time
}

// Number is a whole number that may be absent.
type Number struct {
	Value uint64
	Set   bool
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Number) UnmarshalText(raw []byte) error {
	value, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil {
		return errors.New("it is not a whole number from 0")
	}
	n.Value, n.Set = value, true
	return nil
}

// Schema implements huma.SchemaProvider.
func (Number) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: "string", Pattern: "^[0-9]{1,20}$", Examples: []any{"1742"}}
}

func (n Number) pointer() *uint64 {
	if !n.Set {
		return nil
	}
	return &n.Value
}

// The refusals of headers.
var (
	errIfMatch = fault.New(fault.Invalid, "request.if-match", `If-Match is one revision in quotes: "17"`)
	errPrefer  = fault.New(fault.Invalid, "request.prefer", "Prefer: wait=N takes a number of seconds")
	errKey     = fault.New(fault.Invalid, "idempotency.key", "an Idempotency-Key is 1 to 255 printable ASCII characters")
)

// etag is the strong entity tag of a revision (RFC 9110, 8.8.3).
func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// ifMatch reads the header by which a caller insists on the revision that it
// saw. A weak tag never matches (RFC 9110, 13.1.1), which `stale` says; "*" and
// no header at all insist on nothing.
func ifMatch(header string) (revision *uint64, stale bool, err error) {
	header = strings.TrimSpace(header)
	switch {
	case header == "" || header == "*":
		return nil, false, nil
	case strings.HasPrefix(header, "W/"):
		return nil, true, nil
	case len(header) < 3 || header[0] != '"' || header[len(header)-1] != '"':
		return nil, false, errIfMatch
	}
	n, err := strconv.ParseUint(header[1:len(header)-1], 10, 64)
	if err != nil || etag(n) != header {
		return nil, false, errIfMatch
	}
	return &n, false, nil
}

// noneMatch reports whether a caller has this revision already. The comparison
// is the weak one (RFC 9110, 13.1.2).
func noneMatch(header string, revision uint64) bool {
	want := etag(revision)
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == want || tag == "*" {
			return true
		}
	}
	return false
}

// idempotencyKey reads the header, bare or as the quoted string of the draft.
func idempotencyKey(header string) (string, error) {
	if header == "" {
		return "", nil
	}
	if len(header) >= 2 && header[0] == '"' && header[len(header)-1] == '"' {
		header = header[1 : len(header)-1]
	}
	if header == "" || len(header) > 255 || strings.ContainsFunc(header, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
		return "", errKey
	}
	return header, nil
}

// MaxWait bounds Prefer: wait; DefaultWait holds where a position is given without it.
const (
	MaxWait     = 30 * time.Second
	DefaultWait = 5 * time.Second
)

// preferredWait reads `wait` from a Prefer header (RFC 7240, 4.3). Preferences
// that are not known are ignored, as the RFC says.
func preferredWait(header string) (wait time.Duration, set bool, err error) {
	for preference := range strings.SplitSeq(header, ",") {
		preference, _, _ = strings.Cut(preference, ";")
		name, value, found := strings.Cut(preference, "=")
		if !found || !strings.EqualFold(strings.TrimSpace(name), "wait") || set {
			continue
		}
		seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 32)
		if err != nil {
			return 0, false, errPrefer
		}
		wait, set = min(time.Duration(seconds)*time.Second, MaxWait), true
	}
	if !set {
		wait = DefaultWait
	}
	return wait, set, nil
}

// Freshness lets a caller read its own writes: the answer is given when the
// read models have seen a position.
type Freshness struct {
	Prefer         string `header:"Prefer" maxLength:"200" doc:"wait=N: how many seconds to wait for the position (RFC 7240); 5 where it is not said, at most 30." example:"wait=5"`
	LedgerPosition Number `header:"Ledger-Position" doc:"Wait until the read models have seen this position, which every command answers with."`
	Position       Number `query:"position" doc:"The same as the header Ledger-Position."`
}

// errBehind is for a position that the read models did not reach in time.
var errBehind = fault.New(fault.Unavailable, "read-model.behind", "the read models have not seen this position yet; try again")

// await waits for the position that the caller named.
func (a *API) await(ctx context.Context, f Freshness) (applied string, err error) {
	wait, set, err := preferredWait(f.Prefer)
	if err != nil {
		return "", err
	}
	position := f.LedgerPosition
	if f.Position.Set {
		position = f.Position
	}
	if !position.Set {
		return "", nil
	}
	if a.ReadModels == nil {
		return "", errNoReadModels
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if err := a.ReadModels.WaitFor(waiting, position.Value); err != nil {
		if waiting.Err() != nil && ctx.Err() == nil {
			return "", errBehind
		}
		return "", err
	}
	if set {
		applied = "wait=" + strconv.Itoa(int(wait/time.Second))
	}
	return applied, nil
}

var errNoReadModels = fault.New(fault.Unavailable, "read-model.none", "this ledger runs without read models; lists and figures are not available")

// badParameter is a refusal of one parameter.
func badParameter(name, detail string) error {
	return problem.New(400, problem.CodeRequest, detail, name)
}
