package queries_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dossierledger/queries"
)

// dutyRow is a dossier as far as the reports of public duty look at it.
type dutyRow struct {
	Code             string     `ch:"code"`
	Source           string     `ch:"source"`
	Procedure        string     `ch:"procedure"`
	Agency           string     `ch:"competent_agency"`
	Modern           string     `ch:"modern"`
	Channel          string     `ch:"channel"`
	Received         *time.Time `ch:"received_at"`
	Due              *time.Time `ch:"due_at"`
	Clock            string     `ch:"clock"`
	Paused           *time.Time `ch:"paused_since"`
	Ended            *time.Time `ch:"ended_at"`
	Ending           string     `ch:"ending"`
	Timeliness       string     `ch:"timeliness"`
	ScoredLate       uint8      `ch:"scored_late"`
	Used             int64      `ch:"used_seconds"`
	Supplements      uint16     `ch:"supplements"`
	Documents        uint16     `ch:"documents"`
	DocumentsDigital uint16     `ch:"documents_digital"`
	DocumentsReused  uint16     `ch:"documents_reused"`
	ResultElectronic uint8      `ch:"result_electronic"`
	Assessed         int64      `ch:"money_assessed"`
	Exempted         int64      `ch:"money_exempted"`
	PaidOnline       int64      `ch:"money_paid_online"`
	Sync             string     `ch:"sync_state"`
	Rating           uint8      `ch:"rating"`
	Events           uint32     `ch:"events"`
	First            time.Time  `ch:"first_at"`
	Last             time.Time  `ch:"last_at"`
	Version          uint64     `ch:"version"`
}

func when(t time.Time) *time.Time { return &t }

// received is an open dossier that was received at a moment and is due ten days later.
func received(code string, at time.Time) dutyRow {
	return dutyRow{
		Code: code, Agency: "H01", Procedure: "1.000001", Channel: "in-person", Modern: "partial",
		Received: when(at), Due: when(at.AddDate(0, 0, 10)), Clock: "running",
		Events: 1, First: at.AddDate(0, -2, 0), Last: at, Version: 1,
	}
}

func (d dutyRow) finished(ending, timeliness string) dutyRow {
	d.Ending, d.Timeliness, d.Clock, d.Ended = ending, timeliness, "stopped", when(d.Received.AddDate(0, 0, 9))
	return d
}

func TestOnTimeTellsHowEachDossierStands(t *testing.T) {
	march := time.Date(2026, 2, 28, 17, 0, 0, 0, time.UTC) // 1 March, 00:00 in Vietnam
	february := march.Add(-time.Microsecond)
	now := march.AddDate(0, 0, 20)
	paused := func(since time.Time) dutyRow {
		d := received("x", march)
		d.Clock, d.Paused = "paused", when(since)
		return d
	}
	notYetDue := received("x", march)
	notYetDue.Due = when(now) // due at this very moment is not yet late
	noDue := received("x", march)
	noDue.Due = nil
	neverDue := noDue.finished("stopped", "")
	unreceived := received("x", march)
	unreceived.Received = nil
	empty(t)
	for name, c := range map[string]struct {
		row  dutyRow
		want queries.Timeliness
	}{
		"open and overdue":               {received("x", march), queries.Timeliness{Received: 1, Open: 1, OpenOverdue: 1}},
		"open, due now":                  {notYetDue, queries.Timeliness{Received: 1, Open: 1}},
		"open without appointment":       {noDue, queries.Timeliness{Received: 1, Open: 1}},
		"paused before it was due":       {paused(march.AddDate(0, 0, 9)), queries.Timeliness{Received: 1, Open: 1}},
		"paused after it was due":        {paused(march.AddDate(0, 0, 11)), queries.Timeliness{Received: 1, Open: 1, OpenOverdue: 1}},
		"early":                          {received("x", march).finished("issued", "early"), queries.Timeliness{Received: 1, Early: 1}},
		"on time":                        {received("x", march).finished("issued", "on-time"), queries.Timeliness{Received: 1, OnTime: 1}},
		"late":                           {received("x", march).finished("issued", "late"), queries.Timeliness{Received: 1, Late: 1}},
		"rejected late":                  {received("x", march).finished("rejected", "late"), queries.Timeliness{Received: 1, Late: 1, Rejected: 1}},
		"withdrawn early":                {received("x", march).finished("withdrawn", "early"), queries.Timeliness{Received: 1, Early: 1, Withdrawn: 1}},
		"stopped without an appointment": {neverDue, queries.Timeliness{Received: 1, Untimed: 1, Stopped: 1}},
		"never received":                 {unreceived, queries.Timeliness{}},
	} {
		c.row.Code, c.row.Procedure = name, name
		insert(t, "dossiers", []dutyRow{c.row})
		got := answer[queries.OnTime](t, "on-time", queries.Filter{Procedure: name}, queries.Options{Now: now})
		if got.Totals.Rate != nil && *got.Totals.Rate != float64(c.want.Early+c.want.OnTime) {
			t.Errorf("%s: rate %v", name, *got.Totals.Rate)
		}
		got.Totals.Rate = nil
		if got.Totals != c.want {
			t.Errorf("%s: %+v, want %+v", name, got.Totals, c.want)
		}
	}

	t.Run("months are Vietnam's, and the window is of the reception", func(t *testing.T) {
		empty(t)
		insert(t, "dossiers", []dutyRow{received("a", february), received("b", march)})
		all := answer[queries.OnTime](t, "on-time", queries.Filter{}, queries.Options{Now: now})
		if len(all.Rows) != 2 || all.Rows[0].Month != "2026-02" || all.Rows[1].Month != "2026-03" {
			t.Errorf("%+v", all.Rows)
		}
		from := answer[queries.OnTime](t, "on-time", queries.Filter{From: &march}, queries.Options{Now: now})
		if len(from.Rows) != 1 || from.Rows[0].Month != "2026-03" || from.Totals.Received != 1 {
			t.Errorf("%+v", from)
		}
	})
}

