package historylog

import (
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"dossierledger/domain/fault"
)

func TestCSVColumnsByName(t *testing.T) {
	want := []Event{{Case: "NA", Activity: "Tiếp nhận", Resource: "Lan", Time: instant(t, "2024-05-02T01:00:00Z"), OffsetMinutes: 420, Line: 2,
		Attributes: []Attribute{{Name: "note", Type: "string", Value: "x"}}}}
	for name, log := range map[string]string{
		"usual":      "case_id,activity,timestamp,resource,note\nNA,Tiếp nhận,2024-05-02 08:00:00+07:00,Lan,x\n",
		"any order":  "note,resource,timestamp,activity,case_id\nx,Lan,2024-05-02 08:00:00+07:00,Tiếp nhận,NA\n",
		"PM4Py":      "case:concept:name,concept:name,time:timestamp,org:resource,note\nNA,Tiếp nhận,2024-05-02 08:00:00+07:00,Lan,x\n",
		"Disco":      "Case ID,Activity,Resource,Complete Timestamp,note\nNA,Tiếp nhận,Lan,2024/05/02 08:00:00.000+07:00,x\n",
		"BOM, CRLF":  "\ufeffcase_id,activity,timestamp,resource,note\r\nNA,Tiếp nhận,2024-05-02 08:00:00+07:00,Lan,x\r\n",
		"quoted":     "\"case_id\",\"activity\",\"timestamp\",\"resource\",\"note\"\n\"NA\",\"Tiếp nhận\",\"2024-05-02 08:00:00+07:00\",\"Lan\",\"x\"\n",
		"semicolons": "case_id;activity;timestamp;resource;note\nNA;Tiếp nhận;2024-05-02 08:00:00+07:00;Lan;x\n",
		"tabs":       "case_id\tactivity\ttimestamp\tresource\tnote\nNA\tTiếp nhận\t2024-05-02 08:00:00+07:00\tLan\tx",
		"bars":       "case_id|activity|timestamp|resource|note\nNA|Tiếp nhận|2024-05-02 08:00:00+07:00|Lan|x",
		"decomposed": "case_id,activity,timestamp,resource,note\nNA,Tie\u0302\u0301p nha\u0323\u0302n,2024-05-02 08:00:00+07:00,Lan,x\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := read(t, log, Options{})
			if !reflect.DeepEqual(got.events, want) || len(got.problems) > 0 {
				t.Errorf("%+v", got)
			}
		})
	}
	got, _ := read(t, "sep=;\r\ncase_id;activity;timestamp;resource;note\r\nNA;Tiếp nhận;2024-05-02 08:00:00+07:00;Lan;x\r\n", Options{Format: CSV})
	if len(got.events) != 1 || got.events[0].Line != 3 || got.events[0].Case != "NA" {
		t.Errorf("%+v", got)
	}
}

func TestCSVBrokenRowsAreReportedAndTheRestGoesOn(t *testing.T) {
	got, summary := read(t, strings.Join([]string{
		"case_id,activity,timestamp,note",
		"1,a,2024-01-01,\"one",
		"two, \"\"three\"\"\"",
		"1,b,2024-01-01",
		",b,2024-01-01,",
		"1, ,2024-01-01,",
		"1,b,,",
		"1,b,01/02/2024,",
		"",
		"1,b\"c,2024-01-01,",
		"1,\"b\"c,2024-01-01,",
		"2,z,2024-01-02,",
	}, "\n"), Options{})
	if len(got.events) != 2 || summary.Skipped != 7 {
		t.Errorf("%+v", got)
	}
	if first := got.events[0]; first.Line != 2 || first.Attributes[0].Value != "one\ntwo, \"three\"" {
		t.Errorf("%+v", first)
	}
	if last := got.events[1]; last.Line != 12 || len(last.Attributes) != 0 {
		t.Errorf("%+v", last)
	}
	got.problemAt(t, 4, "3 columns, the header has 4")
	got.problemAt(t, 5, "no case")
	got.problemAt(t, 6, "no activity")
	got.problemAt(t, 7, "no time")
	got.problemAt(t, 8, "dd/MM/yyyy")
	got.problemAt(t, 10, `bare "`)
	got.problemAt(t, 11, `quoted`)
}

// A quotation mark too many in the last row breaks that row; one that is never
// closed breaks the log.
func TestCSVQuotesInTheLastRow(t *testing.T) {
	const rows = "case_id,activity,timestamp\n1,a,2024-01-01\n"
	for _, end := range []string{"", "\n", "\r\n"} {
		for _, row := range []string{`2,"b"c,2024-01-01`, `2,"b" ,2024-01-01`, `2,b,"2024-01-01"x`, "2,\"b\nb\"c,2024-01-01"} {
			got, summary := read(t, rows+row+end, Options{})
			if len(got.events) != 1 || summary.Skipped != 1 {
				t.Errorf("%q, %q: %+v", row, end, got)
			}
		}
		for _, row := range []string{`2,"b`, `2,b,"`, `2,b,"2024-01-01`, `2,b,"2024-01-01""`, "2,\"b\nb", "2,\"b\n"} {
			_, err := Read(t.Context(), strings.NewReader(rows+row+end), Options{}, new(nowhere))
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "line 3") {
				t.Errorf("%q, %q: %v", row, end, err)
			}
		}
	}
}

