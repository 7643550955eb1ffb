package dossier_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
	"github.com/google/uuid"
)

// The sentence of these tests: given what happened, when somebody does this,
// then these events follow; or it is refused with this code; or nothing
// follows. Events are asserted, never the state that the decision saw.

type act struct {
	at    time.Time
	actor event.Actor
	cmd   dossier.Command
}

// failer is what a scene needs of a test, plain or of a property.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func does(at time.Time, actor event.Actor, cmd dossier.Command) act { return act{at, actor, cmd} }

type scene struct {
	t         failer
	procedure *procedure.Version
	calendar  dossier.Calendar
	events    []event.Event
	state     dossier.State
	cmd       dossier.Command
	actor     event.Actor
	now       time.Time
}

func given(t failer, v *procedure.Version, acts ...act) *scene {
	t.Helper()
	s := &scene{t: t, procedure: v, calendar: standard}
	return s.and(acts...)
}

// and lets more happen; each of it must be allowed and make events.
func (s *scene) and(acts ...act) *scene {
	s.t.Helper()
	for _, a := range acts {
		payloads, err := s.decide(a)
		if err != nil {
			s.t.Fatalf("given %s by %s: %v", a.cmd.CommandName(), a.actor.ID, err)
		}
		if len(payloads) == 0 {
			s.t.Fatalf("given %s by %s: made no events", a.cmd.CommandName(), a.actor.ID)
		}
		s.happened(a, payloads)
	}
	return s
}

func (s *scene) decide(a act) ([]event.Payload, error) {
	return dossier.Decide(&s.state, a.cmd, dossier.Facts{
		Now: a.at, Actor: a.actor, Procedure: s.procedure, Calendar: s.calendar,
	})
}

func (s *scene) happened(a act, payloads []event.Payload) {
	for _, p := range payloads {
		e := event.New(eventID(len(s.events)), event.Metadata{OccurredAt: a.at, Actor: a.actor}, p)
		e.Stream, e.Revision = dossier.StreamOf(s.state.Code), uint64(len(s.events))
		s.events = append(s.events, e)
		s.state = dossier.Evolve(s.state, e)
	}
}

func eventID(n int) uuid.UUID { return uuid.NewSHA1(uuid.Nil, []byte{byte(n >> 8), byte(n)}) }

func (s *scene) when(at time.Time, actor event.Actor, cmd dossier.Command) *scene {
	s.now, s.actor, s.cmd = at, actor, cmd
	return s
}

func (s *scene) then(want ...event.Payload) {
	s.t.Helper()
	got, err := s.decide(act{s.now, s.actor, s.cmd})
	if err != nil {
		s.t.Fatalf("%s: %v", s.cmd.CommandName(), err)
	}
	if !reflect.DeepEqual(got, want) {
		s.t.Fatalf("%s\n got %s\nwant %s", s.cmd.CommandName(), show(got), show(want))
	}
}

// thenTypes asserts only which facts follow, where their content is asserted elsewhere.
func (s *scene) thenTypes(want ...string) {
	s.t.Helper()
	got, err := s.decide(act{s.now, s.actor, s.cmd})
	if err != nil {
		s.t.Fatalf("%s: %v", s.cmd.CommandName(), err)
	}
	if names := typesOf(got); !reflect.DeepEqual(names, want) {
		s.t.Fatalf("%s: got %v, want %v", s.cmd.CommandName(), names, want)
	}
}

func (s *scene) quiet() {
	s.t.Helper()
	got, err := s.decide(act{s.now, s.actor, s.cmd})
	if err != nil || len(got) != 0 {
		s.t.Fatalf("%s: want nothing to happen, got %s, %v", s.cmd.CommandName(), show(got), err)
	}
}

func (s *scene) refused(want *fault.Error, missing ...string) {
	s.t.Helper()
	got, err := s.decide(act{s.now, s.actor, s.cmd})
	if !errors.Is(err, want) || len(got) != 0 {
		s.t.Fatalf("%s: want %s, got %s, %v", s.cmd.CommandName(), want.Code, show(got), err)
	}
	f, _ := fault.As(err)
	if len(missing) > 0 && !reflect.DeepEqual(f.Missing, missing) {
		s.t.Fatalf("%s: %s names %v as missing, want %v", s.cmd.CommandName(), f.Code, f.Missing, missing)
	}
	if f.Kind != want.Kind {
		s.t.Fatalf("%s: kind %s, want %s", f.Code, f.Kind, want.Kind)
	}
}

func typesOf(payloads []event.Payload) []string {
	var names []string
	for _, p := range payloads {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(p.EventType(), "dossier."), ".v1"))
	}
	return names
}

