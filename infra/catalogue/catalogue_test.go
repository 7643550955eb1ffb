package catalogue_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"dossierledger/domain/agency"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"dossierledger/infra/catalogue"
)

func loaded(t *testing.T) *catalogue.Catalogue {
	t.Helper()
	c, err := catalogue.Sample()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func date(s string) time.Time {
	day, err := time.ParseInLocation(time.DateOnly, s, time.FixedZone("ICT", 7*3600))
	if err != nil {
		panic(err)
	}
	return day
}

var today = date("2026-11-23")

func TestEverySampleProcedureIsValidAndHasSomebodyWhoDecides(t *testing.T) {
	c := loaded(t)
	if n := len(c.Procedures()); n < 22 {
		t.Fatalf("%d procedures, want 22 at least", n)
	}
	places := []agency.Place{{Province: "66", Commune: "24133"}, {Province: "01", Commune: "00070"}, {Province: "79", Commune: "26740"}}
	for _, v := range c.Procedures() {
		if err := v.Validate(); err != nil {
			t.Error(err)
		}
		for _, place := range places {
			deciding := c.Directory().CompetentFor(v, place, today)
			if len(deciding) != 1 {
				t.Errorf("%s %s: %d agencies decide for %v, want 1", v.Code, v.Name.VI, len(deciding), place)
			}
			for _, a := range deciding {
				for _, s := range v.Steps {
					if _, ok := a.DepartmentFor(s.Department, today); !ok {
						t.Errorf("%s: %s has no department for step %s", v.Code, a.ID, s.Code)
					}
				}
			}
		}
	}
}

func TestTheSampleCoversTheThreeClassesAndFourLevels(t *testing.T) {
	facets := loaded(t).Index(today).Search(procedure.Query{}).Facets
	for _, class := range []procedure.Class{procedure.AdministrativeService, procedure.PublicCareerService, procedure.PublicUtilityService} {
		if facets.Class[class] < 3 {
			t.Errorf("class %s: %d procedures", class, facets.Class[class])
		}
	}
	for level := procedure.Level1; level <= procedure.Level4; level++ {
		if facets.Level[level] < 2 {
			t.Errorf("level %d: %d procedures", level, facets.Level[level])
		}
	}
}

func TestTheFiveProceduresOfTheGuideAreFoundByWhatPeopleCallThem(t *testing.T) {
	index := loaded(t).Index(today)
	for words, code := range map[string]string{
		"đổi giấy phép lái xe":  "3.000347",
		"doi bang lai xe":       "3.000347",
		"ATTP":                  "1.013855",
		"trợ cấp BHTN":          "1.001978",
		"kho bac nha nuoc":      "9.000101",
		"đăng ký kết hôn":       "1.000894",
		"dang ky ket hon":       "1.000894",
		"marriage registration": "1.000894",
		"1.000894":              "1.000894",
	} {
		page := index.Search(procedure.Query{Text: words})
		if page.Total == 0 {
			t.Errorf("%q finds nothing, want %s", words, code)
			continue
		}
		if got := page.Hits[0].Version.Code; got != code && words != "ATTP" && words != "trợ cấp BHTN" {
			t.Errorf("%q finds %s first, want %s", words, got, code)
		}
		if !slices.ContainsFunc(page.Hits, func(l procedure.Listed) bool { return l.Version.Code == code }) {
			t.Errorf("%q does not find %s", words, code)
		}
	}
}

func TestVersionsChangeOnTheirDays(t *testing.T) {
	histories := map[string]procedure.History{}
	for _, h := range loaded(t).Histories() {
		histories[h.Code()] = h
	}
	at := func(code, day string) (procedure.Version, procedure.Standing) {
		v, standing, ok := histories[code].At(date(day), time.Time{})
		if !ok {
			t.Fatalf("%s is not in the catalogue", code)
		}
		return v, standing
	}
	if v, _ := at("1.000894", "2025-12-31"); !hasComponent(v, "marital-status") {
		t.Error("before 1 January 2026 marriage needs a marital status certificate")
	}
	if v, _ := at("1.000894", "2026-01-01"); hasComponent(v, "marital-status") {
		t.Error("since 1 January 2026 marriage needs no marital status certificate")
	}
	if v, _ := at("9.000105", "2026-06-30"); v.SupplementRule(procedure.PhaseProcessing).OnAnswer != procedure.Resume {
		t.Error("before NĐ 217/2026 the clock resumes")
	}
	v, _ := at("9.000105", "2026-07-01")
	if r := v.SupplementRule(procedure.PhaseReception); r.OnAnswer != procedure.Restart || r.Max != 1 || r.Wait.Amount != 20 {
		t.Errorf("since NĐ 217/2026 one request, 20 days, restart; got %+v", r)
	}
	if _, standing := at("1.002809", "2025-03-01"); standing != procedure.Superseded {
		t.Errorf("the transport procedure is %s on 1 March 2025, want superseded", standing)
	}
	if v, _ := at("1.001193", "2025-09-14"); v.FormSet != "2018" {
		t.Error("the forms of 2018 hold until 14 September 2025")
	}
	if v, _ := at("1.001193", "2025-09-15"); v.FormSet != "2025" {
		t.Error("the forms of 2025 hold from 15 September 2025")
	}
	if v, _ := at("3.000347", "2026-08-01"); v.FeeTotal(procedure.Online) != 115_000 || v.FeeTotal(procedure.InPerson) != 135_000 {
		t.Error("a licence costs 135,000 and 115,000 online")
	}
}

func hasComponent(v procedure.Version, code string) bool {
	_, ok := v.Component(code)
	return ok
}

func TestTheNormsOfTheSampleTellTheFoodSafetyStory(t *testing.T) {
	norms := loaded(t).Norms()
	if got, ok := norms.Operative("NĐ 15/2018/NĐ-CP", today, time.Time{}); !ok || got != "NĐ 15/2018/NĐ-CP" {
		t.Errorf("operative today: %q, want NĐ 15/2018/NĐ-CP", got)
	}
	if got, _ := norms.Operative("NĐ 15/2018/NĐ-CP", date("2026-01-30"), date("2026-01-30")); got != "NĐ 46/2026/NĐ-CP" {
		t.Errorf("operative on 30 January 2026: %q, want NĐ 46/2026/NĐ-CP", got)
	}
}

func TestAll34ProvincesWithTheirPast(t *testing.T) {
	d := loaded(t).Directory()
	count := func(day string) int {
		n := 0
		for _, id := range d.IDs() {
			a, _ := d.Get(id)
			if a.Kind == agency.PeopleCommittee && a.Tier == procedure.TierProvince && a.ActiveAt(date(day)) {
				n++
			}
		}
		return n
	}
	if n := count("2025-06-30"); n != 63 {
		t.Errorf("%d provinces before the merger, want 63", n)
	}
	if n := count("2025-07-01"); n != 34 {
		t.Errorf("%d provinces since the merger, want 34", n)
	}
	hcm, ok := d.Resolve("000.00.00.H29", today)
	if !ok || hcm.ID != "H29" {
		t.Fatalf("000.00.00.H29 means %q, want H29", hcm.ID)
	}
	var before []string
	for _, p := range d.Predecessors("H29") {
		before = append(before, p.ID)
	}
	if !slices.Equal(before, []string{"H06", "H09"}) {
		t.Errorf("H29 took in %v, want Bà Rịa - Vũng Tàu (H06) and Bình Dương (H09)", before)
	}
	if now := d.Current("H09", today); len(now) != 1 || now[0].ID != "H29" {
		t.Errorf("the work of H09 is done by %v, want H29", now)
	}
	if a, _ := d.Get("H19"); a.NameAt(date("2026-04-29")).VI == a.NameAt(date("2026-04-30")).VI {
		t.Error("Đồng Nai became a city on 30 April 2026")
	}
	for _, p := range []agency.Place{{Province: "15"}, {Province: "24"}, {Province: "44"}, {Province: "52"}, {Province: "80"}, {Province: "82"}, {Province: "91"}} {
		for _, day := range []string{"2025-06-30", "2025-07-01"} {
			if got := d.Competent(procedure.TierProvince, "anything", p, date(day)); len(got) != 1 {
				t.Errorf("place %v on %s: %d provinces, want 1", p, day, len(got))
			}
		}
	}
	centre, ok := d.Get("H15.50.05.13")
	if !ok || centre.Kind != agency.ServiceCentre || !d.Within("H15.50.05.13", "H15") || d.Within("H15.50.05.13", "H29") {
		t.Error("H15.50.05.13 is a service centre under H15")
	}
	if len(d.Search("so y te ha noi", today, 5)) == 0 || len(d.Search("Sở Y tế", today, 10)) != 3 {
		t.Error("departments of health are found with and without diacritics")
	}
}

func TestOfficersAreNumbersAndSitInDepartments(t *testing.T) {
	c := loaded(t)
	byAgency := map[string]int{}
	for _, o := range c.Officers() {
		byAgency[o.Agency]++
		if !strings.HasPrefix(o.Name.VI, "Cán bộ mẫu ") {
			t.Errorf("%s is called %q: sample officers are numbered", o.ID, o.Name.VI)
		}
		if _, ok := c.Directory().Get(o.Agency); !ok {
			t.Errorf("%s: agency %s is not in the register", o.ID, o.Agency)
		}
	}
	for _, id := range []string{"H15.50.05", "H26.05", "H29.50.01"} {
		if byAgency[id] < 3 {
			t.Errorf("agency %s has %d officers", id, byAgency[id])
		}
	}
}

func TestTheStreamsFoldBackToTheSameCatalogue(t *testing.T) {
	c := loaded(t)
	registry := event.NewRegistry()
	procedure.Register(registry)
	agency.Register(registry)
	ids := map[string]bool{}
	for _, s := range c.Streams() {
		for _, e := range s.Events {
			if ids[e.ID.String()] {
				t.Fatalf("%s: two events have the id %s", s.Name, e.ID)
			}
			ids[e.ID.String()] = true
			if e.Metadata.OccurredAt.IsZero() || !slices.Contains(registry.Types(), e.Payload.EventType()) {
				t.Errorf("%s: %s has no date or no registered shape", s.Name, e.Payload.EventType())
			}
		}
		var err error
		switch {
		case strings.HasPrefix(s.Name, procedure.StreamPrefix):
			_, err = procedure.Fold(s.Events)
		case strings.HasPrefix(s.Name, procedure.NormStreamPrefix):
			_, err = procedure.FoldNorm(s.Events)
		case strings.HasPrefix(s.Name, agency.StreamPrefix):
			_, err = agency.Fold(s.Events)
		default:
			t.Errorf("no stream should be named %q", s.Name)
		}
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	again, err := catalogue.Load(catalogue.Files())
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range again.Streams() {
		for j, e := range s.Events {
			if first := c.Streams()[i].Events[j]; first.ID != e.ID {
				t.Fatalf("%s event %d: another id when loaded again", s.Name, j)
			}
		}
	}
}

func TestABrokenFileIsRefusedWithItsName(t *testing.T) {
	whole := func() fstest.MapFS {
		files := fstest.MapFS{}
		for _, name := range []string{"life-events.yaml", "fields.yaml", "norms.yaml", "departments.yaml", "agencies/1-provinces.yaml", "agencies/2-past-provinces.yaml",
			"agencies/3-service-centres.yaml", "agencies/4-ministries.yaml", "agencies/5-provincial-units.yaml", "agencies/6-communes.yaml", "procedures/4-public-utility.yaml", "officers/h15.yaml"} {
			data, err := catalogue.Files().Open(name)
			if err != nil {
				t.Fatal(err)
			}
			stat, _ := data.Stat()
			text := make([]byte, stat.Size())
			if _, err := data.Read(text); err != nil {
				t.Fatal(err)
			}
			files[name] = &fstest.MapFile{Data: text}
		}
		return files
	}
	if _, err := catalogue.Load(whole()); err != nil {
		t.Fatalf("the files as they are: %v", err)
	}
	utility := "procedures/4-public-utility.yaml"
	for name, c := range map[string]struct{ file, old, new, says string }{
		"unknown key":         {utility, "class: public-utility", "clas: public-utility", "clas"},
		"not YAML":            {"fields.yaml", "- {slug: driving-licence", "- [slug: driving-licence", "fields.yaml"},
		"no such day":         {utility, "2022-01-01", "2022-02-30", "2022-02-30"},
		"shares do not sum":   {utility, "share: 30", "share: 31", "steps"},
		"unknown life event":  {utility, "neighbourhood", "moon-landing", "moon-landing"},
		"unknown norm":        {"norms.yaml", "NĐ 64/2010/NĐ-CP", "NĐ 65/2010/NĐ-CP", ""},
		"unknown departments": {"agencies/6-communes.yaml", "departments: commune", "departments: comune", "comune"},
		"unknown agency":      {"officers/h15.yaml", "agency: H15.01,", "agency: H15.99,", "H15.99"},
		"key given twice":     {utility, "  version:\n    code:", "  version:\n    number: 7\n    code:", "number"},
	} {
		t.Run(name, func(t *testing.T) {
			files := whole()
			text := strings.Replace(string(files[c.file].Data), c.old, c.new, 1)
			if text == string(files[c.file].Data) {
				t.Fatalf("%q is not in %s", c.old, c.file)
			}
			files[c.file] = &fstest.MapFile{Data: []byte(text)}
			_, err := catalogue.Load(files)
			if c.says == "" {
				if err != nil {
					t.Fatalf("a norm that nothing rests on may be missing: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error that says %q", err, c.says)
			}
		})
	}
}