func TestOnTimeAddsUp(t *testing.T) {
	empty(t)
	now := day
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		source := fmt.Sprint("run ", run) // a source tells the runs apart; the report does not mind
		type key struct{ agency, procedure, month string }
		want := map[key]queries.Timeliness{}
		var rows []dutyRow
		for i := range rapid.IntRange(0, 20).Draw(t, "dossiers") {
			d := received(fmt.Sprint(run, "-", i), now.Add(-time.Duration(rapid.IntRange(0, 24*60).Draw(t, "hours"))*time.Hour))
			d.Source = source
			d.Agency = rapid.SampledFrom(awkward).Draw(t, "agency")
			d.Procedure = rapid.SampledFrom([]string{"1.000001", "2'", ""}).Draw(t, "procedure")
			ending := rapid.SampledFrom([]string{"", "", "issued", "rejected", "withdrawn", "stopped"}).Draw(t, "ending")
			k := key{d.Agency, d.Procedure, d.Received.In(time.FixedZone("ICT", 7*3600)).Format("2006-01")}
			w := want[k]
			w.Received++
			if ending == "" {
				w.Open++
				if d.Due.Before(now) {
					w.OpenOverdue++
				}
			} else {
				d = d.finished(ending, rapid.SampledFrom([]string{"early", "on-time", "late"}).Draw(t, "timeliness"))
				*map[string]*uint64{"early": &w.Early, "on-time": &w.OnTime, "late": &w.Late}[d.Timeliness]++
				if n := map[string]*uint64{"rejected": &w.Rejected, "withdrawn": &w.Withdrawn, "stopped": &w.Stopped}[ending]; n != nil {
					*n++
				}
			}
			want[k] = w
			rows = append(rows, d)
		}
		outdated := slices.Clone(rows)
		for i := range outdated {
			outdated[i].Version, outdated[i].Ending, outdated[i].Due = 0, "", nil
		}
		insert(t, "dossiers", outdated)
		insert(t, "dossiers", rows)
		report := answer[queries.OnTime](t, "on-time", queries.Filter{Source: source}, queries.Options{Now: now})
		got := map[key]queries.Timeliness{}
		var total uint64
		for _, row := range report.Rows {
			ended := row.Early + row.OnTime + row.Late
			if (row.Rate == nil) != (ended == 0) || ended > 0 && *row.Rate != float64(row.Early+row.OnTime)/float64(ended) {
				t.Fatalf("rate of %+v", row)
			}
			row.Rate = nil
			got[key{row.Agency, row.Procedure, row.Month}] = row.Timeliness
			total += row.Received
		}
		if !reflect.DeepEqual(got, want) || total != uint64(len(rows)) || report.Totals.Received != total {
			t.Fatalf("%+v\nwant %+v, together %d", got, want, total)
		}
		if all := report.Totals; all.Received != all.Open+all.Early+all.OnTime+all.Late+all.Untimed {
			t.Fatalf("the totals do not add up: %+v", all)
		}
	})
}

