package queries

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"dossierledger/domain/fault"
)

// Limits of a page of a worklist.
const (
	DefaultWorklistLimit = 50
	MaxWorklistLimit     = 200
)

// Codes of the faults of worklists.
const (
	CodeWorklistLimit  = "worklist.limit"  // the page size is not in 0 to MaxWorklistLimit
	CodeWorklistStatus = "worklist.status" // a status that is not a national code 1 to 10
	CodeWorklistCursor = "worklist.cursor" // not a cursor, or one of another question
	CodeWorklistNow    = "worklist.now-missing"
)

// unfinished are the national status codes of dossiers on which somebody still
// has to act: new, received, in handling, supplement, financial obligation, and
// handled but not handed over.
var unfinished = []uint8{1, 2, 4, 5, 6, 9}

// WorklistFilter chooses dossiers by who has them now. Empty fields choose all.
// It does not know who asks: the caller confines officers to their agency.
type WorklistFilter struct {
	Agency     string // that holds the dossier, exactly; not those below it
	Department string
	Officer    string // pseudonym
	Procedure  string
	// Statuses are national status codes 1 to 10; none chooses all in which
	// somebody still has to act (1, 2, 4, 5, 6, 9).
	Statuses []uint8
	// OverdueOnly leaves out dossiers whose appointment has not passed.
	OverdueOnly bool
}

// WorklistPage says which part of the list is wanted.
type WorklistPage struct {
	Limit  int    // rows; 0 is DefaultWorklistLimit
	Cursor string // Next of the page before; empty is the first page
	// Now is the moment to which dossiers are overdue. It must not be zero. The
	// pages after the first keep the moment of the first, so that no dossier
	// moves between pages because time has passed.
	Now time.Time
}

// WorklistItem is a dossier on a worklist. It holds nothing personal.
type WorklistItem struct {
	Code       string   `json:"code"`
	Procedure  string   `json:"procedure"`
	Channel    string   `json:"channel"`
	Status     uint8    `json:"status"` // national code 1 to 10
	Phase      string   `json:"phase"`
	Step       string   `json:"step"`
	StepSince  *Instant `json:"step_since"`
	Agency     string   `json:"agency"`
	Department string   `json:"department"`
	Officer    string   `json:"officer"` // pseudonym
	Since      *Instant `json:"since"`   // that the holder has it
	WaitsFor   string   `json:"waits_for"`
	ReceivedAt *Instant `json:"received_at"`
	DueAt      *Instant `json:"due_at"` // nil: no appointment yet
	Clock      string   `json:"clock"`
	Overdue    bool     `json:"overdue"`
	Supplement uint16   `json:"supplements"` // requests so far
	Revision   uint32   `json:"revision"`    // of the stream, to act upon
}

// Worklist is one page.
type Worklist struct {
	AsOf  Instant        `json:"as_of"`
	Items []WorklistItem `json:"items"`
	// Next is the cursor of the next page; empty on the last.
	Next string `json:"next,omitempty"`
}

// Worklists answers what there is to do. Its methods may be called from any goroutine.
type Worklists struct{ db Database }

// NewWorklists makes Worklists on a database, which must not be nil.
func NewWorklists(db Database) *Worklists {
	if db == nil {
		panic("queries: NewWorklists needs a database")
	}
	return &Worklists{db: db}
}

type worklistRow struct {
	Code       string     `ch:"code"`
	Procedure  string     `ch:"procedure"`
	Channel    string     `ch:"channel"`
	Status     uint8      `ch:"status"`
	Phase      string     `ch:"phase"`
	Step       string     `ch:"step"`
	StepSince  *time.Time `ch:"step_since"`
	Agency     string     `ch:"holder_agency"`
	Department string     `ch:"holder_department"`
	Officer    string     `ch:"holder_officer"`
	Since      *time.Time `ch:"holder_since"`
	WaitsFor   string     `ch:"waits_for"`
	ReceivedAt *time.Time `ch:"received_at"`
	DueAt      *time.Time `ch:"due_at"`
	Clock      string     `ch:"clock"`
	Supplement uint16     `ch:"supplements"`
	Revision   uint32     `ch:"revision"`
	Rank       uint8      `ch:"urgency"`
	DueMicros  int64      `ch:"due_us"`
}

