package room

import (
	"errors"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// roomRetry is how often a write that found the disk full is tried again.
	roomRetry = 50 * time.Millisecond
	// tableRetry delays the failure of a table write, which Pebble would
	// otherwise repeat in a tight loop.
	tableRetry = 250 * time.Millisecond
)

// patient is the file system. Pebble treats any error of its log or manifest as
// fatal, and log writes that failed cannot be told from those that did not. So a
// write of those files that finds no room waits for it; one that fails otherwise
// stops the store and never returns while it is open. Tables can fail: Pebble
// deletes them, which gives room back, and tries again.
type patient struct {
	vfs.FS
	disk *Disk
}

func (fs patient) Unwrap() vfs.FS { return fs.FS }

// essential says whether an error of this kind of file would be fatal to Pebble.
func essential(category vfs.DiskWriteCategory) bool {
	switch category {
	case "pebble-memtable-flush", "pebble-compaction", "pebble-blob-file-rewrite", "pebble-ingest":
		return false
	}
	return true
}

// NoRoom says whether an error is a disk's that has no room left.
func NoRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Patiently repeats op while it finds no room. Any other error stops writing until
// the store is opened again, and is returned; before the store is opened every
// error is.
func (d *Disk) Patiently(op func() error) error {
	waited := false
	for {
		err := op()
		switch {
		case err == nil:
			if waited {
				d.hasRoom()
			}
			return nil
		case !d.running.Load():
			return err
		case NoRoom(err):
			waited = true
			d.outOfRoom()
			select {
			case <-d.closing:
				return err
			case <-time.After(roomRetry):
			}
		default:
			d.BreakOff(err)
			return err
		}
	}
}

// settle is Patiently for what Pebble cannot bear to fail: it freezes on an error.
func (d *Disk) settle(op func() error) error {
	err := d.Patiently(op)
	if err != nil && d.running.Load() {
		<-d.closing
	}
	return err
}

// dropped handles the failure of a table write.
func (d *Disk) dropped(err error) error {
	if NoRoom(err) && d.running.Load() {
		d.outOfRoom()
		select {
		case <-d.closing:
		case <-time.After(tableRetry):
		}
	}
	return err
}

func (fs patient) open(category vfs.DiskWriteCategory, op func() (vfs.File, error)) (vfs.File, error) {
	var f vfs.File
	attempt := func() (err error) {
		f, err = op()
		return err
	}
	if essential(category) {
		if err := fs.disk.settle(attempt); err != nil {
			return nil, err
		}
		return &essentialFile{File: f, disk: fs.disk}, nil
	}
	if err := attempt(); err != nil {
		return nil, fs.disk.dropped(err)
	}
	return &tableFile{File: f, disk: fs.disk}, nil
}

func (fs patient) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return fs.open(category, func() (vfs.File, error) { return fs.FS.Create(name, category) })
}

func (fs patient) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return fs.open(category, func() (vfs.File, error) { return fs.FS.ReuseForWrite(oldname, newname, category) })
}

func (fs patient) OpenReadWrite(
	name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption,
) (vfs.File, error) {
	return fs.open(category, func() (vfs.File, error) { return fs.FS.OpenReadWrite(name, category, opts...) })
}

func (fs patient) OpenDir(name string) (vfs.File, error) {
	f, err := fs.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &essentialFile{File: f, disk: fs.disk}, nil
}

// essentialFile is a log, manifest, marker or directory.
type essentialFile struct {
	vfs.File
	disk *Disk
}

func (f *essentialFile) Write(p []byte) (int, error) {
	done := 0
	err := f.disk.settle(func() error {
		n, err := f.File.Write(p[done:])
		done += n
		return err
	})
	return done, err
}

// Preallocate only makes later writes quicker, so that a lack of room for it
// is no reason to stop.
func (f *essentialFile) Preallocate(offset, length int64) error {
	if err := f.File.Preallocate(offset, length); err != nil && !NoRoom(err) {
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
	if err != nil && f.disk.running.Load() {
		f.disk.BreakOff(err)
		<-f.disk.closing
	}
	return err
}

// tableFile is an sstable being written.
type tableFile struct {
	vfs.File
	disk *Disk
}

func (f *tableFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil {
		return n, f.disk.dropped(err)
	}
	return n, nil
}

func (f *tableFile) Preallocate(offset, length int64) error {
	if err := f.File.Preallocate(offset, length); err != nil && !NoRoom(err) {
		return err
	}
	return nil
}

// Sync and SyncData end the writing of a table; which of them Pebble calls depends
// on how it opened the file. That it worked means that there is room again.
func (f *tableFile) Sync() error { return f.sync(f.File.Sync) }

// SyncData implements vfs.File; see Sync.
func (f *tableFile) SyncData() error { return f.sync(f.File.SyncData) }

func (f *tableFile) sync(op func() error) error {
	if err := op(); err != nil {
		return f.disk.dropped(err)
	}
	if f.disk.stuck.Load() {
		f.disk.hasRoom()
	}
	return nil
}

// SyncTo starts the writing of what a table has so far.
func (f *tableFile) SyncTo(length int64) (full bool, err error) {
	if full, err = f.File.SyncTo(length); err != nil {
		return full, f.disk.dropped(err)
	}
	return full, nil
}
