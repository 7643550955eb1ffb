package ledger_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/fault"
	"dossierledger/infra/clickhouse"
	"dossierledger/infra/clickhouse/chdb"
	"dossierledger/infra/clickhouse/twoshards"
	"dossierledger/infra/ledger"
	"dossierledger/infra/readmodels"
	"dossierledger/queries"
)

// takeOver appends a history of another system, in which paths repeat.
func takeOver(t *testing.T, l *ledger.Ledger, cases int) {
	t.Helper()
	importing, err := commands.NewImportHistory(l.Journal, "old", "OLD-", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		at := time.Date(2025, 3, 3, 1, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Hour)
		err := importing.Case(t.Context(), commands.CaseHistory{ID: fmt.Sprint(i), Actions: func(yield func(commands.LegacyAction, error) bool) {
			for j := range 2 + i%4 {
				action := commands.LegacyAction{At: at.Add(time.Duration(j*(i+1)) * time.Minute), Activity: fmt.Sprintf("a%d", (j+i%2)%3), Resource: fmt.Sprintf("r%d", j%2)}
				if !yield(action, nil) {
					return
				}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := importing.Finish(); err != nil {
		t.Fatal(err)
	}
}

// everyAnswer asks the read models everything they answer, in several ways.
func everyAnswer(t *testing.T, m *ledger.ReadModels) map[string]string {
	t.Helper()
	from, to := day("2025-04-01"), day("2026-09-01")
	answers := map[string]string{}
	tell := func(name string, answer any, err error) {
		t.Helper()
		text, jsonErr := json.Marshal(answer)
		if err != nil || jsonErr != nil {
			t.Errorf("%s: %v %v", name, err, jsonErr)
		}
		answers[name] = string(text)
	}
	for filterName, filter := range map[string]queries.Filter{
		"all": {}, "own": {Source: queries.OwnSource}, "taken over": {Source: "old"}, "a procedure": {Procedure: "3.000347"},
		"an agency": {Agency: "G01"}, "a window": {From: &from, To: &to},
	} {
		for _, name := range m.Reports.Names() {
			for optionsName, options := range map[string]queries.Options{"": {}, " in working time": {Working: true, ByAgency: true, Limit: 7}} {
				options.Now = day("2026-11-01")
				answer, err := m.Reports.Run(t.Context(), name, filter, options)
				tell(name+" of "+filterName+optionsName, answer, err)
			}
		}
	}
	page := queries.WorklistPage{Limit: 9, Now: day("2026-11-01")}
	for i := 0; i == 0 || page.Cursor != ""; i++ {
		answer, err := m.Worklists.Page(t.Context(), queries.WorklistFilter{}, page)
		tell(fmt.Sprintf("worklist, page %d", i), answer, err)
		page.Cursor = answer.Next
	}
	found, err := m.Worklists.FindDossiers(t.Context(), "G01", queries.Among{Everything: true}, 20)
	tell("search", found, err)
	return answers
}

// withReadModels runs something on a ledger whose read models are in a new
// database of the server, caught up with the log.
func withReadModels(t *testing.T, server *twoshards.Server, data, database string, sharded bool, fill func(*ledger.Ledger), use func(*ledger.ReadModels)) {
	t.Helper()
	admin, err := clickhouse.Open(t.Context(), clickhouse.Config{DSN: server.DSN("default")})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close() // a test's own
	if err := admin.Exec(t.Context(), "CREATE DATABASE "+database); err != nil {
		t.Fatal(err)
	}
	config := ledger.Config{Data: data, ClickHouseDSNFile: filepath.Join(t.TempDir(), "dsn")}
	if err := os.WriteFile(config.ClickHouseDSNFile, []byte(server.DSN(database)), 0o600); err != nil {
		t.Fatal(err)
	}
	if sharded {
		config.ClickHouseCluster, config.ClickHouseReplicated, config.ClickHouseSharded = twoshards.Cluster, true, true
	}
	l, err := ledger.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	fill(l)
	m, err := l.OpenReadModels(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Runner.CatchUp(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	use(m)
}

// Every report, list and search over tables spread over two shards gives what it
// gives over one server's, also after a rebuild, and what is there is what the log
// says.
func TestShardsAnswerAsOneServer(t *testing.T) {
	if _, err := chdb.Find(""); fault.CodeOf(err) == chdb.CodePlatform {
		t.Skip(err)
	}
	server, data := twoshards.Start(t), filepath.Join(t.TempDir(), "data")
	var one map[string]string
	withReadModels(t, server, data, "one", false, func(l *ledger.Ledger) {
		if _, err := l.Seed(t.Context()); err != nil {
			t.Fatal(err)
		}
		simulate(t, l, 11, 60)
		takeOver(t, l, 40)
	}, func(m *ledger.ReadModels) { one = everyAnswer(t, m) })
	withReadModels(t, server, data, "spread", true, func(*ledger.Ledger) {}, func(m *ledger.ReadModels) {
		compare := func(when string) {
			t.Helper()
			spread := everyAnswer(t, m)
			for name, want := range one {
				if spread[name] != want {
					t.Errorf("%s, %s: over shards\n%s\nover one server\n%s", when, name, spread[name], want)
				}
			}
			if len(spread) != len(one) {
				t.Errorf("%d answers, then %d", len(one), len(spread))
			}
			findings, err := m.Runner.Verify(t.Context(), readmodels.Deep)
			if err == nil {
				err = readmodels.Mismatch(findings)
			}
			if err != nil || len(findings) == 0 {
				t.Errorf("%s: %d comparisons with the log, %v", when, len(findings), err)
			}
		}
		compare("caught up")
		for _, name := range m.Runner.Names() {
			if _, err := m.Runner.Rebuild(t.Context(), name, readmodels.Deep, nil); err != nil {
				t.Fatal(err)
			}
		}
		compare("rebuilt")
	})
}
