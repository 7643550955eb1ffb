package keys_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"dossierledger/infra/keys"
)

func open(t *testing.T, dir string) keys.Vault {
	t.Helper()
	path := filepath.Join(dir, "master.key")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := keys.MakeMaster(path); err != nil {
			t.Fatal(err)
		}
	}
	master, err := keys.ReadMaster(path)
	if err != nil {
		t.Fatal(err)
	}
	v, err := keys.OpenFolder(context.Background(), filepath.Join(dir, "keys"), master)
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

func seal(t *testing.T, v keys.Vault, subject, text string) []byte {
	t.Helper()
	sealed, err := v.Seal(context.Background(), subject, []byte(text), []byte("place"))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestAValueOpensOnlyForItsPersonAndItsPlace(t *testing.T) {
	ctx := context.Background()
	v := open(t, t.TempDir())
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
	for _, subject := range []string{"", string(make([]byte, 300))} {
		if _, err := v.Seal(ctx, subject, nil, nil); err == nil {
			t.Errorf("subject of %d bytes was taken", len(subject))
		}
	}
}

func TestErasureTakesOnePersonAndNobodyElse(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	v := open(t, dir)
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
	check(open(t, dir))
}

// Whoever has every file as it is after the erasure, the master key, and even the
// person's record from before it, must not get the key back: the shard key that
// wrapped that record is gone.
func TestTheOldShardKeyIsGoneAfterAnErasure(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir)
	seal(t, v, "p-1", "x")
	before := map[string][]byte{}
	shardFiles(t, dir, func(path string, data []byte) { before[path] = data })
	if len(before) != 1 {
		t.Fatalf("one person, %d shard files", len(before))
	}
	if err := v.Erase(context.Background(), "p-1"); err != nil {
		t.Fatal(err)
	}
	shardFiles(t, dir, func(path string, data []byte) {
		if bytes.Equal(before[path], data) || bytes.Contains(data, before[path][8:]) {
			t.Errorf("%s still holds the old shard key", path)
		}
	})
}

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
	ctx := context.Background()
	dir := t.TempDir()
	v := open(t, dir)
	sealed := seal(t, v, "p-1", "x")
	var path string
	var old []byte
	shardFiles(t, dir, func(p string, data []byte) { path, old = p, data })
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(path+".next", old[:len(old)-3], 0o600); err != nil {
		t.Fatal(err)
	}
	v = open(t, dir)
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
	v = open(t, dir)
	if _, err := v.Unseal(ctx, "p-1", sealed, []byte("place")); !errors.Is(err, keys.ErrErased) {
		t.Fatalf("after a crash before the old key was destroyed: %v", err)
	}
	shardFiles(t, dir, func(p string, data []byte) {
		if bytes.Equal(data, old) {
			t.Errorf("%s still holds the old key", p)
		}
	})
}

func TestAnotherMasterKeyDoesNotOpenTheStore(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir)
	seal(t, v, "p-1", "x")
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.key")
	if err := keys.MakeMaster(other); err != nil {
		t.Fatal(err)
	}
	if err := keys.MakeMaster(other); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a master key was replaced: %v", err)
	}
	master, err := keys.ReadMaster(other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.OpenFolder(context.Background(), filepath.Join(dir, "keys"), master); !errors.Is(err, keys.ErrWrongMaster) {
		t.Fatalf("opened with another master key: %v", err)
	}
	if err := os.Chmod(other, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.ReadMaster(other); err == nil {
		t.Error("a master key that others can read was taken")
	}
}

func TestManyAtOnceGetTheSameKeyForOnePerson(t *testing.T) {
	ctx := context.Background()
	v := open(t, t.TempDir())
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
	ctx := context.Background()
	v := open(t, t.TempDir())
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
