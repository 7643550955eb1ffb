package dossier_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"dossierledger/domain/dossier"
	"pgregory.net/rapid"
)

func TestCodesInTheFormatsInUse(t *testing.T) {
	day := time.Date(2026, time.October, 7, 18, 0, 0, 0, time.UTC) // the 8th in Vietnam
	for _, c := range []struct {
		format, agency string
		number         uint64
		want           string
		err            error
	}{
		{"", "H15.50.05.13", 975, "H15.50.05.13-261008-0975", nil},
		{"tt01-2018", "000.00.04.G18", 1, "000.00.04.G18-261008-0001", nil},
		{"tt01-2018", "H15", 9999, "H15-261008-9999", nil},
		{"tt01-2018", "H15", 10000, "", dossier.ErrCodesUsedUp},
		{"tt01-2018", "H15", 0, "", dossier.ErrCodesUsedUp},
		{"long-date", "G09.20", 92637, "G09.20-20261008-0092637", nil},
		{"six-digits", "G12", 92637, "G12-261008-092637", nil},
		{"social-insurance", "07906", 3706, "03706/2026/07906", nil},
		{"roman", "H15", 1, "", dossier.ErrUnknownCodeFormat},
		{"", "H 15", 1, "", dossier.ErrBadCode},
		{"", strings.Repeat("H", 64), 1, "", dossier.ErrBadCode},
	} {
		got, err := dossier.FormatCode(c.format, c.agency, day, c.number)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s, %s, %d: got %q, %v; want %q, %v", c.format, c.agency, c.number, got, err, c.want, c.err)
		}
	}
}

func TestSequencesBeginAgainWithTheirPeriod(t *testing.T) {
	lastOfYear := time.Date(2026, time.December, 31, 16, 59, 0, 0, time.UTC)
	for _, c := range []struct{ format, before, after string }{
		{"", "sequence-tt01-2018-H15-20261231", "sequence-tt01-2018-H15-20270101"},
		{"social-insurance", "sequence-social-insurance-H15-2026", "sequence-social-insurance-H15-2027"},
	} {
		before, err1 := dossier.SequenceStream(c.format, "H15", lastOfYear)
		after, err2 := dossier.SequenceStream(c.format, "H15", lastOfYear.Add(time.Minute))
		if before != c.before || after != c.after || err1 != nil || err2 != nil {
			t.Errorf("%q: %s, %s, %v, %v", c.format, before, after, err1, err2)
		}
	}
	if _, err := dossier.SequenceStream("roman", "H15", lastOfYear); !errors.Is(err, dossier.ErrUnknownCodeFormat) {
		t.Error(err)
	}
}

// Two allocations never make the same code: another number of a sequence, or
// another sequence, is another code.
func TestCodesAreAsUniqueAsTheirNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		format := rapid.SampledFrom(dossier.CodeFormats()).Draw(t, "format")
		type allocation struct{ stream, code string }
		draw := func(label string) (allocation, uint64) {
			day := time.Date(2026, time.October, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 24*400).Draw(t, label+" hours")) * time.Hour)
			number := rapid.Uint64Range(1, 9999).Draw(t, label+" number")
			agency := rapid.SampledFrom([]string{"H15.01", "G09.20", "07906"}).Draw(t, label+" agency")
			stream, err := dossier.SequenceStream(format, agency, day)
			if err != nil {
				t.Fatal(err)
			}
			code, err := dossier.FormatCode(format, agency, day, number)
			if err != nil {
				t.Fatal(err)
			}
			return allocation{stream, code}, number
		}
		a, n := draw("a")
		b, m := draw("b")
		if (a.code == b.code) != (a.stream == b.stream && n == m) {
			t.Fatalf("%v %d and %v %d", a, n, b, m)
		}
	})
}

func TestStreamNames(t *testing.T) {
	if got, ok := dossier.CodeOf(dossier.StreamOf("H15-261008-0001")); got != "H15-261008-0001" || !ok {
		t.Errorf("%q %v", got, ok)
	}
	for _, stream := range []string{"", "dossier-", "sequence-x", "agency-dossier-1"} {
		if _, ok := dossier.CodeOf(stream); ok {
			t.Errorf("%q is no dossier's stream", stream)
		}
	}
}

func FuzzValidateCode(f *testing.F) {
	for _, seed := range []string{"", "H15.50.05.13-261008-0975", "03706/2026/07906", "a b", "a\tb", "hồ-sơ", "\xff", "a\u00a0b", "a\u200bb", strings.Repeat("x", 65)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, code string) {
		err := dossier.ValidateCode(code)
		if err != nil && !errors.Is(err, dossier.ErrBadCode) {
			t.Fatal(err)
		}
		if err == nil && (code == "" || len(code) > dossier.MaxCodeLength || strings.ContainsFunc(code, unicode.IsControl) ||
			strings.ContainsFunc(code, unicode.IsSpace) || fmt.Sprintf("%q", code) != `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(code)+`"`) {
			t.Fatalf("%q was taken", code)
		}
	})
}
