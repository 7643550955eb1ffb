package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// sickDisk fails what its illness says, once it is ill.
type sickDisk struct {
	ill     atomic.Bool
	illness func(op errorfs.Op) error
}

func (d *sickDisk) over(fs vfs.FS) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if d.ill.Load() {
			return d.illness(op)
		}
		return nil
	}))
}

func isLog(op errorfs.Op) bool { return strings.HasSuffix(op.Path, ".segment") }

// full is a disk without room for another byte.
func full(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpCreate, errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFilePreallocate, errorfs.OpReuseForWrite, errorfs.OpLink:
		return syscall.ENOSPC
	}
	return nil
}

func TestFullDiskAcknowledgesNothingAndGoesOnWhenThereIsRoom(t *testing.T) {
	disk := &sickDisk{illness: full}
	mem := vfs.NewMem()
	s := open(t, embedded.Options{Dir: "ledger", FS: disk.over(mem)})
	var told diary
	for round := range 3 {
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
		writeUntil(ctx, s, 8, told.note)
		stop()
		disk.ill.Store(true)
		acknowledged := len(told.all())
		refused, batch := "refused", must(batchOf(3))
		for range 3 {
			_, err := s.Append(t.Context(), refused, event.Any, batch...)
			if !errors.Is(err, eventstore.ErrFull) || fault.KindOf(err) != fault.Full {
				t.Fatalf("round %d: append to a full disk: %v, want ErrFull", round, err)
			}
		}
		// Readers are not disturbed.
		verifyLedger(t, s, told.all())
		if len(told.all()) != acknowledged {
			t.Fatal("a full disk acknowledged an append")
		}
		disk.ill.Store(false)
		written := appendWhenThereIsRoom(t, s, refused, batch)
		again, err := s.Append(t.Context(), refused, event.Any, batch...)
		if err != nil || !again.Repeated || again.Position != written.Position {
			t.Fatalf("repeated: %+v, %v; first %+v", again, err, written)
		}
	}
	mustClose(t, s)
	s = open(t, embedded.Options{Dir: "ledger", FS: mem})
	defer mustClose(t, s)
	verifyLedger(t, s, told.all())
}

func must(_ string, batch []eventstore.Proposed) []eventstore.Proposed { return batch }

// appendWhenThereIsRoom repeats an append until the store has noticed the room.
func appendWhenThereIsRoom(t *testing.T, s *embedded.Store, stream string, batch []eventstore.Proposed) event.Written {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		w, err := s.Append(t.Context(), stream, event.Any, batch...)
		if err == nil {
			return w
		}
		if !errors.Is(err, eventstore.ErrFull) || time.Now().After(deadline) {
			t.Fatalf("append after room was made: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestFullDiskUnderLoadKeepsWhatWasAcknowledged(t *testing.T) {
	disk := &sickDisk{illness: full}
	mem := vfs.NewMem()
	s := open(t, embedded.Options{Dir: "ledger", FS: disk.over(mem)})
	var told diary
	sick := time.AfterFunc(30*time.Millisecond, func() { disk.ill.Store(true) })
	defer sick.Stop()
	// Every writer ends with its first refusal, so this returns only if each
	// append on its way is answered.
	writeUntil(t.Context(), s, 16, told.note)
	disk.ill.Store(false)
	appendWhenThereIsRoom(t, s, "after", must(batchOf(1)))
	verifyLedger(t, s, told.all())
	mustClose(t, s)
	s = open(t, embedded.Options{Dir: "ledger", FS: mem})
	defer mustClose(t, s)
	verifyLedger(t, s, told.all())
}

func TestFailingLogStopsAppendsAndKeepsWhatWasAcknowledged(t *testing.T) {
	for name, kinds := range map[string][]errorfs.OpKind{
		"write": {errorfs.OpFileWriteAt},
		"sync":  {errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo},
	} {
		t.Run(name, func(t *testing.T) {
			disk := &sickDisk{illness: func(op errorfs.Op) error {
				for _, k := range kinds {
					if op.Kind == k && isLog(op) {
						return syscall.EIO
					}
				}
				return nil
			}}
			mem := vfs.NewCrashableMem()
			s := open(t, embedded.Options{Dir: "ledger", FS: disk.over(mem)})
			var told diary
			sick := time.AfterFunc(30*time.Millisecond, func() { disk.ill.Store(true) })
			defer sick.Stop()
			writeUntil(t.Context(), s, 16, told.note)
			if _, err := s.Append(t.Context(), "after", event.Any, must(batchOf(1))...); fault.CodeOf(err) != "eventstore.broken" {
				t.Fatalf("append after the log failed: %v", err)
			}
			verifyLedger(t, s, told.all())
			kept := mem.CrashClone(vfs.CrashCloneCfg{})
			if err := s.Close(); err == nil {
				t.Error("closing a broken store says nothing of what went wrong")
			}
			s = open(t, embedded.Options{Dir: "ledger", FS: kept})
			defer mustClose(t, s)
			verifyLedger(t, s, told.all())
			if _, err := s.Append(t.Context(), "after", event.Any, must(batchOf(1))...); err != nil {
				t.Fatalf("append after opening again: %v", err)
			}
		})
	}
}

func TestOpeningWithoutRoomSaysSo(t *testing.T) {
	disk := &sickDisk{illness: full}
	disk.ill.Store(true)
	mem := vfs.NewMem()
	if s, err := embedded.Open(t.Context(), embedded.Options{Dir: "ledger", FS: disk.over(mem)}); !errors.Is(err, eventstore.ErrFull) {
		t.Fatalf("%v, %v, want ErrFull", s, err)
	}
	disk.ill.Store(false)
	mustClose(t, open(t, embedded.Options{Dir: "ledger", FS: mem}))
}

func TestFreeSpaceBelowTheReserveRefusesAppends(t *testing.T) {
	mem := vfs.NewMem()
	usage := func(free uint64) {
		mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: free, TotalBytes: 10 << 30, UsedBytes: 10<<30 - free})
	}
	usage(5 << 30)
	s := open(t, embedded.Options{Dir: "ledger", FS: mem})
	defer mustClose(t, s)
	if _, err := s.Append(t.Context(), "a", event.None, must(batchOf(1))...); err != nil {
		t.Fatal(err)
	}
	usage(1 << 20)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		_, err := s.Append(t.Context(), "a", event.Any, must(batchOf(1))...)
		if errors.Is(err, eventstore.ErrFull) {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("append with little room: %v", err)
		}
	}
	usage(5 << 30)
	appendWhenThereIsRoom(t, s, "a", must(batchOf(1)))
}

