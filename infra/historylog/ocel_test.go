package historylog

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

const ocelLog = `{
"objectTypes":[{"name":"order","attributes":[{"name":"price","type":"float"}]},{"name":"item","attributes":[]}],
"eventTypes":[{"name":"pay","attributes":[{"name":"amount","type":"integer"}]}],
"events":[
{"id":"e1","type":"place","time":"2024-05-02T08:00:00+07:00","attributes":[{"name":"resource","value":"Lan"},{"name":"lifecycle","value":"complete"}],"relationships":[{"objectId":"o1","qualifier":"a"},{"objectId":"o1","qualifier":"b"},{"objectId":"i1","qualifier":""}]},
{"id":"e2","type":"pay","time":"2024-05-02T02:00:00Z","attributes":[{"name":"amount","value":5},{"name":"cash","value":true}],"relationships":[{"objectId":"o1","qualifier":""},{"objectId":"o2","qualifier":""},{"objectId":"gone","qualifier":""}]},
{"id":"e3","type":"pick","time":"2024-05-02T03:00:00Z","relationships":[{"objectId":"i1","qualifier":""}]},
{"id":"e4","type":"late","time":"never","relationships":[{"objectId":"o1","qualifier":""}]},
{"id":"e5","type":"late","relationships":[{"objectId":"o1","qualifier":""}]},
{"id":"e6","time":"2024-05-02T03:00:00Z"},
"e7",
{"id":"e8","type":"alone","time":"2024-05-02T03:00:00Z"}
],
"objects":[
{"id":"o1","type":"order","attributes":[{"name":"price","time":"2024-06-01T00:00:00Z","value":9},{"name":"price","time":"1970-01-01T00:00:00Z","value":"7"}]},
{"id":"o2","type":"order","x":{"y":[1,2,{"z":null}]}},
{"id":"o1","type":"item"},
{"id":"i1","type":"item"}]
}`

func TestOCELEventsBelongToEachObjectOfTheCaseType(t *testing.T) {
	got, summary := read(t, ocelLog, Options{TempDir: t.TempDir(), CaseType: "order"})
	id := func(value string) Attribute { return Attribute{Name: "ocel:eid", Type: "id", Value: value} }
	pay := Event{Case: "o1", Activity: "pay", Time: instant(t, "2024-05-02T02:00:00Z"), Line: 6, Attributes: []Attribute{
		id("e2"), {Name: "amount", Type: "int", Value: "5"}, {Name: "cash", Type: "boolean", Value: "true"}}}
	payOther := pay
	payOther.Case = "o2"
	want := []Event{
		{Case: "o1", Activity: "place", Resource: "Lan", Lifecycle: "complete", Time: instant(t, "2024-05-02T01:00:00Z"), OffsetMinutes: 420, Line: 5, Attributes: []Attribute{
			id("e1"), {Name: "object:item", Type: "id", Value: "i1"}}},
		pay, payOther,
	}
	if !reflect.DeepEqual(got.events, want) {
		t.Errorf("%+v", got.events)
	}
	wantCases := []Case{
		{ID: "o1", Line: 15, Attributes: []Attribute{{Name: "price", Type: "float", Value: "7"}, {Name: "2024-06-01T00:00:00Z", Type: "float", Value: "9", Depth: 1}}},
		{ID: "o2", Line: 16},
	}
	if !reflect.DeepEqual(got.cases, wantCases) {
		t.Errorf("%+v", got.cases)
	}
	if summary.Skipped != 6 {
		t.Errorf("%d were skipped", summary.Skipped)
	}
	got.problemAt(t, 6, `"gone", which the log does not have`)
	got.problemAt(t, 7, "no object of the type")
	got.problemAt(t, 8, "not a time")
	got.problemAt(t, 9, "no time")
	got.problemAt(t, 10, "no type")
	got.problemAt(t, 11, "not a JSON object")
	got.problemAt(t, 12, "no object of the type")
	got.problemAt(t, 17, "same id")
}

func TestOCELCaseTypeIsTheOneOfMostEvents(t *testing.T) {
	if _, summary := read(t, ocelLog, Options{TempDir: t.TempDir()}); summary.CaseType != "item" {
		t.Errorf("of equals not the first by name: %+v", summary)
	}
	log := strings.Replace(ocelLog, `{"objectId":"i1","qualifier":""}]},`, `{"objectId":"o2","qualifier":""}]},`, 1)
	if _, summary := read(t, log, Options{TempDir: t.TempDir()}); summary.CaseType != "order" {
		t.Errorf("not the one of most events: %+v", summary)
	}
	if _, summary := read(t, ocelLog, Options{TempDir: t.TempDir(), Map: &ColumnMap{CaseType: "order"}}); summary.CaseType != "order" {
		t.Errorf("not the one of the map: %+v", summary)
	}
}

func TestOCELUnknownCaseType(t *testing.T) {
	_, err := Read(t.Context(), strings.NewReader(ocelLog), Options{TempDir: t.TempDir(), CaseType: "dossier"}, new(nowhere))
	if !errors.Is(err, ErrNoColumn) || !strings.Contains(err.Error(), "order") {
		t.Error(err)
	}
}

func TestOCELExample(t *testing.T) {
	spool, summary := spoolLog(t, "ocel2-example.jsonocel", Options{TempDir: t.TempDir()})
	if want := (Summary{Format: OCEL, CaseType: "Invoice", Events: 9, Skipped: 4}); summary != want {
		t.Errorf("%+v", summary)
	}
	if _, n := spool.Problems(); n != 4 {
		t.Errorf("%d problems", n)
	}
	got := mine(t, spool)
	if got.cases != 3 || got.events != 9 || got.activities["Insert Invoice"] != [2]int{3, 3} || got.caseAttributes["is_blocked"] != 3 {
		t.Errorf("%+v", got)
	}
}
