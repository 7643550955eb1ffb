package outbound

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/access"
	"dossierledger/domain/event"
	"dossierledger/infra/telemetry"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// errNotHeld is why a session ends in a process that is no longer the one to deliver.
var errNotHeld = errors.New("outbound: another process delivers to this receiver now")

// deliver makes one attempt to hand an event to the receiver. An error that comes
// before the context ends is the receiver's.
func (s *session) deliver(ctx context.Context, key string, e event.Event) (err error) {
	var m Message
	if err := s.insist(ctx, func() (err error) {
		m, err = s.message(ctx, key, e)
		return err
	}); err != nil {
		return err
	}
	ctx, span := tracer.Start(ctx, "deliver "+s.config.Name, trace.WithSpanKind(trace.SpanKindProducer), trace.WithLinks(linkTo(m)...),
		trace.WithAttributes(attribute.String("ledger.type", m.Type), attribute.Int("ledger.bytes", len(m.Body))))
	defer func() { telemetry.End(span, err) }()
	if s.config.Held != nil && !s.config.Held() { // it was stopped for a while, and ends now
		s.end(errNotHeld)
		return errNotHeld
	}
	began := time.Now()
	err = s.config.Sender.Send(ctx, m)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.config.Metrics.tried(s.config.Name, time.Since(began), err)
	if err != nil {
		span.SetAttributes(attribute.String("ledger.reason", failureOf(err).Reason))
		return err
	}
	s.book.delivered()
	return nil
}

// linkTo gives the span under which a message's event was written.
func linkTo(m Message) []trace.Link {
	carrier := propagation.MapCarrier{"traceparent": m.TraceParent}
	of := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
	if !of.IsValid() {
		return nil
	}
	return []trace.Link{{SpanContext: of}}
}

// message writes an event for the receiver. Where it shows personal values, that
// is on record before.
func (s *session) message(ctx context.Context, key string, e event.Event) (Message, error) {
	shown, err := s.config.Journal.Show(ctx, e, s.config.Personal)
	if err != nil {
		return Message{}, err
	}
	if len(shown.Subjects) > 0 {
		if err := s.look(ctx, e, shown.Subjects); err != nil {
			return Message{}, err
		}
	}
	c := ToCloudEvent(s.config.Source, e, shown)
	body, err := json.Marshal(c)
	if err != nil {
		return Message{}, fmt.Errorf("outbound: write %s: %w", e.ID, err)
	}
	return Message{Receiver: s.config.Name, Key: key, ID: c.ID, Type: c.Type, TraceParent: c.TraceParent, Body: body}, nil
}

// look records that the receiver is shown personal values. However often the
// event is sent, it is one look.
func (s *session) look(ctx context.Context, e event.Event, subjects []string) error {
	code, ok := dossierOf(e.Stream)
	if !ok {
		return fmt.Errorf("outbound: %s@%d shows personal values and is about no dossier", e.Stream, e.Revision)
	}
	req := commands.Request{Actor: deliverer(s.config.Name), Key: e.ID.String(), Causation: e.ID.String(), Trace: e.Metadata.Trace}
	return s.config.Looks.Record(ctx, req, access.PersonalDataViewed{
		Dossier: code, Means: access.Delivery, Subjects: subjects, Purpose: s.config.Purpose, Revision: e.Revision,
	})
}
