package web

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What is passed over as a plain path is one in which nothing is found wrong.
func TestAPlainPathIsWellFormed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		target := rapid.StringMatching(`/?[a-zA-Z0-9/._%?&=;#+ \x00ă-]{0,20}`).Draw(t, "target")
		plain := plainPath([]byte(target))
		if plain && (checkTarget(target) != nil || !strings.HasPrefix(target, "/") || strings.ContainsAny(target, "%?&=;#+ \x00ă")) {
			t.Fatalf("%q is taken for plain: %v", target, checkTarget(target))
		}
		if !plain && strings.HasPrefix(target, "/") && !strings.ContainsAny(target, "%?&=;#+ \x00ă") {
			t.Fatalf("%q is not taken for plain", target)
		}
	})
}
