package keys_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"dossierledger/infra/keys"
)

// copyable is a folder of keys with its master key.
type copyable struct {
	dir    string
	master keys.Master
}

func newCopyable(t *testing.T) copyable {
	t.Helper()
	path := filepath.Join(t.TempDir(), "master.key")
	if err := keys.MakeMaster(path); err != nil {
		t.Fatal(err)
	}
	master, err := keys.ReadMaster(path)
	if err != nil {
		t.Fatal(err)
	}
	return copyable{filepath.Join(t.TempDir(), "keys"), master}
}

func (c copyable) open(t *testing.T) *keys.Folder {
	t.Helper()
	v, err := keys.OpenFolder(t.Context(), c.dir, c.master)
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

// restored makes a vault of a copy.
func (c copyable) restored(t *testing.T, parts []keys.Wrapped, erased ...string) *keys.Folder {
	t.Helper()
	other := copyable{filepath.Join(t.TempDir(), "deep", "keys"), c.master}
	if err := keys.RestoreFolder(t.Context(), other.dir, sequence(parts), slices.Values(erased)); err != nil {
		t.Fatal(err)
	}
	return other.open(t)
}

func sequence(parts []keys.Wrapped) iter.Seq2[keys.Wrapped, error] {
	return func(yield func(keys.Wrapped, error) bool) {
		for _, p := range parts {
			if !yield(p, nil) {
				return
			}
		}
	}
}

func copyOf(t *testing.T, from func(context.Context, func(keys.Wrapped) error) error) (parts []keys.Wrapped) {
	t.Helper()
	if err := from(t.Context(), func(p keys.Wrapped) error { parts = append(parts, p); return nil }); err != nil {
		t.Fatal(err)
	}
	return parts
}

// holdsPeople holds that a vault opens what was sealed, or says that it was erased.
func holdsPeople(t *testing.T, v keys.Vault, sealed map[string][]byte, erased ...string) {
	t.Helper()
	for subject, text := range sealed {
		clear, err := v.Unseal(t.Context(), subject, text, nil)
		switch {
		case slices.Contains(erased, subject):
			if !errors.Is(err, keys.ErrErased) {
				t.Errorf("%s was erased, and: %q, %v", subject, clear, err)
			}
		case err != nil || string(clear) != subject:
			t.Errorf("%s: %q, %v", subject, clear, err)
		}
	}
}

func sealPeople(t *testing.T, v keys.Vault, n int) map[string][]byte {
	t.Helper()
	sealed := map[string][]byte{}
	for i := range n {
		subject := fmt.Sprintf("p-%d", i)
		text, err := v.Seal(t.Context(), subject, []byte(subject), nil)
		if err != nil {
			t.Fatal(err)
		}
		sealed[subject] = text
	}
	return sealed
}

func TestACopyOpensWhatTheVaultOpened(t *testing.T) {
	c := newCopyable(t)
	v := c.open(t)
	sealed := sealPeople(t, v, 600)
	if err := v.Erase(t.Context(), "p-3"); err != nil {
		t.Fatal(err)
	}
	while := copyOf(t, v.Copy)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	closed := copyOf(t, func(ctx context.Context, each func(keys.Wrapped) error) error {
		return keys.CopyFolder(ctx, c.dir, each)
	})
	if fmt.Sprint(while) != fmt.Sprint(closed) {
		t.Error("the copy of the open vault is another than that of the closed one")
	}
	restored := c.restored(t, while)
	holdsPeople(t, restored, sealed, "p-3")
	// A restored vault is a vault: it takes new persons and erases.
	if _, err := restored.Seal(t.Context(), "new", []byte("x"), nil); err != nil {
		t.Error(err)
	}
	if err := restored.Erase(t.Context(), "p-4"); err != nil {
		t.Error(err)
	}
	holdsPeople(t, restored, sealed, "p-3", "p-4")
}

func TestWhoIsErasedIsErasedInWhatAnOlderCopyMakes(t *testing.T) {
	c := newCopyable(t)
	v := c.open(t)
	sealed := sealPeople(t, v, 40)
	parts := copyOf(t, v.Copy)
	restored := c.restored(t, parts, "p-7", "p-8", "nobody-yet")
	holdsPeople(t, restored, sealed, "p-7", "p-8")
	if _, err := restored.Seal(t.Context(), "nobody-yet", []byte("x"), nil); !errors.Is(err, keys.ErrErased) {
		t.Errorf("somebody erased gets a new key: %v", err)
	}
	// The key is not only hidden: nothing in the folder holds it.
	for _, p := range parts {
		if p.Subject != "p-7" {
			continue
		}
		if again := copyOf(t, restored.Copy); slices.ContainsFunc(again, func(q keys.Wrapped) bool { return string(q.Record) == string(p.Record) }) {
			t.Error("the record of an erased person was restored")
		}
	}
}

// A copy that is taken while persons come and go is of one moment: every record
// in it opens under the shard's key beside it.
func TestACopyIsOfOneMoment(t *testing.T) {
	c := newCopyable(t)
	v := c.open(t)
	sealed := sealPeople(t, v, 50)
	stop := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			subject := fmt.Sprintf("passing-%d", i)
			if _, err := v.Seal(t.Context(), subject, []byte("x"), nil); err != nil {
				t.Error(err)
				return
			}
			if err := v.Erase(t.Context(), subject); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var copies [][]keys.Wrapped
	for range 10 {
		copies = append(copies, copyOf(t, v.Copy))
	}
	close(stop)
	busy.Wait()
	for _, parts := range copies[7:] {
		holdsPeople(t, c.restored(t, parts), sealed)
	}
}

func TestAFolderThatIsInUseOrNotThereIsNotCopied(t *testing.T) {
	c := newCopyable(t)
	nothing := func(keys.Wrapped) error { return errors.New("something was handed over") }
	if err := keys.CopyFolder(t.Context(), c.dir, nothing); !errors.Is(err, keys.ErrNone) {
		t.Errorf("no folder: %v", err)
	}
	if _, err := os.Stat(c.dir); !os.IsNotExist(err) {
		t.Errorf("the folder was made: %v", err)
	}
	c.open(t)
	if err := keys.CopyFolder(t.Context(), c.dir, nothing); !errors.Is(err, keys.ErrLocked) {
		t.Errorf("an open folder: %v", err)
	}
	if err := keys.RestoreFolder(t.Context(), c.dir, sequence(nil), slices.Values([]string{})); err == nil {
		t.Error("a folder that is there was written over")
	}
}
