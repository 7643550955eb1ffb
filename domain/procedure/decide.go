package procedure

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
)

// The refusals of this package. They are found with errors.Is.
var (
	ErrInvalid          = fault.New(fault.Invalid, "procedure.invalid", "the version breaks the rules of the catalogue")
	ErrAlreadyPublished = fault.New(fault.Conflict, "procedure.already-published", "the procedure is in the catalogue; revise it instead")
	ErrNotPublished     = fault.New(fault.NotFound, "procedure.not-published", "no procedure of this code is in the catalogue; publish it first")
	ErrWrongCode        = fault.New(fault.Invalid, "procedure.wrong-code", "a revision keeps the code of the procedure; publish another code as a procedure of its own")
	ErrWrongNumber      = fault.New(fault.Conflict, "procedure.wrong-number", "versions are numbered without gaps; read the procedure again")
	ErrNoDate           = fault.New(fault.Invalid, "procedure.no-date", "the date from which it holds is missing")
	ErrNoBasis          = fault.New(fault.Invalid, "procedure.no-basis", "the norm or decision that it rests on is missing")
	ErrEmptyPeriod      = fault.New(fault.Invalid, "procedure.empty-period", "the end must be later than the beginning")
	ErrSuperseded       = fault.New(fault.Refused, "procedure.superseded", "the procedure has given way to another; reinstate it first")
	ErrSelfSuperseded   = fault.New(fault.Invalid, "procedure.superseded-by-itself", "a procedure cannot give way to itself; revise it instead")
	ErrNotSuspended     = fault.New(fault.Refused, "procedure.not-suspended", "nothing is suspended or superseded on that date")
)

// Command is a wish to change the catalogue.
type Command interface{ procedureCommand() }

// Publish puts a procedure into the catalogue. A version number of 0 becomes 1.
type Publish struct {
	Version       Version
	EffectiveFrom time.Time
	Decision      *Decision
}

// Revise adds a version. A version number of 0 becomes the next one.
type Revise struct {
	Version       Version
	EffectiveFrom time.Time
	Decision      *Decision
}

// Supersede lets the procedure give way to another, or to none.
type Supersede struct {
	By        string
	Effective time.Time
	Basis     string
}

// Suspend takes the procedure out of use for a time, or until further notice.
type Suspend struct {
	From  time.Time
	Until *time.Time // exclusive
	Basis string
}

// Reinstate brings a suspended or superseded procedure back.
type Reinstate struct {
	From  time.Time
	Basis string
}

func (Publish) procedureCommand()   {}
func (Revise) procedureCommand()    {}
func (Supersede) procedureCommand() {}
func (Suspend) procedureCommand()   {}
func (Reinstate) procedureCommand() {}

// Decide says what a command makes happen, or why not. A command that has been
// carried out already makes nothing happen, so that repeating it is safe.
func Decide(h History, c Command) ([]event.Payload, error) {
	if p, ok := c.(Publish); ok {
		return publish(h, p)
	}
	if !h.Exists() {
		return nil, ErrNotPublished
	}
	switch c := c.(type) {
	case Revise:
		return revise(h, c)
	case Supersede:
		return supersede(h, c)
	case Suspend:
		return suspend(h, c)
	case Reinstate:
		return reinstate(h, c)
	default:
		return nil, fault.New(fault.Invalid, "procedure.unknown-command", "the catalogue knows no command %T", c)
	}
}

func publish(h History, c Publish) ([]event.Payload, error) {
	if c.Version.Number == 0 {
		c.Version.Number = 1
	}
	e := Published{Version: utc(c.Version), EffectiveFrom: c.EffectiveFrom.UTC(), Decision: c.Decision.utc()}
	if h.holds(e) {
		return nil, nil
	}
	if h.Exists() {
		return nil, ErrAlreadyPublished
	}
	if c.EffectiveFrom.IsZero() {
		return nil, ErrNoDate
	}
	if c.Version.Number != 1 {
		return nil, ErrWrongNumber
	}
	if err := c.Version.Validate(); err != nil {
		return nil, err
	}
	return []event.Payload{e}, nil
}

