package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
	"github.com/google/uuid"
)

// life is one dossier from its arrival on. It keeps the dossier's state by the
// domain's own rules, so that what people do next follows from what is.
type life struct {
	chance
	sim     *Simulator
	number  int
	version *procedure.Version
	agency  string
	channel procedure.Channel
	arrives time.Time
	subject string
	code    string // known once it is written

	state   dossier.State
	acts    int
	missing string // a component that was forgotten
	round   int    // of the handling: work of an earlier round is stale
	done    map[string]bool

	consulted, complained  bool
	supplemented, returned int
}

var system = event.Actor{ID: "ledger", Role: event.RoleSystem}

func (l *life) citizen() event.Actor { return event.Actor{ID: l.subject, Role: event.RoleCitizen} }

// act decides an action on the simulated state and hands it to the writer.
// It reports whether the action was taken.
func (l *life) act(at time.Time, actor event.Actor, command dossier.Command) bool {
	if l.sim.failure != nil {
		return false
	}
	if at.Before(l.state.UpdatedAt) {
		at = l.state.UpdatedAt
	}
	version := l.version
	calendar := l.sim.calendar(l, l.agency, at)
	if calendar == nil {
		return false
	}
	if l.state.Phase == dossier.PhaseSubmitted {
		// Until it is received, the version in force governs.
		if current, err := l.sim.world.Procedures(version.Code, at); err == nil {
			version = current
		}
	}
	facts := dossier.Facts{Now: at, Actor: actor, Procedure: version, Calendar: calendar}
	decided := command
	if submit, ok := command.(dossier.Submit); ok {
		submit.Code = fmt.Sprintf("simulated-%d", l.number)
		decided = submit
	}
	payloads, err := dossier.Decide(&l.state, decided, facts)
	if err != nil {
		l.sim.fail(l, fmt.Sprintf("%s at %s", command.CommandName(), at.Format(time.RFC3339)), err)
		return false
	}
	if len(payloads) == 0 {
		return true
	}
	l.version = version
	for _, p := range payloads {
		e := event.New(uuid.UUID{}, event.Metadata{OccurredAt: at, Actor: actor}, p)
		e.Revision = uint64(l.state.Events)
		l.state.Apply(e)
	}
	l.acts++
	key := fmt.Sprintf("simulate-%d-%d-%d", l.sim.config.Seed, l.number, l.acts)
	l.sim.writer.add(action{life: l, key: key, at: at, actor: actor, command: command})
	return true
}

// later lets something happen after a calendar duration.
func (l *life) later(at time.Time, wait time.Duration, happen func(at time.Time)) {
	l.sim.agenda.add(at.Add(wait), happen)
}

// atOffice is the first working instant of the agency from a time on.
func (l *life) atOffice(at time.Time) time.Time {
	calendar := l.sim.calendar(l, l.agency, at)
	if calendar == nil {
		return at
	}
	opens, err := calendar.Add(at, time.Second)
	if err != nil {
		l.sim.fail(l, "office hours", err)
		return at
	}
	return opens
}

// hash stands for the content of a document: the simulation makes no files.
func (l *life) hash(what string, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "simulated %d %d %s %d", l.sim.config.Seed, l.number, what, n))
	return hex.EncodeToString(sum[:])
}

func (l *life) paper(kind string) string { return fmt.Sprintf("%s-%d-%d", kind, l.number, l.acts+1) }

func (l *life) document(component string, form dossier.DocumentForm, n int) dossier.AttachDocument {
	d := dossier.AttachDocument{
		Component: component, Hash: l.hash(component, n), Size: int64(20_000 + l.IntN(3_000_000)),
		MediaType: "application/pdf", Form: form,
	}
	switch {
	case form == dossier.Electronic && l.happens(0.15):
		d.FromStore = true
	case form == dossier.Electronic && l.happens(0.1):
		d.Reused = true
	case form != dossier.Electronic:
		d.Digitised = l.happens(0.7)
	}
	return d
}

