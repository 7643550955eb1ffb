package queries

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"dossierledger/domain/fault"
)

// Limits of every report.
const (
	// MaxReportRows is how many rows a report has at most. One that would have
	// more is refused: a list that is silently cut gives wrong sums.
	MaxReportRows = 100_000
	// ReportTimeout is how long a report may take when its caller sets no deadline.
	ReportTimeout = 60 * time.Second
)

// Codes of the faults of reports.
const (
	CodeReportUnknown  = "report.unknown"         // no report has the name
	CodeReportWindow   = "report.empty-window"    // the window ends before it starts
	CodeReportLimit    = "report.limit"           // the limit is not in 0 to MaxReportRows
	CodeReportNow      = "report.now-missing"     // the report is relative to a moment that was not given
	CodeReportTooLarge = "report.too-large"       // the answer has more than MaxReportRows rows
	CodeReportTimeout  = "report.deadline-passed" // the answer did not come in time
)

// Options are what a report is asked for besides its cases. A report ignores
// options that do not concern it.
type Options struct {
	// Working measures durations in working time of the competent agency
	// instead of calendar time.
	Working bool
	// Approx allows approximate percentiles (t-digest), whose memory does not
	// grow with the number of values. Two runs may differ in the last digits.
	Approx bool
	// ByAgency splits bottlenecks by the agency that holds the step.
	ByAgency bool
	// Limit keeps the first rows only, in the report's own order, which is the
	// most frequent first. Zero keeps all.
	Limit int
	// Now is the moment to which open dossiers are overdue or not. Reports that
	// speak of open dossiers need it.
	Now time.Time
}

// Reports answers the analysts' questions, by name or by method. Its methods
// may be called from any goroutine.
type Reports struct{ db Database }

// NewReports makes Reports on a database, which must not be nil.
func NewReports(db Database) *Reports {
	if db == nil {
		panic("queries: NewReports needs a database")
	}
	return &Reports{db: db}
}

// catalogue lists the reports in the order in which they are shown. A name is
// part of the command line and of addresses, so it is permanent.
var catalogue = []struct {
	name string
	run  func(*Reports, context.Context, Filter, Options) (any, error)
}{
	{"summary", erased((*Reports).Summary)},
	{"activities", erased((*Reports).Activities)},
	{"starts-ends", erased((*Reports).StartsEnds)},
	{"dfg", erased((*Reports).DirectlyFollows)},
	{"variants", erased((*Reports).Variants)},
	{"durations", erased((*Reports).Durations)},
	{"resources", erased((*Reports).Resources)},
	{"handover", erased((*Reports).Handover)},
	{"rework", erased((*Reports).Rework)},
	{"on-time", erased((*Reports).OnTime)},
	{"bottlenecks", erased((*Reports).Bottlenecks)},
	{"transparency", erased((*Reports).Transparency)},
}

// erased forgets the type of a report's answer, for the callers that go by name.
func erased[T any](run func(*Reports, context.Context, Filter, Options) (T, error)) func(*Reports, context.Context, Filter, Options) (any, error) {
	return func(r *Reports, ctx context.Context, filter Filter, opts Options) (any, error) {
		answer, err := run(r, ctx, filter, opts)
		if err != nil {
			return nil, err
		}
		return answer, nil
	}
}

// Names lists the reports in the order in which they are shown.
func (r *Reports) Names() []string { return ReportNames() }

// ReportNames lists the reports without a database to ask them of.
func ReportNames() []string {
	names := make([]string, len(catalogue))
	for i, report := range catalogue {
		names[i] = report.name
	}
	return names
}

// Run gives the answer of the report called name: the value of the method of
// that report, ready to be written as JSON. Slices in it are never nil, and no
// figure is ever NaN: what cannot be said is null. An unknown name is a fault
// with CodeReportUnknown that lists the names.
func (r *Reports) Run(ctx context.Context, name string, filter Filter, opts Options) (any, error) {
	for _, report := range catalogue {
		if report.name == name {
			return report.run(r, ctx, filter, opts)
		}
	}
	return nil, fault.New(fault.Invalid, CodeReportUnknown, "there is no report %q; the reports are %s", name, strings.Join(r.Names(), ", "))
}

// list reads the rows of a report. sql ends with its ORDER BY.
func list[T any](ctx context.Context, r *Reports, name, sql string, s scope, opts Options) ([]T, error) {
	if opts.Limit < 0 || opts.Limit > MaxReportRows {
		return nil, fault.New(fault.Invalid, CodeReportLimit, "a report has 0 (all) to %d rows, not %d", MaxReportRows, opts.Limit)
	}
	limit := opts.Limit
	if limit == 0 {
		limit = MaxReportRows + 1
	}
	args := append(slices.Clone(s.args), clickhouse.Named("row_limit", limit))
	rows, err := read[T](ctx, r.db, name, sql+"\nLIMIT {row_limit:UInt64}", args)
	if err != nil {
		return nil, err
	}
	if len(rows) > MaxReportRows {
		return nil, fault.New(fault.TooLarge, CodeReportTooLarge, "the report %s has more than %d rows; ask for fewer cases or set a limit", name, MaxReportRows)
	}
	return rows, nil
}

// read runs one statement of a question and scans its rows by their ch tags.
func read[T any](ctx context.Context, db Database, name, sql string, args []any) ([]T, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, ReportTimeout)
		defer cancel()
	}
	rows := []T{}
	if err := db.Select(ctx, &rows, sql, args...); err != nil {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, fault.New(fault.Unavailable, CodeReportTimeout, "%s took too long; ask for fewer cases or allow more time: %w", name, err)
		}
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return rows, nil
}

// percentile gives the aggregate function for percentiles of integers: exact
// with linear interpolation between closest ranks (type 7 of Hyndman and Fan,
// "Sample Quantiles in Statistical Packages", 1996), or a t-digest.
func (o Options) percentile() string {
	if o.Approx {
		return "quantileTDigest"
	}
	return "quantileExactInclusive"
}

// moment gives Now, or a fault where the caller gave none.
func (o Options) moment(report string) (time.Time, error) {
	if o.Now.IsZero() {
		return time.Time{}, fault.New(fault.Invalid, CodeReportNow, "the report %s needs the moment to which open dossiers are overdue or not", report)
	}
	return o.Now.UTC().Truncate(time.Microsecond), nil
}
