package procedure

import (
	"slices"
	"strings"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/vietnamese"
)

// NormStreamPrefix begins the name of every stream of the register of norms.
const NormStreamPrefix = "norm-"

// NormStream names the stream of a norm: "NĐ 15/2018/NĐ-CP" has "norm-nd-15-2018-nd-cp".
func NormStream(norm string) string { return NormStreamPrefix + vietnamese.Slug(norm) }

// NormEnacted says that a norm (văn bản quy phạm pháp luật) was issued.
type NormEnacted struct {
	Norm          string    `json:"norm"`
	Title         Text      `json:"title"`
	EffectiveFrom time.Time `json:"effective_from"`
	// Replaces names the norms that give way to it while it is in force. One that
	// it replaces comes back by itself while this one is suspended.
	Replaces []string `json:"replaces,omitempty"`
}

// EventType implements event.Payload.
func (NormEnacted) EventType() string { return "norm.enacted.v1" }

// NormSuspended says that a norm has no effect for a time, or until reinstated.
type NormSuspended struct {
	From time.Time `json:"from"`
	// Until is the first instant at which it has effect again.
	Until *time.Time `json:"until,omitempty"`
	Basis string     `json:"basis"`
}

// EventType implements event.Payload.
func (NormSuspended) EventType() string { return "norm.suspended.v1" }

// NormReinstated says that a suspended or repealed norm has effect again.
type NormReinstated struct {
	From  time.Time `json:"from"`
	Basis string    `json:"basis"`
}

// EventType implements event.Payload.
func (NormReinstated) EventType() string { return "norm.reinstated.v1" }

// NormRepealed says that a norm ends for good, whatever became of what replaced it.
type NormRepealed struct {
	From time.Time `json:"from"`
	// By is the norm that repeals it.
	By string `json:"by"`
}

// EventType implements event.Payload.
func (NormRepealed) EventType() string { return "norm.repealed.v1" }

// NormHistory is everything recorded about one norm. The zero value is a norm
// that was never enacted. It is a value: EvolveNorm never changes its argument.
type NormHistory struct{ facts []fact }

// EvolveNorm applies one event of a norm's stream; another kind of event is an error.
func EvolveNorm(h NormHistory, e event.Event) (NormHistory, error) {
	switch e.Payload.(type) {
	case NormEnacted, NormSuspended, NormReinstated, NormRepealed:
	default:
		return h, &Foreign{Type: typeOf(e.Payload), Stream: e.Stream}
	}
	return NormHistory{facts: append(slices.Clip(h.facts), factOf(e))}, nil
}

// FoldNorm applies events in order to the empty history.
func FoldNorm(events []event.Event) (NormHistory, error) {
	var h NormHistory
	var err error
	for _, e := range events {
		if h, err = EvolveNorm(h, e); err != nil {
			return NormHistory{}, err
		}
	}
	return h, nil
}

// AsAnnounced dates knowledge by when the authority spoke; see History.AsAnnounced.
func (h NormHistory) AsAnnounced() NormHistory { return NormHistory{facts: announced(h.facts)} }

// Enacted gives the act as known at a time; a zero known means up to now.
func (h NormHistory) Enacted(known time.Time) (NormEnacted, bool) {
	for _, f := range knownBy(h.facts, known) {
		if e, ok := f.payload.(NormEnacted); ok {
			return e, true
		}
	}
	return NormEnacted{}, false
}

// SituationAt gives the norm's own standing at a valid time as known at another,
// without regard to what replaces it. The zero Situation means that it was unknown.
func (h NormHistory) SituationAt(valid, known time.Time) Situation {
	enacted, ok := h.Enacted(known)
	if !ok {
		return Situation{}
	}
	line := newTimeline(enacted.EffectiveFrom)
	for _, f := range knownBy(h.facts, known) {
		switch p := f.payload.(type) {
		case NormSuspended:
			var until time.Time
			if p.Until != nil {
				until = *p.Until
			}
			line.paint(p.From, until, Situation{Standing: Suspended, Basis: p.Basis})
		case NormRepealed:
			line.paint(p.From, time.Time{}, Situation{Standing: Superseded, Basis: p.By, By: p.By})
		case NormReinstated:
			line.reinstate(p.From, p.Basis)
		}
	}
	return line.after(enacted.EffectiveFrom, valid)
}

