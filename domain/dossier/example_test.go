package dossier_test

import (
	"fmt"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"github.com/google/uuid"
)

// A decision makes facts, or says what is missing; the fold tells what is known.
func Example() {
	var state dossier.State
	act := func(day int, clock string, who event.Actor, what dossier.Command) {
		now := on(day, clock)
		facts := dossier.Facts{Now: now, Actor: who, Procedure: licence(), Calendar: standard}
		payloads, err := dossier.Decide(&state, what, facts)
		if f, refused := fault.As(err); refused {
			fmt.Println("refused:", f.Code, f.Missing)
			return
		}
		for _, p := range payloads {
			fmt.Println(p.EventType())
			state = dossier.Evolve(state, event.New(uuid.New(), event.Metadata{OccurredAt: now, Actor: who}, p))
		}
	}
	act(12, "08:00", applicant, submission(paper("application")))
	act(12, "09:00", desk, dossier.Receive{Slip: "TN-1"})
	act(12, "09:10", applicant, paper("licence"))
	act(12, "09:30", desk, dossier.Receive{Slip: "TN-1"})

	fmt.Println(state.Status(), state.Status().Name().VI)
	fmt.Println("hẹn trả", state.Clock.Due.In(dossier.ICT).Format("15:04 02/01/2006"))
	// Output:
	// dossier.submitted.v1
	// dossier.document-attached.v1
	// refused: dossier.components-missing [licence]
	// dossier.document-attached.v1
	// dossier.received.v1
	// 2 Được tiếp nhận
	// hẹn trả 09:30 19/10/2026
}
