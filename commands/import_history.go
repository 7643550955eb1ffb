package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/legacy"
	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"
)

// CaseHistory is one case of an older system's log, its actions in order of time.
// Its slices are valid until Case has returned.
type CaseHistory struct {
	ID         string
	Attributes []legacy.Attribute
	// Line is where the log first speaks of the case.
	Line    int
	Actions iter.Seq2[LegacyAction, error]
}

// LegacyAction is one action of a CaseHistory. Its slices are valid until the
// iteration goes on.
type LegacyAction struct {
	At            time.Time
	Activity      string
	Resource      string
	Lifecycle     string
	OffsetMinutes int
	Attributes    []legacy.Attribute
}

// ImportProblem is something in a log that could not be taken over.
type ImportProblem struct {
	Line    int    `json:"line"`
	Message string `json:"message"`
}

// ImportResult is what taking over a log did.
type ImportResult struct {
	// Cases counts the cases of which at least one event is in the ledger now.
	Cases int `json:"cases"`
	// Events counts the events appended; AlreadyPresent those that were there.
	Events         int `json:"events"`
	Skipped        int `json:"skipped"`
	AlreadyPresent int `json:"already_present"`
	// Errors says why events were skipped, in the order of the log's lines, up to a bound.
	Errors []ImportProblem `json:"errors"`
	// MoreErrors counts those beyond the bound.
	MoreErrors int `json:"more_errors,omitempty"`
	// Position is that of the last event appended.
	Position uint64 `json:"position,omitempty"`
}

const (
	importErrorsMax  = 1000
	importBatchMax   = 2000    // events in one append
	importBatchBytes = 1 << 20 // of text in one append, roughly
	// importWriters is how many cases are appended at a time. They share synced
	// commits, so that many of them make the syncs few. importBytes bounds the
	// text that they hold in memory together, roughly.
	importWriters = 512
	importBytes   = 32 << 20
	// eventCost is what an event is reckoned at beside its text.
	eventCost = 512
)

// ImportHistory takes over the history of dossiers from an older system: each
// case becomes a dossier's stream of legacy events with their original times.
// Again is a no-op; a log that has grown adds what is new, which among events
// of the same instant comes after those that are there. It is used for one
// log: make a new one for the next. Case may not be called concurrently, and
// Finish ends it, also after an error.
type ImportHistory struct {
	journal Journal
	source  string
	prefix  string

	writers  sync.WaitGroup
	made     int // of the writers
	idle     chan *caseWriter
	room     *semaphore.Weighted // of importBytes
	mu       sync.Mutex
	result   ImportResult
	failure  error
	progress func(events int)
}

// NewImportHistory begins to take over one log. source names the log for ever
// (reports select by it); prefix and a case's identifier make its dossier code,
// as legacy.Code says. progress, where not nil, is called after each append with
// the number of events done; it must not block.
func NewImportHistory(journal Journal, source, prefix string, progress func(events int)) (*ImportHistory, error) {
	if journal == nil {
		return nil, errors.New("commands: import needs a journal")
	}
	if source == "" || len(source) > 200 {
		return nil, fault.New(fault.Invalid, "import.source", "the name of the log has 1 to 200 bytes; give one by --source")
	}
	return &ImportHistory{
		journal: journal, source: source, prefix: prefix, idle: make(chan *caseWriter, importWriters),
		room: semaphore.NewWeighted(importBytes), progress: progress, result: ImportResult{Errors: []ImportProblem{}},
	}, nil
}

// Problem notes an event that the log's reader passed over.
func (h *ImportHistory) Problem(p ImportProblem, skipped int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.result.Skipped += skipped
	if len(h.result.Errors) >= importErrorsMax {
		h.result.MoreErrors++
		return
	}
	h.result.Errors = append(h.result.Errors, p)
}

// Case takes over one case. What it appends may become durable only by Finish.
// An error is the ledger's or the log reader's, never the case's: a case that
// cannot be taken over is a Problem.
func (h *ImportHistory) Case(ctx context.Context, c CaseHistory) error {
	w := h.writer()
	w.begin(c)
	if err := w.collect(ctx, c); err != nil {
		h.idle <- w
		return err
	}
	w.held = int64(min(w.bytes+len(w.batch)*eventCost, importBytes))
	if err := h.room.Acquire(ctx, w.held); err != nil {
		h.idle <- w
		return fmt.Errorf("import: case %q: %w", c.ID, err)
	}
	w.work <- ctx
	return h.failed()
}

