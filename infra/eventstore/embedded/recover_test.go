package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

// crashed leaves a store's files as they are while it is open, without the note of
// what is synced, which may be as old as a tenth of a second.
func crashed(t *testing.T, s *Store) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, watermarkName)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// lastSegment is the content of the segment that is written to, without zeros.
func lastSegment(t *testing.T, dir string) (path string, content []byte) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	path = slices.Max(paths)
	content, err = os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, []byte(strings.TrimRight(string(content), "\x00"))
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func opens(t *testing.T, opts Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func batchOfSize(size int) []eventstore.Proposed {
	batch := make([]eventstore.Proposed, size)
	for i := range batch {
		batch[i] = eventstore.Proposed{ID: uuid.New(), Type: "a.v1", Data: fmt.Append(nil, "number ", i)}
	}
	return batch
}

func appendBatch(t *testing.T, s *Store, stream string, size int) {
	t.Helper()
	if _, err := s.Append(t.Context(), stream, event.Any, batchOfSize(size)...); err != nil {
		t.Fatal(err)
	}
}

// A write that was torn off anywhere is cut at the last whole batch, and what is
// appended then does not meet its remains.
func TestATornWriteIsCutAtTheLastWholeBatch(t *testing.T) {
	s := storeWith(t, t.TempDir(), 20)
	appendBatch(t, s, "torn", 5)
	isCutAtTheLastWholeBatch(t, s)
}

func TestATornWriteLeavesNothingOfBatchesThatBelongTogether(t *testing.T) {
	s := storeWith(t, t.TempDir(), 20)
	batches := []eventstore.Batch{
		{Stream: "number", Expected: event.None, Events: batchOfSize(2)},
		{Stream: "torn", Expected: event.None, Events: batchOfSize(1)},
		{Stream: "other", Expected: event.None, Events: batchOfSize(2)},
	}
	if _, err := s.AppendTogether(t.Context(), batches...); err != nil {
		t.Fatal(err)
	}
	isCutAtTheLastWholeBatch(t, s)
}

// isCutAtTheLastWholeBatch tears off the last five events of a store with 25.
func isCutAtTheLastWholeBatch(t *testing.T, s *Store) {
	t.Helper()
	dir := crashed(t, s)
	closeStore(t, s)
	path, content := lastSegment(t, dir)
	whole := contents(t, opensCopy(t, dir))
	batch := 5 * (len(content) - segmentHeaderSize) / 50 // less than the batch is long
	for cut := 1; cut < batch; cut += 17 {
		copied := t.TempDir()
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		torn := slices.Clone(content)
		if cut%2 == 0 { // a block that did not come to disk
			clear(torn[len(torn)-cut : len(torn)-cut/2])
		} else {
			torn = append(torn[:len(torn)-cut], "garbage behind the end of what was written"...)
		}
		write(t, filepath.Join(copied, filepath.Base(path)), torn)
		s := opens(t, Options{Dir: copied})
		if got := contents(t, s); !slices.Equal(got, whole[:20]) {
			t.Fatalf("cut by %d: %d events, want the 20 before the batch", cut, len(got))
		}
		appendBatch(t, s, "torn", 2)
		closeStore(t, s)
		s = opens(t, Options{Dir: copied})
		if got := contents(t, s); len(got) != 22 || !slices.Equal(got[:20], whole[:20]) {
			t.Fatalf("cut by %d, two events later: %d events", cut, len(got))
		}
		closeStore(t, s)
	}
}

// opensCopy opens a copy of a directory.
func opensCopy(t *testing.T, dir string) *Store {
	t.Helper()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	s := opens(t, Options{Dir: copied})
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

// Damage that looks like a torn write is told from one where something was
// written later: that was begun after the damaged record had been synced.
func TestDamageBeforeALaterWriteIsNoTornWrite(t *testing.T) {
	s := storeWith(t, t.TempDir(), 20)
	dir := crashed(t, s)
	closeStore(t, s)
	path, content := lastSegment(t, dir)
	size := (len(content) - segmentHeaderSize) / 20
	for name, damage := range map[string]func([]byte){
		"bit": func(b []byte) { b[segmentHeaderSize+10*size] ^= 4 }, "record": func(b []byte) { clear(b[segmentHeaderSize+10*size : segmentHeaderSize+11*size]) },
	} {
		changed := slices.Clone(content)
		damage(changed)
		write(t, path, changed)
		_, err := Open(t.Context(), Options{Dir: dir})
		if !errors.Is(err, eventstore.ErrCorrupt) || !strings.Contains(err.Error(), filepath.Base(path)) || !strings.Contains(err.Error(), "offset") {
			t.Errorf("%s: %v, want ErrCorrupt with the place", name, err)
		}
	}
}

// The log may be in many segments; one that is missing, or another log's, or cut
// short, is damage. The index is no part of the truth.
func TestSegmentsAreOneLog(t *testing.T) {
	opts := Options{Dir: t.TempDir(), SegmentBytes: 1000}
	s := opens(t, opts)
	for i := range 60 {
		appendBatch(t, s, fmt.Sprint("s-", i%3), 1+i%3)
	}
	if n := len(s.events.all()); n < 5 {
		t.Fatalf("%d segments", n)
	}
	closeStore(t, s)
	segments, err := s.segmentsThere()
	if err != nil {
		t.Fatal(err)
	}
	other := opens(t, Options{Dir: t.TempDir(), SegmentBytes: 2000})
	for i := range 60 {
		appendBatch(t, other, fmt.Sprint("s-", i%3), 1+i%3)
	}
	closeStore(t, other)
	middle := filepath.Join(opts.Dir, segmentName(segments[2]))
	for name, damage := range map[string]func(dir string) error{
		"missing":    func(dir string) error { return os.Remove(filepath.Join(dir, filepath.Base(middle))) },
		"first gone": func(dir string) error { return os.Remove(filepath.Join(dir, segmentName(0))) },
		"last gone":  func(dir string) error { return os.Remove(filepath.Join(dir, segmentName(segments[len(segments)-1]))) },
		"another's": func(dir string) error {
			return os.Rename(filepath.Join(other.dir, segmentName(0)), filepath.Join(dir, segmentName(0)))
		},
		"header": func(dir string) error { return os.Truncate(filepath.Join(dir, filepath.Base(middle)), 10) },
	} {
		dir := t.TempDir()
		if err := errors.Join(os.CopyFS(dir, os.DirFS(opts.Dir)), damage(dir)); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(t.Context(), Options{Dir: dir}); !errors.Is(err, eventstore.ErrCorrupt) || !strings.Contains(err.Error(), "position") {
			t.Errorf("%s: %v, %v, want ErrCorrupt", name, s, err)
		}
	}
	if err := errors.Join(os.Truncate(middle, 500), os.RemoveAll(filepath.Join(opts.Dir, indexName))); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), opts); !errors.Is(err, eventstore.ErrCorrupt) || !strings.Contains(err.Error(), filepath.Base(middle)) {
		t.Errorf("cut short, without an index: %v, %v, want ErrCorrupt", s, err)
	}
}

