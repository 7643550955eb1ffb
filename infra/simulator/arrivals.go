package simulator

import (
	"cmp"
	"slices"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
)

// season is how many people come in each month, relative to the mean: few around
// Tết, many before school and at the end of the year.
var season = [12]float64{0.95, 0.6, 1.1, 1.05, 1.0, 1.0, 1.05, 1.2, 1.15, 1.05, 1.0, 0.95}

// hourOnline is how many come in each hour of the day in Vietnam, relative to
// the mean; who comes to the desk then waits until it opens.
var (
	hourOnline = [24]float64{0.1, 0.05, 0.03, 0.02, 0.02, 0.05, 0.2, 0.6, 1.2, 1.5, 1.4, 1.0, 0.6, 1.0, 1.4, 1.4, 1.1, 0.7, 0.6, 0.8, 1.0, 0.9, 0.6, 0.3}
	weekday    = [7]float64{0.25, 1.3, 1.15, 1.05, 1.0, 1.0, 0.35} // Sunday first
)

// places are the procedures with the agencies at which they can be applied for.
type places struct {
	world   World
	offices *offices
	codes   []string
	weights []float64
	total   float64
	// cache of where a procedure can go, by its code and the month.
	cache map[placeKey][]place
}

type placeKey struct {
	code  string
	month int
}

type place struct {
	version *procedure.Version
	agency  string
}

func newPlaces(world World, offices *offices, config Config) (*places, error) {
	p := &places{world: world, offices: offices, cache: map[placeKey][]place{}}
	for i, code := range slices.Sorted(slices.Values(world.Codes)) {
		// Some procedures are asked for far more often than others: Zipf's law.
		p.codes = append(p.codes, code)
		w := 1 / float64(1+newChance(config.Seed, uint64(1_000_003+i)).IntN(len(world.Codes)))
		p.weights = append(p.weights, w)
		p.total += w
	}
	if len(p.codes) == 0 {
		return nil, fault.New(fault.Invalid, "simulate.no-catalogue", "there are no procedures to apply for; publish the catalogue first")
	}
	return p, nil
}

// choose picks a procedure and an agency that handles it at a time.
func (p *places) choose(c chance, at time.Time) (place, error) {
	for range 200 {
		x := c.Float64() * p.total
		i := 0
		for ; i < len(p.codes)-1 && x >= p.weights[i]; i++ {
			x -= p.weights[i]
		}
		if where := p.at(p.codes[i], at); len(where) > 0 {
			return pick(c, where), nil
		}
	}
	return place{}, fault.New(fault.Invalid, "simulate.no-procedure", "at %s no procedure of the catalogue is in force at an agency with officers", at.Format(time.DateOnly))
}

// at lists where a procedure can be applied for. Standings and agencies change
// on single days; within a month the first that is asked for counts.
func (p *places) at(code string, at time.Time) []place {
	key := placeKey{code, at.Year()*12 + int(at.Month())}
	if found, ok := p.cache[key]; ok {
		return found
	}
	found := []place{}
	if version, err := p.world.Procedures(code, at); err == nil && version.Route == "" {
		for _, id := range p.world.Directory.IDs() {
			if p.staffed(version, id) && p.world.Directory.Decides(*version, id, at) {
				found = append(found, place{version: version, agency: id})
			}
		}
	}
	p.cache[key] = found
	return found
}

func (p *places) staffed(v *procedure.Version, agency string) bool {
	for _, department := range []string{dossier.OneStop, dossier.Leadership, dossier.Registry} {
		if !p.offices.has(agency, department) {
			return false
		}
	}
	for _, step := range v.Steps {
		if !p.offices.has(agency, step.Department) {
			return false
		}
	}
	return true
}

// arrivals makes the applicants, in the order of their coming.
func (s *Simulator) arrivals() ([]*life, error) {
	lives := make([]*life, s.config.Dossiers)
	for i := range lives {
		l := &life{sim: s, number: i + 1, chance: newChance(s.config.Seed, uint64(i)), done: map[string]bool{}}
		if err := l.come(); err != nil {
			return nil, err
		}
		lives[i] = l
	}
	slices.SortStableFunc(lives, func(a, b *life) int {
		return cmp.Or(a.arrives.Compare(b.arrives), cmp.Compare(a.number, b.number))
	})
	return lives, nil
}

// busiest is the highest product of season, hour and day of the week.
const busiest = 1.2 * 1.5 * 1.3

// come draws when somebody applies, for what and where.
func (l *life) come() error {
	config := l.sim.config
	span := float64(config.To.Sub(config.From))
	for {
		l.arrives = config.From.Add(time.Duration(l.Float64() * span)).UTC().Truncate(time.Second)
		local := l.arrives.In(dossier.ICT)
		if l.Float64()*busiest >= season[local.Month()-1]*hourOnline[local.Hour()]*weekday[local.Weekday()] {
			continue
		}
		where, err := l.sim.places.choose(l.chance, l.arrives)
		if err != nil {
			return err
		}
		l.version, l.agency = where.version, where.agency
		if l.channel = l.chooseChannel(); l.channel == procedure.Online {
			return nil
		}
		// Who comes to the desk comes when it is open.
		calendar, err := l.sim.world.Calendars(l.agency, l.arrives)
		if err != nil {
			return err
		}
		if l.arrives, err = calendar.Add(l.arrives, time.Second); err != nil {
			return err
		}
		if l.arrives.Before(config.To) {
			return nil
		}
	}
}

func (l *life) chooseChannel() procedure.Channel {
	online := 0.75 // the share where everything can be done online
	if l.version.Modern == procedure.PartialOnline {
		online = 0.45
	}
	switch {
	case l.version.Accepts(procedure.Online) && l.happens(online):
		return procedure.Online
	case l.happens(0.06):
		return procedure.ByPost
	default:
		return procedure.InPerson
	}
}

// expectedWork sums what each department will have to do, roughly.
func (s *Simulator) expectedWork(lives []*life) map[desk]time.Duration {
	work := map[desk]time.Duration{}
	for _, l := range lives {
		work[desk{l.agency, dossier.OneStop}] += receptionEffort + deliveryEffort
		for _, step := range l.version.Steps {
			work[desk{l.agency, step.Department}] += l.effort(step) * 5 / 4
		}
	}
	return work
}
