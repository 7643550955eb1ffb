package commands

import (
	"context"

	"dossierledger/domain/dossier"
	"dossierledger/domain/fault"
	"github.com/google/uuid"
)

// dayBefore finds the allocation of a repeat that comes after midnight, in a
// store that would not notice its id there and give out a second number. A fault
// of kind not-found where there is none.
func (s *submission) dayBefore(ctx context.Context, today string, id uuid.UUID) (allocated, error) {
	none := fault.New(fault.NotFound, "idempotency.not-found", "there was no earlier request with this key")
	if s.submissions.FindsIDsElsewhere() {
		return allocated{}, none
	}
	stream, err := dossier.SequenceStream(s.facts.Procedure.CodeFormat, s.receiving, s.facts.Now.AddDate(0, 0, -1))
	if err != nil || stream == today {
		return allocated{}, none
	}
	found, _, err := s.numbers.find(ctx, stream, id)
	if err != nil {
		return allocated{}, err
	}
	revision, ok := found[id]
	if !ok {
		return allocated{}, none
	}
	return s.earlier(ctx, stream, id, &revision)
}
