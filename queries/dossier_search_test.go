package queries_test

import (
	"context"
	"testing"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/queries"
)

// A search finds only what its reader may open, and takes what is typed as text.
func TestASearchStaysAmongWhatItsReaderMayOpen(t *testing.T) {
	empty(t)
	type row struct {
		Code      string    `ch:"code"`
		Applicant string    `ch:"applicant"`
		Support   string    `ch:"support_agency"`
		Receiving string    `ch:"receiving_agency"`
		Competent string    `ch:"competent_agency"`
		Holder    string    `ch:"holder_agency"`
		FirstAt   time.Time `ch:"first_at"`
		LastAt    time.Time `ch:"last_at"`
		Variant   string    `ch:"variant"`
		Events    uint32    `ch:"events"`
		Version   uint64    `ch:"version"`
	}
	at := time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
	variant := string(make([]byte, 16))
	insert(t, "dossiers", []row{
		{"A-1", "an", "", "H15", "H15", "H15", at, at, variant, 1, 1},
		{"A-2", "binh", "", "H26", "H26", "H15", at, at.Add(time.Hour), variant, 1, 2},
		{"A-3", "an", "", "H26", "H26", "H26", at, at.Add(2 * time.Hour), variant, 1, 3},
		{"A%3", "binh", "H15", "H26", "H26", "H26", at, at, variant, 1, 4},
	})
	worklists := queries.NewWorklists(db)
	for name, c := range map[string]struct {
		text  string
		among queries.Among
		want  []string
	}{
		"an auditor, by prefix":           {"A-1", queries.Among{Everything: true}, []string{"A-1"}},
		"an agency, with all its parts":   {"", queries.Among{Agency: "H15"}, []string{"A-2", "A%3", "A-1"}},
		"an applicant":                    {"", queries.Among{Subject: "an"}, []string{"A-3", "A-1"}},
		"nobody":                          {"A-1", queries.Among{}, nil},
		"an agency, another's code":       {"A-3", queries.Among{Agency: "H15"}, nil},
		"a per cent sign is no wild card": {"A%3", queries.Among{Everything: true}, []string{"A%3"}},
		"quotes are text":                 {"A' OR '1'='1", queries.Among{Everything: true}, nil},
	} {
		found, err := worklists.FindDossiers(context.Background(), c.text, c.among, 0)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var codes []string
		for _, d := range found {
			codes = append(codes, d.Code)
		}
		if len(codes) != len(c.want) {
			t.Errorf("%s: %v, want %v", name, codes, c.want)
			continue
		}
		for i := range codes {
			if codes[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", name, codes, c.want)
			}
		}
	}
	for text, among := range map[string]queries.Among{"": {Everything: true}, "A-": {Agency: "H15"}} {
		if _, err := worklists.FindDossiers(context.Background(), text, among, 0); fault.CodeOf(err) != queries.CodeSearchText {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := worklists.FindDossiers(context.Background(), "A-1", queries.Among{Everything: true}, 101); fault.CodeOf(err) != queries.CodeSearchLimit {
		t.Errorf("limit: %v", err)
	}
}
