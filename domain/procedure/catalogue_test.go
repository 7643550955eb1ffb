package procedure_test

import (
	"slices"
	"strings"
	"testing"

	"dossierledger/domain/procedure"
	"dossierledger/domain/vietnamese"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func listed(code, name string, keywords []string, summary string, change func(*procedure.Version)) procedure.Listed {
	v := marriage(1)
	v.Code, v.Name, v.Keywords = code, procedure.Text{VI: name}, keywords
	v.Summary = procedure.Text{VI: summary}
	if change != nil {
		change(&v)
	}
	return procedure.Listed{Version: v, Standing: procedure.InForce}
}

func shelf() *procedure.Catalogue {
	return procedure.NewCatalogue([]procedure.Listed{
		listed("1.000001", "Đổi giấy phép lái xe", []string{"bằng lái", "gplx"}, "Đổi bằng hết hạn", func(v *procedure.Version) {
			v.Field, v.Competent, v.LifeEvents, v.Agencies = "driving", procedure.TierProvince, []string{"driving"}, []string{"G01.21"}
		}),
		listed("1.000002", "Khám sức khỏe", []string{"giấy phép lái xe"}, "Cho người lái xe", func(v *procedure.Version) {
			v.Class, v.Level, v.Competent = procedure.PublicCareerService, procedure.Level2, procedure.TierProvince
			v.LifeEvents = []string{"driving", "health"}
		}),
		listed("1.000003", "Cấp hộ chiếu", nil, "Không cần giấy phép lái xe", nil),
		listed("1.000004", "Đăng ký kết hôn", []string{"cưới"}, "Ở xã", func(v *procedure.Version) { v.LifeEvents = []string{"marriage"} }),
		listed("1.000005", "Đăng ký hộ kinh doanh", []string{"mở quán"}, "Ở xã", func(v *procedure.Version) {
			v.Audience, v.LifeEvents = []procedure.Audience{procedure.HouseholdBusiness, procedure.Enterprise}, []string{"business"}
		}),
		{Version: func() procedure.Version {
			v := marriage(1)
			v.Code, v.Name.VI = "1.000006", "Giấy phép cũ"
			return v
		}(), Standing: procedure.Superseded},
	}, []procedure.LifeEvent{
		{Slug: "driving", Name: procedure.Text{VI: "Lái xe"}, Audience: procedure.Citizen},
		{Slug: "business", Name: procedure.Text{VI: "Kinh doanh"}, Audience: procedure.Enterprise},
	})
}

func codes(p procedure.Page) []string {
	var all []string
	for _, h := range p.Hits {
		all = append(all, h.Version.Code)
	}
	return all
}

func TestSearch(t *testing.T) {
	c := shelf()
	for name, s := range map[string]struct {
		query procedure.Query
		want  []string
	}{
		"the name before keywords before the summary": {procedure.Query{Text: "giấy phép lái xe"}, []string{"1.000001", "1.000002", "1.000003"}},
		"without diacritics the same":                 {procedure.Query{Text: "GIAY PHEP lai xe"}, []string{"1.000001", "1.000002", "1.000003"}},
		"in the other Unicode form the same":          {procedure.Query{Text: norm.NFD.String("giấy phép lái xe")}, []string{"1.000001", "1.000002", "1.000003"}},
		"with diacritics they count":                  {procedure.Query{Text: "cười"}, nil},
		"with the right ones it is found":             {procedure.Query{Text: "cưới"}, []string{"1.000004"}},
		"either spelling of a tone":                   {procedure.Query{Text: "sức khoẻ"}, []string{"1.000002"}},
		"the beginning of a word":                     {procedure.Query{Text: "kin doa"}, []string{"1.000005"}},
		"not its middle":                              {procedure.Query{Text: "inh"}, nil},
		"every word":                                  {procedure.Query{Text: "kết hôn hộ chiếu"}, nil},
		"words spread over name and keywords":         {procedure.Query{Text: "kết hôn cưới"}, []string{"1.000004"}},
		"a code":                                      {procedure.Query{Text: " 1.000003 "}, []string{"1.000003"}},
		"only signs":                                  {procedure.Query{Text: "?!"}, nil},
		"nothing asked lists all by name":             {procedure.Query{}, []string{"1.000003", "1.000005", "1.000004", "1.000001", "1.000002"}},
		"what is superseded only when asked for":      {procedure.Query{Text: "giấy phép cũ", AnyStanding: true}, []string{"1.000006"}},
		"by life event":                               {procedure.Query{LifeEvent: "driving"}, []string{"1.000001", "1.000002"}},
		"by class":                                    {procedure.Query{Class: procedure.PublicCareerService}, []string{"1.000002"}},
		"by level":                                    {procedure.Query{Level: procedure.Level2}, []string{"1.000002"}},
		"by audience":                                 {procedure.Query{Audience: procedure.Enterprise}, []string{"1.000005"}},
		"by an agency that is named":                  {procedure.Query{Agency: "G01.21", AgencyTier: procedure.TierMinistry}, []string{"1.000001"}},
		"by an agency of the tier":                    {procedure.Query{Agency: "H15.05", AgencyTier: procedure.TierProvince}, []string{"1.000002"}},
		"a page":                                      {procedure.Query{Offset: 1, Limit: 2}, []string{"1.000005", "1.000004"}},
		"past the end":                                {procedure.Query{Offset: 99}, nil},
		"before the start":                            {procedure.Query{Offset: -5, Limit: 1}, []string{"1.000003"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := codes(c.Search(s.query)); !slices.Equal(got, s.want) {
				t.Errorf("got %v, want %v", got, s.want)
			}
		})
	}
	if got := c.LifeEvents(procedure.HouseholdBusiness); len(got) != 1 || got[0].Slug != "business" {
		t.Errorf("life events of a household business: %v", got)
	}
	if got := c.LifeEvents(procedure.Citizen); len(got) != 1 || got[0].Slug != "driving" {
		t.Errorf("life events of a citizen: %v", got)
	}
}

func TestAFacetSaysWhatItsChoiceWouldFind(t *testing.T) {
	c := shelf()
	page := c.Search(procedure.Query{LifeEvent: "driving", Class: procedure.AdministrativeService})
	if page.Total != 1 || page.Facets.Class[procedure.PublicCareerService] != 1 || page.Facets.Level[procedure.Level2] != 0 {
		t.Errorf("%+v", page)
	}
	rapid.Check(t, func(t *rapid.T) {
		q := procedure.Query{
			Text:      rapid.SampledFrom([]string{"", "giay phep", "xe"}).Draw(t, "text"),
			LifeEvent: rapid.SampledFrom([]string{"", "driving"}).Draw(t, "event"),
			Class:     rapid.SampledFrom([]procedure.Class{"", procedure.AdministrativeService, procedure.PublicCareerService}).Draw(t, "class"),
			Level:     rapid.SampledFrom([]procedure.Level{0, 2, 4}).Draw(t, "level"),
			Audience:  rapid.SampledFrom([]procedure.Audience{"", procedure.Citizen, procedure.Enterprise}).Draw(t, "audience"),
		}
		facets := c.Search(q).Facets
		for class, n := range facets.Class {
			chosen := q
			chosen.Class = class
			if total := c.Search(chosen).Total; total != n {
				t.Fatalf("class %s says %d and finds %d", class, n, total)
			}
		}
		for audience, n := range facets.Audience {
			chosen := q
			chosen.Audience = audience
			if total := c.Search(chosen).Total; total != n {
				t.Fatalf("audience %s says %d and finds %d", audience, n, total)
			}
		}
	})
}

// Leaving diacritics out finds at least what writing them finds, in any Unicode form.
func TestSearchWithoutDiacriticsFindsAtLeastAsMuch(t *testing.T) {
	c := shelf()
	var words []string
	for _, h := range c.Search(procedure.Query{AnyStanding: true}).Hits {
		words = append(words, vietnamese.Words(h.Version.Name.VI+" "+h.Version.Summary.VI+" "+strings.Join(h.Version.Keywords, " "))...)
	}
	rapid.Check(t, func(t *rapid.T) {
		query := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 1, 3).Draw(t, "words"), " ")
		marked := c.Search(procedure.Query{Text: query})
		if form := codes(c.Search(procedure.Query{Text: norm.NFD.String(strings.ToUpper(query))})); !slices.Equal(form, codes(marked)) {
			t.Fatalf("%q in capitals and NFD finds %v, else %v", query, form, codes(marked))
		}
		plain := codes(c.Search(procedure.Query{Text: vietnamese.Fold(query)}))
		for _, code := range codes(marked) {
			if !slices.Contains(plain, code) {
				t.Fatalf("%q finds %s, %q does not", query, code, vietnamese.Fold(query))
			}
		}
	})
}

