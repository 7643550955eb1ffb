package legacy_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"dossierledger/domain/legacy"
	"pgregory.net/rapid"
)

func TestTheCodeOfACaseIsItsIdentifierWhereThatCanBe(t *testing.T) {
	for _, id := range []string{"1", "Hồ sơ số 1", "a/b", " x ", strings.Repeat("x", 478)} {
		if got := legacy.Code("P-", id); got != "P-"+id {
			t.Errorf("%q became %q", id, got)
		}
	}
	if got, want := legacy.Code("", "a\tb"), "a b~"; !strings.HasPrefix(got, want) || got == legacy.Code("", "a\nb") {
		t.Errorf("%q", got)
	}
}

func TestAnyCaseHasACodeOfItsOwn(t *testing.T) {
	id := rapid.OneOf(rapid.String(), rapid.Map(rapid.StringN(1, 5, 20), func(s string) string { return strings.Repeat(s, 300) }))
	rapid.Check(t, func(t *rapid.T) {
		a, b := id.Draw(t, "a"), id.Draw(t, "b")
		code := legacy.Code("p/", a)
		if len(code) > 480 || !utf8.ValidString(code) || strings.IndexFunc(code, unicode.IsControl) >= 0 {
			t.Fatalf("%q", code)
		}
		if a != b && code == legacy.Code("p/", b) {
			t.Fatalf("%q and %q are both %q", a, b, code)
		}
	})
}
