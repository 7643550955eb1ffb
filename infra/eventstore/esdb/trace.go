package esdb

import (
	"context"
	"errors"
	"strings"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

var tracer = otel.Tracer("dossierledger/infra/eventstore/esdb")

// observed traces and measures a call; the client has no place for either. Of the
// stream's name only the category is told, the rest may name a dossier. A wrong
// revision and a stream that is not there are answers, not errors.
func (s *Store) observed(ctx context.Context, operation, stream string, events int) (context.Context, func(error)) {
	began := time.Now()
	category, _, _ := strings.Cut(stream, "-")
	ctx, sp := tracer.Start(ctx, "eventstore "+operation, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(
			attribute.String("db.system.name", "eventstoredb"),
			attribute.String("db.operation.name", operation),
			attribute.String("db.collection.name", category),
			attribute.Int("db.operation.batch.size", events)))
	return ctx, func(err error) {
		s.metrics.called(operation, time.Since(began), err)
		var wrong *event.WrongRevision
		switch {
		case fault.KindOf(err) == fault.NotFound:
			sp.SetAttributes(attribute.String("error.type", fault.CodeOf(err)))
		case errors.As(err, &wrong):
			sp.SetAttributes(attribute.String("error.type", "eventstore.wrong-revision"))
		case err != nil:
			sp.SetAttributes(attribute.String("error.type", fault.CodeOf(err)))
			sp.SetStatus(codes.Error, fault.CodeOf(err))
		}
		sp.End()
	}
}
