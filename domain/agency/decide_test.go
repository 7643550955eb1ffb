package agency_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"dossierledger/domain/agency"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"github.com/google/uuid"
)

var ict = time.FixedZone("ICT", 7*3600)

// day is the instant at which a date begins in Vietnam.
func day(s string) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, s, ict)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func text(vi string) procedure.Text { return procedure.Text{VI: vi} }

func province(id, name, place string) agency.Established {
	return agency.Established{ID: id, Name: text(name), Kind: agency.PeopleCommittee, Tier: procedure.TierProvince,
		Place: agency.Place{Province: place}, From: day("2008-08-01"), Basis: "NQ 15/2008/QH12"}
}

func folded(t *testing.T, facts ...event.Payload) agency.Agency {
	t.Helper()
	var events []event.Event
	for _, f := range facts {
		events = append(events, event.New(uuid.New(), event.Metadata{}, f))
	}
	a, err := agency.Fold(events)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var (
	longAn  = province("H39", "Uỷ ban nhân dân tỉnh Long An", "80")
	desk    = agency.Department{Slug: "one-stop", Kind: agency.OneStop, Name: text("Bộ phận Một cửa")}
	opened  = agency.DepartmentOpened{Department: desk, From: day("2018-06-21")}
	merged  = agency.MergedInto{Into: "H53", Effective: day("2025-07-01"), Basis: "NQ 202/2025/QH15"}
	renamed = agency.Renamed{Name: text("Tên mới"), From: day("2020-01-01"), Basis: "QĐ 1"}
	alias   = agency.AliasAdded{Alias: "000.00.00.H39", Scheme: agency.SchemeQCVN102, From: day("2016-01-01")}
)

func TestDecide(t *testing.T) {
	with := func(change func(*agency.Established)) agency.Established {
		e := longAn
		change(&e)
		return e
	}
	end := day("2015-01-01")
	for name, c := range map[string]struct {
		given   []event.Payload
		when    event.Payload
		happens bool
		no      error
	}{
		"it is established":                   {nil, longAn, true, nil},
		"establishing again is quiet":         {[]event.Payload{longAn}, longAn, false, nil},
		"again after a new name is quiet too": {[]event.Payload{longAn, renamed}, longAn, false, nil},
		"establishing otherwise is refused":   {[]event.Payload{longAn}, with(func(e *agency.Established) { e.Place.Province = "81" }), false, agency.ErrEstablished},
		"its id has the shape of QĐ 20/2020":  {nil, with(func(e *agency.Established) { e.ID = "000.00.00.H39" }), false, agency.ErrInvalid},
		"its id is in capitals":               {nil, with(func(e *agency.Established) { e.ID = "h39" }), false, agency.ErrInvalid},
		"it has a name":                       {nil, with(func(e *agency.Established) { e.Name.VI = "" }), false, agency.ErrInvalid},
		"it has a known kind":                 {nil, with(func(e *agency.Established) { e.Kind = "shop" }), false, agency.ErrInvalid},
		"it has a known tier":                 {nil, with(func(e *agency.Established) { e.Tier = "district" }), false, agency.ErrInvalid},
		"a commune has a place":               {nil, with(func(e *agency.Established) { e.Tier = procedure.TierCommune }), false, agency.ErrInvalid},
		"it has a beginning":                  {nil, with(func(e *agency.Established) { e.From = time.Time{} }), false, agency.ErrNoDate},
		"it has a ground":                     {nil, with(func(e *agency.Established) { e.Basis = "" }), false, agency.ErrNoBasis},
		"it is not its own parent":            {nil, with(func(e *agency.Established) { e.Parent = e.ID }), false, agency.ErrItself},
		"nothing happens to what is unknown":  {nil, renamed, false, agency.ErrUnknown},
		"it is renamed":                       {[]event.Payload{longAn}, renamed, true, nil},
		"renaming again is quiet":             {[]event.Payload{longAn, renamed}, renamed, false, nil},
		"a new name needs a ground":           {[]event.Payload{longAn}, agency.Renamed{Name: text("x"), From: day("2020-01-01")}, false, agency.ErrNoBasis},
		"nothing holds before it began":       {[]event.Payload{longAn}, agency.Renamed{Name: text("x"), From: day("2000-01-01"), Basis: "x"}, false, agency.ErrBegins},
		"what has ended is not renamed":       {[]event.Payload{longAn, merged}, agency.Renamed{Name: text("x"), From: day("2025-07-01"), Basis: "x"}, false, agency.ErrEnded},
		"its area changes":                    {[]event.Payload{longAn}, agency.AreaChanged{Place: agency.Place{Province: "81"}, From: day("2020-01-01"), Basis: "x"}, true, nil},
		"an area is a place":                  {[]event.Payload{longAn}, agency.AreaChanged{Place: agency.Place{Commune: "00001"}, From: day("2020-01-01"), Basis: "x"}, false, agency.ErrInvalid},
		"it has another identifier":           {[]event.Payload{longAn}, alias, true, nil},
		"the alias again is quiet":            {[]event.Payload{longAn, alias}, agency.AliasAdded{Alias: "000.00.00.h39", Scheme: agency.SchemeQCVN102, From: alias.From.In(ict)}, false, nil},
		"an alias has the shape it claims":    {[]event.Payload{longAn}, agency.AliasAdded{Alias: "H39", Scheme: agency.SchemeQCVN102, From: alias.From}, false, agency.ErrInvalid},
		"an alias is not empty":               {[]event.Payload{longAn}, agency.AliasAdded{Alias: " ", Scheme: agency.SchemeLocal, From: alias.From}, false, agency.ErrInvalid},
		"an alias does not end too soon":      {[]event.Payload{longAn}, agency.AliasAdded{Alias: "X", Scheme: agency.SchemeLocal, From: alias.From, Until: &end}, false, agency.ErrAliasPeriod},
		"old papers: an alias after the end":  {[]event.Payload{longAn, merged}, agency.AliasAdded{Alias: "LA", Scheme: agency.SchemeLocal, From: day("2026-01-01")}, true, nil},
		"a department opens":                  {[]event.Payload{longAn}, opened, true, nil},
		"opening again is quiet":              {[]event.Payload{longAn, opened}, opened, false, nil},
		"a slug is open once":                 {[]event.Payload{longAn, opened}, agency.DepartmentOpened{Department: desk, From: day("2019-01-01")}, false, agency.ErrDepartment},
		"nor does it open before itself":      {[]event.Payload{longAn, opened}, agency.DepartmentOpened{Department: desk, From: day("2015-01-01")}, false, agency.ErrDepartment},
		"a department has a slug":             {[]event.Payload{longAn}, agency.DepartmentOpened{Department: agency.Department{Slug: "Một cửa", Kind: agency.OneStop, Name: text("x")}, From: day("2019-01-01")}, false, agency.ErrInvalid},
		"a department closes":                 {[]event.Payload{longAn, opened}, agency.DepartmentClosed{Slug: "one-stop", From: day("2020-01-01")}, true, nil},
		"what is not open cannot close":       {[]event.Payload{longAn}, agency.DepartmentClosed{Slug: "one-stop", From: day("2020-01-01")}, false, agency.ErrNoSuchDept},
		"a closed department opens again":     {[]event.Payload{longAn, opened, agency.DepartmentClosed{Slug: "one-stop", From: day("2020-01-01")}}, agency.DepartmentOpened{Department: desk, From: day("2021-01-01")}, true, nil},
		"it is merged":                        {[]event.Payload{longAn}, merged, true, nil},
		"merging again is quiet":              {[]event.Payload{longAn, merged}, merged, false, nil},
		"it is not merged into itself":        {[]event.Payload{longAn}, agency.MergedInto{Into: "H39", Effective: day("2025-07-01"), Basis: "x"}, false, agency.ErrItself},
		"merging needs an agency":             {[]event.Payload{longAn}, agency.MergedInto{Effective: day("2025-07-01"), Basis: "x"}, false, agency.ErrInvalid},
		"it ends once":                        {[]event.Payload{longAn, merged}, agency.Dissolved{Effective: day("2026-01-01"), Basis: "x"}, false, agency.ErrEnded},
		"it is dissolved":                     {[]event.Payload{longAn}, agency.Dissolved{Effective: day("2026-01-01"), Basis: "x", Successors: []string{"H53"}}, true, nil},
		"dissolving needs a ground":           {[]event.Payload{longAn}, agency.Dissolved{Effective: day("2026-01-01")}, false, agency.ErrNoBasis},
		"dissolving needs a date":             {[]event.Payload{longAn}, agency.Dissolved{Basis: "x"}, false, agency.ErrNoDate},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := agency.Decide(folded(t, c.given...), c.when)
			if !errors.Is(err, c.no) || c.no == nil && err != nil {
				t.Fatalf("got the refusal %v, want %v", err, c.no)
			}
			var want []event.Payload
			if c.happens {
				want = []event.Payload{c.when}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestTheStateAtADate(t *testing.T) {
	a := folded(t, longAn, opened, renamed,
		agency.AreaChanged{Place: agency.Place{Province: "81"}, From: day("2021-01-01"), Basis: "x"},
		agency.DepartmentClosed{Slug: "one-stop", From: day("2022-01-01")},
		agency.DepartmentOpened{Department: agency.Department{Slug: "hall", Kind: agency.OneStop, Name: text("Trung tâm")}, From: day("2022-01-01")},
		merged)
	for d, want := range map[string]string{"2000-01-01": longAn.Name.VI, "2019-12-31": longAn.Name.VI, "2020-01-01": "Tên mới", "2030-01-01": "Tên mới"} {
		if got := a.NameAt(day(d)).VI; got != want {
			t.Errorf("on %s it is called %q, want %q", d, got, want)
		}
	}
	for d, want := range map[string]string{"2020-12-31": "80", "2021-01-01": "81"} {
		if got := a.PlaceAt(day(d)).Province; got != want {
			t.Errorf("on %s its place is %s, want %s", d, got, want)
		}
	}
	for d, want := range map[string]string{"2018-06-20": "", "2018-06-21": "one-stop", "2021-12-31": "one-stop", "2022-01-01": "hall"} {
		if got, _ := a.DepartmentFor("one-stop", day(d)); got.Slug != want {
			t.Errorf("on %s the one-stop desk is %q, want %q", d, got.Slug, want)
		}
	}
	for d, want := range map[string]bool{"2008-07-31": false, "2008-08-01": true, "2025-06-30": true, "2025-07-01": false} {
		if a.ActiveAt(day(d)) != want {
			t.Errorf("on %s active is not %v", d, want)
		}
	}
	if _, err := agency.Fold([]event.Event{{Payload: procedure.Published{}}}); err == nil {
		t.Error("a procedure's event was taken for an agency's")
	}
}
