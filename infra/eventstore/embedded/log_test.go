package embedded

import (
	"errors"
	"sync/atomic"
	"syscall"
	"testing"

	"dossierledger/infra/room"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/uuid"
)

// newLog begins a log on a file system, which is closed with the test.
func newLog(t *testing.T, fs vfs.FS) (*eventLog, *room.Disk) {
	t.Helper()
	disk := room.New()
	l := &eventLog{fs: fs, disk: disk, id: uuid.New(), segmentBytes: segmentBytesMax, zeroBytes: zeroBytesMax}
	s, err := l.begin(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	l.segments.Store(&[]*segment{s})
	t.Cleanup(func() {
		if err := l.close(); err != nil {
			t.Error(err)
		}
	})
	disk.Opened()
	return l, disk
}

// given a store that is closed while a group waits for room, when there is room
// for the next group at once, then that one is not written either: it would stand
// at the place of the one before it.
func TestNothingIsWrittenBehindAGroupThatWasNot(t *testing.T) {
	var full atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind == errorfs.OpFileWriteAt {
			return syscall.ENOSPC
		}
		return nil
	}))
	l, disk := newLog(t, fs)
	if _, err := l.write(0, []byte("first")); err != nil {
		t.Fatal(err)
	}
	end := l.end
	full.Store(true)
	disk.Release()
	large := make([]byte, 2*zeroBytesMax) // what was prepared is not enough for it
	if _, err := l.write(1, large); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is full: %v", err)
	}
	full.Store(false)
	if _, err := l.write(2, []byte("next")); err == nil || l.end != end {
		t.Fatalf("written behind a gap, at %d: %v", end, err)
	}
}

// given a segment that was made longer than what it holds, when its end is read in
// large pieces, then the room for what comes is left out.
func TestAReadEndsWhereTheLogDoes(t *testing.T) {
	l, _ := newLog(t, vfs.NewMem())
	c := l.cursor(windowBytes)
	defer c.release()
	for _, records := range []string{"first", "second and third"} {
		offset, err := l.write(0, []byte(records))
		if err != nil {
			t.Fatal(err)
		}
		c.seek(1, offset)
		if _, short, err := c.need(len("first")); short || err != nil {
			t.Fatal(short, err)
		}
		if string(c.window) != records {
			t.Errorf("%d bytes are read where there are %q", len(c.window), records)
		}
	}
}
