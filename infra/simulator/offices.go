package simulator

import (
	"cmp"
	"slices"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/worktime"
)

// offices are the departments with their officers, who do one thing at a time in
// working hours and take up work in the order in which it comes.
type offices struct {
	world World
	pools map[desk]*pool
	// specialists are the agencies that can be asked for an opinion.
	specialists []string
}

type desk struct{ agency, department string }

type pool struct {
	officers []*officer
	// pace is by what the time of work is multiplied: below one where the
	// dossiers that are asked for are more than these officers could handle.
	pace float64
}

type officer struct {
	actor event.Actor
	free  time.Time
}

func newOffices(world World) (*offices, error) {
	o := &offices{world: world, pools: map[desk]*pool{}}
	for _, member := range world.Officers {
		at := desk{member.Agency, member.Department}
		p := o.pools[at]
		if p == nil {
			p = &pool{pace: 1}
			o.pools[at] = p
		}
		p.officers = append(p.officers, &officer{actor: event.Actor{
			ID: member.ID, Role: event.RoleOfficer, Agency: member.Agency, Department: member.Department,
		}})
	}
	if len(o.pools) == 0 {
		return nil, fault.New(fault.Invalid, "simulate.no-officers", "there are no officers to handle dossiers")
	}
	for at, p := range o.pools {
		if at.department == dossier.Specialist {
			o.specialists = append(o.specialists, at.agency)
		}
		slices.SortFunc(p.officers, func(a, b *officer) int { return cmp.Compare(a.actor.ID, b.actor.ID) })
	}
	slices.Sort(o.specialists)
	return o, nil
}

func (o *offices) has(agency, department string) bool {
	_, ok := o.pools[desk{agency, department}]
	return ok
}

// busyShare is how much of their time officers are meant to be busy on average.
const busyShare = 0.7

// fit sets each department's pace so that the work that is expected of it can be
// done: dossiers are asked for by number, officers are what the catalogue has.
func (o *offices) fit(expected map[desk]time.Duration, config Config) {
	for at, work := range expected {
		p := o.pools[at]
		calendar, err := o.world.Calendars(at.agency, config.From)
		if p == nil || err != nil {
			continue // work that nobody could do shows when it is to be done
		}
		available := time.Duration(len(p.officers)) * calendar.Between(config.From, config.To)
		if limit := float64(available) * busyShare; float64(work) > limit && work > 0 {
			p.pace = limit / float64(work)
		}
	}
}

// work gives a piece of work to whoever of a department is free first and calls
// begin and done at the times at which it is taken up and finished.
func (s *Simulator) work(l *life, agency, department string, at time.Time, effort time.Duration, begin, done func(at time.Time, by event.Actor)) {
	p := s.offices.pools[desk{agency, department}]
	if p == nil {
		s.fail(l, "work", fault.New(fault.Invalid, "simulate.no-officers", "nobody works in %s of %s", department, agency))
		return
	}
	first := p.officers[0]
	for _, o := range p.officers[1:] {
		if o.free.Before(first.free) {
			first = o
		}
	}
	calendar := s.calendar(l, agency, at)
	if calendar == nil {
		return
	}
	from := at
	if first.free.After(from) {
		from = first.free
	}
	// Officers have other duties too: a dossier lies on the desk before it is
	// taken up, longer the more work it is.
	from, err := calendar.Add(from, l.around(effort*3/2, 1.3))
	if err == nil {
		effort = max(time.Duration(float64(effort)*p.pace), time.Second)
		first.free, err = calendar.Add(from, effort)
	}
	if err != nil {
		s.fail(l, "work", err)
		return
	}
	by, end := first.actor, first.free
	s.agenda.add(from, func(at time.Time) {
		if begin != nil {
			begin(at, by)
		}
		s.agenda.add(end, func(at time.Time) { done(at, by) })
	})
}

func (s *Simulator) calendar(l *life, agency string, at time.Time) *worktime.Calendar {
	calendar, err := s.world.Calendars(agency, at)
	if err != nil {
		s.fail(l, "calendar", err)
		return nil
	}
	return calendar
}
