package dossier_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
	"pgregory.net/rapid"
)

// given a new dossier whose code is not known yet, when it is decided on, then it is
// under each code what is decided under that, and refused where that is.
func TestADossierIsDecidedOnBeforeItsCodeIsKnown(t *testing.T) {
	complete := dossier.Facts{Now: on(12, "08:00"), Actor: applicant, Procedure: licence(), Calendar: standard}
	for name, edit := range map[string]func(*dossier.Submit, *dossier.Facts){
		"as it should be":   func(*dossier.Submit, *dossier.Facts) {},
		"no representative": func(c *dossier.Submit, _ *dossier.Facts) { c.Representative = nil },
		"spelled otherwise": func(c *dossier.Submit, _ *dossier.Facts) { c.Summary = " Quyết" },
		"no calendar":       func(_ *dossier.Submit, f *dossier.Facts) { f.Calendar = nil },
		"a stranger":        func(_ *dossier.Submit, f *dossier.Facts) { f.Actor = stranger },
		"no name":           func(c *dossier.Submit, _ *dossier.Facts) { c.Applicant.Name = "" },
		"another procedure": func(c *dossier.Submit, _ *dossier.Facts) { c.Procedure = "1.000000" },
		"unknown component": func(c *dossier.Submit, _ *dossier.Facts) { c.Documents[1].Component = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			command, facts := submission(paper("application"), paper("licence")), complete
			edit(&command, &facts)
			accepted, refusal := dossier.HandIn(command, facts)
			for _, code := range []string{code, "H15.01-261012-0002"} {
				command.Code = code
				want, err := dossier.Decide(nil, command, facts)
				if !reflect.DeepEqual(refusal, err) {
					t.Fatalf("refused with %v, decided with a code %v", refusal, err)
				}
				if err != nil {
					continue
				}
				if under, err := accepted.Under(code); err != nil || !reflect.DeepEqual(under, want) {
					t.Errorf("under %s it is %+v, %v, decided %+v", code, under, err, want)
				}
			}
			if refusal != nil {
				return
			}
			if _, err := accepted.Under("with space"); !errors.Is(err, dossier.ErrBadCode) {
				t.Errorf("under a bad code: %v", err)
			}
			want := []string{command.Applicant.Subject}
			if command.Representative != nil {
				want = append(want, command.Representative.Subject)
			}
			if got := accepted.Subjects(); !slices.Equal(got, want) {
				t.Errorf("it says something about %v, and not %v", got, want)
			}
		})
	}
}

