package projections_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/legacy"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
	"dossierledger/projections"
	"pgregory.net/rapid"
)

// A second, plain way to the same figures: sort all events of a dossier, then count.
func TestRowsOfEventsAgreeWithSortingAndCounting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := aLog(t)
		got := apply(t, projections.NewCases(log, 0), log, rapid.IntRange(0, 5).Draw(t, "page"))
		cases := map[string][]event.Event{}
		for _, e := range log.events {
			if code, ok := dossier.CodeOf(e.Stream); ok {
				if _, described := e.Payload.(legacy.CaseDescribed); !described {
					cases[code] = append(cases[code], e)
				}
			}
		}
		rows := map[string]map[string]any{}
		for _, r := range got.rows("events") {
			rows[fmt.Sprint(r["code"], "@", r["revision"])] = r
		}
		paths := map[any]string{} // by variant
		for code, events := range cases {
			at := func(e event.Event) int64 { return e.Metadata.OccurredAt.UnixMicro() }
			slices.SortStableFunc(events, func(a, b event.Event) int { return cmp.Compare(at(a), at(b)) })
			seen := map[any]uint32{}
			path := ""
			for i, e := range events {
				row := rows[fmt.Sprint(code, "@", e.Revision)]
				if row == nil {
					t.Fatalf("%s@%d has no row", code, e.Revision)
				}
				seen[row["activity"]]++
				path += fmt.Sprintf("%q", row["activity"])
				want := map[string]any{"place": uint32(i), "occurrence": seen[row["activity"]], "micros_since": int64(0), "prev_activity": "", "prev_resource": ""}
				if i > 0 {
					before := rows[fmt.Sprint(code, "@", events[i-1].Revision)]
					want["micros_since"] = at(e) - at(events[i-1])
					want["prev_activity"], want["prev_resource"] = before["activity"], before["resource"]
					want["prev_has_resource"] = before["has_resource"]
				}
				for column, v := range want {
					if row[column] != v {
						t.Fatalf("%s@%d: %s is %v, want %v", code, e.Revision, column, row[column], v)
					}
				}
			}
			d := got["dossiers"][code+"|"]
			if d["events"] != uint32(len(events)) {
				t.Fatalf("%s has %v events, want %d", code, d["events"], len(events))
			}
			if known, ok := paths[d["variant"]]; ok && known != path {
				t.Fatalf("two paths with one hash: %s and %s", known, path)
			}
			paths[d["variant"]] = path
		}
		if len(rows) != len(slices.Collect(flat(cases))) {
			t.Fatalf("%d rows", len(rows))
		}
		variants := map[string]bool{}
		for _, path := range paths {
			if variants[path] {
				t.Fatalf("the path %s has two hashes", path)
			}
			variants[path] = true
		}
	})
}

