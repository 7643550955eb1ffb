package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/datasync"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/room"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options say where and how a store is opened.
type Options struct {
	// Dir holds everything of the store; it is made if it does not exist.
	Dir string
	// FS is the file system; nil is the machine's.
	FS vfs.FS
	// Logger takes the engine's messages; nil discards them.
	Logger *slog.Logger
	// Now is the clock for RecordedAt; nil is time.Now.
	Now func() time.Time
	// CacheBytes bounds the cache of uncompressed blocks; 0 is 64 MiB. Tables in
	// memory (up to 64 MiB while writes outrun the disk) come on top.
	CacheBytes int64
	// SegmentBytes bounds a segment of the log; 0 is 128 MiB.
	SegmentBytes int64
	// Reading says that hardly anything will be appended: what spares appends their
	// look-ups is not read into memory, and each asks the index.
	Reading bool

	// tableEvents is of how many events the index makes a table; 0 is tableEvents.
	tableEvents uint64
}

const (
	defaultCacheBytes = 64 << 20
	memTableBytesMax  = 16 << 20
	memTableBytesMin  = 1 << 20
	// spaceCheck is how often free space is looked at.
	spaceCheck = 100 * time.Millisecond
	// queueSize bounds the appends that wait for the committer.
	queueSize = 1024
	// tablesDue bounds the tables of the index that wait to be made.
	tablesDue = 4
	// headCacheSize bounds the streams whose heads the committer remembers, twice.
	headCacheSize = 1 << 16
)

// Store is an eventstore.Store in one directory. See the package comment for
// its guarantees.
type Store struct {
	dir  string
	fs   vfs.FS
	log  *slog.Logger
	now  func() time.Time
	disk *room.Disk
	lock *pebble.Lock
	// reserve is the free space below which appends are refused; 0 where free
	// space cannot be told.
	reserve uint64
	// bulk is set in an Import, which syncs at its end; unfinished when the
	// directory holds an import that has not come to its end.
	bulk, unfinished bool
	segmentBytes     int64
	tableEvents      uint64
	// opening is what was found and done at opening.
	opening Opening

	// access is held for reading around each use of log and index, never across a
	// yield to a caller, so that Close waits only for what is short.
	access sync.RWMutex
	events *eventLog
	index  *index
	shut   bool
	// condemned is set when damage was seen in the index.
	condemned atomic.Bool

	// next is the first position that is not readable yet: everything below is synced.
	next atomic.Uint64
	// metadataChanges counts what was written to metadata streams since opening.
	metadataChanges atomic.Uint64

	requests chan *request
	// groups goes to the writer, written on to the indexer.
	groups, written chan *group
	// inFlight counts the groups handed to the writer and not answered.
	inFlight atomic.Int64
	spare    chan *group
	// closing is closed when Close begins; stopped when nothing is written any more.
	closing chan struct{}
	stopped chan struct{}
	once    sync.Once
	closed  error
	workers sync.WaitGroup

	watches   watches
	mark      *watermark
	listing   listing
	described described

	committer committerState
}

var _ eventstore.Store = (*Store)(nil)

// Opening says what was found and done when a store was opened.
type Opening struct {
	// IndexMadeAgain says why the index was made again from the log; empty if it
	// was not.
	IndexMadeAgain string
	// Converted is how many events were taken over from the layout of version 1.
	Converted uint64
}

// Opening says what was found and done at opening.
func (s *Store) Opening() Opening { return s.opening }

// Open opens the store of a directory, brings the index up to the end of the log,
// and starts the committer. The context bounds only the opening.
func Open(ctx context.Context, opts Options) (*Store, error) {
	s, err := acquire(ctx, opts, false)
	if err != nil {
		return nil, err
	}
	if s.unfinished {
		return nil, errors.Join(unfinishedFault(s.dir), s.Close())
	}
	s.disk.Opened()
	s.index.due = make(chan sightings, tablesDue)
	if !opts.Reading {
		s.workers.Add(1)
		go s.prime()
	}
	s.workers.Add(5)
	go s.commit()
	go s.write()
	go s.feedIndex()
	go s.makeTables()
	go s.monitor()
	return s, nil
}

