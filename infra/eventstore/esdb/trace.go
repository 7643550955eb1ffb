package esdb

import (
	"context"
	"errors"
	"strings"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

var tracer = otel.Tracer("dossierledger/infra/eventstore/esdb")

// span traces a call; the client has no place for it. Of the stream's name only
// the category is told, the rest may name a dossier. A wrong revision is an
// answer, not an error.
func span(ctx context.Context, operation, stream string, events int) (context.Context, func(error)) {
	category, _, _ := strings.Cut(stream, "-")
	ctx, sp := tracer.Start(ctx, "eventstore "+operation, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(
			attribute.String("db.system.name", "eventstoredb"),
			attribute.String("db.operation.name", operation),
			attribute.String("db.collection.name", category),
			attribute.Int("db.operation.batch.size", events)))
	return ctx, func(err error) {
		var wrong *event.WrongRevision
		switch {
		case errors.As(err, &wrong):
			sp.SetAttributes(attribute.String("error.type", "eventstore.wrong-revision"))
		case err != nil:
			sp.SetAttributes(attribute.String("error.type", fault.CodeOf(err)))
			sp.SetStatus(codes.Error, fault.CodeOf(err))
		}
		sp.End()
	}
}
