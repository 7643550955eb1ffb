package agency_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"dossierledger/domain/agency"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"pgregory.net/rapid"
)

func unit(id, name, parent, place, commune string, kind agency.Kind, tier procedure.Tier, from string, fields ...string) agency.Established {
	return agency.Established{ID: id, Name: text(name), Kind: kind, Tier: tier, Parent: parent, Place: agency.Place{Province: place, Commune: commune},
		Fields: fields, From: day(from), Basis: "x"}
}

// The region of Tây Ninh, which took in Long An and its code 80 on 1 July 2025.
func region(t *testing.T) *agency.Directory {
	t.Helper()
	d, err := agency.NewDirectory([]agency.Agency{
		folded(t, longAn, merged, agency.AliasAdded{Alias: "LA-01", Scheme: agency.SchemeLocal, From: day("2010-01-01"), Until: new(day("2025-07-01"))}),
		folded(t, province("H53", "Uỷ ban nhân dân tỉnh Tây Ninh", "72"),
			agency.AreaChanged{Place: agency.Place{Province: "80"}, From: day("2025-07-01"), Basis: "NQ 202/2025/QH15"},
			agency.AliasAdded{Alias: "000.00.00.H53", Scheme: agency.SchemeQCVN102, From: day("2016-01-01")},
			agency.AliasAdded{Alias: "LA-01", Scheme: agency.SchemeLocal, From: day("2025-07-01")}),
		folded(t, unit("H53.05", "Sở Y tế tỉnh Tây Ninh", "H53", "80", "", agency.ProvincialDepartment, procedure.TierProvince, "2025-03-01", "health", "food-safety")),
		folded(t, unit("H53.40", "Trung tâm Phục vụ hành chính công tỉnh Tây Ninh", "H53", "80", "", agency.ServiceCentre, procedure.TierProvince, "2025-07-01")),
		folded(t, unit("H53.50.01", "Uỷ ban nhân dân phường Long An", "H53", "80", "27694", agency.PeopleCommittee, procedure.TierCommune, "2025-07-01")),
		folded(t, unit("H53.50.01.13", "Trung tâm Phục vụ hành chính công phường Long An", "H53.50.01", "80", "27694", agency.ServiceCentre, procedure.TierCommune, "2025-07-01")),
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func ids(all []agency.Agency) string {
	var names []string
	for _, a := range all {
		names = append(names, a.ID)
	}
	return strings.Join(names, " ")
}

func TestDirectory(t *testing.T) {
	d := region(t)
	before, after := day("2025-06-30"), day("2025-07-01")
	for _, c := range []struct{ what, got, want string }{
		{"above a commune's centre", ids(d.Ancestors("H53.50.01.13")), "H53.50.01 H53"},
		{"below the province", ids(d.Descendants("H53")), "H53.05 H53.40 H53.50.01 H53.50.01.13"},
		{"directly below", ids(d.Children("H53")), "H53.05 H53.40 H53.50.01"},
		{"before Tây Ninh", ids(d.Predecessors("H53")), "H39"},
		{"who does Long An's work", ids(d.Current("H39", after)), "H53"},
		{"who did it the day before", ids(d.Current("H39", before)), "H39"},
		{"province 80 before", ids(d.Competent(procedure.TierProvince, "land", agency.Place{Province: "80"}, before)), "H39"},
		{"province 80 after", ids(d.Competent(procedure.TierProvince, "land", agency.Place{Province: "80"}, after)), "H53"},
		{"a named field goes first", ids(d.Competent(procedure.TierProvince, "health", agency.Place{Province: "80", Commune: "27694"}, after)), "H53.05"},
		{"the commune of a place", ids(d.Competent(procedure.TierCommune, "civil-status", agency.Place{Province: "80", Commune: "27694"}, after)), "H53.50.01"},
		{"no commune without one", ids(d.Competent(procedure.TierCommune, "civil-status", agency.Place{Province: "80"}, after)), ""},
		{"nobody in another province", ids(d.Competent(procedure.TierProvince, "land", agency.Place{Province: "01"}, after)), ""},
		{"centres, the nearest first", ids(d.ServiceCentres(agency.Place{Province: "80", Commune: "27694"}, after)), "H53.50.01.13 H53.40"},
		{"by name", ids(d.Search("tây ninh", after, 9)), "H53.05 H53 H53.40"},
		{"by name without diacritics", ids(d.Search("so y te", after, 9)), "H53.05"},
		{"with wrong diacritics", ids(d.Search("sô y tế", after, 9)), ""},
		{"in the other spelling", ids(d.Search("ủy ban nhân dân tỉnh", after, 9)), "H53"},
		{"a past one on its day", ids(d.Search("tỉnh long an", before, 9)), "H39"},
		{"a past one today", ids(d.Search("tỉnh long an", after, 9)), ""},
		{"by identifier", ids(d.Search("000.00.00.h53", after, 9)), "H53"},
		{"at most so many", ids(d.Search("tay ninh", after, 1)), "H53.05"},
		{"nothing asked", ids(d.Search(" ", after, 9)), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
	for _, c := range []struct{ name, on, want string }{
		{"H53", "2025-07-01", "H53"}, {"h53", "2025-07-01", "H53"}, {"000.00.00.H53", "2017-01-01", "H53"}, {"000.00.00.H53", "2015-01-01", ""},
		{"la-01", "2025-06-30", "H39"}, {"LA-01", "2025-07-01", "H53"}, {"H39", "2025-06-30", "H39"}, {"H39", "2025-07-01", ""}, {"H99", "2025-07-01", ""},
	} {
		if a, _ := d.Resolve(c.name, day(c.on)); a.ID != c.want {
			t.Errorf("%s on %s means %q, want %q", c.name, c.on, a.ID, c.want)
		}
	}
	if !d.Within("H53.50.01", "H53") || !d.Within("H53", "H53") || d.Within("H53", "H53.50.01") || d.Within("H39", "H53") {
		t.Error("the tree confines the wrong ones")
	}
}

func TestWhoDecidesOnAProcedure(t *testing.T) {
	d := region(t)
	place, now := agency.Place{Province: "80", Commune: "27694"}, day("2026-01-01")
	v := procedure.Version{Field: "food-safety", Competent: procedure.TierProvince}
	if got := ids(d.CompetentFor(v, place, now)); got != "H53.05" {
		t.Errorf("by field: %q", got)
	}
	v.Agencies = []string{"H39", "H53"}
	if got := ids(d.CompetentFor(v, place, now)); got != "H53" {
		t.Errorf("a named agency's successor: %q", got)
	}
	if got := ids(d.CompetentFor(v, agency.Place{Province: "01"}, now)); got != "" {
		t.Errorf("elsewhere: %q", got)
	}
}

func TestADirectoryIsRightInItself(t *testing.T) {
	a, b := province("H39", "A", "80"), province("H53", "B", "72")
	for says, list := range map[string][]agency.Agency{
		"twice":                  {folded(t, a), folded(t, a)},
		"never established":      {{}},
		"not in the register":    {folded(t, unit("H39.01", "x", "H39", "80", "", agency.PublicUnit, procedure.TierProvince, "2020-01-01"))},
		"above itself":           {folded(t, unit("H39.01", "x", "H39.02", "", "", agency.PublicUnit, procedure.TierProvince, "2020-01-01")), folded(t, unit("H39.02", "y", "H39.01", "", "", agency.PublicUnit, procedure.TierProvince, "2020-01-01"))},
		"means both H39 and H53": {folded(t, a, alias), folded(t, b, alias)},
	} {
		if _, err := agency.NewDirectory(list); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want an error that says %q", err, says)
		}
	}
	if d := region(t); !slices.IsSorted(d.IDs()) || len(d.IDs()) != 6 {
		t.Errorf("ids: %v", d.IDs())
	}
}

// In any tree, one is above another exactly where the other is below it, and a
// merger leads from every past agency to one that lasts.
func TestTheTreeIsTheSameFromAboveAndBelow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "agencies")
		var all []agency.Agency
		for i := range n {
			e := province(fmt.Sprintf("H%02d", i), fmt.Sprint("Cơ quan ", i), "")
			if i > 0 && rapid.Bool().Draw(t, "below") {
				e.Parent = fmt.Sprintf("H%02d", rapid.IntRange(0, i-1).Draw(t, "parent"))
			}
			facts := []event.Event{{Payload: e}}
			if i > 0 && rapid.Bool().Draw(t, "merged") {
				into := fmt.Sprintf("H%02d", rapid.IntRange(0, i-1).Draw(t, "into"))
				facts = append(facts, event.Event{Payload: agency.MergedInto{Into: into, Effective: day("2025-07-01"), Basis: "x"}})
			}
			a, err := agency.Fold(facts)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, a)
		}
		d, err := agency.NewDirectory(all)
		if err != nil {
			t.Fatal(err)
		}
		for _, upper := range d.IDs() {
			below := d.Descendants(upper)
			for _, lower := range d.IDs() {
				is := slices.ContainsFunc(below, func(a agency.Agency) bool { return a.ID == lower })
				if is != (lower != upper && d.Within(lower, upper)) {
					t.Fatalf("%s below %s: %v from above, not so from below", lower, upper, is)
				}
			}
			now := d.Current(upper, day("2026-01-01"))
			if len(now) != 1 || !now[0].ActiveAt(day("2026-01-01")) {
				t.Fatalf("the work of %s is done by %v", upper, ids(now))
			}
		}
	})
}

