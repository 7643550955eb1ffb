package embedded_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// tightDisk is the machine's disk, with room for a piece of a write of the log at
// most whenever it is full.
type tightDisk struct {
	vfs.FS
	full   atomic.Bool
	pieces atomic.Int64 // of writes, which were there before the rest found no room
}

func (d *tightDisk) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.OpenReadWrite(name, category, opts...)
	if err == nil && strings.HasSuffix(name, ".segment") {
		f = &tightFile{f, d}
	}
	return f, err
}

type tightFile struct {
	vfs.File
	disk *tightDisk
}

func (f *tightFile) WriteAt(p []byte, offset int64) (int, error) {
	if !f.disk.full.Load() {
		return f.File.WriteAt(p, offset)
	}
	n, err := f.File.WriteAt(p[:rand.IntN(len(p))], offset)
	if err == nil {
		if n > 0 {
			f.disk.pieces.Add(1)
		}
		err = syscall.ENOSPC
	}
	return n, err
}

// While the disk fills up and gets room, again and again, and a write comes to it
// in pieces, readers at the end of the log find whole records only, and every one.
func TestReadersAtTheEndOfALogWithoutRoomFindEveryRecordWhole(t *testing.T) {
	disk := &tightDisk{FS: vfs.Default}
	s := open(t, embedded.Options{Dir: t.TempDir(), FS: disk})
	defer mustClose(t, s)
	const enough = 6_000
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var around sync.WaitGroup
	for range 3 {
		sub, err := s.Subscribe(ctx, eventstore.SubscribeTo{})
		if err != nil {
			t.Fatal(err)
		}
		around.Go(func() {
			defer stop()
			defer func() { _ = sub.Close() }()
			for next := uint64(0); next < enough; {
				d, err := sub.Next(ctx)
				switch {
				case err != nil && ctx.Err() != nil:
					return
				case err != nil:
					t.Errorf("a subscriber behind position %d: %v", next, err)
					return
				case d.Event != nil && d.Event.Position != next:
					t.Errorf("a subscriber gets position %d where %d is next", d.Event.Position, next)
					return
				case d.Event != nil:
					next++
				}
			}
		})
	}
	around.Go(func() { // one who asks for what is behind the last that was read
		next := uint64(0)
		for ctx.Err() == nil {
			read := eventstore.AllRead{}
			if next > 0 {
				after := next - 1
				read.After = &after
			}
			for e, err := range s.ReadAll(ctx, read) {
				if err != nil || e.Position != next {
					if ctx.Err() == nil {
						t.Errorf("a read from position %d on: position %d, %v", next, e.Position, err)
					}
					stop()
					return
				}
				next++
			}
		}
	})
	var told diary
	for writer := range 4 {
		around.Go(func() {
			stream := string(rune('a' + writer))
			for n := 0; ctx.Err() == nil; n++ {
				size := 1 + n%7
				if n%50 == 0 {
					size = 400 // so large that room is reserved for it
				}
				name, batch := batchOf(size)
				for ctx.Err() == nil {
					w, err := s.Append(ctx, stream, event.Any, batch...)
					if err == nil {
						told.note(acknowledgement{name, stream, w.Revision, w.Position, size})
						break
					}
					if !errors.Is(err, eventstore.ErrFull) && ctx.Err() == nil {
						t.Errorf("append: %v", err)
						return
					}
					disk.full.Store(false)
				}
				if n%20 == 19 {
					disk.full.Store(true)
				}
			}
		})
	}
	around.Wait()
	disk.full.Store(false)
	if disk.pieces.Load() == 0 {
		t.Error("no write came to the disk in pieces")
	}
	// What was under way when the context ended may still be appended, but not behind
	// what is appended now.
	name, batch := batchOf(1)
	w, err := s.Append(t.Context(), "z", event.Any, batch...)
	for errors.Is(err, eventstore.ErrFull) {
		w, err = s.Append(t.Context(), "z", event.Any, batch...)
	}
	if err != nil {
		t.Fatal(err)
	}
	told.note(acknowledgement{name, "z", w.Revision, w.Position, 1})
	verifyLedger(t, s, told.all())
}
