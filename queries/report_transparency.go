package queries

import (
	"context"
	"math"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// IndicatorState says what the ledger can say about an indicator.
type IndicatorState string

// The states of an indicator. Only a scored one has points.
const (
	Scored      IndicatorState = "scored"
	Shown       IndicatorState = "shown"        // has a value; the index gives no points for it
	NoCases     IndicatorState = "no-cases"     // nothing to divide by
	Partial     IndicatorState = "partial"      // some inputs are here, others are not: no value
	NotRecorded IndicatorState = "not-recorded" // the ledger holds none of its inputs
)

// Indicator is one indicator of the official index with its inputs.
type Indicator struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	NameVI  string `json:"name_vi"`
	Formula string `json:"formula"`
	// Numerator and Denominator are the inputs; nil where they are not recorded.
	Numerator   *uint64 `json:"numerator"`
	Denominator *uint64 `json:"denominator"`
	// Value is the formula's value with two decimals, in Unit.
	Value *float64 `json:"value"`
	Unit  string   `json:"unit"` // percent, or working-hours
	// FullAt is the value, in percent, from which all points are given; nil
	// where that is 100.
	FullAt    *float64       `json:"full_at"`
	MaxPoints float64        `json:"max_points"`
	Points    *float64       `json:"points"` // with two decimals
	State     IndicatorState `json:"state"`
	Note      string         `json:"note,omitempty"`
}

// IndicatorGroup is a group of indicators. Points is the sum over those that are
// scored, nil where none is; AvailableMax is what those could have reached.
type IndicatorGroup struct {
	ID           string      `json:"id"`
	Name         string      `json:"name"`
	NameVI       string      `json:"name_vi"`
	MaxPoints    float64     `json:"max_points"`
	AvailableMax float64     `json:"available_max"`
	Points       *float64    `json:"points"`
	Indicators   []Indicator `json:"indicators"`
}

// Transparency is the public report: the index of quality of service to citizens
// and businesses (Bộ chỉ số phục vụ người dân, doanh nghiệp, Quyết định
// 766/QĐ-TTg of 23 June 2022) as far as this ledger holds its inputs.
type Transparency struct {
	AsOf Instant  `json:"as_of"` // the end of the reporting period for dossiers that are still open
	From *Instant `json:"from"`
	To   *Instant `json:"to"`
	// Received is the number of dossiers received in the period.
	Received     uint64           `json:"received"`
	MaxPoints    float64          `json:"max_points"` // 100
	AvailableMax float64          `json:"available_max"`
	Points       *float64         `json:"points"`
	Groups       []IndicatorGroup `json:"groups"`
}

// indexInputs is what the read models know of the index, in one row.
type indexInputs struct {
	Received uint64 `ch:"received"`

	Synced      uint64 `ch:"synced"`
	SyncTouched uint64 `ch:"sync_touched"`

	Promised    uint64 `ch:"promised"`
	OnTime      uint64 `ch:"on_time"`
	Ended       uint64 `ch:"ended"`
	UsedSeconds int64  `ch:"used_seconds"`
	Late        uint64 `ch:"late"`

	FullOnline    uint64 `ch:"full_online"`
	FullEligible  uint64 `ch:"full_eligible"`
	OnlineServed  uint64 `ch:"online_served"`
	OnlineResults uint64 `ch:"online_results"`

	PaidOnline     uint64 `ch:"paid_online"`
	Chargeable     uint64 `ch:"chargeable"`
	PaidProcedures uint64 `ch:"paid_online_procedures"`

	Results           uint64 `ch:"results"`
	ElectronicResults uint64 `ch:"electronic_results"`
	WithDocuments     uint64 `ch:"with_documents"`
	Digitised         uint64 `ch:"digitised"`
	Reused            uint64 `ch:"reused"`

	Rated    uint64 `ch:"rated"`
	Disliked uint64 `ch:"disliked"`
}

// offer is what the catalogue of procedures offers.
type offer struct {
	Procedures    uint64 `ch:"procedures"`
	Online        uint64 `ch:"online"`
	WithFee       uint64 `ch:"with_fee"`
	PayableOnline uint64 `ch:"payable_online"`
}

