package ledger

import (
	"context"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/infra/telemetry"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

var tracer = otel.Tracer("dossierledger/infra/ledger")

// traced traces the commands on dossiers, for whoever has them carried out: the
// API, the pages and the policies.
type traced struct{ dossiers *commands.Dossiers }

// Submit implements api.Commands.
func (t traced) Submit(ctx context.Context, req commands.Request, command dossier.Submit) (answer commands.Answer, err error) {
	ctx, span := tracer.Start(ctx, "command "+command.CommandName())
	defer func() { t.end(span, req, answer, err) }()
	return t.dossiers.Submit(ctx, req, command)
}

// Act implements api.Commands and policies.Actions.
func (t traced) Act(ctx context.Context, req commands.Request, code string, command dossier.Command) (answer commands.Answer, err error) {
	ctx, span := tracer.Start(ctx, "command "+command.CommandName())
	defer func() { t.end(span, req, answer, err) }()
	return t.dossiers.Act(ctx, req, code, command)
}

func (t traced) end(span trace.Span, req commands.Request, answer commands.Answer, err error) {
	if span.IsRecording() {
		span.SetAttributes(
			attribute.String("ledger.actor.role", string(req.Actor.Role)), attribute.StringSlice("ledger.event.types", answer.Events),
			attribute.Int64("ledger.position", int64(answer.Position)), attribute.Bool("ledger.repeated", answer.Repeated))
	}
	telemetry.End(span, err)
}
