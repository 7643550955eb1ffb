package queries

import (
	"testing"

	"dossierledger/domain/fault"
)

func FuzzWorklistCursor(f *testing.F) {
	filter := WorklistFilter{Agency: "H01", Statuses: []uint8{2}}
	f.Add("")
	f.Add("AAAA")
	f.Add(worklistCursor{Now: 1, Rank: 1, Due: -5, Code: "H01-261123-0001"}.text(filter))
	f.Add(worklistCursor{Code: "hồ sơ"}.text(WorklistFilter{}))
	f.Fuzz(func(t *testing.T, text string) {
		c, err := readWorklistCursor(text, filter)
		if err != nil {
			if fault.CodeOf(err) != CodeWorklistCursor {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if again := c.text(filter); again != text {
			t.Fatalf("%q is read as %+v, which is written %q", text, c, again)
		}
	})
}