// acquire takes the directory and opens log and index; nothing runs yet. bulk is
// for an Import.
func acquire(ctx context.Context, opts Options, bulk bool) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if opts.Dir == "" {
		return nil, fault.New(fault.Invalid, eventstore.ErrInvalid.Code, "the event store needs a directory")
	}
	s := &Store{
		dir:          opts.Dir,
		fs:           opts.FS,
		log:          opts.Logger,
		now:          opts.Now,
		bulk:         bulk,
		segmentBytes: segmentBytesMax,
		tableEvents:  cmp.Or(opts.tableEvents, tableEvents),
		listing:      defaultListing,
		disk:         room.New(),
		requests:     make(chan *request, queueSize),
		groups:       make(chan *group),
		written:      make(chan *group, groupsBehind),
		spare:        make(chan *group, groupsBehind+4),
		closing:      make(chan struct{}),
		stopped:      make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.fs == nil {
		s.fs = datasync.FS
	}
	if opts.SegmentBytes > 0 {
		s.segmentBytes = opts.SegmentBytes
	}
	if err := s.makeDir(); err != nil {
		return nil, s.openFailed(err)
	}
	lock, err := pebble.LockDirectory(s.dir, s.fs)
	if err != nil {
		return nil, s.lockFailed(err)
	}
	s.lock = lock
	sizes := sizes{cache: opts.CacheBytes, memTable: memTableBytesMax, chunk: zeroBytesMax}
	if sizes.cache <= 0 {
		sizes.cache = defaultCacheBytes
	}
	if usage, err := s.fs.GetDiskUsage(s.dir); err == nil {
		sizes.memTable = max(memTableBytesMin, min(sizes.memTable, usage.TotalBytes/64))
		sizes.chunk = max(4<<10, min(sizes.chunk, int64(usage.TotalBytes/1024)))
		s.reserve = min(4*sizes.memTable, usage.TotalBytes/8)
		s.disk.SetLow(usage.AvailBytes < s.reserve)
	}
	synced := uint64(0)
	if s.mark, synced, err = openWatermark(s.fs, s.dir); err != nil {
		return nil, errors.Join(s.openFailed(err), lock.Close())
	}
	if err := s.openParts(ctx, sizes, synced); err != nil {
		return nil, errors.Join(err, s.mark.file.Close(), lock.Close())
	}
	return s, nil
}

// makeDir makes the directory, so that it stays through a crash.
func (s *Store) makeDir() error {
	var fresh []string
	for dir := s.dir; ; dir = s.fs.PathDir(dir) {
		if _, err := s.fs.Stat(dir); !isNotExist(err) || s.fs.PathDir(dir) == dir {
			break
		}
		fresh = append(fresh, dir)
	}
	if err := s.fs.MkdirAll(s.dir, 0o750); err != nil {
		return err
	}
	for _, dir := range slices.Backward(fresh) {
		if err := syncDir(s.fs, s.fs.PathDir(dir)); err != nil {
			return err
		}
	}
	return nil
}

// sizes are those that follow from the options and the disk.
type sizes struct {
	cache    int64
	memTable uint64
	chunk    int64
}

// openParts opens what the directory holds, or makes it.
func (s *Store) openParts(ctx context.Context, sizes sizes, synced uint64) error {
	unfinished, there, err := readFormat(s.fs, s.dir)
	if err != nil {
		return err
	}
	s.unfinished = unfinished
	if !there {
		if err := s.makeOrConvert(ctx, sizes, synced); err != nil {
			return err
		}
	}
	if err := s.leaveVersion1(); err != nil {
		return s.openFailed(err)
	}
	if err := s.openLog(sizes.chunk); err != nil {
		return err
	}
	if err := s.openIndex(sizes.cache, sizes.memTable, synced); err != nil {
		return errors.Join(err, s.events.close())
	}
	return nil
}

func (s *Store) lockFailed(err error) error {
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) || err.Error() == "lock held by current process" {
		return fault.New(eventstore.ErrLocked.Kind, eventstore.ErrLocked.Code,
			"another process has the event store in %s open", s.dir)
	}
	return s.openFailed(err)
}

func (s *Store) openFailed(err error) error {
	switch {
	case room.NoRoom(err):
		return fault.New(eventstore.ErrFull.Kind, eventstore.ErrFull.Code,
			"there is no room to open the event store in %s: %w", s.dir, err)
	case pebble.IsCorruptionError(err):
		return corrupt("the files in %s: %w", s.dir, err)
	}
	return fmt.Errorf("open the event store in %s: %w", s.dir, err)
}

// monitor looks at the disk and notes progress now and then.
func (s *Store) monitor() {
	defer s.workers.Done()
	tick := time.NewTicker(spaceCheck)
	defer tick.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-tick.C:
		}
		s.checkSpace()
		if err := s.mark.set(s.next.Load()); err != nil {
			s.log.Warn("event store", "error", err)
		}
	}
}

func (s *Store) checkSpace() {
	if s.reserve == 0 {
		return
	}
	usage, err := s.fs.GetDiskUsage(s.dir)
	if err != nil {
		s.log.Warn("free space of the event store is unknown", "error", err)
		return
	}
	low := usage.AvailBytes < s.reserve
	if s.disk.SetLow(low) != low {
		s.log.Warn("event store disk", "full", low, "free_bytes", usage.AvailBytes, "reserve_bytes", s.reserve)
	}
}
