package chdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"dossierledger/domain/fault"
)

// DefaultMaxConnections is how many statements run at once when Options says nothing.
const DefaultMaxConnections = 16

// defaultDatabase is the database that the engine brings, and that a session is
// in when a request names none.
const defaultDatabase = "default"

// configFile is in the engine's directory, and written anew at every start.
const configFile = "ledger-config.xml"

// serverConfig is what cannot be said by the engine's command line. An insert
// that was acknowledged stays after a loss of power as well: else a projection's
// checkpoint could survive the rows that it stands for. It costs some
// milliseconds an insert; a table may say otherwise by its own settings. A merged
// part is synced before it takes the place of others, so that a broken part always
// means that rows are lost. The engine starts with any number of those: see lost.go.
const serverConfig = `<clickhouse>
    <merge_tree>
        <fsync_after_insert>1</fsync_after_insert>
        <fsync_part_directory>1</fsync_part_directory>
        <min_rows_to_fsync_after_merge>1</min_rows_to_fsync_after_merge>
        <max_suspicious_broken_parts>1000000</max_suspicious_broken_parts>
        <max_suspicious_broken_parts_bytes>1000000000000000</max_suspicious_broken_parts_bytes>
    </merge_tree>
</clickhouse>
`

// Options are what an engine is opened with.
type Options struct {
	// Library is the path of libchdb; empty means that Find looks for it.
	Library string
	// MaxMemory is how many bytes the engine may use for all statements
	// together; a statement beyond it fails with ClickHouse's code 241 and the
	// engine goes on. Zero leaves it at the engine's own limit, 90 % of the machine.
	MaxMemory int64
	// MaxConnections is how many statements run at once; others wait. A result
	// that is being read counts until it is closed. Zero means DefaultMaxConnections.
	MaxConnections int
	// Settings are ClickHouse settings of every statement, which a request's own override.
	Settings map[string]string
	// Logger gets what the engine has to say about itself; nil means slog.Default.
	Logger *slog.Logger
}

// Engine is a ClickHouse running inside this process on one directory. Its
// methods may be called from any goroutine.
//
// A process has at most one: the C library keeps one data path.
type Engine struct {
	lib      *library
	dir      string
	version  string
	zone     string
	settings map[string]string
	log      *slog.Logger
	lock     *os.File

	slots chan struct{} // one token per statement that may run

	mu      sync.Mutex
	idle    []*session
	closing bool
	opened  int // sessions ever opened, for their tags
	prefix  string

	killer struct {
		sync.Mutex
		session *session
	}

	// watch counts the writes that failed, see lost.go.
	watch struct {
		sync.Mutex
		session *session // nil when the engine is closed
		failed  uint64   // as far as it was accounted for
		lost    error
		// begun counts the looks, and ended is the last that ended well.
		begun atomic.Uint64
		ended uint64
	}
	lost chan struct{}
}

// running is the engine of this process, if there is one.
var running struct {
	sync.Mutex
	engine *Engine
	// failed are the failed writes of the engines before it.
	failed uint64
}

// Open starts the engine on dir, which is created where it is missing and which
// belongs to the engine alone. It takes 0.1–0.5 s, most of it for checking the
// library. Faults: CodeMissing, CodeChecksum, CodePlatform, CodeUnusable, CodeHollow,
// CodeLost, CodeLoaded, CodeOpen (this process has one already), CodeLocked (another
// process uses dir), CodeStart.
func Open(dir string, options Options) (*Engine, error) {
	path, err := Find(options.Library)
	if err != nil {
		return nil, err
	}
	// The engine takes absolute paths only: with others its syncs fail.
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("resolving the engine's directory: %w", err)
	}

	running.Lock()
	defer running.Unlock()
	if running.engine != nil {
		return nil, fault.New(fault.Conflict, CodeOpen, "this process runs the embedded ClickHouse engine on %s; close it before opening %s", running.engine.dir, dir)
	}
	lib, err := load(path)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		lib:      lib,
		dir:      dir,
		settings: map[string]string{},
		log:      options.Logger,
		prefix:   uuid.NewString()[:8],
		lost:     make(chan struct{}),
	}
	e.watch.failed = running.failed
	if e.log == nil {
		e.log = slog.Default()
	}
	// Its timers interrupt every thread with signals, for a profile that nobody reads.
	e.settings["query_profiler_real_time_period_ns"] = "0"
	e.settings["query_profiler_cpu_time_period_ns"] = "0"
	// As on a server: a misspelt keyword is an error, not a column to select.
	e.settings["implicit_select"] = "0"
	for name, value := range options.Settings {
		e.settings[name] = value
	}
	n := options.MaxConnections
	if n <= 0 {
		n = DefaultMaxConnections
	}
	e.slots = make(chan struct{}, n)
	for range n {
		e.slots <- struct{}{}
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fault.New(fault.Unavailable, CodeStart, "the engine's directory cannot be made: %w", err)
	}
	if e.lock, err = lockDirectory(dir); err != nil {
		return nil, err
	}
	err = whole(dir)
	if err == nil {
		err = e.start(options.MaxMemory)
	}
	if fault.CodeOf(err) == CodeLost {
		err = errors.Join(err, clearOut(dir))
	}
	if err != nil {
		_ = e.lock.Close() // gives the lock back; the start's error is the one to tell
		return nil, err
	}
	running.engine = e
	return e, nil
}

