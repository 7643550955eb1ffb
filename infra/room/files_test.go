package room_test

import (
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dossierledger/infra/room"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// A disk that was found full by a table, while the log had room, is found to
// have room again by a table too: nothing else is written meanwhile.
func TestRoomAgainIsFoundByTheTableThatFoundNone(t *testing.T) {
	for name, kind := range map[string]errorfs.OpKind{
		"write": errorfs.OpFileWrite, "sync": errorfs.OpFileSyncData, "create": errorfs.OpCreate,
	} {
		t.Run(name, func(t *testing.T) {
			var full atomic.Bool
			tables := errorfs.InjectorFunc(func(op errorfs.Op) error {
				if full.Load() && op.Kind == kind && filepath.Ext(op.Path) == ".sst" {
					return syscall.ENOSPC
				}
				return nil
			})
			disk := room.New()
			db, err := pebble.Open("db", &pebble.Options{
				FS:     disk.Over(errorfs.Wrap(vfs.NewMem(), tables)),
				Logger: room.Logger{Log: slog.New(slog.DiscardHandler), Store: "test", Disk: disk},
			})
			if err != nil {
				t.Fatal(err)
			}
			disk.Opened()
			defer func() {
				disk.Release()
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			}()
			full.Store(true)
			if err := db.Set([]byte("key"), []byte("value"), pebble.Sync); err != nil {
				t.Fatal(err)
			}
			flushed, err := db.AsyncFlush()
			if err != nil {
				t.Fatal(err)
			}
			alarm := disk.Alarm()
			await(t, "the table finds no room", disk.Full)
			<-alarm
			full.Store(false)
			<-flushed
			await(t, "room is found", func() bool { return !disk.Full() })
			if err := disk.Broken(); err != nil {
				t.Errorf("a table without room has stopped the store: %v", err)
			}
		})
	}
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
