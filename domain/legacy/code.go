package legacy

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxCode is how long a dossier code may be, in bytes, so that the name of its
// stream fits every event store.
const maxCode = 480

// Code gives the dossier code of a case taken over: the prefix and the case's
// identifier as they are. Where these hold control characters or are longer
// than a code may be, the code is what can stay of them, "~" and a part of the
// SHA-256 of the whole, so that the case is kept and no two cases share a code;
// the identifier itself is in the case's events.
func Code(prefix, caseID string) string {
	whole := prefix + caseID
	if len(whole) <= maxCode && strings.IndexFunc(whole, unicode.IsControl) < 0 {
		return whole
	}
	sum := sha256.Sum256([]byte(whole))
	mark := "~" + hex.EncodeToString(sum[:8])
	kept := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, whole)
	if most := maxCode - len(mark); len(kept) > most {
		for kept = kept[:most]; !utf8.ValidString(kept); {
			kept = kept[:len(kept)-1]
		}
	}
	return kept + mark
}
