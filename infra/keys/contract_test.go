package keys_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dossierledger/domain/fault"
	"dossierledger/infra/keys"
	"dossierledger/infra/nats/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// place is where a kind of vault keeps its keys: one place for each test.
type place struct {
	dir    string // everything that is written lies in it
	master string
	server *natstest.Server // nil for a folder
}

// onEachKind runs a test of the contract on every kind of vault.
func onEachKind(t *testing.T, test func(t *testing.T, p place)) {
	for _, kind := range []string{"folder", "shared"} {
		t.Run(kind, func(t *testing.T) {
			p := place{dir: t.TempDir(), master: filepath.Join(t.TempDir(), "master.key")}
			if err := keys.MakeMaster(p.master); err != nil {
				t.Fatal(err)
			}
			if kind == "shared" {
				p.server = natstest.Start(t)
				p.dir = p.server.Dir
			}
			test(t, p)
		})
	}
}

// open opens a vault of the place. Of a folder one can be open at a time.
func (p place) open(t *testing.T) keys.Vault {
	t.Helper()
	v, err := p.openWith(t, p.master)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

func (p place) openWith(t *testing.T, masterFile string) (keys.Vault, error) {
	t.Helper()
	master, err := keys.ReadMaster(masterFile)
	if err != nil {
		t.Fatal(err)
	}
	if p.server == nil {
		return keys.OpenFolder(t.Context(), filepath.Join(p.dir, "keys"), master)
	}
	return keys.OpenShared(t.Context(), natstest.Connect(t, []*natstest.Server{p.server}), master, keys.SharedOptions{Replicas: 1})
}

// shardKeys are the wrapped keys of all shards as they are kept now.
func (p place) shardKeys(t *testing.T) [][]byte {
	t.Helper()
	var wrapped [][]byte
	if p.server == nil {
		shardFiles(t, p.dir, func(_ string, data []byte) { wrapped = append(wrapped, data[8:]) })
		return wrapped
	}
	js, err := jetstream.New(natstest.Connect(t, []*natstest.Server{p.server}))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "LEDGER_KEYS")
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter("ledger.keys.shard.>"))
	if err != nil {
		t.Fatal(err)
	}
	for subject := range info.State.Subjects {
		m, err := stream.GetLastMsgForSubject(t.Context(), subject)
		if err != nil {
			t.Fatal(err)
		}
		wrapped = append(wrapped, m.Data)
	}
	return wrapped
}

func (p place) holds(t *testing.T, sought []byte) (file string, found bool) {
	t.Helper()
	return holds(t, p.dir, sought)
}