// show prints payloads with their personal values, which would else be hidden.
func show(payloads []event.Payload) string {
	var b strings.Builder
	for _, p := range payloads {
		fmt.Fprintf(&b, "\n  %s ", p.EventType())
		sealed := reflect.New(reflect.TypeOf(p)).Elem()
		sealed.Set(reflect.ValueOf(p))
		sealAll(sealed)
		text, err := json.Marshal(sealed.Interface())
		if err != nil {
			fmt.Fprint(&b, err)
		}
		b.Write(text)
	}
	return b.String()
}

// sealAll puts a value's clear text where the ciphertext would be.
func sealAll(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if p, ok := v.Interface().(event.Personal); ok {
			p.Sealed = []byte(p.Text)
			v.Set(reflect.ValueOf(p))
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				sealAll(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			sealAll(v.Index(i))
		}
	}
}

// The office: one agency that receives and decides, one that is asked, one that
// takes a part of the work.
var (
	standard   = worktime.Standard()
	applicant  = event.Actor{ID: "sub-an", Role: event.RoleCitizen}
	agent      = event.Actor{ID: "sub-binh", Role: event.RoleCitizen}
	stranger   = event.Actor{ID: "sub-chi", Role: event.RoleCitizen}
	desk       = officer("desk-1", "H15.01", dossier.OneStop)
	specialist = officer("spec-1", "H15.01", dossier.Specialist)
	colleague  = officer("spec-2", "H15.01", dossier.Specialist)
	leader     = officer("lead-1", "H15.01", dossier.Leadership)
	registry   = officer("reg-1", "H15.01", dossier.Registry)
	taxDesk    = officer("tax-0", "H15.02", dossier.OneStop)
	taxOfficer = officer("tax-1", "H15.02", dossier.Specialist)
	taxLeader  = officer("tax-9", "H15.02", dossier.Leadership)
	police     = officer("pol-1", "H15.03", dossier.Specialist)
	ledger     = event.Actor{ID: "gateway", Role: event.RoleSystem}
	admin      = event.Actor{ID: "root", Role: event.RoleAdmin}
	auditor    = event.Actor{ID: "aud-1", Role: event.RoleAuditor}
	analyst    = event.Actor{ID: "ana-1", Role: event.RoleAnalyst}
)

func officer(id, agency, department string) event.Actor {
	return event.Actor{ID: id, Role: event.RoleOfficer, Agency: agency, Department: department}
}

// on is a time in October 2026, which has no holidays: the 12th, 19th and 26th
// are Mondays. Office hours are 7:30–11:30 and 13:00–17:00, eight hours a day.
func on(day int, clock string) time.Time {
	at, err := time.ParseInLocation("2006-01-02 15:04", fmt.Sprintf("2026-10-%02d %s", day, clock), dossier.ICT)
	if err != nil {
		panic(err)
	}
	return at.UTC()
}

func hash(name string) string { return fmt.Sprintf("%064x", name)[:64] }

// licence is the exchange of a driving licence, five working days.
func licence(changes ...func(*procedure.Version)) *procedure.Version {
	online := int64(115_000)
	v := &procedure.Version{
		Code: "3.000347", Number: 3, Modern: procedure.FullOnline, Level: 4, FormSet: "2025",
		Audience:  []procedure.Audience{procedure.Citizen},
		Deadlines: map[procedure.Channel]worktime.Term{"": {Amount: 5, Unit: worktime.WorkingDays}},
		Components: []procedure.Component{
			{Code: "application", Required: true},
			{Code: "licence", Required: true},
			{Code: "residence", Required: true, FromRegister: true},
			{Code: "photo"},
		},
		Fees: []procedure.Fee{
			{
				Code: "licence-fee", Kind: procedure.StatutoryFee, Amount: 135_000, OnlineAmount: &online, LegalBasis: "TT 37/2023/TT-BTC",
				Exemptions: []procedure.Exemption{{Code: "poor", Percent: 100}, {Code: "half", Percent: 50}},
			},
			{Code: "check-fee", Kind: procedure.Charge, Amount: 33_333, LegalBasis: "TT 37/2023/TT-BTC", Blocking: true,
				Exemptions: []procedure.Exemption{{Code: "half", Percent: 50}}},
		},
		Steps: []procedure.Step{
			{Code: "reception", Department: dossier.OneStop, Share: 10},
			{Code: "appraisal", Department: dossier.Specialist, Share: 60},
			{Code: "signature", Department: dossier.Leadership, Share: 20},
			{Code: "issue", Department: dossier.Registry, Share: 10},
		},
		Supplement: procedure.SupplementPolicy{Rules: []procedure.SupplementRule{
			{Phase: procedure.PhaseReception, Max: 1, Wait: worktime.Term{Amount: 3, Unit: worktime.WorkingDays}, OnAnswer: procedure.Resume, OnExpiry: procedure.RefuseDossier},
			{Phase: procedure.PhaseProcessing, Max: 1, Wait: worktime.Term{Amount: 3, Unit: worktime.WorkingDays}, OnAnswer: procedure.Resume, OnExpiry: procedure.StopDossier},
		}},
		Clock:    procedure.ClockRule{PauseOnSupplement: true, PauseOnObligation: true, MaxExtensions: 1},
		Result:   procedure.Result{Code: "KQ.G01.000001", Electronic: true},
		Delivery: []procedure.Channel{procedure.InPerson, procedure.Online, procedure.ByPost},
	}
	for _, c := range changes {
		c(v)
	}
	return v
}