func TestTheIndexIsMadeAgainFromTheLog(t *testing.T) {
	opts := Options{Dir: t.TempDir(), SegmentBytes: 2000}
	s := opens(t, opts)
	var ids []uuid.UUID
	for i := range 90 {
		id := uuid.New()
		ids = append(ids, id)
		if _, err := s.Append(t.Context(), fmt.Sprint("s-", i%3), event.Any, eventstore.Proposed{ID: id, Type: "a", Data: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	want := contents(t, s)
	closeStore(t, s)
	foreign := storeWith(t, t.TempDir(), 200)
	closeStore(t, foreign)
	index := filepath.Join(opts.Dir, indexName)
	for name, damage := range map[string]func() error{
		"missing": func() error { return os.RemoveAll(index) },
		"a file of it is missing": func() error {
			return os.Remove(filepath.Join(index, largest(t, index, ".sst")))
		},
		"another log's": func() error {
			return errors.Join(os.RemoveAll(index), os.CopyFS(index, os.DirFS(filepath.Join(foreign.dir, indexName))))
		},
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		s := opens(t, opts)
		if s.Opening().IndexMadeAgain == "" {
			t.Errorf("%s: the index was not made again", name)
		}
		if got := contents(t, s); !slices.Equal(got, want) {
			t.Errorf("%s: %d events, want %d", name, len(got), len(want))
		}
		if err := readStreams(t, s, len(want)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for i, id := range ids {
			w, err := s.Append(t.Context(), fmt.Sprint("s-", i%3), event.Any, eventstore.Proposed{ID: id, Type: "a", Data: fmt.Append(nil, i)})
			if err != nil || !w.Repeated || w.Position != uint64(i) {
				t.Fatalf("%s: event %d again: %+v, %v", name, i, w, err)
			}
		}
		closeStore(t, s)
		s = opens(t, opts)
		if again := s.Opening().IndexMadeAgain; again != "" {
			t.Errorf("%s: made again twice: %s", name, again)
		}
		closeStore(t, s)
	}
}

// What the log was made ready with is given back.
func TestAClosedStoreHasNoMoreThanItsRecords(t *testing.T) {
	s := storeWith(t, t.TempDir(), 30)
	closeStore(t, s)
	path, content := lastSegment(t, s.dir)
	if size := fileSize(t, path); size != int64(len(content)) {
		t.Errorf("the segment has %d bytes, %d of records", size, len(content))
	}
}
