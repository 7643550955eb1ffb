package historylog

import (
	"context"
	"io"
	"time"
)

// Format names how a log is written.
type Format string

// The formats. Auto takes the format from the first bytes of the log.
const (
	Auto Format = ""
	XES  Format = "xes"
	CSV  Format = "csv"
	OCEL Format = "ocel"
)

// Attribute is one further statement about an event or a case.
type Attribute struct {
	Name string
	// Type is the XES element it came from: string, date, int, float, boolean,
	// id, list or container. What CSV says is always a string.
	Type string
	// Value is as written in the log.
	Value string
	// Depth is 0 for an attribute of the event or case itself. An attribute of
	// depth n > 0 belongs to the nearest attribute before it of depth n-1.
	Depth int
}

// Event is one action in a case. Every event that a reader yields has a case,
// an activity and a time; resource and lifecycle are empty where the log has none.
type Event struct {
	Case      string
	Activity  string
	Resource  string
	Lifecycle string
	// Time is in UTC, to the nanosecond.
	Time time.Time
	// OffsetMinutes is the distance from UTC, east positive, that the log gave for Time.
	OffsetMinutes int
	// Attributes are in the order of the log, without those that the fields above hold.
	Attributes []Attribute
	// Line is where the event starts in the uncompressed log, from 1.
	Line int
}

// Case holds what a log says about a case as a whole.
type Case struct {
	ID         string
	Attributes []Attribute
	// Line is where the log first speaks of the case, from 1.
	Line int
}

// Problem is something in the log that was passed over.
type Problem struct {
	Line    int    `json:"line"`
	Message string `json:"message"`
}

// Sink takes what a reader finds, in the order of the file, from one goroutine
// that is not the caller's of Read, and not after Read has returned. What the
// pointers and slices hold is valid only during the call; the strings stay. An
// error ends the reading and is returned by Read as it is.
type Sink interface {
	// Case may be called several times for one case, when the log speaks of it
	// in several places; it precedes the events whose row or trace said it.
	Case(*Case) error
	Event(*Event) error
	Problem(Problem) error
}

// Summary is what Read did. Cases are counted by the Spool, since a log may
// return to a case at any place.
type Summary struct {
	Format Format
	// Events were passed to the sink. In OCEL, one for each case that the event belongs to.
	Events int
	// Skipped events or lines were reported instead.
	Skipped int
	// CaseType is the type of object taken for the case, in OCEL.
	CaseType string
}

// Options say how to read a log. The zero value reads every format by its own rules.
type Options struct {
	Format Format
	// Map names columns and keys that are not the usual ones. May be nil.
	Map *ColumnMap
	// CaseType is the OCEL object type that is the case; empty chooses (see the package).
	CaseType string
	// Location is that of times without a zone; nil is UTC. The map's time_zone precedes it.
	Location *time.Location
	// TempDir is where OCEL keeps events until the case is chosen; empty is the system's.
	TempDir string
	Limits  Limits
}

// Limits bound what a log may ask of memory and disk. Zero means the default.
type Limits struct {
	// Bytes is the size of the uncompressed log (default 256 GiB).
	Bytes int64
	// TokenBytes is the size of one tag, comment, CSV record or JSON token (default 16 MiB).
	TokenBytes int
	// EventBytes is the text of one event or of one case's attributes; larger
	// ones are reported and passed over (default 512 KiB, so that the event
	// fits the store however its text is escaped).
	EventBytes int
	// Depth is how far elements may be nested (default 100).
	Depth int
	// Objects is how many objects an OCEL log may have, since each one's type
	// is held in memory (default 4 million).
	Objects int
	// Inflation is how many times its compressed size a gzipped log may have;
	// beyond 64 MiB only (default 300; real logs have 10 to 60, a bomb 1,000).
	Inflation int
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.Bytes, 256<<30)
	setDefault(&l.TokenBytes, 16<<20)
	setDefault(&l.EventBytes, 512<<10)
	setDefault(&l.Depth, 100)
	setDefault(&l.Objects, 4_000_000)
	setDefault(&l.Inflation, 300)
	return l
}

func setDefault[T int | int64](value *T, otherwise T) {
	if *value <= 0 {
		*value = otherwise
	}
}

// Read reads a whole log and passes what it finds to sink, in the order of the
// file (OCEL: the order of its events). An error means that the log must be
// taken as not read at all; see the package for its codes.
func Read(ctx context.Context, r io.Reader, opts Options, sink Sink) (Summary, error) {
	opts.Limits = opts.Limits.withDefaults()
	if opts.Map == nil {
		opts.Map = &ColumnMap{}
	}
	opts.Map = opts.Map.normalised()
	times, err := opts.Map.timeParser(opts.Location)
	if err != nil {
		return Summary{}, err
	}
	src, err := openSource(ctx, r, opts.Limits)
	if err != nil {
		return Summary{}, err
	}
	defer src.Close()
	over := newHandover(sink)
	out := &reporter{sink: over, summary: Summary{Format: opts.Format}, lifted: newLiftedFilter()}
	if out.summary.Format == Auto {
		out.summary.Format = src.format()
	}
	switch out.summary.Format {
	case XES:
		err = readXES(src, opts, times, out)
	case CSV:
		err = readCSV(src, opts, times, out)
	case OCEL:
		err = readOCEL(src, opts, times, out)
	default:
		err = unsupported(0, "the format %q is not known; it is one of xes, csv, ocel", opts.Format)
	}
	if failed := over.end(); failed != nil {
		err = failed
	}
	if err != nil {
		return Summary{}, err
	}
	return out.summary, nil
}

// reporter counts what passes to the sink.
type reporter struct {
	sink    Sink
	summary Summary
	lifted  *liftedFilter
}

func (o *reporter) event(e *Event) error {
	o.summary.Events++
	return o.sink.Event(e)
}

// caseAttributes passes on attributes of the case that an event repeated,
// unless the same ones went before.
func (o *reporter) caseAttributes(c *Case) error {
	if len(c.Attributes) == 0 || o.lifted.seen(c) {
		return nil
	}
	return o.sink.Case(c)
}

func (o *reporter) skip(line int, message string) error {
	o.summary.Skipped++
	return o.sink.Problem(Problem{Line: line, Message: message})
}

func (o *reporter) note(line int, message string) error {
	return o.sink.Problem(Problem{Line: line, Message: message})
}