// heldFile holds the first large write of the log until it is let go, and has no
// room for large ones.
type heldFile struct {
	vfs.File
	held, letGo chan struct{}
	once        *sync.Once
}

const largeEvent = 200 << 10

func (f heldFile) WriteAt(p []byte, offset int64) (int, error) {
	if len(p) < largeEvent || p[0] == p[largeEvent/2] { // zeros ahead
		return f.File.WriteAt(p, offset)
	}
	f.once.Do(func() { close(f.held) })
	<-f.letGo
	return 0, syscall.ENOSPC
}

type heldDisk struct {
	vfs.FS
	held, letGo chan struct{}
	once        sync.Once
}

func (d *heldDisk) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.OpenReadWrite(name, category, opts...)
	if err == nil && strings.HasSuffix(name, ".segment") {
		f = heldFile{f, d.held, d.letGo, &d.once}
	}
	return f, err
}

// A store that is closed while an append waits for room does not put the appends
// behind it into the log, although there would be room for them: their positions
// follow those of the one that is not there.
func TestNothingComesBehindAnAppendThatFoundNoRoom(t *testing.T) {
	for range 20 {
		nothingComesBehind(t)
	}
}

func nothingComesBehind(t *testing.T) {
	mem := vfs.NewMem()
	disk := &heldDisk{FS: mem, held: make(chan struct{}), letGo: make(chan struct{})}
	s := open(t, embedded.Options{Dir: "ledger", FS: disk})
	var told diary
	append1 := func(stream string, data []byte) {
		name, batch := batchOf(1)
		batch[0].Data = append(batch[0].Data, data...)
		if w, err := s.Append(t.Context(), stream, event.Any, batch...); err == nil {
			told.note(acknowledgement{name, stream, w.Revision, w.Position, 1})
		}
	}
	append1("before", nil)
	var waiting sync.WaitGroup
	waiting.Go(func() { append1("large", bytes.Repeat([]byte{'x'}, largeEvent)) })
	<-disk.held
	for range 64 { // the committer builds the next group of them
		waiting.Go(func() { append1("behind", nil) })
	}
	time.Sleep(5 * time.Millisecond) // without it there may be nothing behind
	close(disk.letGo)
	mustClose(t, s)
	waiting.Wait()
	s = open(t, embedded.Options{Dir: "ledger", FS: mem})
	defer mustClose(t, s)
	verifyLedger(t, s, told.all())
	append1("after", nil)
	verifyLedger(t, s, told.all())
}
