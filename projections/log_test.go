package projections_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"time"

	"dossierledger/domain/agency"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/legacy"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
	"dossierledger/projections"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// memoryLog is a log of events as the event store would hold it.
type memoryLog struct {
	events  []event.Event
	streams map[string][]int
}

func (l *memoryLog) append(stream string, at time.Time, actor event.Actor, p event.Payload) {
	if l.streams == nil {
		l.streams = map[string][]int{}
	}
	position := uint64(len(l.events) * 3)
	l.events = append(l.events, event.Event{
		ID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, position)), Stream: stream,
		Revision: uint64(len(l.streams[stream])), Position: position,
		RecordedAt: time.Date(2026, 1, 1, 0, 0, len(l.events), 0, time.UTC),
		Metadata:   event.Metadata{OccurredAt: at, Actor: actor}, Payload: p,
	})
	l.streams[stream] = append(l.streams[stream], len(l.events)-1)
}

func (l *memoryLog) Before(_ context.Context, stream string, revision uint64) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		for _, i := range l.streams[stream] {
			if l.events[i].Revision >= revision || !yield(l.events[i], nil) {
				return
			}
		}
	}
}

// tables emulates tables that replace rows by key and version.
type tables map[string]map[string]map[string]any

func (t tables) write(tb rapid.TB, batches []projections.Batch) {
	tb.Helper()
	for _, b := range batches {
		table := b.Table()
		if t[table.Name] == nil {
			t[table.Name] = map[string]map[string]any{}
		}
		columns := make([]reflect.Value, len(table.Columns))
		for i := range table.Columns {
			columns[i] = reflect.ValueOf(b.Values(i))
		}
		for r := range b.Len() {
			row := map[string]any{}
			for i, c := range table.Columns {
				v := columns[i].Index(r).Interface()
				if at, ok := v.(*time.Time); ok && at != nil {
					v = *at
				} else if ok {
					v = nil
				}
				row[c.Name] = v
			}
			key := ""
			for _, k := range table.Key {
				key += fmt.Sprint(row[k], "|")
			}
			old, there := t[table.Name][key]
			if there && old["version"].(uint64) > row["version"].(uint64) {
				continue
			}
			if there && old["version"] == row["version"] && !reflect.DeepEqual(old, row) {
				tb.Fatalf("table %s: two rows with one key and version:\n%v\n%v", table.Name, old, row)
			}
			t[table.Name][key] = row
		}
	}
}

func (t tables) rows(table string) []map[string]any {
	keys := slices.Sorted(maps.Keys(t[table]))
	out := make([]map[string]any, len(keys))
	for i, k := range keys {
		out[i] = t[table][k]
	}
	return out
}

func (t tables) diff(other tables) string {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		for key, row := range t[name] {
			for column, v := range row {
				if o := other[name][key][column]; !reflect.DeepEqual(v, o) {
					return fmt.Sprintf("%s %s: %s is %v, in the other %v", name, key, column, v, o)
				}
			}
		}
		if len(t[name]) != len(other[name]) {
			return fmt.Sprintf("%s: %d rows, in the other %d", name, len(t[name]), len(other[name]))
		}
	}
	return ""
}

// apply runs a projection over the log in pages of the given size, 0 for one page.
func apply(tb rapid.TB, p projections.Projection, log *memoryLog, pageSize int) tables {
	tb.Helper()
	out := tables{}
	for page := range slices.Chunk(log.events, max(1, min(len(log.events), cond(pageSize == 0, len(log.events), pageSize)))) {
		batches, err := p.Apply(context.Background(), page)
		if err != nil {
			tb.Fatal(err)
		}
		out.write(tb, batches)
	}
	return out
}

func cond[T any](b bool, yes, no T) T {
	if b {
		return yes
	}
	return no
}

var (
	officer  = event.Actor{ID: "officer-1", Role: event.RoleOfficer, Agency: "H01", Department: "specialist"}
	citizen  = event.Actor{ID: "person-7", Role: event.RoleCitizen}
	importer = event.Actor{ID: "import", Role: event.RoleSystem}
	monday   = time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC) // 08:00 in Vietnam
)

var sampleProcedure = procedure.Version{
	Code: "1.000894", Number: 1, Name: procedure.Text{VI: "Đăng ký kết hôn"}, Field: "civil-status",
	Class: procedure.AdministrativeService, Level: 4, Modern: procedure.FullOnline,
	Steps: []procedure.Step{{Code: "reception", Share: 20}, {Code: "appraisal", Share: 60}, {Code: "signature", Share: 20}},
	Fees:  []procedure.Fee{{Code: "f", Amount: 1}},
}