func TestTheCatalogueOfADayListsWhatIsInForceThen(t *testing.T) {
	h := folded(t, superseded())
	on := func(d string) []string {
		c := procedure.CatalogueAt([]procedure.History{h, {}}, nil, day(d), day("2026-01-01"))
		if c.Len() != 1 {
			t.Fatalf("%d procedures", c.Len())
		}
		return codes(c.Search(procedure.Query{}))
	}
	if got := on("2025-02-28"); len(got) != 1 {
		t.Errorf("in February: %v", got)
	}
	if got := on("2025-03-01"); len(got) != 0 {
		t.Errorf("in March: %v", got)
	}
}

func FuzzSearch(f *testing.F) {
	c := shelf()
	for _, s := range []string{"", "đổi bằng", "1.000001", "\xff\xfe", strings.Repeat("ộ ", 500), "ò̂"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		page := c.Search(procedure.Query{Text: text, AnyStanding: true})
		if page.Total != len(page.Hits) || page.Total > c.Len() {
			t.Errorf("%q: %d of %d", text, len(page.Hits), page.Total)
		}
	})
}

func BenchmarkSearchSixThousandProcedures(b *testing.B) {
	var all []procedure.Listed
	for i := range 6000 {
		l := shelf().Search(procedure.Query{}).Hits[i%5]
		l.Version.Code = l.Version.Code[:2] + string([]byte{byte('0' + i/1000%10), '0', byte('0' + i/1000%10), byte('0' + i/100%10), byte('0' + i/10%10), byte('0' + i%10)})
		all = append(all, l)
	}
	c := procedure.NewCatalogue(all, nil)
	for b.Loop() {
		c.Search(procedure.Query{Text: "giay phep lai"})
	}
}