func TestCSVAttributesOfTheCase(t *testing.T) {
	got, _ := read(t, "case_id,activity,timestamp,case:channel,(case)_Amount,role\n1,a,2024-01-01,post,5,r\n2,a,2024-01-01,,,\n1,b,2024-01-02,post,5,\n", Options{})
	want := []Case{{ID: "1", Line: 2, Attributes: []Attribute{{Name: "channel", Type: "string", Value: "post"}, {Name: "Amount", Type: "string", Value: "5"}}}}
	if !reflect.DeepEqual(got.cases, want) || len(got.events) != 3 {
		t.Errorf("%+v", got)
	}
}

func TestCSVByMap(t *testing.T) {
	m, err := ReadColumnMap(strings.NewReader(`{"case":"Mã hồ sơ","activity":"Thao tác","timestamp":"Thời điểm","resource":"Cán bộ",
		"time_format":"d/M/yyyy HH:mm:ss.SSS","time_zone":"Asia/Ho_Chi_Minh","delimiter":";","case_attributes":["Thủ tục"],"ignore":["STT"]}`))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := read(t, "STT;Mã hồ sơ;Thao tác;Thời điểm;Cán bộ;Thủ tục;Ghi chú\n1;H01;Tiếp nhận;2/5/2024 08:00:00.250;Lan;Khai sinh;a,b,c,d,e,f,g\n", Options{Map: m})
	want := []Event{{Case: "H01", Activity: "Tiếp nhận", Resource: "Lan", Time: instant(t, "2024-05-02T01:00:00.25Z"), OffsetMinutes: 420, Line: 2,
		Attributes: []Attribute{{Name: "Ghi chú", Type: "string", Value: "a,b,c,d,e,f,g"}}}}
	if !reflect.DeepEqual(got.events, want) || got.cases[0].Attributes[0] != (Attribute{Name: "Thủ tục", Type: "string", Value: "Khai sinh"}) {
		t.Errorf("%+v", got)
	}
	_, err = Read(t.Context(), strings.NewReader("a;b\n"), Options{Map: m, Format: CSV}, new(nowhere))
	if f, ok := fault.As(err); !ok || !errors.Is(err, ErrNoColumn) || !reflect.DeepEqual(f.Missing, []string{"case_id"}) || !strings.Contains(f.Message, "Mã hồ sơ") {
		t.Error(err)
	}
}

func TestTheMapKnowsTheCaseByItsColumnToo(t *testing.T) {
	m, err := ReadColumnMap(strings.NewReader(`{"case_id":"Mã hồ sơ","activity":"Thao tác","timestamp":"Lúc"}`))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := read(t, "Thao tác,Mã hồ sơ,Lúc\nKý,H01,2024-05-02\n", Options{Map: m})
	if len(got.events) != 1 || got.events[0].Case != "H01" || got.events[0].Activity != "Ký" {
		t.Errorf("%+v", got)
	}
}

func TestBadMapsAreRefused(t *testing.T) {
	for _, text := range []string{
		``, `[]`, `{"cases":"a"}`, `{} {}`, `{"delimiter":"ab"}`, `{"case":"a","case_id":"b"}`, `{"delimiter":"\n"}`, `{"time_zone":"Mars/Base"}`, `{"time_zone":"Local"}`, `{"time_zone":"+7"}`,
		`{"time_format":"dd/MM"}`, `{"time_format":"2006-01-02"}`, `{"time_format":"yyyy-MM-dd QQ"}`, `{"time_format":"yyyy-MM-dd SSS"}`,
		`{"case":"` + strings.Repeat("x", maxMapBytes) + `"}`,
	} {
		if _, err := ReadColumnMap(strings.NewReader(text)); !errors.Is(err, ErrBadMap) {
			t.Errorf("%.60s: %v", text, err)
		}
	}
}

// A real log, written as CSV the way that PM4Py does, gives the same statistics.
func TestCSVGivesTheReferenceStatistics(t *testing.T) {
	xes := new(collected)
	if _, err := Read(t.Context(), openLog(t, "receipt.xes.gz"), Options{}, xes); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "receipt.csv")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	w := csv.NewWriter(file)
	rows := [][]string{{"", "org:resource", "time:timestamp", "concept:name", "case:concept:name"}}
	for i, e := range xes.events {
		rows = append(rows, []string{strconv.Itoa(i), e.Resource, e.Time.Format("2006-01-02 15:04:05.999999-07:00"), e.Activity, e.Case})
	}
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	spool, err := NewSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = spool.Close() }()
	if _, err := Read(t.Context(), file, Options{}, spool); err != nil {
		t.Fatal(err)
	}
	compareWithReference(t, "receipt", mine(t, spool))
}
