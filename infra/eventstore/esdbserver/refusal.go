package esdbserver

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// refused is an answer that clients recognise by its trailers: "exception" names
// the kind, the others carry its particulars.
type refused struct {
	code    codes.Code
	message string
	// trailers are pairs of key and value.
	trailers []string
}

func (r *refused) Error() string { return r.message }

func refuse(code codes.Code, message string, trailers ...string) error {
	return &refused{code: code, message: message, trailers: trailers}
}

func accessDenied() error {
	return refuse(codes.PermissionDenied, "Access Denied", "exception", "access-denied")
}

func streamDeleted(stream string) error {
	return refuse(codes.FailedPrecondition, fmt.Sprintf("Event stream '%s' is deleted.", stream),
		"exception", "stream-deleted", "stream-name", stream)
}

func tooLarge(limit int) error {
	return refuse(codes.InvalidArgument, fmt.Sprintf("Maximum Append Size of %d Exceeded.", limit),
		"exception", "maximum-append-size-exceeded", "maximum-append-size", strconv.Itoa(limit))
}

func metadataMissing(property string) error {
	return refuse(codes.InvalidArgument, fmt.Sprintf("Required Metadata Property '%s' is missing", property),
		"exception", "missing-required-metadata-property", "required-metadata-properties", "type,content-type")
}

func wrongVersion(operation string, w *event.WrongRevision) error {
	actual := ""
	if w.Exists {
		actual = strconv.FormatUint(w.Actual, 10)
	}
	return refuse(codes.FailedPrecondition, fmt.Sprintf(
		"%s failed due to WrongExpectedVersion. Stream: %s, Expected version: %s, Actual version: %s",
		operation, w.Stream, versionNumber(w.Expected), actual),
		"exception", "wrong-expected-version", "stream-name", w.Stream,
		"expected-version", versionNumber(w.Expected), "actual-version", actual)
}

// versionNumber is how EventStoreDB writes an expectation.
func versionNumber(e event.Expected) string {
	if r, ok := e.Revision(); ok {
		return strconv.FormatUint(r, 10)
	}
	switch e {
	case event.None:
		return "-1"
	case event.Exists:
		return "-4"
	default:
		return "-2"
	}
}

func invalid(format string, args ...any) error {
	return refuse(codes.InvalidArgument, fmt.Sprintf(format, args...))
}

// refusal makes any error into a status, with its trailers set.
func (s *Server) refusal(method string, err error, setTrailer func(metadata.MD) error) error {
	var r *refused
	if !errors.As(err, &r) {
		if r = s.translated(err); r == nil {
			return err
		}
	}
	if len(r.trailers) > 0 {
		md := metadata.MD{}
		for i := 0; i+1 < len(r.trailers); i += 2 {
			md.Set(r.trailers[i], headerText(r.trailers[i+1]))
		}
		if err := setTrailer(md); err != nil {
			s.log.Warn("EventStoreDB server could not set a trailer", "method", method, "error", err)
		}
	}
	switch r.code {
	case codes.Internal, codes.Unknown, codes.DataLoss:
		s.log.Error("EventStoreDB server call failed", "method", method, "error", err)
	}
	return status.Error(r.code, r.message)
}

// headerText makes a name fit for a header, which is ASCII: other bytes are
// percent-encoded (RFC 3986 section 2.1), as gRPC does with messages.
func headerText(value string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		if c >= ' ' && c <= '~' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// translated gives the store's errors their statuses; nil where err is a status already.
func (s *Server) translated(err error) *refused {
	var wrong *event.WrongRevision
	switch {
	case errors.As(err, &wrong):
		var r *refused
		errors.As(wrongVersion("Append", wrong), &r)
		return r
	case errors.Is(err, eventstore.ErrTooLarge):
		var r *refused
		errors.As(tooLarge(s.opts.MaxAppendBytes), &r)
		return r
	case errors.Is(err, eventstore.ErrIDReused):
		return &refused{codes.FailedPrecondition, err.Error(), []string{"exception", "event-id-reused"}}
	case errors.Is(err, errStopping), errors.Is(err, eventstore.ErrClosed):
		return &refused{codes.Unavailable, "Server Is Not Ready", nil}
	case errors.Is(err, context.Canceled):
		return &refused{codes.Canceled, "Cancelled", nil}
	case errors.Is(err, context.DeadlineExceeded):
		return &refused{codes.DeadlineExceeded, "Deadline Exceeded", nil}
	}
	if _, ok := status.FromError(err); ok {
		return nil
	}
	switch fault.KindOf(err) {
	case fault.Invalid:
		return &refused{codes.InvalidArgument, err.Error(), nil}
	case fault.NotFound:
		return &refused{codes.NotFound, err.Error(), nil}
	case fault.Forbidden:
		return &refused{codes.PermissionDenied, "Access Denied", []string{"exception", "access-denied"}}
	case fault.Unavailable:
		return &refused{codes.Unavailable, err.Error(), nil}
	case fault.Full:
		return &refused{codes.ResourceExhausted, err.Error(), nil}
	case fault.Corrupt:
		return &refused{codes.DataLoss, err.Error(), nil}
	}
	return &refused{codes.Unknown, err.Error(), nil}
}
