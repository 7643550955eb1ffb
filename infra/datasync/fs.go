// Package datasync makes what was written to a file durable while other goroutines
// go on.
//
// fdatasync(2) blocks the thread that calls it. The Go runtime learns of that by
// looking, after some ten microseconds to some milliseconds; until then the
// processor that the thread holds (one of GOMAXPROCS) does nothing. Where there are
// two of them, and hundreds of syncs a second by an event log and a key store, that
// is a good part of a machine. On Linux the kernel is therefore asked to sync by
// itself and to say when it is done, which the runtime waits for as it waits for the
// network: without a thread. That takes a little longer, so it is done only where
// there is somebody to go on meanwhile.
package datasync

import (
	"runtime/metrics"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// FS is the machine's file system, whose files are synced in this way when they are
// written. What a sync promises, and what it fails with, is as with vfs.Default.
var FS vfs.FS = fileSystem{vfs.Default}

type fileSystem struct{ vfs.FS }

// Unwrap implements vfs.FS.
func (fs fileSystem) Unwrap() vfs.FS { return fs.FS }

// Create implements vfs.FS.
func (fs fileSystem) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return opened(fs.FS.Create(name, category))
}

// OpenReadWrite implements vfs.FS.
func (fs fileSystem) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return opened(fs.FS.OpenReadWrite(name, category, opts...))
}

// ReuseForWrite implements vfs.FS.
func (fs fileSystem) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return opened(fs.FS.ReuseForWrite(from, to, category))
}

func opened(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

type file struct{ vfs.File }

// SyncData implements vfs.File.
func (f file) SyncData() error {
	if othersWait() {
		if done, err := syncAside(f.Fd()); done {
			return err
		}
	}
	return f.File.SyncData()
}

// othersWait reports whether goroutines wait for a processor.
func othersWait() bool {
	runnable := []metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}}
	metrics.Read(runnable)
	return runnable[0].Value.Kind() == metrics.KindUint64 && runnable[0].Value.Uint64() > 0
}
