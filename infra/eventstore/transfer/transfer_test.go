package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/eventstore/esdb"
	"dossierledger/infra/eventstore/esdbserver"
	"dossierledger/infra/eventstore/storetest"
	"dossierledger/infra/eventstore/transfer"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func done(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// importing opens a folder for filling.
func importing(t testing.TB, dir string) *embedded.Import {
	t.Helper()
	m, err := embedded.OpenImport(context.Background(), embedded.Options{Dir: dir})
	done(t, err)
	return m
}

// filled makes a store in a folder and closes it.
func filled(t testing.TB, dir string, log []eventstore.Recorded) {
	t.Helper()
	m := importing(t, dir)
	done(t, m.Add(context.Background(), log...))
	done(t, m.Finish(context.Background()))
	done(t, m.Close())
}

func opened(t testing.TB, dir string) *embedded.Store {
	t.Helper()
	s, err := embedded.Open(context.Background(), embedded.Options{Dir: dir})
	done(t, err)
	return s
}

func all(t testing.TB, s transfer.Source) []eventstore.Recorded {
	t.Helper()
	var out []eventstore.Recorded
	for e, err := range s.ReadAll(context.Background(), eventstore.AllRead{}) {
		done(t, err)
		out = append(out, e)
	}
	return out
}

// server is an EventStoreDB in this process.
func server(t testing.TB, dir string) *esdb.Store {
	t.Helper()
	store := opened(t, dir)
	face, err := esdbserver.New(store, esdbserver.Options{})
	done(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	done(t, err)
	served := make(chan error, 1)
	go func() { served <- face.Serve(l) }()
	client, err := esdb.Open(context.Background(), esdb.Options{ConnectionString: "esdb://" + l.Addr().String() + "?tls=false"})
	done(t, err)
	t.Cleanup(func() {
		if err := errors.Join(client.Close(), face.Close(), <-served, store.Close()); err != nil {
			t.Errorf("%v", err)
		}
	})
	return client
}

func same(t testing.TB, got, want []eventstore.Recorded) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i := range want {
		g, w := got[i], want[i]
		g.Position, w.Position = 0, 0
		if fmt.Sprint(g) != fmt.Sprint(w) {
			t.Fatalf("event %d is %+v, want %+v", i, g, w)
		}
	}
}

func TestACopyBetweenFoldersIsTheSameToThePosition(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := slices.Collect(storetest.Log(1, 10_000))
	filled(t, filepath.Join(dir, "a"), log)
	from, to := opened(t, filepath.Join(dir, "a")), importing(t, filepath.Join(dir, "b"))
	r, err := transfer.Copy(t.Context(), from, to, transfer.Options{})
	done(t, err)
	sum := eventstore.NewDigest()
	for i := range log {
		sum.Add(&log[i])
	}
	if r != (transfer.Result{Events: 10_000, Copied: 10_000, Hash: sum.String()}) {
		t.Errorf("%+v, want the hash %s", r, sum)
	}
	done(t, to.Close())
	copied := opened(t, filepath.Join(dir, "b"))
	if got := all(t, copied); fmt.Sprint(got) != fmt.Sprint(log) {
		t.Error("the copy is another log")
	}
	done(t, copied.Close())
	done(t, from.Close())
}

// What a ledger holds comes back from an EventStoreDB as it was, to the times.
func TestThereAndBackAgain(t *testing.T) {
	t.Parallel()
	logs := rapid.Custom(drawLog)
	for seed := range 4 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			dir, log := t.TempDir(), logs.Example(seed)
			var mine []eventstore.Recorded
			for _, e := range log {
				if !strings.HasPrefix(strings.TrimPrefix(e.Stream, "$$"), "$") {
					mine = append(mine, e)
				}
			}
			filled(t, filepath.Join(dir, "a"), log)
			from, there := opened(t, filepath.Join(dir, "a")), server(t, filepath.Join(dir, "server"))
			r, err := transfer.Copy(t.Context(), from, there.Import(), transfer.Options{LedgerOnly: true})
			done(t, err)
			if r.Copied != uint64(len(mine)) || r.LeftOut != uint64(len(log)-len(mine)) {
				t.Fatalf("%+v of %d events, of which %d are the ledger's", r, len(log), len(mine))
			}
			same(t, all(t, there), mine)
			to := importing(t, filepath.Join(dir, "b"))
			back, err := transfer.Copy(t.Context(), there, to, transfer.Options{LedgerOnly: true})
			done(t, err)
			same(t, all(t, to), mine)
			done(t, to.Close())
			if back.Hash != r.Hash {
				t.Fatalf("%s there, %s back", r.Hash, back.Hash)
			}
			again, err := transfer.Copy(t.Context(), from, there.Import(), transfer.Options{LedgerOnly: true})
			if err != nil || again.Copied != 0 || again.Present != uint64(len(mine)) || again.Hash != r.Hash {
				t.Fatalf("again: %+v, %v", again, err)
			}
			done(t, from.Close())
		})
	}
}