// writer gives a writer that has nothing to do, and waits for one where there are
// as many as there may be.
func (h *ImportHistory) writer() *caseWriter {
	select {
	case w := <-h.idle:
		return w
	default:
	}
	if h.made == importWriters {
		return <-h.idle
	}
	h.made++
	w := &caseWriter{h: h, names: &legacy.Names{}, work: make(chan context.Context, 1)}
	h.writers.Go(w.run)
	return w
}

// fail and failed let the reading stop soon after an append failed.
func (h *ImportHistory) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failure == nil {
		h.failure = err
	}
}

func (h *ImportHistory) failed() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failure
}

// Finish waits until all is durable and says what was done.
func (h *ImportHistory) Finish() (ImportResult, error) {
	for ; h.made > 0; h.made-- {
		close((<-h.idle).work)
	}
	h.writers.Wait()
	if err := h.failed(); err != nil {
		return ImportResult{}, err
	}
	// Cases are appended side by side, so their problems come in any order.
	slices.SortStableFunc(h.result.Errors, func(a, b ImportProblem) int { return cmp.Compare(a.Line, b.Line) })
	return h.result, nil
}

// caseWriter appends one case after the other. It is with Case, which collects a
// case in it, or with its goroutine, which appends that, and is idle meanwhile.
type caseWriter struct {
	h     *ImportHistory
	names *legacy.Names
	// batch is what is appended next; attributes holds those of its events. Both
	// are used again.
	batch      []event.Event
	attributes []legacy.Attribute
	bytes      int
	held       int64 // of the room
	work       chan context.Context

	// What follows is of the case at hand.
	stream   string
	line     int
	expected event.Expected
	counted  bool
	refused  bool
	there    map[uuid.UUID]bool // what the stream held before; nil until it is asked for
}

// run appends what was collected, each time that there is work.
func (w *caseWriter) run() {
	for ctx := range w.work {
		if err := w.append(ctx); err != nil {
			w.h.fail(err)
		}
		w.h.room.Release(w.held)
		w.h.idle <- w
	}
}

func (w *caseWriter) begin(c CaseHistory) {
	w.forget()
	w.names.Begin(w.h.source, c.ID)
	w.stream, w.line, w.expected = dossier.StreamOf(legacy.Code(w.h.prefix, c.ID)), c.Line, event.None
	w.counted, w.refused, w.there = false, false, nil
}

// Of what a writer collected it keeps the room for this many events and
// attributes. All writers together keep no more than some 15 MB.
const (
	keptEvents     = 32
	keptAttributes = 256
)

// forget empties the batch.
func (w *caseWriter) forget() {
	clear(w.batch)
	clear(w.attributes)
	if w.batch = w.batch[:0]; cap(w.batch) > keptEvents {
		w.batch = nil
	}
	if w.attributes = w.attributes[:0]; cap(w.attributes) > keptAttributes {
		w.attributes = nil
	}
	w.bytes = 0
}

// collect makes a case's events. All but the last of its appends, where it takes
// several, are done when it returns: they go in order, one after the other.
func (w *caseWriter) collect(ctx context.Context, c CaseHistory) error {
	if len(c.Attributes) > 0 {
		described := legacy.CaseDescribed{Source: w.h.source, Case: c.ID, Attributes: w.copied(c.Attributes)}
		w.add(w.names.Described(), time.Time{}, described, sizeOf(c.Attributes))
	}
	for action, err := range c.Actions {
		if err != nil {
			return fmt.Errorf("import: case %q: %w", c.ID, err)
		}
		if w.full() {
			if err := w.append(ctx); err != nil {
				return err
			}
		}
		payload := legacy.ActionRecorded{
			Source: w.h.source, Case: c.ID, Activity: action.Activity, Resource: action.Resource,
			Lifecycle: action.Lifecycle, OffsetMinutes: action.OffsetMinutes, Attributes: w.copied(action.Attributes),
		}
		w.add(w.names.Action(action.At, payload), action.At, payload, len(action.Activity)+len(action.Resource)+sizeOf(action.Attributes))
	}
	return nil
}

// copied keeps attributes for the batch.
func (w *caseWriter) copied(attributes []legacy.Attribute) []legacy.Attribute {
	from := len(w.attributes)
	w.attributes = append(w.attributes, attributes...)
	return slices.Clip(w.attributes[from:])
}

func (w *caseWriter) add(id uuid.UUID, at time.Time, p event.Payload, size int) {
	w.batch = append(w.batch, event.New(id, event.Metadata{OccurredAt: at, Actor: event.Actor{ID: "import", Role: event.RoleSystem}}, p))
	w.bytes += size
	w.settleDescription()
}