func flat(cases map[string][]event.Event) iter.Seq[event.Event] {
	return func(yield func(event.Event) bool) {
		for _, events := range cases {
			for _, e := range events {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// unread is a history that must not be needed.
type unread struct{}

func (unread) Before(context.Context, string, uint64) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) { yield(event.Event{}, errors.New("the history was read")) }
}

func TestALongDossierInOrderIsNeverReadAgain(t *testing.T) {
	n := 200_000
	if testing.Short() {
		n = 20_000
	}
	p := projections.NewCases(unread{}, 0)
	page := make([]event.Event, 0, 5_000)
	dossiers, events := 0, 0
	for i := range n {
		page = append(page, event.Event{
			Stream: "dossier-long", Revision: uint64(i), Position: uint64(i),
			Metadata: event.Metadata{OccurredAt: monday.Add(time.Duration(i) * time.Minute)},
			Payload:  legacy.ActionRecorded{Source: "log", Activity: fmt.Sprint("a", i%20)},
		})
		if len(page) < cap(page) {
			continue
		}
		batches, err := p.Apply(context.Background(), page)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			switch b.Table().Name {
			case "dossiers":
				dossiers += b.Len()
			case "events":
				events += b.Len()
			}
		}
		page = page[:0]
	}
	if events != n || dossiers != n/5_000 {
		t.Errorf("%d rows of events, %d of dossiers; want %d and one a page", events, dossiers, n)
	}
}

func TestAMissingEventIsAnError(t *testing.T) {
	log := &memoryLog{}
	for i := range 5 {
		log.append("dossier-a", monday.Add(time.Duration(i)*time.Hour), importer, legacy.ActionRecorded{Source: "log", Activity: "x"})
	}
	for name, page := range map[string][]event.Event{
		"within a page":      {log.events[0], log.events[2]},
		"between two events": {log.events[1], log.events[3]},
	} {
		_, err := projections.NewCases(log, 0).Apply(context.Background(), page)
		var gap *projections.Gap
		if !errors.As(err, &gap) || gap.Stream != "dossier-a" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The story of one dossier: what its rows say at the end.
func TestTheRowsOfAHandledDossier(t *testing.T) {
	log := &memoryLog{}
	log.append(procedure.Stream(sampleProcedure.Code), monday.AddDate(0, -1, 0), importer, procedure.Published{Version: sampleProcedure, EffectiveFrom: monday.AddDate(0, -1, 0)})
	stream := dossier.StreamOf("H01-1")
	hour := func(h int) time.Time { return monday.Add(time.Duration(h) * time.Hour) } // from Monday 08:00
	due := hour(4*24 + 8)
	clock := func(action dossier.ClockAction, cause string, at, due time.Time) []dossier.ClockChange {
		return []dossier.ClockChange{{Action: action, Cause: cause, At: at, From: at, Due: due}}
	}
	desk := dossier.Holder{Agency: "H01", Department: "one-stop"}
	specialist := dossier.Holder{Agency: "H01", Department: "specialist", Officer: "officer-1"}
	add := func(at time.Time, actor event.Actor, p event.Payload) { log.append(stream, at, actor, p) }
	add(hour(0), citizen, dossier.Submitted{
		Code: "H01-1", Procedure: sampleProcedure.Code, ProcedureVersion: 1, Channel: procedure.Online,
		Applicant: dossier.Party{Subject: "person-7", Kind: procedure.Citizen}, Support: "H02", Receiving: "H01", Competent: "H01",
	})
	add(hour(0), citizen, dossier.DocumentAttached{Component: "form", Version: 1, Form: dossier.Electronic})
	add(hour(1), officer, dossier.Received{
		Procedure: sampleProcedure.Code, ProcedureVersion: 1, Competent: "H01", Holder: desk, Term: worktime.Term{Amount: 4, Unit: worktime.WorkingDays},
		Clock: clock(dossier.ClockStart, "reception", hour(1), due),
	})
	add(hour(1), officer, dossier.StepStarted{Step: "reception", Holder: desk})
	add(hour(2), officer, dossier.StepCompleted{Step: "reception"})
	add(hour(2), officer, dossier.StepStarted{Step: "appraisal", Holder: specialist})
	add(hour(24), officer, dossier.SupplementRequested{Number: 1, Clock: clock(dossier.ClockPause, "supplement-1", hour(24), due)})
	add(hour(48), citizen, dossier.SupplementProvided{Number: 1, Clock: clock(dossier.ClockResume, "supplement-1", hour(48), due.Add(24*time.Hour))})
	add(hour(48), citizen, dossier.DocumentAttached{Component: "form", Version: 2, Form: dossier.Electronic, Reused: true})
	add(hour(49), officer, dossier.FeeAssessed{Obligation: "f", Amount: 100})
	add(hour(49), citizen, dossier.FeePaid{Obligation: "f", Amount: 100, Method: dossier.PaidOnline})
	add(hour(50), officer, dossier.StepCompleted{Step: "appraisal"})
	add(hour(51), officer, dossier.ResultIssued{Version: 1, Electronic: true, Holder: desk, Clock: clock(dossier.ClockStop, "result", hour(51), due.Add(24*time.Hour))})
	add(hour(52), event.Actor{ID: "ledger", Role: event.RoleSystem}, dossier.ResultDelivered{Method: dossier.DeliverOnline})
	add(hour(53), citizen, dossier.Rated{Satisfied: true})

	tables := apply(t, projections.NewCases(log, 0), log, 4)
	check := func(what string, row, want map[string]any) {
		t.Helper()
		for _, column := range slices.Sorted(maps.Keys(want)) {
			if row[column] != want[column] {
				t.Errorf("%s: %s is %v, want %v", what, column, row[column], want[column])
			}
		}
	}
	check("dossier", tables["dossiers"]["H01-1|"], map[string]any{
		"source": "", "procedure": "1.000894", "procedure_version": uint16(1), "field": "civil-status", "class": "administrative",
		"level": uint8(4), "modern": "full", "channel": "online", "applicant": "person-7", "applicant_kind": "citizen",
		"support_agency": "H02", "receiving_agency": "H01", "competent_agency": "H01",
		"status": uint8(10), "phase": "delivered", "holder_agency": "H01", "holder_department": "one-stop", "holder_officer": "",
		"step": "", "waits_for": "", "submitted_at": hour(0), "received_at": hour(1), "first_due_at": due, "due_at": due.Add(24 * time.Hour),
		"clock": "stopped", "paused_since": nil, "ended_at": hour(51), "delivered_at": hour(52), "ending": "issued", "timeliness": "early",
		"scored_late": uint8(0), "calendar_micros": (53 * time.Hour).Microseconds(), "paused_seconds": int64(24 * 3600),
		"supplements": uint16(1), "documents": uint16(1), "documents_digital": uint16(1), "documents_reused": uint16(1), "result_electronic": uint8(1),
		"money_assessed": int64(100), "money_paid": int64(100), "money_paid_online": int64(100), "payment_state": "paid",
		"delivery_state": "delivered", "rating": uint8(projections.RatedSatisfied), "events": uint32(15), "first_activity": "submitted", "last_activity": "rated",
		"revision": uint32(14),
	})
	standard := worktime.Standard()
	working := func(a, b time.Time) int64 { return int64(standard.Between(a, b) / time.Second) }
	promised := working(hour(1), due)
	check("first step", tables["steps"]["H01-1|1|"], map[string]any{
		"step": "reception", "agency": "H01", "department": "one-stop", "started_at": hour(1), "ended_at": hour(2),
		"working_seconds": int64(3600), "waiting_seconds": int64(0), "promised_seconds": promised * 20 / 100, "returned": uint8(0), "revision": uint32(3),
	})
	check("second step", tables["steps"]["H01-1|2|"], map[string]any{
		"step": "appraisal", "department": "specialist", "officer": "officer-1", "started_at": hour(2), "ended_at": hour(50),
		"calendar_micros": (48 * time.Hour).Microseconds(), "working_seconds": working(hour(2), hour(50)),
		"waiting_seconds": working(hour(24), hour(48)), "promised_seconds": promised * 60 / 100, "revision": uint32(5),
	})
	for key, want := range map[string]map[string]any{
		"H01-1|0|":  {"activity": "submitted", "resource": "citizen", "role": "citizen", "place": uint32(0), "procedure": "1.000894"},
		"H01-1|3|":  {"activity": "step-started: reception", "lifecycle": "start", "resource": "officer-1", "agency": "H01", "department": "specialist"},
		"H01-1|6|":  {"activity": "supplement-requested", "micros_since": (22 * time.Hour).Microseconds(), "working_since": working(hour(2), hour(24))},
		"H01-1|13|": {"activity": "result-delivered", "resource": "system", "prev_activity": "result-issued", "prev_resource": "officer-1"},
	} {
		check(key, tables["events"][key], want)
	}
	for table, rows := range tables {
		if table == "dossiers" {
			continue
		}
		for key, row := range rows {
			for column, v := range row {
				if v == "person-7" {
					t.Errorf("%s %s: %s names the applicant", table, key, column)
				}
			}
		}
	}
}