func TestSubmit(t *testing.T) {
	now := on(12, "08:00")
	document := dossier.DocumentAttached{
		Component: "application", Version: 1, Hash: hash("application"), Size: 1000, MediaType: "application/pdf",
		Form: dossier.Electronic, Stage: dossier.AtReception,
	}
	given(t, licence()).when(now, applicant, submission(paper("application"))).then(
		dossier.Submitted{
			Code: code, Procedure: "3.000347", ProcedureVersion: 3, Channel: procedure.Online,
			Applicant: dossier.Party{
				Subject: "sub-an", Kind: procedure.Citizen, Name: event.About("sub-an", "Nguyễn Văn An"),
				IDNumber: event.About("sub-an", "001085000123"), Phone: event.About("sub-an", "0912345678"),
			},
			Representative: dossier.Party{Subject: "sub-binh", Kind: procedure.Citizen, Name: event.About("sub-binh", "Trần Thị Bình")},
			Summary:        event.About("sub-an", "Đổi giấy phép lái xe"),
			Receiving:      "H15.01", Competent: "H15.01", Delivery: dossier.DeliverOnline,
		}, document)

	decomposed := submission()
	decomposed.Applicant.Name = "  Nguyễn Văn An " // NFD: stored as NFC
	composed := given(t, licence(), does(now, applicant, decomposed)).state.Applicant.Name.Text
	if composed != "Nguyễn Văn An" {
		t.Errorf("name is stored as %q", composed)
	}

	given(t, licence(), submitted()...).when(now, applicant, submission()).quiet()
	other := submission()
	other.Applicant.Subject = "sub-chi"
	given(t, licence(), submitted()...).when(now, stranger, other).refused(dossier.ErrAlreadySubmitted)

	change := func(edit func(*dossier.Submit)) dossier.Submit {
		c := submission()
		edit(&c)
		return c
	}
	for name, c := range map[string]struct {
		cmd     dossier.Submit
		by      event.Actor
		refused error
	}{
		"without a name":     {change(func(c *dossier.Submit) { c.Applicant.Name = " " }), applicant, dossier.ErrInputMissing},
		"for somebody else":  {submission(), stranger, dossier.ErrForbidden},
		"by another desk":    {submission(), taxDesk, dossier.ErrForbidden},
		"a bad code":         {change(func(c *dossier.Submit) { c.Code = "with space" }), applicant, dossier.ErrBadCode},
		"a bad channel":      {change(func(c *dossier.Submit) { c.Channel = "fax" }), applicant, dossier.ErrInputInvalid},
		"a too long text":    {change(func(c *dossier.Submit) { c.Summary = strings.Repeat("x", dossier.MaxText+1) }), applicant, dossier.ErrInputInvalid},
		"not UTF-8":          {change(func(c *dossier.Submit) { c.Summary = "\xff" }), applicant, dossier.ErrInputInvalid},
		"a wrong applicant":  {change(func(c *dossier.Submit) { c.Applicant.Kind = procedure.Enterprise }), applicant, dossier.ErrAudience},
		"another procedure":  {change(func(c *dossier.Submit) { c.Procedure = "1.000894" }), applicant, dossier.ErrWrongVersion},
		"unknown component":  {submission(paper("diploma")), applicant, dossier.ErrUnknownComponent},
		"a document of size": {submission(dossier.AttachDocument{Component: "photo", Hash: hash("x"), MediaType: "image/png", Form: dossier.Electronic}), applicant, dossier.ErrInputInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			given(t, licence()).when(now, c.by, c.cmd).refused(asFault(t, c.refused))
		})
	}
	for name, c := range map[string]struct {
		edit    func(*procedure.Version)
		refused error
	}{
		"information only":      {func(v *procedure.Version) { v.Modern = procedure.InformationOnly }, dossier.ErrChannelNotOffered},
		"level 2":               {func(v *procedure.Version) { v.Modern, v.Level = "", 2 }, dossier.ErrChannelNotOffered},
		"another portal":        {func(v *procedure.Version) { v.Route = "bộ" }, dossier.ErrRoutedElsewhere},
		"other agencies":        {func(v *procedure.Version) { v.Agencies = []string{"H99"} }, dossier.ErrAgencyNotCompetent},
		"no delivery of a kind": {func(v *procedure.Version) { v.Delivery = []procedure.Channel{procedure.InPerson} }, dossier.ErrDeliveryNotOffered},
	} {
		t.Run(name, func(t *testing.T) {
			given(t, licence(c.edit)).when(now, applicant, submission()).refused(asFault(t, c.refused))
		})
	}
	// The desk takes paper in where the service is not online.
	onPaper := submission()
	onPaper.Channel = procedure.InPerson
	given(t, licence(func(v *procedure.Version) { v.Modern = procedure.InformationOnly })).
		when(now, desk, onPaper).thenTypes("submitted")
}

func TestAttachDocument(t *testing.T) {
	now := on(12, "08:30")
	given(t, licence(), submitted()...).when(now, applicant, again("licence", "better scan")).then(dossier.DocumentAttached{
		Component: "licence", Version: 2, Hash: hash("better scan"), Size: 1000, MediaType: "application/pdf",
		Form: dossier.Electronic, Stage: dossier.AtReception,
	})
	given(t, licence(), submitted()...).when(now, agent, paper("photo")).thenTypes("document-attached")
	given(t, licence(), submitted()...).when(now, applicant, paper("licence")).quiet()
	given(t, licence(), submitted()...).when(now, stranger, paper("photo")).refused(dossier.ErrForbidden)
	given(t, licence(), submitted()...).when(now, applicant, paper("diploma")).refused(dossier.ErrUnknownComponent, "diploma")
	given(t, licence(), submitted()...).when(now, applicant, dossier.AttachDocument{Component: "photo", Hash: "ABC", MediaType: "image/png"}).
		refused(dossier.ErrInputInvalid, "hash", "size_bytes", "form")
	given(t, licence(), received()...).when(on(12, "11:00"), applicant, paper("photo")).refused(dossier.ErrDocumentsClosed)
	given(t, licence(), received()...).when(on(12, "11:00"), desk, paper("photo")).then(dossier.DocumentAttached{
		Component: "photo", Version: 1, Hash: hash("photo"), Size: 1000, MediaType: "application/pdf",
		Form: dossier.Electronic, Stage: dossier.AtHandling,
	})
	given(t, licence(), issued()...).when(on(20, "08:00"), desk, paper("photo")).refused(dossier.ErrEnded)
}

