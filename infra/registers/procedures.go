package registers

import (
	"sync"
	"sync/atomic"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
)

// procedureHistory is what is recorded about a procedure, which does not change,
// with what was asked of it: every command asks for the version in force.
type procedureHistory struct {
	procedure.History
	inForce  atomic.Pointer[inForce] // as it was asked for last
	versions sync.Map                // *procedure.Version by number
}

// inForce is the version in force during a span.
type inForce struct {
	from, until time.Time // zero: no bound
	version     *procedure.Version
}

func (f *inForce) at(t time.Time) bool {
	return !t.Before(f.from) && (f.until.IsZero() || t.Before(f.until))
}

func (r *Registers) applyProcedure(e event.Event) error {
	var history procedure.History
	if known := r.procedures[e.Stream]; known != nil {
		history = known.History
	}
	history, err := procedure.Evolve(history, e)
	r.procedures[e.Stream] = &procedureHistory{History: history}
	r.index = nil
	return err
}

// InForce gives the version of a procedure that is in force at a time, as it
// had been announced by then. It is shared: nobody changes it.
func (r *Registers) InForce(code string, at time.Time) (*procedure.Version, error) {
	h, err := r.history(code)
	if err != nil {
		return nil, err
	}
	if last := h.inForce.Load(); last != nil && last.at(at) {
		return last.version, nil
	}
	version, standing, ok := h.AsAnnounced().At(at, at)
	if !ok {
		// What was announced later than it is asked for is still better than
		// nothing for a ledger that was set up after the procedure existed.
		version, standing, ok = h.At(at, time.Time{})
	}
	if !ok || standing != procedure.InForce {
		return nil, fault.New(fault.Refused, "procedure.not-in-force", "procedure %s is %s", code, describe(ok, standing))
	}
	found := &inForce{version: &version}
	found.from, found.until = h.SteadyAround(at)
	h.inForce.Store(found)
	return found.version, nil
}

func describe(known bool, standing procedure.Standing) string {
	if !known {
		return "not known at that time"
	}
	return string(standing)
}

// Version gives one version of a procedure, in force or not. It is shared: nobody
// changes it.
func (r *Registers) Version(code string, number int) (*procedure.Version, error) {
	h, err := r.history(code)
	if err != nil {
		return nil, err
	}
	if version, ok := h.versions.Load(number); ok {
		return version.(*procedure.Version), nil
	}
	version, ok := h.Numbered(number)
	if !ok {
		return nil, fault.New(fault.NotFound, "procedure.version-not-found", "procedure %s has no version %d", code, number)
	}
	h.versions.Store(number, &version)
	return &version, nil
}

// Procedure gives everything recorded about a procedure.
func (r *Registers) Procedure(code string) (procedure.History, error) {
	h, err := r.history(code)
	if err != nil {
		return procedure.History{}, err
	}
	return h.History, nil
}

func (r *Registers) history(code string) (*procedureHistory, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	h, ok := r.procedures[procedure.Stream(code)]
	if !ok {
		return nil, fault.New(fault.NotFound, "procedure.not-found", "there is no procedure %q in the catalogue", code)
	}
	return h, nil
}