// drawLog draws a log of ordinary streams, stream metadata and a server's own
// streams, with metadata and data of any bytes.
func drawLog(t *rapid.T) (log []eventstore.Recorded) {
	next := map[string]uint64{}
	at := time.Unix(1_700_000_000, 0).UTC()
	for range rapid.IntRange(20, 60).Draw(t, "events") {
		stream := rapid.SampledFrom([]string{"a", "b", "dossier-1", "$$a", "$$dossier-1", "$state", "$$$state"}).Draw(t, "stream")
		at = at.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "later")))
		e := eventstore.Recorded{ID: uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")), Stream: stream,
			Revision: next[stream], Type: rapid.SampledFrom([]string{"x.v1", "y.v1"}).Draw(t, "type"), RecordedAt: at,
			Data: rapid.SliceOfN(rapid.Byte(), 1, 60).Draw(t, "data")}
		if rapid.Bool().Draw(t, "json") {
			e.Data = []byte(`{"n": 1 }`)
		}
		e.Metadata = rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 1, 40), rapid.Just([]byte(`{"by":"x"}`))).Draw(t, "metadata")
		if strings.HasPrefix(stream, "$$") {
			e.Type, e.Data = "$metadata", fmt.Appendf(nil, `{"n":%d}`, e.Revision)
		}
		e.ID[0] = byte(len(log)) // unique, and not the zero id
		e.ID[1] |= 1
		next[stream]++
		log = append(log, e)
	}
	return log
}

func TestACopyFollowsASourceThatHasGrown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := slices.Collect(storetest.Log(1, 5000))
	filled(t, filepath.Join(dir, "a"), log[:3000])
	copyOf := func() transfer.Result {
		from, to := opened(t, filepath.Join(dir, "a")), importing(t, filepath.Join(dir, "b"))
		r, err := transfer.Copy(t.Context(), from, to, transfer.Options{})
		done(t, errors.Join(err, from.Close(), to.Close()))
		return r
	}
	if r := copyOf(); r.Copied != 3000 {
		t.Errorf("%+v", r)
	}
	filled(t, filepath.Join(dir, "a"), log[3000:])
	if r := copyOf(); r.Present != 3000 || r.Copied != 2000 {
		t.Errorf("%+v", r)
	}
	if r := copyOf(); r.Present != 5000 || r.Copied != 0 {
		t.Errorf("%+v", r)
	}
}

func TestATargetThatHoldsSomethingElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	log := slices.Collect(storetest.Log(1, 200))
	changed := func(change func(*eventstore.Recorded)) []eventstore.Recorded {
		other := slices.Clone(log[:100])
		change(&other[70])
		return other
	}
	for name, c := range map[string]struct {
		target []eventstore.Recorded
		says   string
	}{
		"another id":      {changed(func(e *eventstore.Recorded) { e.ID[3]++ }), "the id"},
		"other data":      {changed(func(e *eventstore.Recorded) { e.Data = []byte("{}") }), "the data"},
		"other metadata":  {changed(func(e *eventstore.Recorded) { e.Metadata = nil }), "the metadata"},
		"another type":    {changed(func(e *eventstore.Recorded) { e.Type = "x" }), "the type"},
		"another time":    {changed(func(e *eventstore.Recorded) { e.RecordedAt = e.RecordedAt.Add(1) }), "the time of recording"},
		"another order":   {append(slices.Clone(log[:69]), log[70], log[69]), "the stream"},
		"more than that":  {slices.Collect(storetest.Log(1, 201)), "goes on"},
		"an event before": {append([]eventstore.Recorded{{ID: uuid.New(), Stream: "z", Type: "t", RecordedAt: log[0].RecordedAt}}, log[:10]...), "the stream"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			filled(t, filepath.Join(dir, "a"), log)
			filled(t, filepath.Join(dir, "b"), c.target)
			from, to := opened(t, filepath.Join(dir, "a")), importing(t, filepath.Join(dir, "b"))
			r, err := transfer.Copy(t.Context(), from, to, transfer.Options{})
			if !errors.Is(err, transfer.ErrDifference) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v, %v", r, err)
			}
			done(t, to.Close())
			if left := opened(t, filepath.Join(dir, "b")); len(all(t, left)) != len(c.target) {
				t.Error("the target was changed")
			} else {
				done(t, left.Close())
			}
			done(t, from.Close())
		})
	}
}

