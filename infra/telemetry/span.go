package telemetry

import (
	"context"
	"errors"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// End ends a span with what came of it. Of an error only its code is told: its
// words may name a dossier. A refusal is an answer and no failure; what the
// ledger or its neighbours could not do is one.
func End(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		kind, failed := errorType(err)
		span.SetAttributes(attribute.String("error.type", kind))
		if failed {
			span.SetStatus(codes.Error, kind)
		}
	}
	span.End()
}

func errorType(err error) (kind string, failed bool) {
	if _, ok := errors.AsType[*event.WrongRevision](err); ok {
		return "wrong-revision", false
	}
	if f, ok := fault.As(err); ok {
		switch f.Kind {
		case fault.Unavailable, fault.Corrupt, fault.Full:
			return f.Code, true
		}
		return f.Code, false
	}
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled", false
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout", true
	}
	return "_OTHER", true // the word of OpenTelemetry's conventions for what has no name
}
