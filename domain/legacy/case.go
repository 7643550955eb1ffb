package legacy

import (
	"slices"
	"time"

	"dossierledger/domain/event"
)

// State is what is known of one case taken over from an older system. The zero
// State is a case without events. Readers must not change its slices.
type State struct {
	Source       string      `json:"source"`
	Case         string      `json:"case"`
	Attributes   []Attribute `json:"attributes,omitempty"`
	Actions      int         `json:"actions"`
	Activities   []string    `json:"activities"` // distinct, in the order of first appearance
	First        time.Time   `json:"first"`
	Last         time.Time   `json:"last"`
	LastActivity string      `json:"last_activity"`
	LastResource string      `json:"last_resource,omitempty"`
	Revision     uint64      `json:"revision"`
}

// Evolve folds one event. The last activity is that of the latest time, ties in
// the order of the stream, which is that of the log; events may be stored out
// of the order of time. The older state stays as it was; events of other kinds
// change only the revision.
func Evolve(s State, e event.Event) State {
	s.Revision = e.Revision
	switch p := e.Payload.(type) {
	case CaseDescribed:
		s.Source, s.Case, s.Attributes = p.Source, p.Case, p.Attributes
	case ActionRecorded:
		s.Source, s.Case = p.Source, p.Case
		if !slices.Contains(s.Activities, p.Activity) {
			s.Activities = append(slices.Clip(s.Activities), p.Activity)
		}
		at := e.Metadata.OccurredAt
		if s.Actions == 0 || at.Before(s.First) {
			s.First = at
		}
		if s.Actions == 0 || !at.Before(s.Last) {
			s.Last, s.LastActivity, s.LastResource = at, p.Activity, p.Resource
		}
		s.Actions++
	}
	return s
}
