package keys_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"dossierledger/infra/keys"
)

func shardFiles(t *testing.T, dir string, see func(path string, data []byte)) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "keys", "shards", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		see(path, data)
	}
}

// The erasure has three durable steps. A crash after the first leaves a next key
// that never came into force; a crash after the second leaves one that did.
func TestAnErasureThatWasCutOffIsFinishedOrDiscarded(t *testing.T) {
	ctx := t.Context()
	p := place{dir: t.TempDir(), master: filepath.Join(t.TempDir(), "master.key")}
	if err := keys.MakeMaster(p.master); err != nil {
		t.Fatal(err)
	}
	v := p.open(t)
	sealed := seal(t, v, "p-1", "x")
	var path string
	var old []byte
	shardFiles(t, p.dir, func(p string, data []byte) { path, old = p, data })
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(path+".next", old[:len(old)-3], 0o600); err != nil {
		t.Fatal(err)
	}
	v = p.open(t)
	if _, err := v.Unseal(ctx, "p-1", sealed, []byte("place")); err != nil {
		t.Fatalf("after a crash before the records changed: %v", err)
	}
	if _, err := os.Stat(path + ".next"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the discarded key is still there: %v", err)
	}
	if err := v.Erase(ctx, "p-1"); err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}

	if err := os.Rename(path, path+".next"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	v = p.open(t)
	if _, err := v.Unseal(ctx, "p-1", sealed, []byte("place")); !errors.Is(err, keys.ErrErased) {
		t.Fatalf("after a crash before the old key was destroyed: %v", err)
	}
	shardFiles(t, p.dir, func(p string, data []byte) {
		if bytes.Equal(data, old) {
			t.Errorf("%s still holds the old key", p)
		}
	})
}

// Who asked for a new person's key may be gone before it is made; closing waits
// for the making and not for the asker.
func TestAKeyThatNobodyWaitsForIsMadeBeforeTheFolderIsClosed(t *testing.T) {
	p := place{dir: t.TempDir(), master: filepath.Join(t.TempDir(), "master.key")}
	if err := keys.MakeMaster(p.master); err != nil {
		t.Fatal(err)
	}
	for round := range 20 {
		v := p.open(t)
		gone, leave := context.WithCancel(t.Context())
		leave()
		for i := range 20 {
			// It is not waited for, or was quick enough.
			if _, err := v.Seal(gone, fmt.Sprintf("p-%d-%d", round, i), []byte("x"), nil); err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Seal(t.Context(), "p-late", []byte("x"), nil); !errors.Is(err, keys.ErrSick) {
			t.Fatalf("a key of a closed folder: %v", err)
		}
	}
}
