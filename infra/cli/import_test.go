package cli

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/legacy"
	"golang.org/x/text/unicode/norm"
)

const goodLog = "case_id,activity,timestamp,resource\n1,Tiếp nhận,2024-05-02T08:00:00+07:00,Lan\n1,Trả kết quả,2024-05-03T08:00:00+07:00,\n"

// known is all that is known of the first case of goodLog.
func known(t testing.TB, data string) string {
	t.Helper()
	var events []historyEvent
	ledgerCommand(data, "history", "1", "--json").document(t, &events)
	text, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAFileThatCannotBeTrustedChangesNothing(t *testing.T) {
	data := t.TempDir()
	var result commands.ImportResult
	ledgerCommand(data, "import", write(t, "good.csv", goodLog), "--format", "csv", "--json").document(t, &result)
	if result.Events != 2 {
		t.Fatalf("%+v", result)
	}
	before := known(t, data)
	event := `<event><string key="concept:name" value="a"/><date key="time:timestamp" value="2024-05-02T08:00:00Z"/></event>`
	xes := `<log><trace><string key="concept:name" value="1"/>` + strings.Repeat(event, 50) + `</trace></log>`
	for name, log := range map[string]struct{ format, text, says string }{
		"empty":                  {"xes", "", "empty"},
		"truncated XES":          {"xes", xes[:len(xes)-30], "truncated"},
		"truncated gzip":         {"xes", gzipped(xes)[:90], "truncated"},
		"a document type":        {"xes", `<!DOCTYPE log [<!ENTITY a "aa">]>` + xes, "DOCTYPE"},
		"wrong nesting":          {"xes", strings.Replace(xes, "</trace>", "", 1), "closed by"},
		"deep nesting":           {"xes", strings.Repeat("<log>", 1000), "deeper"},
		"a gigabyte's beginning": {"xes", `<log><trace><string key="` + strings.Repeat("x", 17<<20), "16777216 bytes"},
		"a NUL":                  {"xes", strings.Replace(xes, `"a"`, "\"\x00\"", 1), "U+0000"},
		"not UTF-8":              {"csv", goodLog + "1,\xff,2024-05-02,x\n", "UTF-8"},
		"a row cut":              {"csv", goodLog + "1,Ký", "truncated"},
		"no such columns":        {"csv", "id,what,when\n1,a,2024-05-02\n", "map"},
		"CSV as XES":             {"xes", goodLog, "not an XES log"},
		"XES as OCEL":            {"ocel", xes, "not an OCEL log"},
		"truncated OCEL":         {"ocel", `{"objects":[{"id":"1","type":"t"}],"events":[{"id":"e"`, "truncated"},
		"a gigabyte of OCEL":     {"ocel", `{"objects":[{"id":"` + strings.Repeat("x", 17<<20), "taken over: history.too-large"},
	} {
		t.Run(name, func(t *testing.T) {
			ledgerCommand(data, "import", write(t, "bad", log.text), "--format", log.format, "--json").refused(t, exitFailed, "nothing was taken over", log.says)
		})
	}
	if after := known(t, data); after != before {
		t.Errorf("a refused file changed the ledger:\n%s\n%s", before, after)
	}
}

func TestWrongUsageIsToldFromFailure(t *testing.T) {
	data := t.TempDir()
	log := write(t, "good.csv", goodLog)
	var result commands.ImportResult
	ledgerCommand(data, "import", log, "--format", "csv", "--json").document(t, &result)
	for _, args := range []string{
		"", "nosuch", "import", "report", "history", "import LOG --format xml", "report nosuch", "report dfg --from yesterday",
		"report dfg --from 2024-02-01 --to 2024-01-01", "report dfg --limit=-1", "report dfg --limit=100001", "replay 1 --at then",
		"replay 1 --revision=-1", "replay 1 --at 2024-01-01 --revision 1", "simulate --dossiers 0", "simulate --from never",
		"simulate --from 2024-02-01 --to 2024-01-01", "simulate --to 2999-01-01",
	} {
		ledgerCommand(data, strings.Fields(strings.ReplaceAll(args, "LOG", log))...).refused(t, exitUsage)
	}
	for args, says := range map[string]string{
		"import /no/such/file": "no such file", "import " + filepath.Dir(log): "folder", "import LOG --map /no/such/map": "column map",
		"history nobody": `no dossier "nobody"`, "replay nobody": `no dossier "nobody"`, "replay 1 --revision 7": "revisions 0 to 1",
		"replay 1 --at 1900-01-01": "was known",
	} {
		ledgerCommand(data, strings.Fields(strings.ReplaceAll(args, "LOG", log))...).refused(t, exitFailed, says)
	}
}

func TestTheSecondProcessIsToldOfTheFirst(t *testing.T) {
	data := t.TempDir()
	w := &world{ctx: t.Context(), opts: options{Data: data}, log: slog.New(slog.DiscardHandler)}
	l, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close(l)
	log := write(t, "good.csv", goodLog)
	for _, args := range [][]string{{"import", log}, {"history", "1"}, {"replay", "1"}, {"report", "summary"}, {"rebuild"}} {
		ledgerCommand(data, args...).refused(t, exitFailed, "another process has the event store")
	}
}

func TestALogOfWhichNothingCanBeTakenOverIsAFailure(t *testing.T) {
	data := t.TempDir()
	var result commands.ImportResult
	for name, log := range map[string]string{"broken events": "case_id,activity,timestamp\n1,,2024-05-02\n", "codes of another log": goodLog} {
		ledgerCommand(data, "import", write(t, "good.csv", goodLog), "--source", "first", "--json").document(t, &result)
		got := ledgerCommand(data, "import", write(t, "second.csv", log), "--json")
		if err := json.Unmarshal([]byte(got.stdout), &result); err != nil || got.code != exitFailed || len(result.Errors) != 1 || result.Errors[0].Line != 2 {
			t.Errorf("%s: exit %d, %v, %s", name, got.code, err, got.stdout)
		}
		if strings.Count(got.stderr, "\n") != 1 || !strings.Contains(got.stderr, "import.nothing") {
			t.Errorf("%s: %s", name, got.stderr)
		}
	}
}

func TestAHistoryTellsActionsInTheWordsOfTheirLog(t *testing.T) {
	data := t.TempDir()
	ledgerCommand(data, "import", write(t, "good.csv", goodLog))
	got := ledgerCommand(data, "history", "1")
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "02/05/2024 08:00:00  Tiếp nhận") || !strings.HasSuffix(lines[0], "Lan") || !strings.Contains(lines[1], "Trả kết quả") {
		t.Errorf("%q, %s", lines, got.stderr)
	}
}

