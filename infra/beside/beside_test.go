package beside_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"dossierledger/infra/beside"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/eventstore/storetest"
	"dossierledger/infra/keys"
)

func done(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a data folder that this process has open.
type world struct {
	data  string
	store *embedded.Store
	vault *keys.Folder
	log   []eventstore.Recorded
}

func newWorld(t *testing.T, data string, events int) world {
	t.Helper()
	w := world{data: data, log: slices.Collect(storetest.Log(1, events))}
	filling, err := embedded.OpenImport(t.Context(), embedded.Options{Dir: filepath.Join(data, "events")})
	done(t, err)
	done(t, filling.Add(t.Context(), w.log...))
	done(t, errors.Join(filling.Finish(t.Context()), filling.Close()))
	w.store, err = embedded.Open(t.Context(), embedded.Options{Dir: filepath.Join(data, "events")})
	done(t, err)
	master := filepath.Join(data, "master.key")
	done(t, keys.MakeMaster(master))
	key, err := keys.ReadMaster(master)
	done(t, err)
	w.vault, err = keys.OpenFolder(t.Context(), filepath.Join(data, "keys"), key)
	done(t, err)
	t.Cleanup(func() { done(t, errors.Join(w.store.Close(), w.vault.Close())) })
	return w
}

func (w world) offer(t *testing.T) *beside.Offer {
	t.Helper()
	o, err := beside.Open(w.data, w.store, w.vault, slog.New(slog.DiscardHandler))
	done(t, err)
	return o
}

func dial(t *testing.T, data string) *beside.Reader {
	t.Helper()
	r, err := beside.Dial(t.Context(), data)
	done(t, err)
	t.Cleanup(func() { done(t, r.Close()) })
	return r
}

func all(t *testing.T, s beside.Events, read eventstore.AllRead) (log []eventstore.Recorded) {
	t.Helper()
	for e, err := range s.ReadAll(t.Context(), read) {
		done(t, err)
		log = append(log, e)
	}
	return log
}

func keysOf(t *testing.T, c keys.Copier) (parts []keys.Wrapped) {
	t.Helper()
	done(t, c.Copy(t.Context(), func(p keys.Wrapped) error { parts = append(parts, p); return nil }))
	return parts
}

func TestALedgerIsReadBesideItsProcess(t *testing.T) {
	for name, data := range map[string]string{
		"in a folder with a short name": t.TempDir(),
		"in a folder with a long name":  filepath.Join(t.TempDir(), strings.Repeat("long", 40)),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, data, 3000)
			for i := range 5 {
				_, err := w.vault.Seal(t.Context(), fmt.Sprint("p-", i), []byte("x"), nil)
				done(t, err)
			}
			done(t, w.vault.Erase(t.Context(), "p-1"))
			o := w.offer(t)
			defer func() { done(t, o.Close()) }()
			r := dial(t, data)
			if got := all(t, r, eventstore.AllRead{}); !reflect.DeepEqual(got, w.log) {
				t.Error("other events are read beside than are there")
			}
			after := uint64(1000)
			if got := all(t, r, eventstore.AllRead{After: &after, Limit: 7}); !reflect.DeepEqual(got, w.log[1001:1008]) {
				t.Errorf("%d events behind a position", len(got))
			}
			if got := all(t, r, eventstore.AllRead{After: &after, Limit: 1, Direction: eventstore.Backwards}); !reflect.DeepEqual(got, w.log[999:1000]) {
				t.Errorf("%+v before a position", got)
			}
			if head, ok, err := r.Head(t.Context()); err != nil || !ok || head != 2999 {
				t.Errorf("head %d, %v, %v", head, ok, err)
			}
			if got, want := keysOf(t, r), keysOf(t, w.vault); len(got) < 6 || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%d keys, want %d", len(got), len(want))
			}
			info, err := os.Stat(filepath.Join(data, "run"))
			if err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the folder of the socket: %v, %v", info, err)
			}
		})
	}
}

func TestWhereNobodyOffersNothingIsFound(t *testing.T) {
	data := t.TempDir()
	if _, err := beside.Dial(t.Context(), data); !errors.Is(err, beside.ErrNotOffered) {
		t.Errorf("never offered: %v", err)
	}
	w := newWorld(t, data, 10)
	done(t, w.offer(t).Close())
	if _, err := beside.Dial(t.Context(), data); !errors.Is(err, beside.ErrNotOffered) {
		t.Errorf("not offered any more: %v", err)
	}
	// What a killed process leaves is a file that nobody answers on.
	done(t, os.WriteFile(filepath.Join(data, "run", "ledger.sock"), nil, 0o600))
	if _, err := beside.Dial(t.Context(), data); !errors.Is(err, beside.ErrNotOffered) {
		t.Errorf("left behind: %v", err)
	}
	o := w.offer(t)
	if got := all(t, dial(t, data), eventstore.AllRead{}); len(got) != 10 {
		t.Errorf("%d events after what was left behind", len(got))
	}
	done(t, o.Close())
}

// broken is a ledger that cannot be read beyond some event.
type broken struct {
	*embedded.Store
	good int
}

func (b broken) ReadAll(ctx context.Context, read eventstore.AllRead) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		n := 0
		for e, err := range b.Store.ReadAll(ctx, read) {
			if n++; n > b.good {
				yield(eventstore.Recorded{}, eventstore.ErrCorrupt)
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func TestAReadThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	for _, good := range []int{0, 1, 900} {
		data := t.TempDir()
		w := newWorld(t, data, 1000)
		o, err := beside.Open(data, broken{w.store, good}, nil, slog.New(slog.DiscardHandler))
		done(t, err)
		var last error
		n := 0
		for _, err := range dial(t, data).ReadAll(t.Context(), eventstore.AllRead{}) {
			if last = err; err == nil {
				n++
			}
		}
		if last == nil || n > good {
			t.Errorf("%d events, then %v; %d could be read", n, last, good)
		}
		if good == 0 && !errors.Is(last, eventstore.ErrCorrupt) {
			t.Errorf("what is wrong is not told: %v", last)
		}
		done(t, o.Close())
	}
}

func TestWithoutKeysThatIsSaid(t *testing.T) {
	data := t.TempDir()
	w := newWorld(t, data, 1)
	o, err := beside.Open(data, w.store, nil, slog.New(slog.DiscardHandler))
	done(t, err)
	defer func() { done(t, o.Close()) }()
	if err := dial(t, data).Copy(t.Context(), nil); !errors.Is(err, keys.ErrNone) {
		t.Errorf("%v", err)
	}
}
