package ledger

import (
	"context"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/infra/catalogue"
	"dossierledger/infra/simulator"
)

// Simulate makes plausible dossiers on the published catalogue, through the same
// commands as real ones. progress is called with the number that have arrived.
func (l *Ledger) Simulate(ctx context.Context, config simulator.Config, progress func(done int)) (simulator.Summary, error) {
	directory, err := l.Registers.Directory()
	if err != nil {
		return simulator.Summary{}, err
	}
	officers, err := catalogue.Officers()
	if err != nil {
		return simulator.Summary{}, err
	}
	world := simulator.World{
		Procedures: l.Registers.InForce, Codes: l.Registers.ProcedureCodes(), Calendars: l.Registers.For, Directory: directory,
	}
	for _, o := range officers {
		world.Officers = append(world.Officers, simulator.Officer{ID: o.ID, Agency: o.Agency, Department: o.Department})
	}
	s, err := simulator.New(config, world, simulated{l.Dossiers})
	if err != nil {
		return simulator.Summary{}, err
	}
	return s.Run(ctx, progress)
}

// simulated takes simulated actions through the ledger's commands.
type simulated struct{ dossiers *commands.Dossiers }

func (s simulated) Submit(ctx context.Context, key string, now time.Time, actor event.Actor, command dossier.Submit) (string, error) {
	answer, err := s.dossiers.Submit(ctx, commands.Request{Actor: actor, Key: key, OccurredAt: now}, command)
	return answer.Code, err
}

func (s simulated) Act(ctx context.Context, key string, now time.Time, actor event.Actor, code string, command dossier.Command) error {
	_, err := s.dossiers.Act(ctx, commands.Request{Actor: actor, Key: key, OccurredAt: now}, code, command)
	return err
}