const code = "H15.01-261012-0001"

func paper(component string) dossier.AttachDocument {
	return dossier.AttachDocument{Component: component, Hash: hash(component), Size: 1000, MediaType: "application/pdf", Form: dossier.Electronic}
}

func again(component, content string) dossier.AttachDocument {
	d := paper(component)
	d.Hash = hash(content)
	return d
}

func submission(documents ...dossier.AttachDocument) dossier.Submit {
	return dossier.Submit{
		Code: code, Procedure: "3.000347", Channel: procedure.Online,
		Applicant:      dossier.Person{Subject: "sub-an", Kind: procedure.Citizen, Name: "Nguyễn Văn An", IDNumber: "001085000123", Phone: "0912345678"},
		Representative: &dossier.Person{Subject: "sub-binh", Kind: procedure.Citizen, Name: "Trần Thị Bình"},
		Summary:        "Đổi giấy phép lái xe", Receiving: "H15.01", Competent: "H15.01", Documents: documents,
	}
}

var why = dossier.Why{Ground: "incomplete", Text: "Thiếu chữ ký của ông An"}

var reason = dossier.Reason{Ground: "incomplete", Text: event.About("sub-an", "Thiếu chữ ký của ông An")}

func clk(action dossier.ClockAction, cause string, at, previous, due time.Time) dossier.ClockChange {
	return dossier.ClockChange{Action: action, Cause: cause, At: at, PreviousDue: previous, Due: due, Calendar: standard.Version()}
}

// The stages that many tests begin at.
func submitted() []act {
	return []act{does(on(12, "08:00"), applicant, submission(paper("application"), paper("licence")))}
}

func received() []act {
	return append(submitted(), does(on(12, "09:00"), desk, dossier.Receive{Slip: "TN-1"}))
}

func assigned() []act {
	return append(received(), does(on(12, "10:00"), desk, dossier.Assign{Department: dossier.Specialist, Officer: "spec-1"}))
}

func appraising() []act {
	return append(assigned(), does(on(12, "14:00"), specialist, dossier.StartStep{Step: "appraisal"}))
}

func appraised() []act {
	return append(appraising(),
		does(on(13, "09:00"), specialist, dossier.Appraise{Conclusion: dossier.Eligible}),
		does(on(13, "09:30"), specialist, dossier.CompleteStep{Step: "appraisal"}))
}

func drafted() []act {
	return append(appraised(), does(on(13, "10:00"), specialist, dossier.SubmitForSignature{Hash: hash("draft"), Signer: "lead-1"}))
}

func signed() []act {
	return append(drafted(), does(on(14, "09:00"), leader, dossier.Sign{Hash: hash("draft"), Certificate: "54-01", Format: "PAdES"}))
}

func issued() []act {
	return append(signed(), does(on(14, "15:00"), registry, dossier.IssueResult{Number: "12/GPLX", Hash: hash("draft")}))
}

func delivered() []act {
	return append(issued(), does(on(15, "08:00"), desk, dossier.DeliverResult{Method: dossier.DeliverCounter}))
}

func rejected() []act {
	return append(appraising(), does(on(14, "09:00"), leader, dossier.Reject{Decision: "7/QĐ", Hash: hash("refusal"), Why: why}))
}

func askedInProcess() []act {
	return append(appraising(), does(on(13, "09:00"), specialist, request("BS-1", "photo")))
}

func request(slip string, components ...string) dossier.RequestSupplement {
	c := dossier.RequestSupplement{Slip: slip, Why: why, Basis: "NĐ 118/2025/NĐ-CP", Approver: "lead-1"}
	for _, k := range components {
		c.Components = append(c.Components, dossier.ComponentRequest{Code: k, Originals: 1})
	}
	return c
}