func TestReceive(t *testing.T) {
	now := on(12, "09:00")
	start := func(from, due time.Time) dossier.ClockChange {
		c := clk(dossier.ClockStart, "reception", now, time.Time{}, due)
		c.From = from
		return c
	}
	fact := dossier.Received{
		Procedure: "3.000347", ProcedureVersion: 3, FormSet: "2025", Slip: "TN-1", Competent: "H15.01",
		Holder: dossier.Holder{Agency: "H15.01", Department: dossier.OneStop, Officer: "desk-1"},
		Term:   worktime.Term{Amount: 5, Unit: worktime.WorkingDays},
		Clock:  []dossier.ClockChange{start(now, on(19, "09:00"))},
	}
	given(t, licence(), submitted()...).when(now, desk, dossier.Receive{Slip: "TN-1"}).then(fact)

	// The version in force at reception counts, not the one of the submission.
	later := given(t, licence(), submitted()...)
	later.procedure = licence(func(v *procedure.Version) { v.Number = 4 })
	fact.ProcedureVersion = 4
	later.when(now, desk, dossier.Receive{Slip: "TN-1"}).then(fact)

	// A term of its own for the channel.
	quick := licence(func(v *procedure.Version) {
		v.Deadlines[procedure.Online] = worktime.Term{Amount: 8, Unit: worktime.WorkingHours}
	})
	fact.ProcedureVersion, fact.Term = 3, worktime.Term{Amount: 8, Unit: worktime.WorkingHours}
	fact.Clock = []dossier.ClockChange{start(now, on(13, "09:00"))}
	given(t, quick, submitted()...).when(now, desk, dossier.Receive{Slip: "TN-1"}).then(fact)

	// No deadline: the clock runs without a promise.
	free := licence(func(v *procedure.Version) { v.Deadlines = nil })
	fact.Term = worktime.Term{}
	fact.Clock = []dossier.ClockChange{start(now, time.Time{})}
	given(t, free, submitted()...).when(now, desk, dossier.Receive{Slip: "TN-1"}).then(fact)

	// A debt that blocks the handling stops the clock as soon as it starts.
	owing := given(t, licence(), append(submitted(), does(on(12, "08:30"), desk, dossier.AssessFee{Item: "check-fee"}))...)
	fact.Term = worktime.Term{Amount: 5, Unit: worktime.WorkingDays}
	fact.Clock = []dossier.ClockChange{
		start(now, on(19, "09:00")), clk(dossier.ClockPause, "obligation-check-fee", now, on(19, "09:00"), on(19, "09:00")),
	}
	owing.when(now, desk, dossier.Receive{Slip: "TN-1"}).then(fact)

	given(t, licence(), does(on(12, "08:00"), applicant, submission(paper("photo")))).
		when(now, desk, dossier.Receive{Slip: "TN-1"}).refused(dossier.ErrComponentsMissing, "application", "licence")
	given(t, licence(), submitted()...).when(now, desk, dossier.Receive{}).refused(dossier.ErrInputMissing, "slip")
	given(t, licence(), submitted()...).when(now, taxDesk, dossier.Receive{Slip: "TN-1"}).refused(dossier.ErrForbidden)
	given(t, licence(), submitted()...).when(on(11, "09:00"), desk, dossier.Receive{Slip: "TN-1"}).refused(dossier.ErrBeforeLast)
	given(t, licence(), received()...).when(on(12, "09:30"), desk, dossier.Receive{Slip: "TN-1"}).quiet()
	given(t, licence(), received()...).when(on(12, "09:30"), desk, dossier.Receive{Slip: "TN-2"}).refused(dossier.ErrAlreadyReceived)
	given(t, licence(), delivered()...).when(on(20, "09:30"), desk, dossier.Receive{Slip: "TN-2"}).refused(dossier.ErrEnded)
	given(t, licence()).when(now, desk, dossier.Receive{Slip: "TN-1"}).refused(dossier.ErrNotFound)
}