// Transparency answers the report "transparency" over the dossiers received in
// the window. Options.Now is needed.
//
// An agency filter chooses dossiers; the offer of procedures is that of the
// whole catalogue in force at Options.Now, since the catalogue is one for all.
func (r *Reports) Transparency(ctx context.Context, filter Filter, opts Options) (Transparency, error) {
	now, err := opts.moment("transparency")
	if err != nil {
		return Transparency{}, err
	}
	s, err := r.scope(ctx, filter, reception)
	if err != nil {
		return Transparency{}, err
	}
	at := clickhouse.Named("now_us", now.UnixMicro())

	inputs, err := read[indexInputs](ctx, r.db, "transparency", `
SELECT count() AS received,
       countIf(sync_state = 'accepted') AS synced,
       countIf(sync_state != '') AS sync_touched,
       countIf(due_at IS NOT NULL) AS promised,
       countIf(due_at IS NOT NULL AND kept) AS on_time,
       countIf(due_at IS NOT NULL AND NOT kept) AS late,
       countIf(ending != '') AS ended,
       sumIf(used_seconds, ending != '') AS used_seconds,
       countIf(modern = 'full' AND channel = 'online') AS full_online,
       countIf(modern = 'full') AS full_eligible,
       uniqExactIf(procedure, channel = 'online') AS online_served,
       countIf(channel = 'online' AND result_electronic) AS online_results,
       countIf(money_assessed > money_exempted AND money_paid_online > 0) AS paid_online,
       countIf(money_assessed > money_exempted) AS chargeable,
       uniqExactIf(procedure, money_paid_online > 0) AS paid_online_procedures,
       countIf(ending = 'issued') AS results,
       countIf(ending = 'issued' AND result_electronic) AS electronic_results,
       countIf(documents > 0) AS with_documents,
       countIf(ending = 'issued' AND documents_digital > 0 AND result_electronic) AS digitised,
       countIf(documents > 0 AND documents_reused > 0) AS reused,
       countIf(rating > 0) AS rated,
       countIf(rating = 1) AS disliked
FROM (
    SELECT *, supplements < 2 AND NOT scored_late
           AND if(ending = '', NOT (`+overdue+`), timeliness IN ('early', 'on-time')) AS kept
    FROM dossiers FINAL`+s.dossiers("received_at IS NOT NULL")+`
)`, append(s.args, at))
	if err != nil {
		return Transparency{}, err
	}
	offers, err := r.offer(ctx, filter, at)
	if err != nil {
		return Transparency{}, err
	}
	answer := Transparency{
		AsOf: Instant{now}, From: instant(filter.From), To: instant(filter.To),
		Received: inputs[0].Received, Groups: index(inputs[0], offers),
	}
	for i := range answer.Groups {
		group := &answer.Groups[i]
		for _, indicator := range group.Indicators {
			group.MaxPoints += indicator.MaxPoints
			if indicator.Points != nil {
				group.AvailableMax += indicator.MaxPoints
				group.Points = sum(group.Points, *indicator.Points)
			}
		}
		answer.MaxPoints += group.MaxPoints
		answer.AvailableMax += group.AvailableMax
		if group.Points != nil {
			answer.Points = sum(answer.Points, *group.Points)
		}
	}
	return answer, nil
}

// offer counts the procedures in force: of each the newest version that is valid.
func (r *Reports) offer(ctx context.Context, filter Filter, at any) (offer, error) {
	conditions := []string{
		"ifNull(toUnixTimestamp64Micro(valid_from) <= {now_us:Int64}, 1)",
		"ifNull(toUnixTimestamp64Micro(valid_to) > {now_us:Int64}, 1)",
	}
	args := []any{at}
	if filter.Procedure != "" {
		conditions = append(conditions, "code = {procedure:String}")
		args = append(args, clickhouse.Named("procedure", filter.Procedure))
	}
	rows, err := read[offer](ctx, r.db, "transparency", `
SELECT count() AS procedures,
       countIf(modern IN ('full', 'partial')) AS online,
       countIf(has_fee) AS with_fee,
       countIf(has_fee AND payable_online) AS payable_online
FROM (
    SELECT * FROM procedures FINAL`+where(conditions)+`
    ORDER BY code, number DESC
    LIMIT 1 BY code
)`, args)
	if err != nil {
		return offer{}, err
	}
	return rows[0], nil
}

// sum adds points, each of two decimals, so that totals have two decimals too.
func sum(total *float64, points float64) *float64 {
	if total != nil {
		points += *total
	}
	points = hundredths(points)
	return &points
}

func hundredths(v float64) float64 { return math.Round(v*100) / 100 }

// scored makes an indicator from its inputs: all points from fullAt percent on,
// in proportion below (fullAt 100: in proportion throughout).
func (i Indicator) scored(numerator, denominator uint64, fullAt float64) Indicator {
	i.Unit = "percent"
	i.Numerator, i.Denominator = &numerator, &denominator
	if fullAt < 100 {
		i.FullAt = &fullAt
	}
	if denominator == 0 {
		i.State = NoCases
		return i
	}
	// Above 100 only where the dossiers are of procedures that are no longer in force.
	percent := min(100*float64(numerator)/float64(denominator), 100)
	value := hundredths(percent)
	i.Value, i.State = &value, Shown
	if i.MaxPoints > 0 {
		points := hundredths(i.MaxPoints * min(percent/fullAt, 1))
		i.Points, i.State = &points, Scored
	}
	return i
}

// without makes an indicator whose inputs are not, or not all, in the ledger.
func (i Indicator) without(missing string) Indicator {
	i.Unit, i.Note = "percent", missing
	i.State = NotRecorded
	return i
}

// partly makes an indicator of which inputs are known but the value is not.
func (i Indicator) partly(numerator, denominator uint64, missing string) Indicator {
	i = i.without(missing)
	i.Numerator, i.Denominator, i.State = &numerator, &denominator, Partial
	return i
}
