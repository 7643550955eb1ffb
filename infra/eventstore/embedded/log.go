package embedded

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"sync/atomic"

	"dossierledger/infra/room"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
)

const (
	// segmentBytesMax bounds a segment; the group that would pass it begins the next.
	segmentBytesMax = 128 << 20
	// zeroBytesMax is how far ahead of small writes the file is filled with zeros,
	// so that a sync finds blocks and size in place and has only data to write.
	zeroBytesMax = 1 << 20
	// spareBytesMax is how far ahead of large writes room is reserved: filling it
	// with zeros would write everything twice.
	spareBytesMax = 16 << 20
	// largeWrite is from where on a write is large.
	largeWrite = 128 << 10
)

// eventLog is the truth: records in segments, one behind the other. One goroutine
// at a time writes; reading goes on beside it.
type eventLog struct {
	fs   vfs.FS
	dir  string
	disk *room.Disk
	id   uuid.UUID
	seed uint32

	// segments are in order; the last one is written to.
	segments atomic.Pointer[[]*segment]

	// end is where the next record of the last segment goes; before prepared the
	// file has blocks.
	end, prepared int64
	segmentBytes  int64
	zeroBytes     int64
	// lazy leaves syncing to Sync, as an Import does.
	lazy bool
	// ended is set when a group was not written, which only a failure that is not
	// waited for, or closing, does: positions have no gap, so that nothing may
	// follow it, also where there is room again.
	ended error
}

func (l *eventLog) all() []*segment { return *l.segments.Load() }

func (l *eventLog) active() *segment {
	all := l.all()
	return all[len(all)-1]
}

// holding is the segment that a position is in.
func (l *eventLog) holding(position uint64) *segment {
	all := l.all()
	return all[sort.Search(len(all), func(i int) bool { return all[i].first > position })-1]
}

// following is the segment that begins at a position, or nil.
func (l *eventLog) following(position uint64) *segment {
	if s := l.holding(position); s.first == position {
		return s
	}
	return nil
}

// write puts a group's records behind the last, syncs them, and returns where
// they begin in the segment that now holds them. Behind a group that failed it
// writes no other, and one without records has the same error.
func (l *eventLog) write(first uint64, records []byte) (offset int64, err error) {
	if l.ended != nil || len(records) == 0 {
		return 0, l.ended
	}
	offset, l.ended = l.put(first, records)
	return offset, l.ended
}

func (l *eventLog) put(first uint64, records []byte) (offset int64, err error) {
	if l.end+int64(len(records)) > l.segmentBytes && l.end > segmentHeaderSize {
		if err := l.roll(first); err != nil {
			return 0, err
		}
	}
	s, offset := l.active(), l.end
	end := offset + int64(len(records))
	if err := l.disk.Patiently(func() error { return l.prepare(s, end, len(records)) }); err != nil {
		return 0, l.failed(s, "make room in", err)
	}
	err = l.disk.Patiently(func() error {
		_, err := s.file.WriteAt(records, offset)
		return err
	})
	if err != nil {
		return 0, l.failed(s, "write", err)
	}
	if !l.lazy {
		if err := s.file.SyncData(); err != nil {
			// It is not tried again: the kernel may have forgotten what it could not write.
			l.disk.BreakOff(err)
			return 0, l.failed(s, "sync", err)
		}
	}
	l.end = end
	s.written.Store(end)
	return offset, nil
}

func (l *eventLog) failed(s *segment, what string, err error) error {
	return fmt.Errorf("%s segment %s: %w", what, s.name, err)
}

// prepare sees that the file has blocks up to the end of a write and, where it
// must be extended for that, beyond.
func (l *eventLog) prepare(s *segment, end int64, size int) error {
	if end <= l.prepared {
		return nil
	}
	if size >= largeWrite {
		to := min(max(end, l.segmentBytes), end+spareBytesMax)
		switch err := reserve(s.file, l.prepared, to-l.prepared); {
		case room.NoRoom(err):
			return err
		case err == nil:
			l.prepared = to
		default: // The file system has no such thing; the write extends the file.
			l.prepared = end
		}
		return nil
	}
	to := min(max(end, l.segmentBytes), end+l.zeroBytes)
	for l.prepared < to {
		n, err := s.file.WriteAt(zeros[:min(to-l.prepared, int64(len(zeros)))], l.prepared)
		if err != nil {
			return err
		}
		l.prepared += int64(n)
	}
	return nil
}

// zeros are what a file is filled with ahead.
var zeros [zeroBytesMax]byte

// roll ends the last segment and begins the next.
func (l *eventLog) roll(first uint64) error {
	s := l.active()
	if err := l.trim(); err != nil {
		return err
	}
	next, err := l.begin(first, s.first)
	if err != nil {
		return err
	}
	all := append(slices.Clone(l.all()), next)
	l.segments.Store(&all)
	return nil
}

// begin makes a segment. It is on disk, under its name, before anything is
// written to it.
func (l *eventLog) begin(first, previous uint64) (s *segment, err error) {
	name := segmentName(first)
	path := l.fs.PathJoin(l.dir, name)
	err = l.disk.Patiently(func() error {
		f, err := l.fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
		if err != nil {
			return err
		}
		if _, err = f.WriteAt(segmentHeader{log: l.id, first: first, previous: previous}.encode(), 0); err == nil {
			err = f.Sync()
		}
		if err == nil {
			err = syncDir(l.fs, l.dir)
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
		s = &segment{first: first, name: name, file: f}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("begin segment %s: %w", name, err)
	}
	l.end, l.prepared = segmentHeaderSize, segmentHeaderSize
	return s, nil
}

// trim gives back what the last segment was prepared for and does not need, and
// brings it to disk.
func (l *eventLog) trim() error {
	s := l.active()
	if l.prepared > l.end && s.file.Fd() != vfs.InvalidFd {
		// What stays are zeros, which mark the end as well.
		_ = os.Truncate(l.fs.PathJoin(l.dir, s.name), l.end)
	}
	l.prepared = l.end
	if err := s.file.Sync(); err != nil {
		l.disk.BreakOff(err)
		return l.failed(s, "sync", err)
	}
	return nil
}

// close closes the files.
func (l *eventLog) close() (err error) {
	for _, s := range l.all() {
		err = errors.Join(err, s.file.Close())
	}
	return err
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
