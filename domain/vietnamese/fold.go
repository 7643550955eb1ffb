// Package vietnamese compares Vietnamese text the way people type it: in any
// Unicode form, with the tone mark on either vowel, and often without diacritics.
package vietnamese

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Lower gives text in lower case, in NFC, with the tone mark where the older
// spelling puts it ("hoà" and "hòa" become "hòa"), so that equal words are equal bytes.
func Lower(s string) string {
	s = strings.ToLower(norm.NFC.String(s))
	if strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0 {
		return s
	}
	return moveTones(s)
}

// Fold gives text in lower case without any diacritic: "Đổi giấy phép" becomes
// "doi giay phep". Folding a folded text changes nothing.
func Fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range norm.NFD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r == 'đ' || r == 'Đ':
			b.WriteByte('d')
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return norm.NFC.String(b.String())
}

// Marked reports whether text has a diacritic that Fold would take away.
func Marked(s string) bool { return Fold(s) != strings.ToLower(norm.NFC.String(s)) }

// Words splits text into its runs of letters and digits.
func Words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r)
	})
}

// Slug folds text to lower-case ASCII letters and digits joined by hyphens:
// "NĐ 15/2018/NĐ-CP" becomes "nd-15-2018-nd-cp".
func Slug(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range Fold(s) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			b.WriteRune(r)
			continue
		}
		gap = true
	}
	return b.String()
}

// The two spellings differ only where "oa", "oe" and "uy" end a syllable.
var tonePairs = map[[2]rune][2]rune{
	{'o', 'à'}: {'ò', 'a'}, {'o', 'á'}: {'ó', 'a'}, {'o', 'ả'}: {'ỏ', 'a'}, {'o', 'ã'}: {'õ', 'a'}, {'o', 'ạ'}: {'ọ', 'a'},
	{'o', 'è'}: {'ò', 'e'}, {'o', 'é'}: {'ó', 'e'}, {'o', 'ẻ'}: {'ỏ', 'e'}, {'o', 'ẽ'}: {'õ', 'e'}, {'o', 'ẹ'}: {'ọ', 'e'},
	{'u', 'ỳ'}: {'ù', 'y'}, {'u', 'ý'}: {'ú', 'y'}, {'u', 'ỷ'}: {'ủ', 'y'}, {'u', 'ỹ'}: {'ũ', 'y'}, {'u', 'ỵ'}: {'ụ', 'y'},
}

func moveTones(s string) string {
	runes := []rune(s)
	for i := 0; i+1 < len(runes); i++ {
		if i+2 < len(runes) && (unicode.IsLetter(runes[i+2]) || unicode.Is(unicode.Mn, runes[i+2])) {
			continue
		}
		if moved, ok := tonePairs[[2]rune{runes[i], runes[i+1]}]; ok {
			runes[i], runes[i+1] = moved[0], moved[1]
		}
	}
	return string(runes)
}