// forgetful is a store that loses or changes an event after it has taken it.
type forgetful struct {
	*embedded.Import
	settled bool
	tamper  func(n int, e *eventstore.Recorded) (keep bool)
}

func (f *forgetful) Settle(ctx context.Context) error {
	f.settled = true
	return f.Import.Settle(ctx)
}

func (f *forgetful) ReadAll(ctx context.Context, read eventstore.AllRead) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		n := 0
		for e, err := range f.Import.ReadAll(ctx, read) {
			if f.settled && err == nil && !f.tamper(n, &e) {
				continue
			}
			if n++; !yield(e, err) {
				return
			}
		}
	}
}

func TestWhatATargetDidNotKeepIsFoundAndTheTargetStaysUnfinished(t *testing.T) {
	t.Parallel()
	log := slices.Collect(storetest.Log(1, 300))
	for name, c := range map[string]struct {
		tamper func(n int, e *eventstore.Recorded) bool
		says   string
	}{
		"an event is lost":     {func(n int, _ *eventstore.Recorded) bool { return n != 100 }, log[100].ID.String()},
		"the last one is lost": {func(n int, _ *eventstore.Recorded) bool { return n != 299 }, "ends before"},
		"a byte is changed": {func(n int, e *eventstore.Recorded) bool {
			if n == 7 {
				e.Data = append(slices.Clone(e.Data[:len(e.Data)-1]), '!')
			}
			return true
		}, "the data"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			filled(t, filepath.Join(dir, "a"), log)
			from, to := opened(t, filepath.Join(dir, "a")), importing(t, filepath.Join(dir, "b"))
			_, err := transfer.Copy(t.Context(), from, &forgetful{Import: to, tamper: c.tamper}, transfer.Options{})
			if !errors.Is(err, transfer.ErrDifference) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			done(t, to.Close())
			done(t, from.Close())
			if _, err := embedded.Open(t.Context(), embedded.Options{Dir: filepath.Join(dir, "b")}); !errors.Is(err, embedded.ErrUnfinished) {
				t.Errorf("the copy can be opened: %v", err)
			}
		})
	}
}

// An EventStoreDB forgets older entries of a metadata stream; the rest is copied.
func TestMetadataStreamsAreNumberedAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	there := server(t, filepath.Join(dir, "server"))
	for n := range 3 {
		_, err := there.SetMetadata(t.Context(), "a", event.Any, uuid.New(), fmt.Appendf(nil, `{"n":%d}`, n))
		done(t, err)
	}
	to := importing(t, filepath.Join(dir, "b"))
	r, err := transfer.Copy(t.Context(), withoutFirst{there}, to, transfer.Options{LedgerOnly: true})
	done(t, err)
	got := all(t, to)
	if r.Copied != 2 || got[0].Revision != 0 || string(got[0].Data) != `{"n":1}` || got[1].Revision != 1 {
		t.Errorf("%+v: %+v", r, got)
	}
	done(t, to.Close())
}

// withoutFirst is a store whose first event was scavenged.
type withoutFirst struct{ transfer.Source }

func (w withoutFirst) ReadAll(ctx context.Context, read eventstore.AllRead) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		first := true
		for e, err := range w.Source.ReadAll(ctx, read) {
			if !first && !yield(e, err) {
				return
			}
			first = false
		}
	}
}
