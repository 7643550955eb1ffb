package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path"
	"slices"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
)

// A directory of version 1 is a Pebble store that holds records and indexes both.
// It is converted when it is opened: the records are written into a log beside
// it, and the file FORMAT, written last, makes that the store. A process that
// dies before begins again; after, what is left of version 1 is removed.
//
// Keys of version 1 that matter here, big-endian:
//
//	f             version 1; "u" behind it in an unfinished Import
//	r position(8) record: version(1) crc32c(4) id(16) recorded_at(8), then as today
//	              revision, stream, type, data and metadata
const (
	version1            = 1
	version1Unfinished  = 'u'
	version1Format      = 'f'
	version1Record      = 'r'
	version1FixedSize   = 29
	version1IDOffset    = 5
	version1TimeOffset  = 21
	convertedEvents     = 4096
	convertedBytes      = 4 << 20
	convertedReport     = 10 * time.Second
	version1RecordBytes = 1 + 8
)

// version1Files are the names that a Pebble store gives its files.
var version1Files = []string{"*.sst", "*.log", "*.blob", "*.dbtmp", "MANIFEST-*", "OPTIONS-*", "CURRENT", "CURRENT-*", "marker.*", "REMOTE-OBJ-CATALOG-*"}

// version1Barrier is a file that keeps a program that knows only version 1 from
// beginning a store of its own in the directory: to Pebble it says that a later
// Pebble has written it.
const version1Barrier = "marker.format-version.999999.999"

// makeOrConvert is for a directory without a format.
func (s *Store) makeOrConvert(ctx context.Context, sizes sizes, synced uint64) error {
	found, err := pebble.Peek(s.dir, s.fs)
	if err != nil {
		return s.openFailed(err)
	}
	if !found.Exists {
		firsts, err := s.segmentsThere()
		if err == nil && len(firsts) > 0 {
			return fault.New(fault.Unavailable, "eventstore.format",
				"the event store in %s has segments and no file %s, which says what they are", s.dir, formatName)
		}
		if err == nil {
			err = writeFormat(s.fs, s.dir, false)
		}
		if err != nil {
			return s.openFailed(err)
		}
		return nil
	}
	if err := s.convert(ctx, sizes, synced); err != nil {
		return fmt.Errorf("convert the event store in %s: %w", s.dir, err)
	}
	return nil
}

func (s *Store) convert(ctx context.Context, sizes sizes, synced uint64) (err error) {
	began := time.Now()
	if err := s.removeConverted(); err != nil {
		return s.openFailed(err)
	}
	old, err := pebble.Open(s.dir, &pebble.Options{FS: s.fs, Lock: s.lock, ReadOnly: true, Logger: silent{},
		FormatMajorVersion: pebble.FormatNewest})
	if err != nil {
		return s.openFailed(err)
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	unfinished, err := s.version1Format(old)
	if err != nil {
		return err
	}
	// It is filled as an Import fills one, and opened as any other afterwards.
	bulk := s.bulk
	s.bulk, s.unfinished = true, true
	defer func() { s.bulk = bulk }()
	if err := s.openLog(sizes.chunk); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.events.close()) }()
	if err := s.openIndex(sizes.cache, sizes.memTable, 0); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.closeIndex()) }()
	s.log.Info("event store is converted to the format 2", "dir", s.dir)
	if err := s.takeOver(ctx, old); err != nil {
		return err
	}
	if n := s.next.Load(); n < synced {
		return corrupt("the log in %s ends at position %d, but everything before %d was synced: what lies between is lost", s.dir, n, synced)
	}
	if err := s.flush(false); err != nil {
		return err
	}
	if err := writeFormat(s.fs, s.dir, unfinished); err != nil {
		return s.openFailed(err)
	}
	s.unfinished = unfinished
	s.opening.Converted = s.next.Load()
	s.log.Info("event store has been converted", "events", s.next.Load(), "seconds", time.Since(began).Seconds())
	return nil
}

// version1Format says whether a version 1 store is an unfinished import.
func (s *Store) version1Format(old *pebble.DB) (unfinished bool, err error) {
	value, closer, err := old.Get([]byte{version1Format})
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil // it died before it was made
	}
	if err != nil {
		return false, s.openFailed(err)
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	switch string(value) {
	case string([]byte{version1}):
		return false, nil
	case string([]byte{version1, version1Unfinished}):
		return true, nil
	}
	return false, fault.New(fault.Unavailable, "eventstore.format",
		"the event store in %s has format %x, this program reads formats 1 and 2", s.dir, value)
}