// Page gives one page of the dossiers that this ledger handles: the overdue
// first, then by appointment, those without one last, equal ones by code. A
// dossier that changes while somebody turns pages is on the page where it
// belongs when that page is read.
func (w *Worklists) Page(ctx context.Context, filter WorklistFilter, page WorklistPage) (Worklist, error) {
	if page.Limit < 0 || page.Limit > MaxWorklistLimit {
		return Worklist{}, fault.New(fault.Invalid, CodeWorklistLimit, "a page has 1 to %d dossiers, not %d", MaxWorklistLimit, page.Limit)
	}
	if page.Now.IsZero() {
		return Worklist{}, fault.New(fault.Invalid, CodeWorklistNow, "a worklist needs the moment to which dossiers are overdue")
	}
	for _, status := range filter.Statuses {
		if status < 1 || status > 10 {
			return Worklist{}, fault.New(fault.Invalid, CodeWorklistStatus, "a status is one of the national codes 1 to 10, not %d", status)
		}
	}
	limit := page.Limit
	if limit == 0 {
		limit = DefaultWorklistLimit
	}
	start := worklistCursor{Now: page.Now.UnixMicro()}
	var s scope
	if page.Cursor != "" {
		var err error
		if start, err = readWorklistCursor(page.Cursor, filter); err != nil {
			return Worklist{}, err
		}
		s.add("(urgency, due_us, code) > ({after_urgency:UInt8}, {after_due:Int64}, {after_code:String})", "after_urgency", start.Rank)
		s.args = append(s.args, clickhouse.Named("after_due", start.Due), clickhouse.Named("after_code", start.Code))
	}
	rows, err := read[worklistRow](ctx, w.db, "the worklist", `
SELECT code, procedure, channel, status, phase, step, step_since, holder_agency, holder_department, holder_officer,
       holder_since, waits_for, received_at, due_at, clock, supplements, revision, urgency, due_us
FROM (
    SELECT *, if(`+overdue+`, 0, 1)::UInt8 AS urgency,
           ifNull(toUnixTimestamp64Micro(due_at), 9223372036854775807) AS due_us
    FROM dossiers FINAL`+filter.chosen(&s)+`
)`+where(s.conditions)+`
ORDER BY urgency, due_us, code
LIMIT {row_limit:UInt64}`, append(s.args, clickhouse.Named("now_us", start.Now), clickhouse.Named("row_limit", limit+1)))
	if err != nil {
		return Worklist{}, err
	}
	answer := Worklist{AsOf: Instant{time.UnixMicro(start.Now).UTC()}, Items: make([]WorklistItem, 0, limit)}
	for _, row := range rows[:min(limit, len(rows))] {
		answer.Items = append(answer.Items, row.item())
	}
	if len(rows) > limit {
		last := rows[limit-1]
		answer.Next = worklistCursor{Now: start.Now, Rank: last.Rank, Due: last.DueMicros, Code: last.Code}.text(filter)
	}
	return answer, nil
}

// chosen gives the WHERE clause of the filter and adds its values to s.
func (f WorklistFilter) chosen(s *scope) string {
	statuses := f.Statuses
	if len(statuses) == 0 {
		statuses = unfinished
	}
	// uint8 values in a slice would travel as bytes of a string.
	codes := make([]uint16, len(statuses))
	for i, status := range statuses {
		codes[i] = uint16(status)
	}
	inner := scope{conditions: []string{"source = ''"}}
	inner.add("status IN {statuses:Array(UInt8)}", "statuses", codes)
	for _, equal := range []struct{ condition, name, value string }{
		{"holder_agency = {holder_agency:String}", "holder_agency", f.Agency},
		{"holder_department = {holder_department:String}", "holder_department", f.Department},
		{"holder_officer = {holder_officer:String}", "holder_officer", f.Officer},
		{"procedure = {procedure:String}", "procedure", f.Procedure},
	} {
		if equal.value != "" {
			inner.add(equal.condition, equal.name, equal.value)
		}
	}
	if f.OverdueOnly {
		inner.conditions = append(inner.conditions, overdue)
	}
	s.args = append(s.args, inner.args...)
	return where(inner.conditions)
}

func (r worklistRow) item() WorklistItem {
	return WorklistItem{
		Code: r.Code, Procedure: r.Procedure, Channel: r.Channel, Status: r.Status, Phase: r.Phase,
		Step: r.Step, StepSince: instant(r.StepSince),
		Agency: r.Agency, Department: r.Department, Officer: r.Officer, Since: instant(r.Since),
		WaitsFor: r.WaitsFor, ReceivedAt: instant(r.ReceivedAt), DueAt: instant(r.DueAt), Clock: r.Clock,
		Overdue: r.Rank == 0, Supplement: r.Supplement, Revision: r.Revision,
	}
}
