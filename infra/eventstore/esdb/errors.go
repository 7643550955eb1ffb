package esdb

import (
	"context"
	"errors"
	"io"
	"strings"

	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Refusals of an EventStoreDB beyond those of every store, for errors.Is.
var (
	// ErrUnavailable means that no node could be reached or that it stopped; the
	// adapter has tried again for as long as the call could last.
	ErrUnavailable = fault.New(fault.Unavailable, "eventstore.unavailable", "the event store cannot be reached")
	// ErrNotLeader means that the node does not take writes; another does.
	ErrNotLeader = fault.New(fault.Unavailable, "eventstore.not-leader", "the node of the event store is not the leader")
	// ErrTimeout means that the server did not answer in time; an append may have
	// happened and can be repeated with the same ids.
	ErrTimeout = fault.New(fault.Unavailable, "eventstore.timeout", "the event store did not answer in time")
	// ErrAccessDenied means that these credentials may not do it.
	ErrAccessDenied = fault.New(fault.Forbidden, "eventstore.access-denied", "the event store denied access")
	// ErrUnauthenticated means that the server does not know these credentials.
	ErrUnauthenticated = fault.New(fault.Unauthenticated, "eventstore.unauthenticated",
		"the event store does not know the credentials")
)

// errWrongVersion is told apart inside the adapter, which then looks at the stream.
var errWrongVersion = errors.New("wrong expected version")

func same(sentinel *fault.Error, format string, args ...any) error {
	return fault.New(sentinel.Kind, sentinel.Code, format, args...)
}

// ended is why a context is over: ErrTimeout where it was the adapter that gave it
// a deadline.
func ended(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrTimeout) {
		return cause
	}
	return ctx.Err()
}

// translated gives the client's errors the port's types. The client wraps its own
// type, and that wraps a gRPC status or nothing.
func translated(ctx context.Context, stream string, err error) error {
	if ctx.Err() != nil {
		return ended(ctx)
	}
	var e *client.Error
	if errors.As(err, &e) {
		switch e.Code() {
		case client.ErrorCodeWrongExpectedVersion:
			return errWrongVersion
		case client.ErrorCodeStreamDeleted:
			return same(eventstore.ErrStreamDeleted, "stream %q was deleted: %w", stream, err)
		case client.ErrorCodeResourceNotFound:
			return same(eventstore.ErrStreamNotFound, "the stream %q does not exist: %w", stream, err)
		case client.ErrorCodeAccessDenied:
			return same(ErrAccessDenied, "the event store denied access to %q: %w", stream, err)
		case client.ErrorCodeUnauthenticated:
			return same(ErrUnauthenticated, "the event store does not know the credentials: %w", err)
		case client.ErrorCodeNotLeader:
			return same(ErrNotLeader, "the node of the event store is not the leader: %w", err)
		case client.ErrorUnavailable, client.ErrorCodeConnectionClosed:
			return same(ErrUnavailable, "the event store cannot be reached: %w", err)
		case client.ErrorCodeDeadlineExceeded, client.ErrorAborted:
			return same(ErrTimeout, "the event store did not answer in time: %w", err)
		}
	}
	return translatedStatus(stream, err)
}

func translatedStatus(stream string, err error) error {
	// status.FromError would give the wrapping errors' text as the message.
	var from interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &from) {
		if errors.Is(err, io.EOF) {
			// The client says EOF when the server ended a call that was still sending.
			return same(ErrUnavailable, "the event store ended a call: %w", err)
		}
		return err
	}
	switch from.GRPCStatus().Code() {
	case codes.InvalidArgument:
		if strings.HasPrefix(from.GRPCStatus().Message(), "Maximum Append Size") {
			return same(eventstore.ErrTooLarge, "stream %q: the event store refuses an append of this size: %w", stream, err)
		}
		return invalid("stream %q: %w", stream, err)
	case codes.FailedPrecondition:
		st := from.GRPCStatus()
		if strings.HasPrefix(st.Message(), eventstore.ErrIDReused.Code) {
			return same(eventstore.ErrIDReused, "stream %q: %w", stream, err)
		}
		if strings.Contains(st.Message(), "is deleted") {
			return same(eventstore.ErrStreamDeleted, "stream %q was deleted: %w", stream, err)
		}
	case codes.PermissionDenied:
		return same(ErrAccessDenied, "the event store denied access to %q: %w", stream, err)
	case codes.Unauthenticated:
		return same(ErrUnauthenticated, "the event store does not know the credentials: %w", err)
	case codes.NotFound:
		return same(eventstore.ErrStreamNotFound, "the stream %q does not exist: %w", stream, err)
	case codes.ResourceExhausted:
		if strings.Contains(from.GRPCStatus().Message(), "larger than max") {
			return same(eventstore.ErrTooLarge, "stream %q: a message is too large for the connection: %w", stream, err)
		}
		return same(eventstore.ErrFull, "the event store has no room: %w", err)
	case codes.DataLoss:
		return same(eventstore.ErrCorrupt, "stream %q: %w", stream, err)
	case codes.Unavailable, codes.Canceled:
		return same(ErrUnavailable, "the event store cannot be reached: %w", err)
	case codes.DeadlineExceeded, codes.Aborted:
		return same(ErrTimeout, "the event store did not answer in time: %w", err)
	}
	return err
}

// answered says whether an error of the client came from the server, rather than
// from waiting for it.
func answered(err error) bool {
	var e *client.Error
	if errors.As(err, &e) {
		switch e.Code() {
		case client.ErrorCodeDeadlineExceeded, client.ErrorUnavailable, client.ErrorCodeConnectionClosed:
			return false
		}
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return false
	}
	return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// transient says whether the same call may succeed when it is made again.
func transient(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNotLeader) || errors.Is(err, ErrTimeout)
}