// settleDescription gives the case's description the time of its first action,
// which is known only after it.
func (w *caseWriter) settleDescription() {
	if len(w.batch) >= 2 && w.batch[0].Metadata.OccurredAt.IsZero() {
		w.batch[0].Metadata.OccurredAt = w.batch[1].Metadata.OccurredAt
	}
}

func (w *caseWriter) full() bool {
	return len(w.batch) >= importBatchMax || w.bytes >= importBatchBytes
}

func (w *caseWriter) append(ctx context.Context) error {
	defer w.forget()
	batch := w.batch
	actions := actionsIn(batch)
	if actions == 0 {
		return nil
	}
	if w.refused {
		w.h.Problem(ImportProblem{Line: w.line, Message: "the rest of a case that could not be taken over"}, actions)
		return nil
	}
	appended := w.missing(batch)
	written, err := w.store(ctx, appended)
	if isTaken(err) {
		if err = w.learn(ctx); err == nil {
			appended = w.missing(batch)
			written, err = w.store(ctx, appended)
		}
	}
	switch kind := fault.KindOf(err); {
	case kind == fault.Invalid || kind == fault.TooLarge || kind == fault.Conflict:
		w.refused = true
		w.h.Problem(ImportProblem{Line: w.line, Message: err.Error()}, actions)
		return nil
	case err != nil:
		return fmt.Errorf("import: %s: %w", w.stream, err)
	}
	w.expected = event.Exists
	added := actions
	if len(appended) < len(batch) {
		added = actionsIn(appended)
	}
	if written.Repeated {
		added = 0
	}
	w.h.count(added, actions-added, written.Position, !w.counted)
	w.counted = true
	return nil
}

// isTaken reports whether an append failed because the stream or some of the
// events are there already.
func isTaken(err error) bool {
	if _, wrong := errors.AsType[*event.WrongRevision](err); wrong {
		return true
	}
	return fault.KindOf(err) == fault.Conflict
}

func (w *caseWriter) store(ctx context.Context, events []event.Event) (written event.Written, err error) {
	if len(events) == 0 {
		return written, nil
	}
	return w.h.journal.Append(ctx, w.stream, w.expected, events...)
}

// learn reads, once for the whole case, which events the stream holds. It
// refuses a stream that is not this log's.
func (w *caseWriter) learn(ctx context.Context) error {
	w.there, w.expected = map[uuid.UUID]bool{}, event.Exists
	for e, err := range w.h.journal.Read(ctx, w.stream, 0) {
		if err != nil {
			return err
		}
		if e.Revision == 0 {
			if owner := sourceOf(e.Payload); owner != w.h.source {
				return codeTaken(strings.TrimPrefix(e.Stream, dossier.StreamPrefix), owner)
			}
		}
		w.there[e.ID] = true
	}
	return nil
}

// missing gives those events of a batch that the stream is not known to hold.
func (w *caseWriter) missing(batch []event.Event) []event.Event {
	if w.there == nil {
		return batch
	}
	var out []event.Event
	for _, e := range batch {
		if !w.there[e.ID] {
			out = append(out, e)
		}
	}
	return out
}

// codeTaken says whose a dossier is and the way out.
func codeTaken(code, owner string) error {
	if owner == "" {
		return fault.New(fault.Conflict, "import.code-taken", "the ledger itself handles the dossier %q; choose a --case-prefix", code)
	}
	return fault.New(fault.Conflict, "import.code-taken",
		"the dossier %q is of the log %q; choose a --case-prefix, or --source where it is the same log", code, owner)
}

func sourceOf(p event.Payload) string {
	switch p := p.(type) {
	case legacy.ActionRecorded:
		return p.Source
	case legacy.CaseDescribed:
		return p.Source
	}
	return ""
}

func (h *ImportHistory) count(added, present int, position uint64, newCase bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if newCase {
		h.result.Cases++
	}
	h.result.Events += added
	h.result.AlreadyPresent += present
	h.result.Position = max(h.result.Position, position)
	if h.progress != nil {
		h.progress(h.result.Events + h.result.AlreadyPresent)
	}
}

func actionsIn(batch []event.Event) int {
	n := 0
	for _, e := range batch {
		if _, ok := e.Payload.(legacy.ActionRecorded); ok {
			n++
		}
	}
	return n
}

func sizeOf(attributes []legacy.Attribute) int {
	n := 0
	for _, a := range attributes {
		n += len(a.Name) + len(a.Type) + len(a.Value) + 40
	}
	return n
}
