package keys_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"dossierledger/domain/fault"
	"dossierledger/infra/keys"
	"dossierledger/infra/nats/natstest"
)

// taken is everything that a copier hands over.
func taken(t *testing.T, from keys.Copier) (parts []keys.Wrapped) {
	t.Helper()
	if err := from.Copy(t.Context(), func(part keys.Wrapped) error {
		parts = append(parts, part)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return parts
}

// each yields the parts of a copy, and breaks off before the one of a number.
func each(parts []keys.Wrapped, end int) iter.Seq2[keys.Wrapped, error] {
	return func(yield func(keys.Wrapped, error) bool) {
		for i, part := range parts {
			if i == end {
				yield(part, errBrokenOff)
				return
			}
			if !yield(part, nil) {
				return
			}
		}
	}
}

// What is taken of a shared store while it is used makes another one, and a folder,
// in which everybody who was there before can be read, and nobody who was erased, be
// it behind the copy.
func TestSharedKeysAreTakenWhileTheyAreUsedAndPutBack(t *testing.T) {
	c := newCopyable(t)
	server := natstest.Start(t)
	here, there := c.shareOf(t, server), c.shareOf(t, server)
	if err := here.Copy(t.Context(), func(keys.Wrapped) error { return nil }); !errors.Is(err, keys.ErrNone) {
		t.Fatalf("a store without keys: %v", err)
	}
	sealed := sealPeople(t, here, 120)
	erased := []string{"p-3", "p-4", "p-11"}
	for _, person := range append(erased, "nobody-yet") {
		if err := here.Erase(t.Context(), person); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	others.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			person := fmt.Sprint("other-", i)
			_, err := there.Seal(ctx, person, []byte("x"), nil)
			if err == nil && i%3 == 0 { // which turns a shard
				err = there.Erase(ctx, person)
			}
			if err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	})
	parts := taken(t, here)
	stop()
	others.Wait()

	late := append(slices.Clone(erased), "p-5", "p-6")
	gone := append(slices.Clone(late), "never-heard-of")
	restored := c.shareOf(t, natstest.Start(t))
	for _, end := range []int{1, 100, len(parts) - 1} {
		if _, err := restored.RestoreFrom(t.Context(), each(parts, end), slices.Values(gone)); !errors.Is(err, errBrokenOff) {
			t.Fatalf("broken off before part %d: %v", end, err)
		}
	}
	if _, err := restored.RestoreFrom(t.Context(), each(parts, -1), slices.Values(gone)); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "keys")
	if err := keys.RestoreFolder(t.Context(), dir, each(parts, -1), slices.Values(gone)); err != nil {
		t.Fatal(err)
	}
	folder, err := keys.OpenFolder(t.Context(), dir, c.master)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []keys.Vault{restored, folder} {
		holdsPeople(t, v, sealed, late...)
		for _, person := range []string{"nobody-yet", "never-heard-of", "p-5"} {
			if _, err := v.Seal(t.Context(), person, []byte("x"), nil); !errors.Is(err, keys.ErrErased) {
				t.Errorf("%s, who was erased, gets a new key: %v", person, err)
			}
		}
		if _, err := v.Seal(t.Context(), "somebody-new", []byte("x"), nil); err != nil {
			t.Error(err)
		}
	}
	if err := folder.Close(); err != nil {
		t.Error(err)
	}
	if _, err := here.RestoreFrom(t.Context(), each(parts, -1), slices.Values(gone)); fault.CodeOf(err) != keys.CodeInUse {
		t.Errorf("into a store that is used: %v", err)
	}
}