// holds reports whether any file in a folder holds any of some bytes.
func holds(t interface {
	Helper()
	Fatal(args ...any)
}, dir string, sought ...[]byte) (file string, found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // stores remove files by themselves
		}
		if err != nil || d.IsDir() || found {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		for _, s := range sought {
			if bytes.Contains(data, s) {
				file, found = path, true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return file, found
}

func seal(t *testing.T, v keys.Vault, subject, text string) []byte {
	t.Helper()
	sealed, err := v.Seal(context.Background(), subject, []byte(text), []byte("place"))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestAValueOpensOnlyForItsPersonAndItsPlace(t *testing.T) { onEachKind(t, opensOnlyInPlace) }

func opensOnlyInPlace(t *testing.T, p place) {
	ctx := t.Context()
	v := p.open(t)
	sealed := seal(t, v, "p-1", "Nguyễn Văn Mẫu")
	seal(t, v, "p-2", "somebody else")
	if bytes.Contains(sealed, []byte("Nguy")) {
		t.Fatal("the sealed value shows its text")
	}
	clear, err := v.Unseal(ctx, "p-1", sealed, []byte("place"))
	if err != nil || string(clear) != "Nguyễn Văn Mẫu" {
		t.Fatalf("unseal: %q, %v", clear, err)
	}
	if _, err := v.Unseal(ctx, "p-1", sealed, []byte("another place")); !errors.Is(err, keys.ErrBroken) {
		t.Errorf("moved to another place: %v", err)
	}
	if _, err := v.Unseal(ctx, "p-2", sealed, []byte("place")); !errors.Is(err, keys.ErrBroken) {
		t.Errorf("under another person's key: %v", err)
	}
	if _, err := v.Unseal(ctx, "p-3", sealed, []byte("place")); !errors.Is(err, keys.ErrUnknownSubject) {
		t.Errorf("person without a key: %v", err)
	}
	for _, subject := range []string{"", string(make([]byte, 257))} {
		if _, err := v.Seal(ctx, subject, nil, nil); fault.CodeOf(err) != "personal.subject" {
			t.Errorf("subject of %d bytes: %v", len(subject), err)
		}
	}
	for _, subject := range []string{string(make([]byte, 256)), "a.b", ">", "*", "a b", "\xff\x00", "Nguyễn", strings.Repeat("é", 128)} {
		sealed := seal(t, v, subject, subject)
		if clear, err := v.Unseal(ctx, subject, sealed, []byte("place")); err != nil || string(clear) != subject {
			t.Errorf("%q: %q, %v", subject, clear, err)
		}
	}
}

func TestWhoIsKnown(t *testing.T) {
	onEachKind(t, func(t *testing.T, p place) {
		v := p.open(t)
		seal(t, v, "p-1", "x")
		for _, subject := range []string{"p-erased", "p-never-here"} {
			if subject == "p-erased" {
				seal(t, v, subject, "x")
			}
			if err := v.Erase(t.Context(), subject); err != nil {
				t.Fatal(err)
			}
		}
		for subject, want := range map[string]bool{"p-1": true, "p-2": false, "p-erased": true, "p-never-here": true} {
			if got, err := v.Knows(t.Context(), subject); err != nil || got != want {
				t.Errorf("%s: %v, %v", subject, got, err)
			}
		}
		if _, err := v.Seal(t.Context(), "p-never-here", []byte("x"), nil); !errors.Is(err, keys.ErrErased) {
			t.Errorf("sealing for a person who was erased before they came: %v", err)
		}
	})
}

func TestErasureTakesOnePersonAndNobodyElse(t *testing.T) { onEachKind(t, erasesOne) }

func erasesOne(t *testing.T, p place) {
	ctx := t.Context()
	v := p.open(t)
	sealed := map[string][]byte{}
	for i := range 2000 { // about eight in each shard
		subject := fmt.Sprintf("p-%d", i)
		sealed[subject] = seal(t, v, subject, subject)
	}
	for round := range 2 {
		if err := v.Erase(ctx, "p-7"); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	check := func(v keys.Vault) {
		t.Helper()
		for subject, s := range sealed {
			clear, err := v.Unseal(ctx, subject, s, []byte("place"))
			switch {
			case subject == "p-7":
				if !errors.Is(err, keys.ErrErased) {
					t.Fatalf("erased person: %q, %v", clear, err)
				}
			case err != nil || string(clear) != subject:
				t.Fatalf("%s: %q, %v", subject, clear, err)
			}
		}
		if _, err := v.Seal(ctx, "p-7", []byte("x"), nil); !errors.Is(err, keys.ErrErased) {
			t.Fatalf("sealing for an erased person: %v", err)
		}
	}
	check(v)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	check(p.open(t))
}

// Whoever has every file as it is after the erasure, the master key, and even the
// person's record from before it, must not get the key back: the shard key that
// wrapped that record is gone.
func TestTheOldShardKeyIsGoneAfterAnErasure(t *testing.T) {
	onEachKind(t, func(t *testing.T, p place) {
		v := p.open(t)
		seal(t, v, "p-1", "x")
		old := p.shardKeys(t)
		if len(old) != 1 {
			t.Fatalf("one person, %d shard keys", len(old))
		}
		if _, found := p.holds(t, old[0]); !found {
			t.Fatal("the shard key is in no file: nothing would be tested")
		}
		if err := v.Erase(t.Context(), "p-1"); err != nil {
			t.Fatal(err)
		}
		if file, found := p.holds(t, old[0]); found {
			t.Errorf("%s still holds the old shard key", file)
		}
		now := p.shardKeys(t)
		if len(now) != 1 || bytes.Equal(now[0], old[0]) {
			t.Error("there is not one other shard key")
		}
	})
}

func TestAnotherMasterKeyDoesNotOpenTheStore(t *testing.T) { onEachKind(t, refusesAnotherMaster) }

func refusesAnotherMaster(t *testing.T, p place) {
	v := p.open(t)
	seal(t, v, "p-1", "x")
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.key")
	if err := keys.MakeMaster(other); err != nil {
		t.Fatal(err)
	}
	if err := keys.MakeMaster(other); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a master key was replaced: %v", err)
	}
	if _, err := p.openWith(t, other); !errors.Is(err, keys.ErrWrongMaster) {
		t.Fatalf("opened with another master key: %v", err)
	}
	if err := os.Chmod(other, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.ReadMaster(other); err == nil {
		t.Error("a master key that others can read was taken")
	}
}

func TestManyAtOnceGetTheSameKeyForOnePerson(t *testing.T) { onEachKind(t, oneKeyForAll) }

func oneKeyForAll(t *testing.T, p place) {
	ctx := t.Context()
	v := p.open(t)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			subject := fmt.Sprintf("p-%d", i%4)
			sealed, err := v.Seal(ctx, subject, []byte("x"), nil)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := v.Unseal(ctx, subject, sealed, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestAnErasureAmongManyNewPersonsLeavesNoKeyOfTheErased(t *testing.T) {
	onEachKind(t, erasesAmongMany)
}

func erasesAmongMany(t *testing.T, p place) {
	ctx := t.Context()
	v := p.open(t)
	const persons = 60
	name := func(i int) string { return fmt.Sprintf("p-%d", i) }
	var wg sync.WaitGroup
	for i := range persons {
		for range 2 {
			wg.Go(func() {
				if _, err := v.Seal(ctx, name(i), []byte("x"), nil); err != nil && !errors.Is(err, keys.ErrErased) {
					t.Error(err)
				}
			})
		}
		if i%3 == 0 {
			wg.Go(func() {
				if err := v.Erase(ctx, name(i)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	for i := range persons {
		_, err := v.Seal(ctx, name(i), []byte("x"), nil)
		if erased := i%3 == 0; errors.Is(err, keys.ErrErased) != erased || err != nil && !erased {
			t.Errorf("person %d, erased %t: %v", i, erased, err)
		}
	}
}
