package historylog

import "unicode/utf8"

// Classes of bytes, so that one look-up tells all that a scan needs.
const (
	classSpace     uint8 = 1 << iota // space, tab, carriage return, line feed
	classBreak                       // of those, all but the space
	className                        // may be in a name, or begins a longer character
	classAmpersand                   // &
	classLess                        // <
	classBad                         // not allowed in XML at all
	classHigh                        // begins or continues a character beyond ASCII
	classLater                       // may be in a name but not begin it
)

var xmlClass = func() (table [256]uint8) {
	for c := range table {
		switch b := byte(c); {
		case b == ' ':
			table[c] = classSpace
		case b == '\t', b == '\n', b == '\r':
			table[c] = classSpace | classBreak
		case b < ' ':
			table[c] = classBad
		case b == '&':
			table[c] = classAmpersand
		case b == '<':
			table[c] = classLess
		case b >= utf8.RuneSelf:
			table[c] = classHigh | className
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b == ':', b == '_':
			table[c] = className
		case b >= '0' && b <= '9', b == '-', b == '.':
			table[c] = className | classLater
		}
	}
	return table
}()

// isXMLCharacter holds for what XML 1.0 §2.2 calls Char.
func isXMLCharacter(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' ||
		r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// isXMLName holds for what XML 1.0 §2.3 calls Name, given bytes of className of
// which the first is not of classLater.
func isXMLName(name []byte) bool {
	for i := 0; i < len(name); {
		if name[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(name[i:])
		if !isXMLNameStart(r) && (i == 0 || !isXMLNameFurther(r)) {
			return false
		}
		i += size
	}
	return true
}

// isXMLNameStart is NameStartChar beyond ASCII.
func isXMLNameStart(r rune) bool {
	return r >= 0xC0 && r <= 0xD6 || r >= 0xD8 && r <= 0xF6 || r >= 0xF8 && r <= 0x2FF ||
		r >= 0x370 && r <= 0x37D || r >= 0x37F && r <= 0x1FFF || r >= 0x200C && r <= 0x200D ||
		r >= 0x2070 && r <= 0x218F || r >= 0x2C00 && r <= 0x2FEF || r >= 0x3001 && r <= 0xD7FF ||
		r >= 0xF900 && r <= 0xFDCF || r >= 0xFDF0 && r < utf8.RuneError || r >= 0x10000 && r <= 0xEFFFF
}

// isXMLNameFurther is what NameChar adds to NameStartChar beyond ASCII.
func isXMLNameFurther(r rune) bool {
	return r == 0xB7 || r >= 0x300 && r <= 0x36F || r >= 0x203F && r <= 0x2040
}