type procedureRow struct {
	Code    string     `ch:"code"`
	Number  uint16     `ch:"number"`
	Modern  string     `ch:"modern"`
	Fee     uint8      `ch:"has_fee"`
	Payable uint8      `ch:"payable_online"`
	From    *time.Time `ch:"valid_from"`
	To      *time.Time `ch:"valid_to"`
	Version uint64     `ch:"version"`
}

func TestTransparencyScoresWhatIsRecorded(t *testing.T) {
	empty(t)
	at := time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)
	now := at.AddDate(0, 0, 5)
	insert(t, "procedures", []procedureRow{
		{Code: "1.000001", Number: 1, Modern: "information-only", From: when(at.AddDate(-2, 0, 0)), To: when(at.AddDate(-1, 0, 0)), Version: 1},
		{Code: "1.000001", Number: 2, Modern: "full", Fee: 1, Payable: 1, From: when(at.AddDate(-1, 0, 0)), Version: 2},
		{Code: "1.000002", Number: 1, Modern: "information-only", From: when(at.AddDate(-2, 0, 0)), Version: 3}, // replaced, without an end
		{Code: "1.000002", Number: 2, Modern: "partial", Fee: 1, From: when(at.AddDate(-1, 0, 0)), Version: 3},
		{Code: "1.000003", Number: 1, Modern: "information-only", Version: 4},
		{Code: "1.000003", Number: 2, Modern: "full", From: when(now.AddDate(1, 0, 0)), Version: 5}, // not yet in force
	})
	var rows []dutyRow
	add := func(change func(*dutyRow)) {
		d := received(fmt.Sprint(len(rows)), at)
		change(&d)
		rows = append(rows, d)
	}
	// Eight received: 5 of 8 on time, in 3 of 8 of the ways that count as late.
	add(func(d *dutyRow) { // wholly online, paid online, electronic, early, good rating
		*d = d.finished("issued", "early")
		d.Modern, d.Channel, d.Used, d.Assessed, d.PaidOnline = "full", "online", 3600, 100, 100
		d.Documents, d.DocumentsDigital, d.DocumentsReused, d.ResultElectronic, d.Sync, d.Rating = 2, 2, 1, 1, "accepted", 2
	})
	add(func(d *dutyRow) { // late, paid at the counter, bad rating
		*d = d.finished("issued", "late")
		d.ScoredLate, d.Used, d.Assessed, d.Documents, d.Sync, d.Rating = 1, 7200, 100, 3, "failed", 1
		d.Modern = "full"
	})
	add(func(d *dutyRow) { // ended in time, but with two supplement requests
		*d = d.finished("issued", "on-time")
		d.Supplements, d.Assessed, d.Exempted = 2, 100, 100
	})
	add(func(d *dutyRow) { *d = d.finished("rejected", "on-time"); d.Supplements = 1 })
	add(func(d *dutyRow) {}) // open, not due yet
	add(func(d *dutyRow) { d.Due = when(at.AddDate(0, 0, 1)) })
	add(func(d *dutyRow) {
		d.Due, d.Clock, d.Paused = when(at.AddDate(0, 0, 1)), "paused", when(at.Add(time.Hour))
	})
	add(func(d *dutyRow) { *d = d.finished("withdrawn", "early") })
	add(func(d *dutyRow) { d.Due = nil })                             // no appointment: in no rate of them
	add(func(d *dutyRow) { d.Received, d.Source = nil, "receipt" })   // taken over
	add(func(d *dutyRow) { d.Received = when(at.AddDate(0, -1, 0)) }) // before the period
	outdated := slices.Clone(rows)
	for i := range outdated {
		outdated[i].Version, outdated[i].Received, outdated[i].Sync = 0, when(at), "accepted"
	}
	insert(t, "dossiers", outdated)
	insert(t, "dossiers", rows)

	from := at.AddDate(0, 0, -1)
	report := answer[queries.Transparency](t, "transparency", queries.Filter{From: &from}, queries.Options{Now: now})
	if report.Received != 9 || report.MaxPoints != 100 || len(report.Groups) != 6 {
		t.Errorf("received %d, of %v points, %d groups", report.Received, report.MaxPoints, len(report.Groups))
	}
	groupMax := map[string]float64{"1": 18, "2": 20, "3a": 12, "3b": 10, "4": 22, "5": 18}
	found := map[string]queries.Indicator{}
	var points, available float64
	for _, group := range report.Groups {
		if group.MaxPoints != groupMax[group.ID] {
			t.Errorf("group %s has %v points, want %v", group.ID, group.MaxPoints, groupMax[group.ID])
		}
		if group.Points != nil {
			points += *group.Points
		}
		available += group.AvailableMax
		for _, i := range group.Indicators {
			found[i.ID] = i
			if (i.Points != nil) != (i.State == queries.Scored) || i.State == queries.NotRecorded && (i.Numerator != nil || i.Value != nil || i.Note == "") || i.Formula == "" || i.NameVI == "" {
				t.Errorf("indicator %+v", i)
			}
		}
	}
	for id, want := range map[string]struct {
		state                  queries.IndicatorState
		numerator, denominator uint64
		value, points          float64
	}{
		"1.4":  {queries.Scored, 1, 9, 11.11, 0.67},
		"2.1":  {queries.Scored, 5, 8, 62.5, 12.5},
		"2.2":  {queries.Shown, 10800, 5, 0.6, 0},
		"3":    {queries.Scored, 1, 2, 50, 6},
		"3.1":  {queries.Shown, 2, 3, 66.67, 0},
		"3.2":  {queries.Shown, 1, 2, 50, 0},
		"3.3":  {queries.Shown, 1, 9, 1.23, 0},
		"3.5":  {queries.Scored, 1, 2, 50, 1.25},
		"3.5b": {queries.Scored, 1, 1, 100, 2},
		"3.6":  {queries.Scored, 1, 2, 50, 3},
		"4.1":  {queries.Scored, 1, 3, 33.33, 2},
		"4.2":  {queries.Scored, 1, 3, 33.33, 1.67},
		"4.3":  {queries.Scored, 1, 2, 50, 1.25},
	} {
		i := found[id]
		if i.State != want.state || *i.Numerator != want.numerator || *i.Denominator != want.denominator || *i.Value != want.value {
			t.Errorf("%s: %s %v/%v = %v, want %+v", id, i.State, *i.Numerator, *i.Denominator, *i.Value, want)
		}
		if want.state == queries.Scored && *i.Points != want.points {
			t.Errorf("%s: %v points, want %v", id, *i.Points, want.points)
		}
	}
	for _, id := range []string{"1.1", "1.2", "1.3", "4.4", "4.5a", "4.5b", "4.6", "5.1", "5.2", "5.3"} {
		if found[id].State != queries.NotRecorded {
			t.Errorf("%s is %s", id, found[id].State)
		}
	}
	if i := found["5.4"]; i.State != queries.Partial || *i.Numerator != 3+1 || *i.Denominator != 9 || i.Value != nil {
		t.Errorf("5.4: %+v", i)
	}
	if math.Abs(points-*report.Points) > 1e-9 || report.AvailableMax != available || available != 6+20+12+10+12 {
		t.Errorf("%v of %v points, the groups say %v of %v", *report.Points, report.AvailableMax, points, available)
	}
}

func TestTransparencyWithoutDossiersInventsNothing(t *testing.T) {
	empty(t)
	report := answer[queries.Transparency](t, "transparency", queries.Filter{}, queries.Options{Now: day})
	if report.Points != nil || report.AvailableMax != 0 || report.MaxPoints != 100 {
		t.Errorf("%v of %v of %v points", report.Points, report.AvailableMax, report.MaxPoints)
	}
	for _, group := range report.Groups {
		for _, i := range group.Indicators {
			if i.Points != nil || i.Value != nil || i.State != queries.NoCases && i.State != queries.NotRecorded {
				t.Errorf("%+v", i)
			}
		}
	}
}