func revise(h History, c Revise) ([]event.Payload, error) {
	last, _ := h.Latest()
	e := Revised{Version: utc(c.Version), EffectiveFrom: c.EffectiveFrom.UTC(), Decision: c.Decision.utc()}
	if c.Version.Number == 0 {
		e.Version.Number = last.Number
		if h.holds(e) {
			return nil, nil
		}
		e.Version.Number = last.Number + 1
	}
	if h.holds(e) {
		return nil, nil
	}
	switch {
	case c.EffectiveFrom.IsZero():
		return nil, ErrNoDate
	case c.Version.Code != last.Code:
		return nil, ErrWrongCode
	case e.Version.Number != last.Number+1:
		return nil, ErrWrongNumber
	case h.SituationAt(c.EffectiveFrom, time.Time{}).Standing == Superseded:
		return nil, ErrSuperseded
	}
	if err := e.Version.Validate(); err != nil {
		return nil, err
	}
	return []event.Payload{e}, nil
}

func supersede(h History, c Supersede) ([]event.Payload, error) {
	e := SupersededBy{By: c.By, Effective: c.Effective.UTC(), Basis: c.Basis}
	if h.lastStanding(e) {
		return nil, nil
	}
	switch {
	case c.Effective.IsZero():
		return nil, ErrNoDate
	case c.By == h.Code():
		return nil, ErrSelfSuperseded
	case c.By == "" && c.Basis == "":
		return nil, ErrNoBasis
	case c.By != "" && !codePattern.MatchString(c.By):
		return nil, fault.New(fault.Invalid, "procedure.invalid-code", "%q is not a procedure code; it looks like 1.000894", c.By)
	case h.SituationAt(c.Effective, time.Time{}).Standing == Superseded:
		return nil, ErrSuperseded
	}
	return []event.Payload{e}, nil
}

func suspend(h History, c Suspend) ([]event.Payload, error) {
	e := SuspendedFrom{From: c.From.UTC(), Basis: c.Basis}
	if c.Until != nil {
		until := c.Until.UTC()
		e.Until = &until
	}
	if h.lastStanding(e) {
		return nil, nil
	}
	switch {
	case c.From.IsZero():
		return nil, ErrNoDate
	case c.Basis == "":
		return nil, ErrNoBasis
	case e.Until != nil && !e.Until.After(e.From):
		return nil, ErrEmptyPeriod
	case h.SituationAt(c.From, time.Time{}).Standing == Superseded:
		return nil, ErrSuperseded
	}
	return []event.Payload{e}, nil
}

func reinstate(h History, c Reinstate) ([]event.Payload, error) {
	e := Reinstated{From: c.From.UTC(), Basis: c.Basis}
	if h.lastStanding(e) {
		return nil, nil
	}
	switch {
	case c.From.IsZero():
		return nil, ErrNoDate
	case c.Basis == "":
		return nil, ErrNoBasis
	}
	if s := h.SituationAt(c.From, time.Time{}).Standing; s != Suspended && s != Superseded {
		return nil, ErrNotSuspended
	}
	return []event.Payload{e}, nil
}

// holds reports whether exactly this was recorded before.
func (h History) holds(p event.Payload) bool {
	return slices.ContainsFunc(h.facts, func(f fact) bool { return same(f.payload, p) })
}

// lastStanding reports whether exactly this was the last thing recorded about
// the procedure's standing, so that saying it again would change nothing.
func (h History) lastStanding(p event.Payload) bool {
	for i := len(h.facts) - 1; i >= 0; i-- {
		if _, _, isVersion := versionOf(h.facts[i].payload); !isVersion {
			return same(h.facts[i].payload, p)
		}
	}
	return false
}

// same compares payloads by what would be stored of them: an event that was
// read back differs in memory from one just made (nil and empty lists, for one).
func same(a, b event.Payload) bool {
	if a.EventType() != b.EventType() {
		return false
	}
	left, errLeft := json.Marshal(a)
	right, errRight := json.Marshal(b)
	return errLeft == nil && errRight == nil && bytes.Equal(left, right)
}

// utc gives the version with every time in UTC, as it is stored.
func utc(v Version) Version {
	v.LegalBasis = slices.Clone(v.LegalBasis)
	for i, b := range v.LegalBasis {
		v.LegalBasis[i].EffectiveFrom = b.EffectiveFrom.UTC()
		if b.EffectiveTo != nil {
			to := b.EffectiveTo.UTC()
			v.LegalBasis[i].EffectiveTo = &to
		}
	}
	return v
}

func (d *Decision) utc() *Decision {
	if d == nil {
		return nil
	}
	return &Decision{Number: d.Number, Date: d.Date.UTC()}
}
