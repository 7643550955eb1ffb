package keys_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"dossierledger/domain/fault"
	"dossierledger/infra/keys"
	"dossierledger/infra/nats/natstest"
)

// shareOf opens a shared store under the master key of a folder.
func (c copyable) shareOf(t *testing.T, server *natstest.Server) *keys.Shared {
	t.Helper()
	v, err := keys.OpenShared(t.Context(), natstest.Connect(t, []*natstest.Server{server}), c.master, keys.SharedOptions{Replicas: 1})
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

// filled is a closed folder with some persons, of whom some are erased, and one who
// was erased before there was a key.
func filled(t *testing.T, n int) (c copyable, sealed map[string][]byte, erased []string) {
	t.Helper()
	c = newCopyable(t)
	v := c.open(t)
	sealed = sealPeople(t, v, n)
	erased = []string{"p-3", "p-4", "p-11"}
	for _, person := range append(erased, "nobody-yet") {
		if err := v.Erase(t.Context(), person); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	return c, sealed, erased
}

func TestKeysMoveFromAFolderToTheSharedStore(t *testing.T) {
	c, sealed, erased := filled(t, 700)
	shared := c.shareOf(t, natstest.Start(t))
	copied, err := shared.CopyFrom(t.Context(), keys.ClosedFolder(c.dir))
	if err != nil {
		t.Fatal(err)
	}
	if copied.Persons != 700-len(erased) || copied.Erased != len(erased)+1 || copied.Shards == 0 || copied.Present != 0 {
		t.Errorf("%+v", copied)
	}
	holdsPeople(t, shared, sealed, erased...)
	if _, err := shared.Seal(t.Context(), "nobody-yet", []byte("x"), nil); !errors.Is(err, keys.ErrErased) {
		t.Errorf("somebody erased gets a new key: %v", err)
	}
	again, err := shared.CopyFrom(t.Context(), keys.ClosedFolder(c.dir))
	if err != nil || again.Present != copied.Shards || again.Persons != copied.Persons {
		t.Errorf("again: %+v, %v; first %+v", again, err, copied)
	}
	// It is a shared store as any other: it takes new persons and erases.
	if _, err := shared.Seal(t.Context(), "new", []byte("x"), nil); err != nil {
		t.Error(err)
	}
	if err := shared.Erase(t.Context(), "p-5"); err != nil {
		t.Error(err)
	}
	holdsPeople(t, shared, sealed, append(erased, "p-5")...)
	if _, err := shared.CopyFrom(t.Context(), keys.ClosedFolder(c.dir)); fault.CodeOf(err) != keys.CodeInUse {
		t.Errorf("a copy over a store that was used since: %v", err)
	}
	holdsPeople(t, shared, sealed, append(erased, "p-5")...)
}

// until is a Copier that breaks off after some parts.
type until struct {
	keys.Copier
	parts int
}

var errBrokenOff = errors.New("broken off")

func (u until) Copy(ctx context.Context, each func(keys.Wrapped) error) error {
	n := 0
	return u.Copier.Copy(ctx, func(part keys.Wrapped) error {
		if n++; n > u.parts {
			return errBrokenOff
		}
		return each(part)
	})
}

func TestACopyOfKeysGoesOnWhereItStopped(t *testing.T) {
	c, sealed, erased := filled(t, 700)
	shared := c.shareOf(t, natstest.Start(t))
	for _, parts := range []int{0, 200, 300, 600, 900} {
		if _, err := shared.CopyFrom(t.Context(), until{keys.ClosedFolder(c.dir), parts}); !errors.Is(err, errBrokenOff) {
			t.Fatalf("after %d parts: %v", parts, err)
		}
	}
	copied, err := shared.CopyFrom(t.Context(), keys.ClosedFolder(c.dir))
	if err != nil || copied.Present == 0 || copied.Shards == 0 {
		t.Fatalf("%+v, %v", copied, err)
	}
	holdsPeople(t, shared, sealed, erased...)
}

func TestKeysAreNotCopiedIntoAStoreThatIsUsed(t *testing.T) {
	c, sealed, _ := filled(t, 40)
	shared := c.shareOf(t, natstest.Start(t))
	theirs, err := shared.Seal(t.Context(), "p-7", []byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shared.CopyFrom(t.Context(), keys.ClosedFolder(c.dir)); fault.CodeOf(err) != keys.CodeInUse {
		t.Errorf("a store that holds another key of a person: %v", err)
	}
	if clear, err := shared.Unseal(t.Context(), "p-7", theirs, nil); err != nil || string(clear) != "x" {
		t.Errorf("what was there: %q, %v", clear, err)
	}
	if _, err := shared.Unseal(t.Context(), "p-7", sealed["p-7"], nil); err == nil {
		t.Error("a key was replaced")
	}
}

func TestKeysOfAnotherMasterKeyAreNotCopied(t *testing.T) {
	c, _, _ := filled(t, 10)
	other := newCopyable(t)
	shared := other.shareOf(t, natstest.Start(t))
	if _, err := shared.CopyFrom(t.Context(), keys.ClosedFolder(c.dir)); !errors.Is(err, keys.ErrWrongMaster) {
		t.Errorf("%v", err)
	}
	if _, err := shared.CopyFrom(t.Context(), keys.ClosedFolder(filepath.Join(t.TempDir(), "nothing"))); !errors.Is(err, keys.ErrNone) {
		t.Errorf("no folder: %v", err)
	}
	c.open(t)
	if _, err := shared.CopyFrom(t.Context(), keys.ClosedFolder(c.dir)); !errors.Is(err, keys.ErrLocked) {
		t.Errorf("an open folder: %v", err)
	}
}