// takeOver writes every record of a version 1 store into the log.
func (s *Store) takeOver(ctx context.Context, old *pebble.DB) (err error) {
	it, err := old.NewIter(&pebble.IterOptions{LowerBound: []byte{version1Record}, UpperBound: []byte{version1Record + 1}})
	if err != nil {
		return s.openFailed(err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	var made materializer
	var events []eventstore.Recorded
	bytes, told := 0, time.Now()
	position := uint64(0)
	for valid := it.First(); valid; valid = it.Next() {
		if key := it.Key(); len(key) != version1RecordBytes || binary.BigEndian.Uint64(key[1:]) != position {
			return corrupt("%s is missing", positionName(position))
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return s.openFailed(err)
		}
		r, err := decodeVersion1(position, value)
		if err != nil {
			return corrupt("%s: %w", positionName(position), err)
		}
		events = append(events, made.event(&r))
		bytes += len(value)
		position++
		if len(events) < convertedEvents && bytes < convertedBytes {
			continue
		}
		if err := s.fill(ctx, events); err != nil {
			return err
		}
		events, bytes = events[:0], 0
		if time.Since(told) > convertedReport {
			told = time.Now()
			s.log.Info("event store is being converted", "events", position)
		}
	}
	if err := it.Error(); err != nil {
		return s.openFailed(err)
	}
	return s.fill(ctx, events)
}

// fill adds events of a version 1 store.
func (s *Store) fill(ctx context.Context, events []eventstore.Recorded) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g := s.newGroup()
	defer s.recycle(g)
	for rest := events; len(rest) > 0; {
		n := runLength(rest)
		if err := s.addRun(g, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return s.put(g)
}

func decodeVersion1(position uint64, src []byte) (r record, err error) {
	if len(src) < version1FixedSize {
		return r, errRecordShape
	}
	if binary.BigEndian.Uint32(src[1:]) != version1CRC(position, src) {
		return r, errRecordCRC
	}
	if src[0] != version1 {
		return r, errRecordShape
	}
	r.position = position
	r.id = uuid.UUID(src[version1IDOffset:version1TimeOffset])
	r.recordedAt = int64(binary.BigEndian.Uint64(src[version1TimeOffset:]))
	rest := src[version1FixedSize:]
	n, ok := 0, false
	if r.revision, n = binary.Uvarint(rest); n <= 0 {
		return r, errRecordShape
	}
	if r.stream, rest, ok = cutField(rest[n:]); !ok {
		return r, errRecordShape
	}
	if r.kind, rest, ok = cutField(rest); !ok {
		return r, errRecordShape
	}
	if r.data, r.metadata, ok = cutField(rest); !ok {
		return r, errRecordShape
	}
	return r, nil
}

func version1CRC(position uint64, record []byte) uint32 {
	var head [9]byte
	binary.BigEndian.PutUint64(head[:], position)
	head[8] = record[0]
	return crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, record[version1IDOffset:])
}

// removeConverted removes what a conversion that did not come to its end has left.
func (s *Store) removeConverted() error {
	firsts, err := s.segmentsThere()
	if err != nil {
		return err
	}
	for _, first := range firsts {
		if err := s.fs.Remove(s.fs.PathJoin(s.dir, segmentName(first))); err != nil {
			return err
		}
	}
	return s.fs.RemoveAll(s.fs.PathJoin(s.dir, indexName))
}

// leaveVersion1 removes what is left of version 1 behind a conversion, and bars the
// way back.
func (s *Store) leaveVersion1() error {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return err
	}
	barred, changed := false, false
	for _, name := range names {
		if name == version1Barrier {
			barred = true
			continue
		}
		if !slices.ContainsFunc(version1Files, func(pattern string) bool {
			is, err := path.Match(pattern, name)
			return is && err == nil
		}) {
			continue
		}
		if err := s.fs.Remove(s.fs.PathJoin(s.dir, name)); err != nil && !isNotExist(err) {
			return err
		}
		changed = true
	}
	if !barred {
		f, err := s.fs.Create(s.fs.PathJoin(s.dir, version1Barrier), vfs.WriteCategoryUnspecified)
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			return err
		}
		changed = true
	}
	if !changed {
		return nil
	}
	return syncDir(s.fs, s.dir)
}

// silent is for a store that is only read once: what it has to say comes back
// from calls.
type silent struct{}

// Infof implements pebble.Logger.
func (silent) Infof(string, ...any) {}

// Errorf implements pebble.Logger.
func (silent) Errorf(string, ...any) {}

// Fatalf implements pebble.Logger.
func (silent) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
