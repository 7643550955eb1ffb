// Package problem is how the API says no: problem details (RFC 9457) with the
// ledger's stable codes.
//
// Statuses follow from the kind of a fault, never from single codes, with two
// exceptions that HTTP itself makes: an Idempotency-Key that came with other
// content before is 422 (draft-ietf-httpapi-idempotency-key-header), and a
// revision that If-Match insisted on and that is gone is 412 (RFC 9110, 13.1.1).
package problem

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"dossierledger/commands"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
)

// ContentType is the media type of problems.
const ContentType = "application/problem+json"

// Problem is the body of every answer that is not a success.
type Problem struct {
	Type   string `json:"type" doc:"Identifies the kind of problem; the code as a URN." example:"urn:dossier-ledger:dossier.not-received"`
	Title  string `json:"title" doc:"The meaning of the HTTP status." example:"Conflict"`
	Status int    `json:"status" doc:"The HTTP status." example:"409"`
	// Detail is for people, Code for programs.
	Detail string `json:"detail" doc:"One English sentence for the person that asked." example:"the dossier has not been received yet"`
	Code   string `json:"code" doc:"Stable for ever; programs act on it." example:"dossier.not-received"`
	// Missing names, in order, what would have to be there.
	Missing []string `json:"missing,omitempty" doc:"What would have to be there, or which fields are wrong, in order."`
	// Revision is the dossier's present one, where the caller saw an older one.
	Revision *uint64 `json:"revision,omitempty" doc:"The dossier's present revision, where the caller saw an older one."`
	Trace    string  `json:"trace,omitempty" doc:"The W3C trace id of the request, for asking back." example:"0af7651916cd43dd8448eb211c80319c"`

	retryAfter int
	cause      error
}

// Error implements error.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// Unwrap gives the error that the problem was made of, for logs.
func (p *Problem) Unwrap() error { return p.cause }

// GetStatus gives the HTTP status; huma asks for it.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType names the media type of problems in place of that of answers.
func (p *Problem) ContentType(string) string { return ContentType }

// GetHeaders gives the headers that belong to the status.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	h.Set("Cache-Control", "no-store")
	switch p.Status {
	case http.StatusUnauthorized:
		challenge := `Bearer realm="dossier-ledger"`
		if p.Code != CodeUnauthenticated {
			challenge += `, error="invalid_token"`
		}
		h.Set("WWW-Authenticate", challenge)
	case http.StatusUnsupportedMediaType:
		if p.Code == CodeEncoding {
			h.Set("Accept-Encoding", "identity") // RFC 9110, section 15.5.16
		}
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(max(1, p.retryAfter)))
	}
	return h
}

// The codes that the web itself gives.
const (
	CodeUnauthenticated = "auth.required"
	CodeInternal        = "internal"
	CodeRequest         = "request.invalid"
	CodeNotFound        = "http.not-found"
	CodeMethod          = "http.method-not-allowed"
	CodeTooLarge        = "request.too-large"
	CodeEncoding        = "request.content-encoding"
	CodeHeaders         = "request.headers-too-large"
	CodeTimeout         = "request.timeout"
	CodeRate            = "request.rate"
	CodeStale           = "revision.stale"
)

var statuses = map[fault.Kind]int{
	fault.Invalid:         http.StatusBadRequest,
	fault.Refused:         http.StatusConflict,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Unavailable:     http.StatusServiceUnavailable,
	fault.Erased:          http.StatusGone,
	fault.Full:            http.StatusInsufficientStorage,
	fault.Corrupt:         http.StatusInternalServerError,
}

// New makes a problem of the web's own.
func New(status int, code, detail string, missing ...string) *Problem {
	return &Problem{
		Type: "urn:dossier-ledger:" + code, Title: http.StatusText(status), Status: status,
		Detail: detail, Code: code, Missing: missing,
	}
}

// RateLimited is for a caller that asks too often.
func RateLimited(retryAfterSeconds int) *Problem {
	p := New(http.StatusTooManyRequests, CodeRate, "too many requests; try again later")
	p.retryAfter = retryAfterSeconds
	return p
}

// From makes a problem of any error. What is no fault is an internal error, of
// which the caller learns nothing; its cause stays for the log.
func From(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	f, isFault := fault.As(err)
	if !isFault {
		return unexpected(err)
	}
	status, known := statuses[f.Kind]
	if !known {
		status = http.StatusInternalServerError
	}
	p := New(status, f.Code, f.Message, f.Missing...)
	p.cause = err
	switch {
	case errors.Is(err, commands.ErrKeyReused):
		p.Status, p.Title = http.StatusUnprocessableEntity, http.StatusText(http.StatusUnprocessableEntity)
	case errors.Is(err, commands.ErrStale):
		p.Status, p.Title = http.StatusPreconditionFailed, http.StatusText(http.StatusPreconditionFailed)
	case status >= http.StatusInternalServerError && f.Kind != fault.Unavailable && f.Kind != fault.Full:
		p.Detail = "something is wrong with what the ledger has stored; the people who run it have been told"
	}
	return p
}

func unexpected(err error) *Problem {
	p := New(http.StatusInternalServerError, CodeInternal, "the ledger made a mistake; ask the people who run it, with the trace id")
	if errors.Is(err, context.DeadlineExceeded) {
		p = New(http.StatusServiceUnavailable, CodeTimeout, "the answer did not come in time; try again later")
	}
	if wrong, ok := errors.AsType[*event.WrongRevision](err); ok {
		p = New(http.StatusConflict, CodeStale, "somebody else acted first; read again and decide again")
		p.Revision = &wrong.Actual
	}
	p.cause = err
	return p
}
