package dossier

import (
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

// Facts is everything that a decision needs to know besides the dossier itself.
type Facts struct {
	// Now is when the action happens; it must not lie before the dossier's last
	// event. It becomes the events' OccurredAt.
	Now time.Time
	// Actor is who acts. Their department decides what they may do.
	Actor event.Actor
	// Procedure is the version that the dossier was received under or, until
	// it is received, the version in force now.
	Procedure *procedure.Version
	// Calendar is the working time of the competent agency as known now.
	Calendar Calendar
}

func (f Facts) complete() error {
	if f.Now.IsZero() || f.Procedure == nil || f.Calendar == nil {
		return ErrFactsMissing.Lacking("now", "procedure", "calendar")
	}
	return nil
}