// aLog draws a log with histories taken over, native dossiers, calendars,
// procedures and agencies, interleaved, with late records and ties.
func aLog(t *rapid.T) *memoryLog {
	log := &memoryLog{}
	n := rapid.IntRange(1, 60).Draw(t, "events")
	// Mostly forwards, at times back: what is recorded late.
	clock := map[string]time.Time{}
	at := func(stream string) time.Time {
		now, ok := clock[stream]
		if !ok {
			now = monday
		}
		step := rapid.SampledFrom([]time.Duration{0, time.Microsecond, 90 * time.Minute, 26 * time.Hour, 100 * time.Hour, -3 * time.Hour, -200 * time.Hour}).Draw(t, "step")
		now = now.Add(step + time.Duration(rapid.IntRange(0, 2).Draw(t, "ns"))*300)
		if step >= 0 {
			clock[stream] = now
		}
		return now
	}
	for range n {
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			scope := rapid.SampledFrom([]string{worktime.National, "H01"}).Draw(t, "scope")
			off := worktime.On(2026, 3, rapid.IntRange(2, 6).Draw(t, "off"))
			log.append(worktime.Stream(scope), at("c"), importer, worktime.SwapAnnounced{Off: off, Worked: worktime.On(2026, 3, 7), AnnouncedAt: monday, Basis: "x"})
		case 1:
			v := sampleProcedure
			stream := procedure.Stream(v.Code)
			v.Number = len(log.streams[stream]) + 1
			from := monday.AddDate(0, 0, rapid.IntRange(0, 2).Draw(t, "from"))
			switch {
			case v.Number == 1:
				log.append(stream, at("p"), importer, procedure.Published{Version: v, EffectiveFrom: from})
			case rapid.IntRange(0, 3).Draw(t, "superseded") == 0:
				log.append(stream, at("p"), importer, procedure.SupersededBy{By: "1.000001", Effective: from})
			default:
				log.append(stream, at("p"), importer, procedure.Revised{Version: v, EffectiveFrom: from})
			}
		case 2:
			stream := agency.Stream("H01")
			if len(log.streams[stream]) == 0 {
				log.append(stream, at("a"), importer, agency.Established{ID: "H01", Name: procedure.Text{VI: "Một"}, From: monday})
			} else {
				log.append(stream, at("a"), importer, agency.Renamed{Name: procedure.Text{VI: rapid.SampledFrom([]string{"Hai", "Ba"}).Draw(t, "name")}, From: at("a")})
			}
		case 3, 4, 5:
			id := rapid.SampledFrom([]string{"1", "2"}).Draw(t, "case")
			stream := dossier.StreamOf("log-" + id)
			if len(log.streams[stream]) == 0 && rapid.Bool().Draw(t, "described") {
				log.append(stream, at(stream), importer, legacy.CaseDescribed{Source: "log", Case: id})
				continue
			}
			log.append(stream, at(stream), importer, legacy.ActionRecorded{
				Source: "log", Case: id,
				Activity: rapid.SampledFrom([]string{"a", "b", "ab", ""}).Draw(t, "activity"),
				Resource: rapid.SampledFrom([]string{"", "r1", "r2"}).Draw(t, "resource"),
			})
		default:
			code := rapid.SampledFrom([]string{"H01-1", "H01-2"}).Draw(t, "code")
			stream := dossier.StreamOf(code)
			actor := rapid.SampledFrom([]event.Actor{officer, citizen}).Draw(t, "actor")
			when := at(stream)
			log.append(stream, when, actor, nativeEvent(t, len(log.streams[stream]), code, when))
		}
	}
	return log
}

func nativeEvent(t *rapid.T, revision int, code string, at time.Time) event.Payload {
	holder := dossier.Holder{Agency: "H01", Department: "specialist", Officer: "officer-1"}
	if revision == 0 {
		return dossier.Submitted{
			Code: code, Procedure: sampleProcedure.Code, ProcedureVersion: 1, Channel: procedure.Online,
			Applicant: dossier.Party{Subject: "person-7", Kind: procedure.Citizen}, Receiving: "H01", Competent: "H01",
		}
	}
	step := rapid.SampledFrom([]string{"reception", "appraisal", "signature"}).Draw(t, "step")
	clock := func(action dossier.ClockAction) []dossier.ClockChange {
		return []dossier.ClockChange{{Action: action, Cause: "x", At: at, From: at, Due: at.Add(96 * time.Hour)}}
	}
	return rapid.SampledFrom([]event.Payload{
		dossier.Received{Procedure: sampleProcedure.Code, ProcedureVersion: 1, Competent: "H01", Holder: holder, Clock: clock(dossier.ClockStart)},
		dossier.StepStarted{Step: step, Holder: holder},
		dossier.StepCompleted{Step: step},
		dossier.StepReturned{To: step, Holder: holder},
		dossier.SupplementRequested{Number: revision, Clock: clock(dossier.ClockPause)},
		dossier.SupplementProvided{Number: revision - 1, Clock: clock(dossier.ClockResume)},
		dossier.FeeAssessed{Obligation: "f", Amount: 10, Blocking: true},
		dossier.FeePaid{Obligation: "f", Amount: 10, Method: dossier.PaidOnline},
		dossier.OpinionRequested{Number: revision},
		dossier.OpinionGiven{Number: revision - 1},
		dossier.DocumentAttached{Component: step, Version: revision, Form: dossier.Electronic},
		dossier.ResultIssued{Version: 1, Electronic: true, Holder: holder, Clock: clock(dossier.ClockStop)},
		dossier.Reopened{Holder: holder, Clock: clock(dossier.ClockRestart)},
		dossier.Rated{Satisfied: true},
	}).Draw(t, "payload")
}
