package policy

import (
	"strings"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
)

// StreamPrefix begins the name of every stream of notices.
const StreamPrefix = "notice-"

// StreamOf names the stream of the notices on a dossier. It stands beside the
// dossier's, so that a notice never changes the dossier.
func StreamOf(code string) string { return StreamPrefix + code }

// CodeOf gives the dossier code of a stream of notices; ok is false for others.
func CodeOf(stream string) (code string, ok bool) {
	code, ok = strings.CutPrefix(stream, StreamPrefix)
	return code, ok && code != ""
}

// Notice is what every notice says: which appointment of which dossier it is
// about, and with whom the dossier was.
type Notice struct {
	Dossier string `json:"dossier"`
	// Due is the appointment as it stood then.
	Due time.Time `json:"due"`
	// Revision is that of the dossier as the policy saw it.
	Revision uint64         `json:"revision"`
	Holder   dossier.Holder `json:"holder"`
}

// ReminderRaised: the appointment comes near. It is for the applicant, a
// pseudonym, and for whoever holds the dossier (nhắc hạn).
type ReminderRaised struct {
	Notice
	Applicant string `json:"applicant"`
}

// ApologyDueRaised: the holder owes the applicant a letter of apology, because
// the appointment will not be kept (đến hạn gửi phiếu xin lỗi).
type ApologyDueRaised struct{ Notice }

// OverdueRaised: the day of the appointment has passed without an end (quá hạn).
type OverdueRaised struct{ Notice }

// EventType implements event.Payload.
func (ReminderRaised) EventType() string { return "policy.reminder-raised.v1" }

// EventType implements event.Payload.
func (ApologyDueRaised) EventType() string { return "policy.apology-due-raised.v1" }

// EventType implements event.Payload.
func (OverdueRaised) EventType() string { return "policy.overdue-raised.v1" }

// Register adds the types of this package.
func Register(r *event.Registry) {
	event.Register[ReminderRaised](r)
	event.Register[ApologyDueRaised](r)
	event.Register[OverdueRaised](r)
}

// KeyOf gives the key of what a notice stands for; ok is false for other events.
func KeyOf(p event.Payload) (key string, ok bool) {
	var w Wake
	var about Notice
	switch p := p.(type) {
	case ReminderRaised:
		w.Kind, about = Remind, p.Notice
	case ApologyDueRaised:
		w.Kind, about = ApologyDue, p.Notice
	case OverdueRaised:
		w.Kind, about = FlagOverdue, p.Notice
	default:
		return "", false
	}
	w.Dossier, w.Due = about.Dossier, about.Due
	return w.Key(), true
}

// Do says what a policy does on a dossier in this state: either a command on it
// or a notice about it.
func (w Wake) Do(s *dossier.State) (dossier.Command, event.Payload) {
	about := Notice{Dossier: s.Code, Due: w.Due.UTC(), Revision: s.Revision, Holder: s.Holder}
	switch w.Kind {
	case ExpireSupplement:
		return dossier.ExpireSupplement{}, nil
	case Remind:
		return nil, ReminderRaised{Notice: about, Applicant: s.Applicant.Subject}
	case ApologyDue:
		return nil, ApologyDueRaised{Notice: about}
	default:
		return nil, OverdueRaised{Notice: about}
	}
}