func TestTwoSpellingsOfANumberAreOne(t *testing.T) {
	composed, decomposed := "12/Quyết", " 12/Quyết"
	refused := append(submitted(), does(on(12, "09:00"), desk, dossier.RefuseReception{Slip: decomposed, Why: why}))
	s := given(t, licence(), refused...)
	if got := s.state.Decision.Number; got != composed {
		t.Errorf("stored as %q", got)
	}
	s.when(on(12, "09:00"), desk, dossier.RefuseReception{Slip: composed, Why: why}).quiet()
}

// given a text that is not in its one form, when it is decided on, then the fact
// has the form, and the command is still as it was said.
func TestADecisionLeavesTheCommandAsItWas(t *testing.T) {
	said := submission(paper("application"), paper("licence"))
	said.Documents[1].FileName, said.Representative.Name = " Quyết.pdf", "Trần Thị Bình "
	before := submission(said.Documents...)
	before.Documents, before.Representative.Name = slices.Clone(said.Documents), said.Representative.Name

	s := given(t, licence(), does(on(12, "08:00"), applicant, said))
	if got := s.state.Documents[1].FileName.Text; got != "Quyết.pdf" {
		t.Errorf("stored as %q", got)
	}
	if got := s.state.Representative.Name.Text; got != "Trần Thị Bình" {
		t.Errorf("stored as %q", got)
	}
	if !reflect.DeepEqual(said, before) {
		t.Errorf("said was\n%+v\nand is now\n%+v", before, said)
	}
}

// Documents that come together are the same facts as when they come one by one,
// among them the same content twice.
func TestDocumentsMayComeTogetherOrOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		documents := make([]dossier.AttachDocument, rapid.IntRange(0, 12).Draw(t, "documents"))
		for i := range documents {
			documents[i] = again(rapid.SampledFrom([]string{"", "application", "licence"}).Draw(t, "component"), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "content"))
		}
		together := given(t, licence(), does(on(12, "08:00"), applicant, submission(documents...)))
		apart := given(t, licence(), does(on(12, "08:00"), applicant, submission()))
		for _, d := range documents {
			a := does(on(12, "08:00"), applicant, d)
			made, err := apart.decide(a)
			if err != nil {
				t.Fatal(err)
			}
			apart.happened(a, made)
		}
		if !reflect.DeepEqual(together.state.Documents, apart.state.Documents) {
			t.Fatalf("together\n%+v\none by one\n%+v", together.state.Documents, apart.state.Documents)
		}
	})
}

func TestSameDayProcedure(t *testing.T) {
	marriage := licence(func(v *procedure.Version) { v.Clock.SameDay, v.Clock.CutOff = true, "15:00" })
	for _, c := range []struct{ at, due time.Time }{
		{on(12, "09:00"), on(12, "17:00")},
		{on(12, "15:30"), on(13, "17:00")},
	} {
		s := given(t, marriage, append(submitted(), does(c.at, desk, dossier.Receive{Slip: "TN-1"}))...)
		if got := s.events[len(s.events)-1].Payload.(dossier.Received).Clock[0].Due; !got.Equal(c.due) {
			t.Errorf("received %v: due %v, want %v", c.at, got, c.due)
		}
	}
}

func TestRefuseReception(t *testing.T) {
	now := on(12, "09:00")
	given(t, licence(), submitted()...).when(now, desk, dossier.RefuseReception{Slip: "TC-1", Why: why, Suggested: "H15.02"}).
		then(dossier.ReceptionRefused{Slip: "TC-1", Why: reason, Suggested: "H15.02"})
	refused := append(submitted(), does(now, desk, dossier.RefuseReception{Slip: "TC-1", Why: why}))
	given(t, licence(), refused...).when(now, desk, dossier.RefuseReception{Slip: "TC-1", Why: why}).quiet()
	given(t, licence(), refused...).when(now, desk, dossier.Receive{Slip: "TN-1"}).refused(dossier.ErrEnded)
	given(t, licence(), submitted()...).when(now, desk, dossier.RefuseReception{}).refused(dossier.ErrInputMissing, "slip", "why.ground")
	given(t, licence(), submitted()...).when(now, specialist, dossier.RefuseReception{Slip: "TC-1", Why: why}).refused(dossier.ErrForbidden)
	given(t, licence(), received()...).when(now, desk, dossier.RefuseReception{Slip: "TC-1", Why: why}).refused(dossier.ErrAlreadyReceived)
}

