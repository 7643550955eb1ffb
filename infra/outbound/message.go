package outbound

import (
	"context"
	"errors"
	"time"
)

// Message is one event on its way to a receiver.
type Message struct {
	// Receiver names the receiver, Key what order is kept by.
	Receiver string
	Key      string
	// ID is the event's, the same whenever it is sent; Type is its type.
	ID   string
	Type string
	// TraceParent is its place in a distributed trace (W3C); it may be empty.
	TraceParent string
	// Body is a CloudEvent in JSON, see ContentType.
	Body []byte
}

// Sender hands messages to a receiver. It is used concurrently, for one message of
// a key at a time.
type Sender interface {
	// Send returns nil when the receiver has the message for good. An error that is
	// no *Failure is shown as one without reason.
	Send(ctx context.Context, m Message) error
	// Close frees what the sender holds.
	Close() error
}

// Failure is why a message was not delivered.
type Failure struct {
	// Reason is short and safe to show: no secret, nothing personal.
	Reason string
	// RetryAfter is how long the receiver wants to be left alone; 0 where it does
	// not say.
	RetryAfter time.Duration
	Err        error
}

// Error implements error.
func (f *Failure) Error() string {
	if f.Err == nil {
		return "outbound: " + f.Reason
	}
	return "outbound: " + f.Reason + ": " + f.Err.Error()
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

func failureOf(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	return &Failure{Reason: "it could not be sent", Err: err}
}