// The refusals about norms. They are found with errors.Is.
var (
	ErrNormInvalid      = fault.New(fault.Invalid, "norm.invalid", "a norm has a name and a title, and does not replace itself")
	ErrNormEnacted      = fault.New(fault.Conflict, "norm.already-enacted", "the norm is in the register with other facts")
	ErrNormUnknown      = fault.New(fault.NotFound, "norm.unknown", "the norm is not in the register; enact it first")
	ErrNormRepealed     = fault.New(fault.Refused, "norm.repealed", "the norm has been repealed; reinstate it first")
	ErrNormNotSuspended = fault.New(fault.Refused, "norm.not-suspended", "the norm is neither suspended nor repealed on that date")
)

// DecideNorm says what recording a fact about a norm makes happen, or why it
// cannot be. The fact is one of the norm events; one that is recorded already
// makes nothing happen.
func DecideNorm(h NormHistory, p event.Payload) ([]event.Payload, error) {
	var from time.Time
	var basis string
	switch p := p.(type) {
	case NormEnacted:
		return enact(h, p)
	case NormSuspended:
		from, basis = p.From, p.Basis
		if p.Until != nil && !p.Until.After(p.From) {
			return nil, ErrEmptyPeriod
		}
	case NormReinstated:
		from, basis = p.From, p.Basis
	case NormRepealed:
		from, basis = p.From, p.By
	default:
		return nil, &Foreign{Type: typeOf(p)}
	}
	if len(h.facts) == 0 {
		return nil, ErrNormUnknown
	}
	if same(h.facts[len(h.facts)-1].payload, p) {
		return nil, nil
	}
	switch {
	case from.IsZero():
		return nil, ErrNoDate
	case basis == "":
		return nil, ErrNoBasis
	}
	standing := h.SituationAt(from, time.Time{}).Standing
	if _, back := p.(NormReinstated); back {
		if standing != Suspended && standing != Superseded {
			return nil, ErrNormNotSuspended
		}
	} else if standing == Superseded {
		return nil, ErrNormRepealed
	}
	return []event.Payload{p}, nil
}

func enact(h NormHistory, p NormEnacted) ([]event.Payload, error) {
	if known, ok := h.Enacted(time.Time{}); ok {
		if same(known, p) {
			return nil, nil
		}
		return nil, ErrNormEnacted
	}
	var c checker
	c.line("norm", p.Norm)
	c.text("title", p.Title)
	c.check(vietnamese.Slug(p.Norm) != "", "norm", "has a letter or a digit")
	if len(c.problems) > 0 || slices.Contains(p.Replaces, p.Norm) {
		return nil, ErrNormInvalid
	}
	if p.EffectiveFrom.IsZero() {
		return nil, ErrNoDate
	}
	return []event.Payload{p}, nil
}

// Norms is the register of norms by name. It is read-only once built.
type Norms map[string]NormHistory

// Operative gives the norm that has effect in the place of the named one: itself,
// or what replaces it for as long as that has effect. It is false where neither
// has effect on that day as known then.
func (n Norms) Operative(norm string, valid, known time.Time) (string, bool) {
	return n.operative(norm, valid, known, map[string]bool{})
}

func (n Norms) operative(norm string, valid, known time.Time, visited map[string]bool) (string, bool) {
	if visited[norm] {
		return "", false
	}
	visited[norm] = true
	for _, later := range n.replacing(norm, known) {
		if found, ok := n.operative(later, valid, known, visited); ok {
			return found, true
		}
	}
	if n[norm].SituationAt(valid, known).Standing == InForce {
		return norm, true
	}
	return "", false
}

// replacing lists the norms that replace one, the latest first.
func (n Norms) replacing(norm string, known time.Time) []string {
	var found []NormEnacted
	for _, h := range n {
		if e, ok := h.Enacted(known); ok && slices.Contains(e.Replaces, norm) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b NormEnacted) int {
		if c := b.EffectiveFrom.Compare(a.EffectiveFrom); c != 0 {
			return c
		}
		return strings.Compare(a.Norm, b.Norm)
	})
	names := make([]string, len(found))
	for i, e := range found {
		names[i] = e.Norm
	}
	return names
}

// BasisStanding is what has become of one norm that a version rests on.
type BasisStanding struct {
	LegalBasis
	// Operative is the norm that has effect in its place, itself as a rule; empty
	// where none has, or where the register does not know the norm.
	Operative string
	Situation Situation
}

// Standing says for each norm that a version rests on what has effect in its
// place on a day, as known on another.
func (n Norms) Standing(v Version, valid, known time.Time) []BasisStanding {
	all := make([]BasisStanding, len(v.LegalBasis))
	for i, b := range v.LegalBasis {
		operative, _ := n.Operative(b.Norm, valid, known)
		all[i] = BasisStanding{LegalBasis: b, Operative: operative, Situation: n[b.Norm].SituationAt(valid, known)}
	}
	return all
}