// The names are put together from the commonest parts; they are those of nobody.
var (
	familyNames = []string{"Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Phan", "Vũ", "Đặng", "Bùi", "Đỗ"}
	middleNames = []string{"Văn", "Thị", "Minh", "Thanh", "Ngọc", "Đức", "Thu", "Quang"}
	givenNames  = []string{"An", "Bình", "Chi", "Dũng", "Giang", "Hà", "Hải", "Hương", "Khánh", "Lan", "Linh", "Mai", "Nam", "Phúc", "Quân", "Sơn", "Thảo", "Trang", "Tuấn", "Yến"}
)

func (l *life) submit(at time.Time) {
	// Some people come again: there are fewer persons than dossiers.
	person := l.IntN(1 + l.sim.config.Dossiers*3/4)
	l.subject = fmt.Sprintf("p-sim-%d-%d", l.sim.config.Seed, person)
	kind := procedure.Citizen
	if len(l.version.Audience) > 0 {
		kind = pick(l.chance, l.version.Audience)
	}
	who := newChance(l.sim.config.Seed, uint64(1<<40+person))
	name := pick(who, familyNames) + " " + pick(who, middleNames) + " " + pick(who, givenNames)
	command := dossier.Submit{
		Procedure: l.version.Code, Channel: l.channel, Receiving: l.agency, Competent: l.agency,
		Applicant: dossier.Person{
			Subject: l.subject, Kind: kind, Name: name,
			Phone: fmt.Sprintf("0900%06d", who.IntN(1_000_000)), Address: fmt.Sprintf("Số %d, đường Mẫu", 1+who.IntN(300)),
		},
		Summary: l.version.Name.VI, Delivery: l.delivery(), VerifiedIdentity: l.channel == procedure.Online && l.happens(0.9),
		Documents: l.documents(),
	}
	actor := l.citizen()
	if l.channel != procedure.Online {
		actor = l.sim.offices.pools[desk{l.agency, dossier.OneStop}].officers[0].actor
	}
	if l.act(at, actor, command) {
		l.withdrawPerhaps(at)
		l.reception(at)
	}
}

func (l *life) delivery() dossier.DeliveryMethod {
	var ways []dossier.DeliveryMethod
	for _, m := range []dossier.DeliveryMethod{dossier.DeliverOnline, dossier.DeliverCounter, dossier.DeliverPost} {
		if l.version.CanReceiveBy(m.Channel()) && (m != dossier.DeliverOnline || l.version.Result.Electronic) {
			ways = append(ways, m)
		}
	}
	if len(ways) == 0 {
		return ""
	}
	if ways[0] == dossier.DeliverOnline && l.channel == procedure.Online && l.happens(0.8) {
		return dossier.DeliverOnline
	}
	return pick(l.chance, ways)
}

func (l *life) documents() []dossier.AttachDocument {
	form := dossier.Electronic
	if l.channel != procedure.Online {
		form = pick(l.chance, []dossier.DocumentForm{dossier.Original, dossier.CertifiedCopy, dossier.Copy})
	}
	required := l.version.RequiredComponents()
	var out []dossier.AttachDocument
	forgets := l.happens(0.12)
	for _, c := range required {
		if c.FromRegister {
			continue
		}
		if forgets && l.missing == "" && l.happens(0.5) {
			l.missing = c.Code
			continue
		}
		out = append(out, l.document(c.Code, form, 1))
	}
	return out
}

// withdrawPerhaps lets a few people change their minds while it is handled.
func (l *life) withdrawPerhaps(at time.Time) {
	if !l.happens(0.015) {
		return
	}
	l.later(at, l.around(3*24*time.Hour, 1), func(at time.Time) {
		if l.state.Phase.Open() {
			l.act(at, l.citizen(), dossier.Withdraw{Why: dossier.Why{Ground: "changed-mind"}})
		}
	})
}

// term is how much working time the procedure allows; a day where it says nothing.
func (l *life) term() time.Duration {
	t := l.version.Deadline(l.channel)
	switch {
	case t.IsZero():
		return 8 * time.Hour
	case t.Unit == worktime.WorkingHours:
		return time.Duration(t.Amount) * time.Hour
	case t.Unit == worktime.CalendarDays:
		return time.Duration(t.Amount) * 8 * time.Hour * 5 / 7
	default:
		return time.Duration(t.Amount) * 8 * time.Hour
	}
}
