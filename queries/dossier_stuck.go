package queries

import (
	"time"

	"dossierledger/domain/dossier"
)

// Stuck is where a dossier lies now and for how long.
type Stuck struct {
	Holder   *HolderView `json:"holder,omitempty"`
	Step     *Named      `json:"step,omitempty"`
	WaitsFor *Named      `json:"waits_for,omitempty"`
	// Whom it waits for, where that is another agency.
	WaitsForAgencies []Named `json:"waits_for_agencies,omitempty"`
	// Since is when it began to wait for this, or came to this holder and step.
	Since           Instant `json:"since"`
	WorkingSeconds  int64   `json:"working_seconds"`
	CalendarSeconds int64   `json:"calendar_seconds"`
}

// stuck finds what keeps an open dossier where it is.
func (n names) stuck(s dossier.State, calendar dossier.Calendar, now time.Time) *Stuck {
	if !s.Phase.Open() {
		return nil
	}
	since := s.HolderSince
	if since.IsZero() {
		since = s.SubmittedAt
	}
	answer := &Stuck{Holder: n.holder(s.Holder, s.HolderSince), Step: n.step(s.CurrentStep())}
	if v := s.CurrentVisit(); v != nil && v.StartedAt.After(since) {
		since = v.StartedAt
	}
	if w := s.WaitsFor(); w != dossier.WaitsForNobody {
		answer.WaitsFor = &Named{Code: string(w), Name: waitsForNames[w]}
		if began := waitSince(s, w); !began.IsZero() {
			since = began
		}
		answer.WaitsForAgencies = n.awaited(s, w)
	}
	answer.Since = Instant{since.UTC()}
	if now.After(since) {
		answer.WorkingSeconds = wholeSeconds(calendar.Between(since, now))
		answer.CalendarSeconds = wholeSeconds(now.Sub(since))
	}
	return answer
}

// waitSince is when the oldest of what a dossier waits for began.
func waitSince(s dossier.State, w dossier.WaitsFor) time.Time {
	var since time.Time
	consider := func(at time.Time) {
		if since.IsZero() || at.Before(since) {
			since = at
		}
	}
	switch w {
	case dossier.WaitsForSupplement:
		consider(s.OpenSupplement().RequestedAt)
	case dossier.WaitsForPayment:
		for _, o := range s.Obligations {
			if o.Blocking && o.Owed() > 0 {
				consider(o.AssessedAt)
			}
		}
	case dossier.WaitsForOtherAgency:
		for _, f := range s.Forwards {
			if !f.Closed {
				consider(f.ForwardedAt)
			}
		}
	case dossier.WaitsForOpinion:
		for _, o := range s.Opinions {
			if !o.Closed {
				consider(o.RequestedAt)
			}
		}
	case dossier.WaitsForSignature:
		consider(s.Draft.SubmittedAt)
	}
	return since
}

// awaited lists the agencies whose answer is waited for.
func (n names) awaited(s dossier.State, w dossier.WaitsFor) []Named {
	var agencies []Named
	switch w {
	case dossier.WaitsForOtherAgency:
		for _, f := range s.Forwards {
			if !f.Closed {
				agencies = append(agencies, *n.agency(f.To.Agency))
			}
		}
	case dossier.WaitsForOpinion:
		for _, o := range s.Opinions {
			if !o.Closed {
				agencies = append(agencies, *n.agency(o.Agency))
			}
		}
	}
	return agencies
}