// Who decides is asked of one agency, or of all of them, with one answer; those
// who have the field named go before those who have every field.
func TestWhoDecidesIsWhoIsListed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fields := []string{"health", "land"}
		var all []agency.Agency
		for i := range rapid.IntRange(1, 10).Draw(t, "agencies") {
			kind := rapid.SampledFrom([]agency.Kind{agency.PeopleCommittee, agency.ProvincialDepartment, agency.ServiceCentre}).Draw(t, "kind")
			place := rapid.SampledFrom([]string{"80", "72"}).Draw(t, "place")
			from := rapid.SampledFrom([]string{"2020-01-01", "2026-06-01"}).Draw(t, "from")
			e := unit(fmt.Sprintf("H%02d", i), fmt.Sprint("Cơ quan ", i), "", place, "", kind, procedure.TierProvince, from,
				rapid.SliceOfN(rapid.SampledFrom(fields), 0, 2).Draw(t, "fields")...)
			a, err := agency.Fold([]event.Event{{Payload: e}})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, a)
		}
		d, err := agency.NewDirectory(all)
		if err != nil {
			t.Fatal(err)
		}
		at := day("2026-01-01")
		v := procedure.Version{Competent: procedure.TierProvince, Field: rapid.SampledFrom(fields).Draw(t, "field")}
		if rapid.Bool().Draw(t, "named") {
			v.Agencies = []string{"H00", "H01"}
		}
		for _, a := range all {
			place := a.PlaceAt(at)
			listed := slices.ContainsFunc(d.CompetentFor(v, place, at), func(c agency.Agency) bool { return c.ID == a.ID })
			if got := d.Decides(v, a.ID, at); got != (listed && a.ActiveAt(at)) {
				t.Fatalf("%s decides: %v, listed: %v", a.ID, got, listed)
			}
			if len(v.Agencies) > 0 || a.Kind == agency.ServiceCentre || !a.ActiveAt(at) || !a.Handles(v.Field) {
				continue
			}
			others := slices.ContainsFunc(all, func(o agency.Agency) bool {
				return o.Kind != agency.ServiceCentre && o.ActiveAt(at) && o.PlaceAt(at).Covers(place) && slices.Contains(o.Fields, v.Field)
			})
			if want := len(a.Fields) > 0 || !others; d.Decides(v, a.ID, at) != want {
				t.Fatalf("%s decides: %v where others have the field named: %v", a.ID, !want, others)
			}
		}
	})
}
