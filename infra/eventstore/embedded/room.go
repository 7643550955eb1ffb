package embedded

import (
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// health is what the store knows of its disk. Committer, appends and the file
// system wrapper share it.
type health struct {
	// low is set by the monitor while free space is below the reserve; stuck is
	// set while a write waits for room.
	low   atomic.Bool
	stuck atomic.Bool

	// running is set when the store has been opened. Before, errors are
	// returned at once, so that opening fails instead of waiting.
	running atomic.Bool

	mu     sync.Mutex
	broken error
	// alarm is closed when appends on their way must be answered now. A new one
	// takes its place when room is made.
	alarm chan struct{}
	rung  bool

	closing chan struct{}
}

func newHealth() *health {
	return &health{alarm: make(chan struct{}), closing: make(chan struct{})}
}

// alarmed returns the channel that is closed when appends cannot go on.
func (h *health) alarmed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.alarm
}

func (h *health) brokenBy() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.broken
}

func (h *health) ring() {
	if !h.rung {
		h.rung = true
		close(h.alarm)
	}
}

func (h *health) outOfRoom() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stuck.Store(true)
	h.ring()
}

func (h *health) hasRoom() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stuck.Store(false)
	if h.rung && h.broken == nil {
		h.rung = false
		h.alarm = make(chan struct{})
	}
}

// breakOff marks the store as unable to write until it is opened again.
func (h *health) breakOff(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken == nil {
		h.broken = err
	}
	h.ring()
}

func (h *health) full() bool { return h.low.Load() || h.stuck.Load() }

const (
	// roomRetry is how often a write that found the disk full is tried again.
	roomRetry = 50 * time.Millisecond
	// tableRetry delays the failure of a table write, which Pebble would
	// otherwise repeat in a tight loop.
	tableRetry = 250 * time.Millisecond
)

// roomFS keeps Pebble alive on a full disk. Pebble treats any error of its log
// or manifest as fatal, and log writes that failed cannot be told from those
// that did not. So a write of those files that finds no room waits for it; one
// that fails otherwise stops the store and never returns while it is open.
// Tables can fail: Pebble deletes them, which gives room back, and tries again.
type roomFS struct {
	vfs.FS
	health *health
}

func (fs roomFS) Unwrap() vfs.FS { return fs.FS }

// essential says whether an error of this kind of file would be fatal to Pebble.
func essential(category vfs.DiskWriteCategory) bool {
	switch category {
	case "pebble-memtable-flush", "pebble-compaction", "pebble-blob-file-rewrite", "pebble-ingest":
		return false
	}
	return true
}

func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// settle repeats op while it finds no room, and freezes on any other error.
func (h *health) settle(op func() error) error {
	waited := false
	for {
		err := op()
		switch {
		case err == nil:
			if waited {
				h.hasRoom()
			}
			return nil
		case !h.running.Load():
			return err
		case noRoom(err):
			waited = true
			h.outOfRoom()
			select {
			case <-h.closing:
				return err
			case <-time.After(roomRetry):
			}
		default:
			h.breakOff(err)
			<-h.closing
			return err
		}
	}
}

// dropped handles the failure of a table write.
func (h *health) dropped(err error) error {
	if noRoom(err) && h.running.Load() {
		h.outOfRoom()
		select {
		case <-h.closing:
		case <-time.After(tableRetry):
		}
	}
	return err
}

func (fs roomFS) open(category vfs.DiskWriteCategory, op func() (vfs.File, error)) (vfs.File, error) {
	var f vfs.File
	attempt := func() (err error) {
		f, err = op()
		return err
	}
	if essential(category) {
		if err := fs.health.settle(attempt); err != nil {
			return nil, err
		}
		return &essentialFile{File: f, health: fs.health}, nil
	}
	if err := attempt(); err != nil {
		return nil, fs.health.dropped(err)
	}
	return &tableFile{File: f, health: fs.health}, nil
}

func (fs roomFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return fs.open(category, func() (vfs.File, error) { return fs.FS.Create(name, category) })
}

func (fs roomFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return fs.open(category, func() (vfs.File, error) { return fs.FS.ReuseForWrite(oldname, newname, category) })
}

func (fs roomFS) OpenReadWrite(
	name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption,
) (vfs.File, error) {
	return fs.open(category, func() (vfs.File, error) { return fs.FS.OpenReadWrite(name, category, opts...) })
}

func (fs roomFS) OpenDir(name string) (vfs.File, error) {
	f, err := fs.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &essentialFile{File: f, health: fs.health}, nil
}

// essentialFile is a log, manifest, marker or directory.
type essentialFile struct {
	vfs.File
	health *health
}

func (f *essentialFile) Write(p []byte) (int, error) {
	done := 0
	err := f.health.settle(func() error {
		n, err := f.File.Write(p[done:])
		done += n
		return err
	})
	return done, err
}

// Preallocate only makes later writes quicker, so that a lack of room for it
// is no reason to stop.
func (f *essentialFile) Preallocate(offset, length int64) error {
	if err := f.File.Preallocate(offset, length); err != nil && !noRoom(err) {
		return err
	}
	return nil
}

func (f *essentialFile) Sync() error { return f.sync(f.File.Sync) }

func (f *essentialFile) SyncData() error { return f.sync(f.File.SyncData) }

func (f *essentialFile) SyncTo(length int64) (full bool, err error) {
	err = f.sync(func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}

// sync never repeats: after a failed fsync the kernel may have forgotten the
// pages, and a second one would succeed without having written them.
func (f *essentialFile) sync(op func() error) error {
	err := op()
	if err != nil && f.health.running.Load() {
		f.health.breakOff(err)
		<-f.health.closing
	}
	return err
}

// tableFile is an sstable being written.
type tableFile struct {
	vfs.File
	health *health
}

func (f *tableFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil {
		return n, f.health.dropped(err)
	}
	return n, nil
}

func (f *tableFile) Preallocate(offset, length int64) error {
	if err := f.File.Preallocate(offset, length); err != nil && !noRoom(err) {
		return err
	}
	return nil
}

// Sync ends the writing of a table: that it worked means that there is room again.
func (f *tableFile) Sync() error {
	if err := f.File.Sync(); err != nil {
		return f.health.dropped(err)
	}
	if f.health.stuck.Load() {
		f.health.hasRoom()
	}
	return nil
}