func TestRequestSupplement(t *testing.T) {
	now := on(13, "09:00")
	due := on(19, "09:00")
	given(t, licence(), appraising()...).when(now, specialist, request("BS-1", "photo")).then(dossier.SupplementRequested{
		Number: 1, Phase: procedure.PhaseProcessing, Slip: "BS-1", Components: []dossier.RequestedComponent{{Code: "photo", Originals: 1}},
		Why: reason, Basis: "NĐ 118/2025/NĐ-CP", Approver: "lead-1", WaitUntil: on(16, "09:00"),
		OnAnswer: procedure.Resume, OnExpiry: procedure.StopDossier, Calendar: standard.Version(),
		Clock: []dossier.ClockChange{clk(dossier.ClockPause, "supplement-1", now, due, due)},
	})
	// Before reception there is no clock to stop, and nobody has to approve.
	early := request("BS-1", "licence")
	early.Approver = ""
	given(t, licence(), submitted()...).when(on(12, "09:00"), desk, early).then(dossier.SupplementRequested{
		Number: 1, Phase: procedure.PhaseReception, Slip: "BS-1", Components: []dossier.RequestedComponent{{Code: "licence", Originals: 1}},
		Why: reason, Basis: "NĐ 118/2025/NĐ-CP", WaitUntil: on(15, "09:00"),
		OnAnswer: procedure.Resume, OnExpiry: procedure.RefuseDossier, Calendar: standard.Version(),
	})
	given(t, licence(), appraising()...).when(now, specialist, early).refused(dossier.ErrInputMissing, "approver")
	given(t, licence(), askedInProcess()...).when(now, specialist, request("BS-1", "photo")).quiet()
	given(t, licence(), askedInProcess()...).when(now, specialist, request("BS-2", "photo")).refused(dossier.ErrSupplementOpen)
	given(t, licence(), append(askedInProcess(), does(on(14, "09:00"), applicant, dossier.ProvideSupplement{Documents: []dossier.AttachDocument{paper("photo")}}))...).
		when(on(14, "10:00"), specialist, request("BS-2", "photo")).refused(dossier.ErrSupplementLimit)
	never := licence(func(v *procedure.Version) { v.Supplement.Rules = v.Supplement.Rules[:1] })
	given(t, never, appraising()...).when(now, specialist, request("BS-1", "photo")).refused(dossier.ErrSupplementNotAllowed)
	given(t, licence(), appraising()...).when(now, specialist, request("BS-1")).refused(dossier.ErrInputMissing, "components")
	given(t, licence(), appraising()...).when(now, specialist, request("BS-1", "diploma")).refused(dossier.ErrUnknownComponent, "diploma")
	given(t, licence(), appraising()...).when(now, taxOfficer, request("BS-1", "photo")).refused(dossier.ErrForbidden)
	given(t, licence(), issued()...).when(on(15, "09:00"), desk, request("BS-1", "photo")).refused(dossier.ErrEnded)
	given(t, licence(), drafted()...).when(on(13, "11:00"), leader, request("BS-1", "photo")).refused(dossier.ErrAtSignature)
}