// start opens the first sessions: one to kill with, kept for that alone, so that
// it is there when all others are busy, one for statements, and one to watch what
// is written.
func (e *Engine) start(maxMemory int64) error {
	config := filepath.Join(e.dir, configFile)
	if err := os.WriteFile(config, []byte(serverConfig), 0o640); err != nil {
		return fault.New(fault.Unavailable, CodeStart, "the embedded ClickHouse engine's configuration cannot be written: %w", err)
	}
	args := []string{"--path=" + e.dir, "--config-file=" + config}
	if maxMemory > 0 {
		args = append(args, "--max_server_memory_usage="+strconv.FormatInt(maxMemory, 10))
	}
	killer, err := e.openSession(args)
	if err != nil {
		return fault.New(fault.Unavailable, CodeStart, "the embedded ClickHouse engine does not start on %s: %w", e.dir, err)
	}
	e.killer.session = killer
	fail := func(err error) error {
		killer.close()
		return fault.New(fault.Unavailable, CodeStart, "the embedded ClickHouse engine does not answer on %s: %w", e.dir, err)
	}
	answer, err := killer.query("SELECT version(), timezone()", "TSVRaw")
	if err != nil {
		return fail(err)
	}
	version, zone, ok := strings.Cut(strings.TrimSpace(string(answer.bytes)), "\t")
	answer.destroy()
	if !ok {
		return fail(errors.New("it does not say its version"))
	}
	e.version, e.zone = version, zone
	s, err := e.openSession([]string{"--path=" + e.dir})
	if err != nil {
		return fail(err)
	}
	e.idle = []*session{s}
	if e.watch.session, err = e.openSession([]string{"--path=" + e.dir}); err != nil {
		s.close()
		return fail(err)
	}
	if err := errors.Join(e.kept(), e.keep()); err != nil {
		e.disconnect()
		return err
	}
	e.log.Debug("embedded clickhouse started", "version", e.version, "dir", e.dir)
	return nil
}

// openSession connects. The engine takes only the first session's server
// options; the path must be the same for all.
func (e *Engine) openSession(args []string) (*session, error) {
	e.mu.Lock()
	e.opened++
	tag := "ledger-" + e.prefix + "-" + strconv.Itoa(e.opened) + "."
	e.mu.Unlock()
	s, err := openSession(e.lib, tag, args)
	if err != nil {
		return nil, err
	}
	s.database = defaultDatabase
	return s, nil
}

// Version is ClickHouse's own version.
func (e *Engine) Version() string { return e.version }

// Dir is the engine's directory, absolute.
func (e *Engine) Dir() string { return e.dir }

// Transport speaks ClickHouse's HTTP interface for clickhouse-go: give it as
// the TransportFunc of options with Protocol HTTP and no compression.
func (e *Engine) Transport() http.RoundTripper { return transport{engine: e} }

// acquire waits for a turn and gives a session in the wanted state.
func (e *Engine) acquire(ctx context.Context, database string, settings map[string]string) (*session, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-e.slots:
	}
	s, err := e.take()
	if err != nil {
		e.slots <- struct{}{}
		return nil, err
	}
	if err := s.use(database, e.wanted(s, settings)); err != nil {
		e.discard(s)
		return nil, err
	}
	return s, nil
}

