package queries

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"dossierledger/domain/fault"
)

// OwnSource is the name by which a filter asks for the dossiers that this
// ledger handles itself, which have no source log. A log of this very name can
// not be chosen by a filter.
const OwnSource = "ledger"

// Filter chooses the cases of a report; every chosen case counts with all its
// events, so that a window never cuts a case in two. The zero Filter chooses all.
type Filter struct {
	// From and To choose the cases whose first event is in [From, To). In the
	// two reports of public duty, on-time and transparency, it is the reception
	// that must be in [From, To), since the law counts from there.
	From, To *time.Time
	// Agency chooses the cases whose competent agency it is, or an agency below
	// it at any depth by the table of agencies. Cases of agencies that were
	// merged into it stay with the agency that was competent then.
	Agency string
	// Procedure chooses the cases of one procedure, by its code.
	Procedure string
	// Source chooses the cases taken over from one log, by its name, or with
	// OwnSource those that this ledger handles itself.
	Source string
}

// scope is a filter as conditions on the dossiers. Its texts are constants; all
// that comes from outside is in args.
type scope struct {
	conditions []string
	// source is the condition on where dossiers come from. It is apart because
	// events say so too, and a dossier never changes it.
	source string
	args   []any
}

// firstEvent and reception are what a window is laid on.
const (
	firstEvent = "first_at"
	reception  = "received_at"
)

// scope resolves the filter. windowOn is the column that From and To bound. A
// dossier of which no action is known, only that it exists, is no case.
func (r *Reports) scope(ctx context.Context, f Filter, windowOn string) (scope, error) {
	var s scope
	if f.From != nil && f.To != nil && !f.From.Before(*f.To) {
		return s, fault.New(fault.Invalid, CodeReportWindow, "the window ends at %s, which is not after its start at %s", f.To.Format(time.RFC3339), f.From.Format(time.RFC3339))
	}
	// Microseconds as integers: a time as text would be read in some zone.
	if f.From != nil {
		s.add("toUnixTimestamp64Micro("+windowOn+") >= {from_us:Int64}", "from_us", f.From.UnixMicro())
	}
	if f.To != nil {
		s.add("toUnixTimestamp64Micro("+windowOn+") < {to_us:Int64}", "to_us", f.To.UnixMicro())
	}
	switch f.Source {
	case "":
	case OwnSource:
		s.source = "source = ''"
	default:
		s.source = "source = {source:String}"
		s.args = append(s.args, clickhouse.Named("source", f.Source))
	}
	if f.Procedure != "" {
		s.add("procedure = {procedure:String}", "procedure", f.Procedure)
	}
	if f.Agency != "" {
		agencies, err := agencyAndBelow(ctx, r.db, f.Agency)
		if err != nil {
			return s, err
		}
		s.add("competent_agency IN {agencies:Array(String)}", "agencies", agencies)
	}
	return s, nil
}

func (s *scope) add(condition, name string, value any) {
	s.conditions = append(s.conditions, condition)
	s.args = append(s.args, clickhouse.Named(name, value))
}

// dossiers gives the WHERE clause over the dossiers, with further conditions.
func (s scope) dossiers(further ...string) string {
	return where(append(append(s.all(), "events > 0"), further...))
}

// all gives every condition on the dossiers.
func (s scope) all() []string {
	if s.source == "" {
		return slices.Clone(s.conditions)
	}
	return append([]string{s.source}, s.conditions...)
}

// events gives the WHERE clause over the events of the chosen dossiers.
func (s scope) events(further ...string) string {
	if s.source != "" {
		further = append(slices.Clone(further), s.source)
	}
	if len(s.conditions) > 0 {
		further = append(slices.Clone(further), s.chosen())
	}
	return where(further)
}

// rows gives the WHERE clause over a table of which several rows belong to a
// dossier: the rows of the chosen dossiers. The dossier decides, not what its
// rows say, because procedure and agency can change during its life.
func (s scope) rows(further ...string) string {
	if len(s.conditions) > 0 || s.source != "" {
		further = append(slices.Clone(further), s.chosen())
	}
	return where(further)
}

func (s scope) chosen() string {
	return "code IN (SELECT code FROM dossiers FINAL" + where(s.all()) + ")"
}

func where(conditions []string) string {
	if len(conditions) == 0 {
		return ""
	}
	return "\nWHERE " + strings.Join(conditions, "\n  AND ")
}

// agencyAndBelow lists an agency and all below it. The table is a few thousand
// rows, so the tree is walked here, where a parent that is its own descendant
// cannot make the walk endless.
func agencyAndBelow(ctx context.Context, db Database, root string) ([]string, error) {
	type row struct {
		ID     string `ch:"id"`
		Parent string `ch:"parent"`
	}
	rows, err := read[row](ctx, db, "agencies", "SELECT id, parent FROM agencies FINAL WHERE parent != ''", nil)
	if err != nil {
		return nil, err
	}
	below := map[string][]string{}
	for _, agency := range rows {
		below[agency.Parent] = append(below[agency.Parent], agency.ID)
	}
	found, seen := []string{root}, map[string]bool{root: true}
	for i := 0; i < len(found); i++ {
		for _, id := range below[found[i]] {
			if !seen[id] {
				seen[id] = true
				found = append(found, id)
			}
		}
	}
	return found, nil
}
