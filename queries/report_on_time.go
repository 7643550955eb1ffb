package queries

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// overdue is true of an open dossier whose appointment has passed at {now_us}.
// While the clock stands still the appointment does not come nearer, so such a
// dossier is overdue only if it was when the clock was stopped.
const overdue = `ending = '' AND ended_at IS NULL AND ifNull(due_at < if(clock = 'paused', ifNull(paused_since, due_at), fromUnixTimestamp64Micro({now_us:Int64}, 'UTC')), 0)`

// Timeliness counts received dossiers by how they stand to their appointment
// (thời hạn giải quyết). Received = Open + Early + OnTime + Late + Untimed.
// Rejected, Withdrawn and Stopped tell with what a dossier ended; those dossiers
// are in Early, OnTime or Late as well.
type Timeliness struct {
	Received uint64 `json:"received" ch:"received"`
	Open     uint64 `json:"open" ch:"open"`
	// OpenOverdue is the part of Open whose appointment has passed.
	OpenOverdue uint64 `json:"open_overdue" ch:"open_overdue"`
	Early       uint64 `json:"early" ch:"early"`     // trước hạn
	OnTime      uint64 `json:"on_time" ch:"on_time"` // đúng hạn
	Late        uint64 `json:"late" ch:"late"`       // quá hạn
	// Untimed dossiers ended without ever having had an appointment.
	Untimed   uint64 `json:"untimed" ch:"untimed"`
	Rejected  uint64 `json:"rejected" ch:"rejected"`
	Withdrawn uint64 `json:"withdrawn" ch:"withdrawn"`
	Stopped   uint64 `json:"stopped" ch:"stopped"`
	// Rate is (Early + OnTime) / (Early + OnTime + Late), 0 to 1; nil where nothing ended.
	Rate *float64 `json:"rate"`
}

// OnTimeRow is the timeliness of one agency, procedure and month.
type OnTimeRow struct {
	Agency    string `json:"agency" ch:"agency"` // the competent one
	Procedure string `json:"procedure" ch:"procedure"`
	// Month of the reception, in the calendar of Vietnam: "2026-10".
	Month string `json:"month" ch:"month"`
	Timeliness
}

// OnTime is the report of how promises are kept.
type OnTime struct {
	AsOf   Instant     `json:"as_of"` // the moment to which open dossiers are overdue or not
	Rows   []OnTimeRow `json:"rows"`
	Totals Timeliness  `json:"totals"` // over all rows
}

// OnTime answers the report "on-time", by agency, procedure and month. It counts
// every dossier that was received, whenever it ended; histories taken over have
// no reception and are not in it. Options.Now is needed; Options.Limit does not
// concern it.
func (r *Reports) OnTime(ctx context.Context, filter Filter, opts Options) (OnTime, error) {
	now, err := opts.moment("on-time")
	if err != nil {
		return OnTime{}, err
	}
	s, err := r.scope(ctx, filter, reception)
	if err != nil {
		return OnTime{}, err
	}
	s.args = append(s.args, clickhouse.Named("now_us", now.UnixMicro()))
	rows, err := list[OnTimeRow](ctx, r, "on-time", `
SELECT competent_agency AS agency, procedure, formatDateTime(received_at, '%Y-%m', 'Asia/Ho_Chi_Minh') AS month,
       count() AS received,
       countIf(ending = '') AS open,
       countIf(`+overdue+`) AS open_overdue,
       countIf(ending != '' AND timeliness = 'early') AS early,
       countIf(ending != '' AND timeliness = 'on-time') AS on_time,
       countIf(ending != '' AND timeliness = 'late') AS late,
       countIf(ending != '' AND timeliness = '') AS untimed,
       countIf(ending = 'rejected') AS rejected,
       countIf(ending = 'withdrawn') AS withdrawn,
       countIf(ending = 'stopped') AS stopped
FROM dossiers FINAL`+s.dossiers("received_at IS NOT NULL")+`
GROUP BY agency, procedure, month
ORDER BY agency, procedure, month`, s, Options{})
	if err != nil {
		return OnTime{}, err
	}
	answer := OnTime{AsOf: Instant{now}, Rows: rows}
	for i := range rows {
		rows[i].rate()
		answer.Totals.add(rows[i].Timeliness)
	}
	answer.Totals.rate()
	return answer, nil
}

func (t *Timeliness) rate() {
	if kept, ended := t.Early+t.OnTime, t.Early+t.OnTime+t.Late; ended > 0 {
		rate := float64(kept) / float64(ended)
		t.Rate = &rate
	}
}

func (t *Timeliness) add(o Timeliness) {
	t.Received += o.Received
	t.Open += o.Open
	t.OpenOverdue += o.OpenOverdue
	t.Early += o.Early
	t.OnTime += o.OnTime
	t.Late += o.Late
	t.Untimed += o.Untimed
	t.Rejected += o.Rejected
	t.Withdrawn += o.Withdrawn
	t.Stopped += o.Stopped
}
