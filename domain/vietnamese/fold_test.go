package vietnamese_test

import (
	"testing"

	"dossierledger/domain/vietnamese"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestFoldTakesEveryDiacriticAway(t *testing.T) {
	for in, want := range map[string]string{
		"Đổi giấy phép lái xe":        "doi giay phep lai xe",
		"ĐƯỜNG":                       "duong",
		"Uỷ ban nhân dân":             "uy ban nhan dan",
		norm.NFD.String("Thừa Thiên"): "thua thien",
		"Lào Cai 2025":                "lao cai 2025",
		"":                            "",
	} {
		if got := vietnamese.Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLowerMakesBothSpellingsOfATonePlaceEqual(t *testing.T) {
	for _, pair := range [][2]string{
		{"Hoà Bình", "Hòa Bình"}, {"uỷ ban", "ủy ban"}, {"khoẻ", "khỏe"}, {norm.NFD.String("Hoà"), "hòa"}, {"thuý", "thúy"},
	} {
		if a, b := vietnamese.Lower(pair[0]), vietnamese.Lower(pair[1]); a != b {
			t.Errorf("%q and %q differ: %q, %q", pair[0], pair[1], a, b)
		}
	}
	for _, word := range []string{"hoàn", "toán", "tuýp", "hoạt"} {
		if got := vietnamese.Lower(word); got != word {
			t.Errorf("Lower(%q) = %q: before a last consonant there is one spelling only", word, got)
		}
	}
}

func TestMarked(t *testing.T) {
	for in, want := range map[string]bool{"kết hôn": true, "ket hon": false, "KET HON": false, "đ": true, "": false, "xe 2": false} {
		if got := vietnamese.Marked(in); got != want {
			t.Errorf("Marked(%q) = %v", in, got)
		}
	}
}

func TestSlug(t *testing.T) {
	for in, want := range map[string]string{"NĐ 15/2018/NĐ-CP": "nd-15-2018-nd-cp", "  Luật  Hộ tịch ": "luat-ho-tich", "…": ""} {
		if got := vietnamese.Slug(in); got != want {
			t.Errorf("Slug(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFoldAndLowerAreStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.RuneFrom([]rune("aàảãáạăằâầđĐeèêềoòôồơờuùưừyỳ bcnghHOÀ\u0300\u0309")), 0, 20, -1).Draw(t, "text")
		folded := vietnamese.Fold(s)
		if again := vietnamese.Fold(folded); again != folded {
			t.Fatalf("Fold(%q) = %q, folded again %q", s, folded, again)
		}
		if vietnamese.Marked(folded) {
			t.Fatalf("%q still has a mark", folded)
		}
		if a, b := vietnamese.Lower(norm.NFD.String(s)), vietnamese.Lower(norm.NFC.String(s)); a != b {
			t.Fatalf("the two Unicode forms of %q differ: %q, %q", s, a, b)
		}
		if a, b := vietnamese.Fold(vietnamese.Lower(s)), folded; a != b {
			t.Fatalf("folding the lower case of %q gives %q, want %q", s, a, b)
		}
	})
}
