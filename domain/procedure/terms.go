package procedure

import (
	"slices"

	"dossierledger/domain/worktime"
)

// Deadline gives the term in which a dossier that came in by a channel is to be
// answered. The zero term means that the version sets none.
func (v Version) Deadline(channel Channel) worktime.Term {
	if term, ok := v.Deadlines[channel]; ok {
		return term
	}
	return v.Deadlines[""]
}

// SupplementRule gives the rule for supplement requests in a phase. Where the
// version has no rule for it, none may be asked for.
func (v Version) SupplementRule(phase Phase) SupplementRule {
	i := slices.IndexFunc(v.Supplement.Rules, func(r SupplementRule) bool { return r.Phase == phase })
	if i < 0 {
		return SupplementRule{Phase: phase}
	}
	return v.Supplement.Rules[i]
}

// FeeTotal gives what all fees of the version come to by a channel, in whole
// đồng, before exemptions.
func (v Version) FeeTotal(channel Channel) int64 {
	var total int64
	for _, f := range v.Fees {
		total += f.For(channel)
	}
	return total
}

// Fee finds a fee by its code.
func (v Version) Fee(code string) (Fee, bool) {
	return find(v.Fees, func(f Fee) bool { return f.Code == code })
}

// Exemption finds a ground of exemption of the fee by its code.
func (f Fee) Exemption(code string) (Exemption, bool) {
	return find(f.Exemptions, func(e Exemption) bool { return e.Code == code })
}

// Due gives what remains to be paid of the fee by a channel under an exemption,
// in whole đồng; what is taken off is rounded down, so that nobody is let off
// more than the law says.
func (f Fee) Due(channel Channel, exemption Exemption) int64 {
	amount := f.For(channel)
	// Divided first, so that no amount of đồng can overflow.
	off := amount/100*int64(exemption.Percent) + amount%100*int64(exemption.Percent)/100
	return amount - off
}

// Step finds a step by its code.
func (v Version) Step(code string) (Step, bool) {
	return find(v.Steps, func(s Step) bool { return s.Code == code })
}

// StepsInOrder gives the steps in the order of the handling. The slice is the caller's own.
func (v Version) StepsInOrder() []Step { return slices.Clone(v.Steps) }

// StepAfter gives the step that follows a step; false after the last one or
// where the version has no step of that code.
func (v Version) StepAfter(code string) (Step, bool) {
	i := slices.IndexFunc(v.Steps, func(s Step) bool { return s.Code == code })
	if i < 0 || i+1 == len(v.Steps) {
		return Step{}, false
	}
	return v.Steps[i+1], true
}

// ShareBefore gives the hundredths of the deadline that may have passed before
// a step begins and when it ends; false where the version has no such step.
func (v Version) ShareBefore(code string) (begins, ends int, ok bool) {
	for _, s := range v.Steps {
		if s.Code == code {
			return begins, begins + s.Share, true
		}
		begins += s.Share
	}
	return 0, 0, false
}

// Component finds a document of the dossier by its code.
func (v Version) Component(code string) (Component, bool) {
	return find(v.Components, func(c Component) bool { return c.Code == code })
}

// RequiredComponents gives the documents that the applicant must bring: those
// that are required and that the state does not hold itself.
func (v Version) RequiredComponents() []Component {
	var required []Component
	for _, c := range v.Components {
		if c.Required && !c.FromRegister {
			required = append(required, c)
		}
	}
	return required
}

func find[T any](all []T, is func(T) bool) (T, bool) {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], true
	}
	var none T
	return none, false
}