// What is typed may be composed otherwise than what is stored, and a case's
// identifier may hold anything.
func TestDossiersOfALogAreFoundByTheirCodes(t *testing.T) {
	data := t.TempDir()
	ids := []string{"Hồ sơ số 1", `"a", b`, "NA", "../x", "'; --", "two\nlines", strings.Repeat("đ", 400)}
	var text strings.Builder
	text.WriteString("case_id,activity,timestamp\n")
	for _, id := range ids {
		for _, activity := range []string{"a", "b"} {
			fmt.Fprintf(&text, "\"%s\",%s,2024-05-02\n", strings.ReplaceAll(id, `"`, `""`), activity)
		}
	}
	var result commands.ImportResult
	ledgerCommand(data, "import", write(t, "l.csv", text.String()), "--format", "csv", "--case-prefix", "Cũ/", "--json").document(t, &result)
	if result.Cases != len(ids) || result.Events != 2*len(ids) {
		t.Fatalf("%+v", result)
	}
	for _, id := range ids {
		code := legacy.Code("Cũ/", id)
		var events []historyEvent
		ledgerCommand(data, "history", norm.NFD.String(code), "--json").document(t, &events)
		var action legacy.ActionRecorded
		if len(events) != 2 {
			t.Fatalf("%q: %+v", code, events)
		}
		if err := json.Unmarshal(events[1].Data, &action); err != nil || action.Case != id || action.Activity != "b" {
			t.Errorf("%q: %v, %+v", code, err, action)
		}
		for revision, activities := range []int{1, 2} {
			var replay struct {
				Revision int `json:"revision"`
				Status   struct {
					Events int `json:"events"`
				} `json:"status"`
			}
			ledgerCommand(data, "replay", norm.NFD.String(code), "--revision", fmt.Sprint(revision), "--json").document(t, &replay)
			if replay.Revision != revision || replay.Status.Events != activities {
				t.Errorf("%q at %d: %+v", code, revision, replay)
			}
		}
	}
}

// An import that is killed, at whatever moment, has lost nothing that another
// does not add, and the other adds nothing twice.
func TestAKilledImportIsMadeWholeByTheNext(t *testing.T) {
	var text strings.Builder
	text.WriteString("case_id,activity,timestamp\n")
	const events = 15_000
	for i := range events {
		fmt.Fprintf(&text, "%d,a%d,%s\n", i/5, i%5, time.Unix(int64(i), 0).UTC().Format(time.RFC3339))
	}
	log, data := write(t, "l.csv", text.String()), t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []time.Duration{150, 250, 350, 500} {
		child := exec.Command(program)
		child.Env = append(os.Environ(), commandVariable+"="+strings.Join([]string{"import", log, "--data", data}, "\x1f"))
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after * time.Millisecond)
		_ = child.Process.Kill() // it may have ended
		_ = child.Wait()
	}
	var first, second commands.ImportResult
	ledgerCommand(data, "import", log, "--json").document(t, &first)
	ledgerCommand(data, "import", log, "--json").document(t, &second)
	t.Logf("%d events outlived the killing", first.AlreadyPresent)
	if first.Events+first.AlreadyPresent != events || second.AlreadyPresent != events || second.Events != 0 || len(second.Errors) != 0 {
		t.Errorf("%+v, then %+v", first, second)
	}
	w := &world{ctx: t.Context(), opts: options{Data: data}, log: slog.New(slog.DiscardHandler)}
	l, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close(l)
	if n, err := readEverything(w, l); err != nil || n != events {
		t.Errorf("%d events, %v", n, err)
	}
}
