package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/room"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/block"
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
}

// formatVersion is the layout of keys and values that doc.go describes.
// formatUnfinished behind it says that an Import has not come to its end.
const (
	formatVersion    = 1
	formatUnfinished = 'u'
)

const (
	defaultCacheBytes = 64 << 20
	memTableBytesMax  = 16 << 20
	memTableBytesMin  = 1 << 20
	// spaceCheck is how often free space is looked at.
	spaceCheck = 100 * time.Millisecond
	// queueSize bounds the appends that wait for the committer.
	queueSize = 1024
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
	// bulk is set in an Import, which writes no log; unfinished when the
	// directory holds an import that has not come to its end.
	bulk, unfinished bool

	// access is held for reading around each use of db, never across a yield
	// to a caller, so that Close waits only for what is short.
	access sync.RWMutex
	db     *pebble.DB
	shut   bool

	// next is the first position that is not readable yet: everything below is synced.
	next atomic.Uint64
	// metadataChanges counts what was written to metadata streams since opening.
	metadataChanges atomic.Uint64

	requests chan *request
	groups   chan *group
	// inFlight counts the groups handed to the finisher and not finished.
	inFlight atomic.Int64
	spare    chan *group
	// closing is closed when Close begins; stopped when nothing is written any more.
	closing chan struct{}
	stopped chan struct{}
	once    sync.Once
	closed  error
	workers sync.WaitGroup

	watches watches
	mark    *watermark
	listing listing

	committer committerState
	// stored holds the ids that were there at opening, when it has been read.
	stored atomic.Pointer[idFilter]
}

var _ eventstore.Store = (*Store)(nil)

// Open opens the store of a directory, replays what a crash left in the log,
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
	s.workers.Add(4)
	go s.loadIDs()
	go s.commit()
	go s.finish()
	go s.monitor()
	return s, nil
}

// acquire takes the directory and opens the engine; nothing runs yet. bulk is
// for an Import.
func acquire(ctx context.Context, opts Options, bulk bool) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if opts.Dir == "" {
		return nil, fault.New(fault.Invalid, eventstore.ErrInvalid.Code, "the event store needs a directory")
	}
	s := &Store{
		dir:      opts.Dir,
		fs:       opts.FS,
		log:      opts.Logger,
		now:      opts.Now,
		bulk:     bulk,
		listing:  defaultListing,
		disk:     room.New(),
		requests: make(chan *request, queueSize),
		groups:   make(chan *group, groupsInFlight),
		spare:    make(chan *group, groupsInFlight+2),
		closing:  make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.fs == nil {
		s.fs = vfs.Default
	}
	if err := s.fs.MkdirAll(s.dir, 0o750); err != nil {
		return nil, s.openFailed(err)
	}
	lock, err := pebble.LockDirectory(s.dir, s.fs)
	if err != nil {
		return nil, s.lockFailed(err)
	}
	s.lock = lock
	usage, usageErr := s.fs.GetDiskUsage(s.dir)
	memTable := uint64(memTableBytesMax)
	if usageErr == nil {
		memTable = max(memTableBytesMin, min(memTable, usage.TotalBytes/64))
		s.reserve = min(4*memTable, usage.TotalBytes/8)
		s.disk.SetLow(usage.AvailBytes < s.reserve)
	}
	synced := uint64(0)
	if s.mark, synced, err = openWatermark(s.fs, s.dir); err != nil {
		return nil, errors.Join(s.openFailed(err), lock.Close())
	}
	if err := s.openEngine(opts, s.disk.Over(s.fs), memTable, synced); err != nil {
		return nil, errors.Join(err, s.mark.file.Close(), lock.Close())
	}
	return s, nil
}

