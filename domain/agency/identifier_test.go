package agency_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"dossierledger/domain/agency"
	"pgregory.net/rapid"
)

func TestParseIdentifier(t *testing.T) {
	for in, want := range map[string]struct {
		scheme agency.Scheme
		levels string
		text   string
	}{
		"H15.50.05.13":    {agency.SchemeQD20, "H15 50 05 13", "H15.50.05.13"},
		"G09.20":          {agency.SchemeQD20, "G09 20", "G09.20"},
		"H29":             {agency.SchemeQD20, "H29", "H29"},
		" h15.50.05.013 ": {agency.SchemeQD20, "H15 50 05 013", "H15.50.05.013"},
		"000.00.04.G18":   {agency.SchemeQCVN102, "G18 04", "000.00.04.G18"},
		"000.00.00.h29":   {agency.SchemeQCVN102, "H29", "000.00.00.H29"},
		"001.05.50.H15":   {agency.SchemeQCVN102, "H15 50 05 001", "001.05.50.H15"},
	} {
		id, err := agency.ParseIdentifier(in)
		if err != nil || id.Scheme != want.scheme || !slices.Equal(id.Levels, strings.Fields(want.levels)) || id.String() != want.text {
			t.Errorf("%q is read as %+v (%v), written %q", in, id, err, id.String())
		}
	}
	for _, in := range []string{"", "H1", "H151", "15H", "H15.", "H15.5", "H15.5005", "H15.50.05.13.01.02.03", "H15.AB", "000.00.G18", "00.00.04.G18", "000.0.04.G18",
		"000.01.00.G18", "0000.00.04.G18", "H15 .50", "Ħ15", "٣٤", strings.Repeat("H15.", 100)} {
		if id, err := agency.ParseIdentifier(in); !errors.Is(err, agency.ErrIdentifier) {
			t.Errorf("%q is read as %+v (%v)", in, id, err)
		}
	}
}

func TestIdentifiersLieUnderEachOther(t *testing.T) {
	parse := func(s string) agency.Identifier {
		id, err := agency.ParseIdentifier(s)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	for _, c := range []struct {
		lower, upper string
		want         bool
	}{
		{"H15.50.05", "H15", true}, {"H15.50.05", "H15.50", true}, {"H15", "H15", false}, {"H15", "H15.50", false},
		{"H15.50", "H1", false}, {"H15.50", "H29", false}, {"000.00.04.G18", "000.00.00.G18", true}, {"G18.04", "000.00.00.G18", false},
	} {
		upper, err := agency.ParseIdentifier(c.upper)
		if err != nil {
			continue
		}
		if got := parse(c.lower).Under(upper); got != c.want {
			t.Errorf("%s under %s: %v", c.lower, c.upper, got)
		}
	}
}

func TestAnIdentifierIsReadBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		written := rapid.OneOf(
			rapid.StringMatching(`[A-Z][0-9]{2}(\.[0-9]{2,3}){0,5}`),
			rapid.StringMatching(`[0-9]{3}\.[0-9]{2}\.0[1-9]\.[A-Z][0-9]{2}`),
		).Draw(t, "identifier")
		id, err := agency.ParseIdentifier(written)
		if err != nil {
			// Only a used level under an unused one is left out of the shapes above.
			if strings.Contains(written, ".00.0") {
				return
			}
			t.Fatal(err)
		}
		again, err := agency.ParseIdentifier(strings.ToLower(id.String()))
		if err != nil || id.String() != written || again.String() != written || !slices.Equal(again.Levels, id.Levels) {
			t.Fatalf("%s is written %s and read as %+v (%v)", written, id, again, err)
		}
	})
}

func FuzzParseIdentifier(f *testing.F) {
	for _, s := range []string{"H15.50.05.13", "G09.20", "000.00.04.G18", "001.00.04.G18", "", ".", "....", "H15.\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := agency.ParseIdentifier(s)
		if err != nil {
			if !errors.Is(err, agency.ErrIdentifier) {
				t.Errorf("%q: %v has no code", s, err)
			}
			return
		}
		again, err := agency.ParseIdentifier(id.String())
		if err != nil || !slices.Equal(again.Levels, id.Levels) || again.Scheme != id.Scheme {
			t.Errorf("%q is written %q and read as %+v (%v)", s, id, again, err)
		}
		if agency.Normalize(s) != id.String() || agency.Normalize(agency.Normalize(s)) != agency.Normalize(s) {
			t.Errorf("%q has two normal spellings", s)
		}
	})
}