func TestProvideSupplement(t *testing.T) {
	now := on(15, "09:00") // two working days later
	photo := dossier.DocumentAttached{
		Component: "photo", Version: 1, Hash: hash("photo"), Size: 1000, MediaType: "application/pdf",
		Form: dossier.Electronic, Stage: dossier.AtSupplement,
	}
	bring := dossier.ProvideSupplement{Documents: []dossier.AttachDocument{paper("photo")}}
	given(t, licence(), askedInProcess()...).when(now, applicant, bring).then(photo, dossier.SupplementProvided{
		Number: 1, Components: []string{"photo"},
		Clock: []dossier.ClockChange{clk(dossier.ClockResume, "supplement-1", now, on(19, "09:00"), on(21, "09:00"))},
	})
	// What was attached while the request was open counts.
	given(t, licence(), append(askedInProcess(), does(on(14, "09:00"), applicant, paper("photo")))...).
		when(now, desk, dossier.ProvideSupplement{}).thenTypes("supplement-provided")
	// Where the law says so, the whole term begins again.
	restart := licence(func(v *procedure.Version) { v.Supplement.Rules[1].OnAnswer = procedure.Restart })
	whole := clk(dossier.ClockRestart, "supplement-1", now, on(19, "09:00"), on(22, "09:00"))
	whole.From = now
	given(t, restart, askedInProcess()...).when(now, applicant, bring).then(photo, dossier.SupplementProvided{
		Number: 1, Components: []string{"photo"}, Clock: []dossier.ClockChange{whole},
	})
	given(t, licence(), askedInProcess()...).when(now, applicant, dossier.ProvideSupplement{}).refused(dossier.ErrSupplementIncomplete, "photo")
	given(t, licence(), askedInProcess()...).when(now, specialist, bring).refused(dossier.ErrForbidden)
	given(t, licence(), appraising()...).when(now, applicant, bring).refused(dossier.ErrNoSupplement)
	given(t, licence(), append(askedInProcess(), does(on(14, "09:00"), applicant, bring))...).when(now, applicant, bring).quiet()
	// A document that was there before the request is no answer to it.
	old := append(append(submitted(), does(on(12, "08:10"), applicant, paper("photo"))), append(received()[1:], askedInProcess()[2:]...)...)
	given(t, licence(), old...).when(now, applicant, bring).refused(dossier.ErrSupplementIncomplete, "photo")
}

func TestExpireSupplement(t *testing.T) {
	now := on(16, "09:01")
	given(t, licence(), askedInProcess()...).when(now, ledger, dossier.ExpireSupplement{Notice: "TBD-1"}).then(
		dossier.SupplementExpired{Number: 1, Outcome: procedure.StopDossier},
		dossier.Stopped{
			Notice: "TBD-1", Stage: procedure.PhaseProcessing, Why: dossier.Reason{Ground: "supplement-expired"},
			Financial: dossier.FinancialConsequence{Kind: dossier.NothingPaid}, Approver: "lead-1",
			Holder: dossier.Holder{Agency: "H15.01", Department: dossier.OneStop},
			Clock:  []dossier.ClockChange{clk(dossier.ClockStop, "stop", now, on(19, "09:00"), on(19, "09:00"))},
		})
	given(t, licence(), askedInProcess()...).when(on(16, "09:00"), ledger, dossier.ExpireSupplement{}).refused(dossier.ErrSupplementNotExpired)
	given(t, licence(), appraising()...).when(now, ledger, dossier.ExpireSupplement{}).refused(dossier.ErrNoSupplement)
	given(t, licence(), askedInProcess()...).when(now, applicant, dossier.ExpireSupplement{}).refused(dossier.ErrForbidden)
	given(t, licence(), append(askedInProcess(), does(now, ledger, dossier.ExpireSupplement{}))...).when(now, ledger, dossier.ExpireSupplement{}).quiet()

	refuse := licence(func(v *procedure.Version) { v.Supplement.Rules[1].OnExpiry = procedure.RefuseDossier })
	given(t, refuse, askedInProcess()...).when(now, specialist, dossier.ExpireSupplement{Notice: "QD-1"}).thenTypes("supplement-expired", "rejected")
	keep := licence(func(v *procedure.Version) { v.Supplement.Rules[1].OnExpiry = procedure.KeepWaiting })
	kept := append(askedInProcess(), does(now, ledger, dossier.ExpireSupplement{}))
	given(t, keep, askedInProcess()...).when(now, ledger, dossier.ExpireSupplement{}).
		then(dossier.SupplementExpired{Number: 1, Outcome: procedure.KeepWaiting})
	given(t, keep, kept...).when(on(20, "09:00"), applicant, dossier.ProvideSupplement{Documents: []dossier.AttachDocument{paper("photo")}}).
		thenTypes("document-attached", "supplement-provided")

	atReception := append(submitted(), does(on(12, "09:00"), desk, request("BS-1", "licence")))
	given(t, licence(), atReception...).when(on(16, "09:00"), desk, dossier.ExpireSupplement{Notice: "TC-9"}).then(
		dossier.SupplementExpired{Number: 1, Outcome: procedure.RefuseDossier},
		dossier.ReceptionRefused{Slip: "TC-9", Why: dossier.Reason{Ground: "supplement-expired"}})
}
