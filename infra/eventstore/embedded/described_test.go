package embedded

import (
	"fmt"
	"testing"

	"dossierledger/domain/event"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
)

// given streams of which some get metadata, before and after opening again, then
// each answer about metadata is right, whether or not the names are remembered.
func TestMetadataIsFoundWhetherOrNotItsNameIsRemembered(t *testing.T) {
	opts := Options{Dir: "ledger", FS: vfs.NewMem()}
	has := map[string]string{}
	hold := func(s *Store, when string) {
		t.Helper()
		for i := range 40 {
			stream := fmt.Sprint("s-", i)
			m, err := s.Metadata(t.Context(), stream)
			if want, there := has[stream]; err != nil || m.Exists != there || string(m.Custom) != want {
				t.Errorf("%s: metadata of %s is %+v, %v, want %q", when, stream, m, err, want)
			}
		}
	}
	for opened := range 3 {
		s := opens(t, opts)
		hold(s, "opened")
		for i := opened; i < 40; i += 7 {
			stream := fmt.Sprint("s-", i)
			custom := fmt.Sprintf(`{"of":%d}`, opened)
			if _, err := s.SetMetadata(t.Context(), stream, event.Any, uuid.New(), []byte(custom)); err != nil {
				t.Fatal(err)
			}
			has[stream] = custom
			hold(s, "set")
		}
		s.described.mu.Lock()
		s.described.over = true
		s.described.mu.Unlock()
		hold(s, "not remembered")
		closeStore(t, s)
		if _, err := s.Metadata(t.Context(), "s-39"); err == nil {
			t.Error("a closed store says that there is no metadata")
		}
	}
}

// Names that are not remembered any more may be there.
func TestMoreMetadataStreamsThanAreRemembered(t *testing.T) {
	d := described{fingers: fingersOf(uuid.New()), names: map[fingerprint]struct{}{}, old: true}
	for n := range describedMax {
		d.put(fingerprint(n + 1))
	}
	if d.mayHave("$$absent") {
		t.Error("a stream that is not there may be, though all names are remembered")
	}
	d.add("no metadata")
	if d.isOver() {
		t.Error("a stream without metadata takes room")
	}
	d.add("$$one more")
	for _, stream := range []string{"$$one more", "$$absent"} {
		if !d.mayHave(stream) {
			t.Errorf("%s cannot be there, though not all names are remembered", stream)
		}
	}
}