func (s *Store) openEngine(opts Options, fs vfs.FS, memTable, synced uint64) error {
	cache := opts.CacheBytes
	if cache <= 0 {
		cache = defaultCacheBytes
	}
	db, err := pebble.Open(s.dir, s.engineOptions(fs, cache, memTable))
	if err != nil {
		return s.openFailed(err)
	}
	s.db = db
	err = s.recall()
	if next := s.next.Load(); err == nil && next < synced {
		err = corrupt("the log in %s ends at position %d, but everything before %d was synced: what lies between is lost",
			s.dir, next, synced)
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return nil
}

func (s *Store) engineOptions(fs vfs.FS, cache int64, memTable uint64) *pebble.Options {
	logger := room.Logger{Log: s.log, Store: "event store", Disk: s.disk}
	opts := &pebble.Options{
		FS:                          fs,
		Lock:                        s.lock,
		Logger:                      logger,
		CacheSize:                   cache + 2*int64(memTable), // Pebble takes memory tables out of the cache.
		MemTableSize:                memTable,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       8,
		L0StopWritesThreshold:       64,
		LBaseMaxBytes:               256 << 20,
		MaxOpenFiles:                1000,
		FormatMajorVersion:          pebble.FormatNewest,
		BytesPerSync:                1 << 20,
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, 2 },
		DisableWAL:                  s.bulk,
	}
	for i := range opts.Levels {
		l := &opts.Levels[i]
		l.BlockSize = 16 << 10
		l.IndexBlockSize = 64 << 10
		l.FilterPolicy = bloom.FilterPolicy(10)
		l.FilterType = pebble.TableFilter
		l.Compression = func() *sstable.CompressionProfile { return block.FastestCompression }
	}
	opts.EventListener = &pebble.EventListener{
		BackgroundError: func(err error) {
			s.log.Error("event store background work failed", "error", err)
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			s.log.Error("event store file is damaged", "path", info.Path, "error", info.Details)
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			s.log.Warn("event store writes wait for compaction", "reason", info.Reason)
		},
	}
	return opts
}

// recall finds where the log of events ends.
func (s *Store) recall() error {
	if err := s.checkFormat(); err != nil {
		return err
	}
	key, value, err := s.last(familyRecord)
	if err != nil {
		return s.damaged(err, "the end of the ledger")
	}
	if key != nil {
		position, ok := positionOfKey(key)
		if !ok {
			return corrupt("the end of the ledger has a key of wrong shape")
		}
		r, err := decodeRecord(position, value)
		if err != nil {
			return corrupt("position %d: %w", position, err)
		}
		s.committer.nextPosition = position + 1
		s.committer.lastRecorded = r.recordedAt
	}
	if key, _, err = s.last(familyStream); err != nil {
		return s.damaged(err, "the index of streams")
	}
	if key != nil {
		if len(key) != streamKeySize {
			return corrupt("the index of streams ends in a key of wrong shape")
		}
		s.committer.nextStream = get40(key[1:]) + 1
	}
	s.committer.heads = newHeadCache(headCacheSize)
	s.committer.added = newIDFilter()
	s.next.Store(s.committer.nextPosition)
	return nil
}

// last returns the last entry of a family, or a nil key.
func (s *Store) last(family byte) (key, value []byte, err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{family}, UpperBound: []byte{family + 1}})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if !it.Last() {
		return nil, nil, it.Error()
	}
	v, err := it.ValueAndErr()
	if err != nil {
		return nil, nil, err
	}
	return append([]byte(nil), it.Key()...), append([]byte(nil), v...), nil
}

func (s *Store) checkFormat() error {
	value, closer, err := s.db.Get([]byte{familyFormat})
	if errors.Is(err, pebble.ErrNotFound) {
		return s.setFormat(formatVersion)
	}
	if err != nil {
		return s.damaged(err, "the format version")
	}
	found := append([]byte(nil), value...)
	if err := closer.Close(); err != nil {
		return s.openFailed(err)
	}
	s.unfinished = string(found) == string([]byte{formatVersion, formatUnfinished})
	if !s.unfinished && string(found) != string([]byte{formatVersion}) {
		return fault.New(fault.Unavailable, "eventstore.format",
			"the event store in %s has format %x, this program reads format %d", s.dir, found, formatVersion)
	}
	return nil
}

// setFormat writes the format version, durably.
func (s *Store) setFormat(format ...byte) error {
	if s.bulk {
		if err := s.db.Set([]byte{familyFormat}, format, pebble.NoSync); err != nil {
			return s.openFailed(err)
		}
		return s.flush()
	}
	if err := s.db.Set([]byte{familyFormat}, format, pebble.Sync); err != nil {
		return s.openFailed(err)
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
		return s.damaged(err, "the files in "+s.dir)
	}
	return fmt.Errorf("open the event store in %s: %w", s.dir, err)
}

// damaged turns an engine error into a fault that names the place.
func (s *Store) damaged(err error, place string) error {
	if pebble.IsCorruptionError(err) {
		return corrupt("%s: %w", place, err)
	}
	return fmt.Errorf("read the event store in %s at %s: %w", s.dir, place, err)
}

func corrupt(format string, args ...any) error {
	return fault.New(eventstore.ErrCorrupt.Kind, eventstore.ErrCorrupt.Code, "a stored record is damaged: "+format, args...)
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