func (e *Engine) take() (*session, error) {
	select {
	case <-e.lost:
		return nil, e.keep()
	default:
	}
	e.mu.Lock()
	if e.closing {
		e.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(e.idle); n > 0 {
		s := e.idle[n-1]
		e.idle = e.idle[:n-1]
		e.mu.Unlock()
		return s, nil
	}
	e.mu.Unlock()
	s, err := e.openSession([]string{"--path=" + e.dir})
	if err != nil {
		return nil, fault.New(fault.Unavailable, CodeStart, "the embedded ClickHouse engine takes no further connection: %w", err)
	}
	return s, nil
}

// wanted is the request's settings over the engine's, with the session's tag
// before the request's own log comment.
func (e *Engine) wanted(s *session, settings map[string]string) map[string]string {
	all := make(map[string]string, len(e.settings)+len(settings)+1)
	for name, value := range e.settings {
		all[name] = value
	}
	for name, value := range settings {
		all[name] = value
	}
	all["log_comment"] = s.tag + all["log_comment"]
	return all
}

// release gives a session back for the next statement.
func (e *Engine) release(s *session) {
	e.mu.Lock()
	e.idle = append(e.idle, s)
	e.mu.Unlock()
	e.slots <- struct{}{}
}

// discard closes a session whose state is not known, or which the engine lists
// a cancelled statement of. A new one costs less than half a millisecond.
func (e *Engine) discard(s *session) {
	s.close()
	e.slots <- struct{}{}
}

// cancellable runs one call into the engine. When ctx ends, the session's
// statement is killed until the call returns, which takes some milliseconds.
func (e *Engine) cancellable(ctx context.Context, s *session, call func()) {
	returned, killed := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		e.kill(s, returned)
	})
	call()
	close(returned)
	if !stop() {
		// The session must not go to another statement while this one's killer
		// is at work.
		<-killed
	}
}

// kill kills the session's statement again and again until returned is closed:
// the first attempt may come before the engine has listed the statement.
func (e *Engine) kill(s *session, returned <-chan struct{}) {
	sql := "KILL QUERY WHERE startsWith(Settings['log_comment'], " + quoteText(s.tag) + ") ASYNC"
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		e.killer.Lock()
		var err error
		if e.killer.session != nil {
			err = e.killer.session.run(sql)
		}
		e.killer.Unlock()
		if err != nil {
			e.log.Warn("embedded clickhouse: a statement could not be killed", "error", err)
		}
		select {
		case <-returned:
			return
		case <-time.After(pause):
		}
	}
}

// Close takes no more statements, waits for the running ones, and stops using
// the directory; afterwards the process may open an engine on another one. When
// ctx ends before all statements are finished, it gives a fault CodeBusy, and
// Close may be called again.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closing = true
	e.mu.Unlock()

	running.Lock()
	defer running.Unlock()
	if running.engine != e {
		return nil
	}
	taken := 0
	for ; taken < cap(e.slots); taken++ {
		select {
		case <-e.slots:
		case <-ctx.Done():
			left := cap(e.slots) - taken
			for range taken {
				e.slots <- struct{}{}
			}
			return fault.New(fault.Unavailable, CodeBusy, "the embedded ClickHouse engine still has %d statements or unread results open: %w", left, context.Cause(ctx))
		}
	}
	lost := e.disconnect()
	// A waiter gets its turn, and then ErrClosed.
	for range taken {
		e.slots <- struct{}{}
	}
	running.engine = nil
	var err error
	if lost {
		err = clearOut(e.dir)
	}
	if cerr := e.lock.Close(); cerr != nil && !errors.Is(cerr, fs.ErrClosed) {
		err = errors.Join(err, fmt.Errorf("unlocking the engine's directory: %w", cerr))
	}
	return err
}

// disconnect ends all sessions, and with the last the engine. It tells whether the
// engine has lost something until then.
func (e *Engine) disconnect() (lost bool) {
	lost = fault.CodeOf(e.keep()) == CodeLost
	e.mu.Lock()
	idle := e.idle
	e.idle = nil
	e.mu.Unlock()
	for _, s := range idle {
		s.close()
	}
	e.watch.Lock()
	running.failed = e.watch.failed
	e.watch.session.close()
	e.watch.session = nil
	e.watch.Unlock()
	e.killer.Lock()
	e.killer.session.close()
	e.killer.session = nil
	e.killer.Unlock()
	return lost
}
