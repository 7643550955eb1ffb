package soak

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The disk does to files what it is there for; else TestDisk would show nothing.
func TestTheDiskForgetsWhatWasNotSyncedAndKeepsTheRest(t *testing.T) {
	d := mountDisk(t, 16<<20)
	path := filepath.Join(d.dir, "f")
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	write := func(f *os.File, offset int64, data []byte) {
		if _, err := f.WriteAt(data, offset); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	synced, lost, torn := bytes.Repeat([]byte{1}, 40_000), 0, 0
	for range 40 {
		f := open()
		write(f, 0, synced)
		if err := errors.Join(f.Truncate(int64(len(synced))), f.Sync()); err != nil {
			t.Fatal(err)
		}
		unsynced := bytes.Repeat([]byte{2}, 30_000) // in several pieces for the kernel
		write(f, int64(len(synced))-10_000, unsynced)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		d.losePower(r)
		text, err := os.ReadFile(filepath.Join(d.backing, "f"))
		if err != nil {
			t.Fatal(err)
		}
		whole := append(bytes.Clone(synced[:30_000]), unsynced...)
		switch {
		case !bytes.HasPrefix(text, synced[:30_000]):
			t.Fatal("what was synced is gone")
		case bytes.Equal(text, synced):
			lost++
		case !bytes.Equal(text, whole):
			torn++
		}
	}
	if lost == 0 || torn == 0 || lost+torn == 40 {
		t.Errorf("of 40 writes that were not synced %d were lost and %d torn", lost, torn)
	}
}

func TestTheDiskIsFullSlowAndSick(t *testing.T) {
	d := mountDisk(t, 16<<20)
	f, err := os.Create(filepath.Join(d.dir, "a.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	data := make([]byte, 64<<10)
	d.fill()
	if _, err := f.Write(data); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("writing to a full disk: %v", err)
	}
	d.makeRoom()
	if _, err := f.Write(data); err != nil {
		t.Errorf("writing with room: %v", err)
	}
	d.setSick(true)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("syncing a sick disk: %v", err)
	}
	d.setSick(false)
	d.set(5 * time.Millisecond)
	began := time.Now()
	if err := f.Sync(); err != nil || time.Since(began) < 50*time.Millisecond {
		t.Errorf("syncing a slow disk: %v after %s", err, time.Since(began))
	}
}

// What a write that has returned has written is what every later read finds, also
// of a reader that has just looked behind the end, and while others read and write:
// programs that tell their readers up to where a file is written rely on it.
func TestTheDiskShowsEveryReaderWhatIsWritten(t *testing.T) {
	d := mountDisk(t, 64<<20)
	f, err := os.Create(filepath.Join(d.dir, "f.segment"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	const end, ahead, window = 16 << 20, 1 << 20, 256 << 10
	var written atomic.Int64 // up to where there are no zeros any more
	var over atomic.Bool
	var readers sync.WaitGroup
	defer readers.Wait()
	defer over.Store(true)
	for range 4 {
		readers.Go(func() {
			buffer := make([]byte, window)
			for from := int64(0); from < end && !over.Load(); {
				to := min(written.Load(), from+window)
				if from == to {
					time.Sleep(50 * time.Microsecond)
					continue
				}
				n, err := f.ReadAt(buffer, from) // and beyond
				if err != nil && !errors.Is(err, io.EOF) {
					t.Error(err)
					return
				}
				if int64(n) < to-from || bytes.IndexByte(buffer[:to-from], 0) >= 0 {
					t.Errorf("of what was written before %d a read from %d on finds %d bytes, the first that is not there at %d", to, from, n, bytes.IndexByte(buffer[:n], 0))
					return
				}
				from = to
			}
		})
	}
	r := rand.New(rand.NewPCG(1, 1))
	zeros, ones := make([]byte, ahead), bytes.Repeat([]byte{1}, 4<<10)
	for at, prepared := int64(0), int64(0); at < end; written.Store(at) {
		if prepared < at+int64(len(ones)) {
			if _, err := f.WriteAt(zeros, prepared); err != nil {
				t.Fatal(err)
			}
			prepared += ahead
		}
		n := 400 + r.IntN(len(ones)-400)
		if _, err := f.WriteAt(ones[:n], at); err != nil {
			t.Fatal(err)
		}
		at += int64(n)
	}
}
