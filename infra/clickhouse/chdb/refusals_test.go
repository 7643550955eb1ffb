package chdb_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"dossierledger/infra/clickhouse/chdb"
)

func wantCode(t *testing.T, err error, code int32) *clickhouse.Exception {
	t.Helper()
	var exception *clickhouse.Exception
	if !errors.As(err, &exception) {
		t.Fatalf("error %v is no ClickHouse exception; want code %d", err, code)
	}
	if exception.Code != code {
		t.Fatalf("code %d, want %d: %v", exception.Code, code, err)
	}
	return exception
}

func TestRefusalsCarryClickHousesCode(t *testing.T) {
	_, conn := open(t, t.TempDir(), chdb.Options{})
	run(t, conn, "CREATE TABLE t (id UInt64) ENGINE = MergeTree ORDER BY id")
	for sql, code := range map[string]int32{
		"SELECT * FROM nowhere":   60,
		"SELECT * FROM nowhere.t": 81,
		"SELEC 1":                 62,
		"":                        62,
		"SELECT 1; SELECT 2":      62,
		"CREATE TABLE t (id UInt64) ENGINE = Memory": 57,
		"SELECT nosuchfunction(1)":                   46,
		"SELECT 1 SETTINGS nosuchsetting = 1":        115,
		"INSERT INTO nowhere VALUES (1)":             60,
		"SELECT {x:String}":                          456,
	} {
		err := conn.Exec(t.Context(), sql)
		exception := wantCode(t, err, code)
		if strings.Contains(exception.Message, "Code:") {
			t.Errorf("%s: worded twice: %s", sql, exception.Message)
		}
	}
	if n := scalar[uint8](t, conn, "SELECT 1"); n != 1 {
		t.Error("the engine does not answer after refusals")
	}
}

func TestAnErrorInTheMidstOfAResultIsTyped(t *testing.T) {
	_, conn := open(t, t.TempDir(), chdb.Options{})
	rows, err := conn.Query(t.Context(), "SELECT number, throwIf(number = 900000, 'stop here') FROM numbers(1000000) SETTINGS max_block_size = 10000")
	if err != nil {
		t.Fatalf("refused before the first row: %v", err)
	}
	seen := 0
	for rows.Next() {
		seen++
	}
	exception := wantCode(t, rows.Err(), 395)
	if seen == 0 || !strings.HasPrefix(exception.Message, "stop here") {
		t.Errorf("%d rows, then %q", seen, exception.Message)
	}
	_ = rows.Close()
}

func TestSettingsAndDatabaseDoNotLeak(t *testing.T) {
	// One session only, so that every statement meets the one before.
	engine, conn := open(t, t.TempDir(), chdb.Options{MaxConnections: 1, Settings: map[string]string{"max_block_size": "1234"}})
	setting := func(name string) string {
		return scalar[string](t, conn, "SELECT toString(getSetting('"+name+"'))")
	}
	before := setting("max_threads")

	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_threads": 7, "max_block_size": 99, "log_comment": "it's \\ mine"}))
	var threads, size, comment string
	if err := conn.QueryRow(ctx, "SELECT toString(getSetting('max_threads')), toString(getSetting('max_block_size')), getSetting('log_comment')").Scan(&threads, &size, &comment); err != nil {
		t.Fatal(err)
	}
	if threads != "7" || size != "99" || !strings.HasSuffix(comment, "it's \\ mine") {
		t.Errorf("settings of the statement: %s, %s, %q", threads, size, comment)
	}
	if after := setting("max_threads"); after != before {
		t.Errorf("max_threads is %s afterwards, was %s", after, before)
	}
	if size := setting("max_block_size"); size != "1234" {
		t.Errorf("max_block_size is %s, want the engine's 1234", size)
	}

	run(t, conn, "SET max_threads = 5", "CREATE DATABASE other", "USE other", "CREATE TEMPORARY TABLE passing (x UInt8)")
	if after := setting("max_threads"); after != before {
		t.Errorf("SET leaked: max_threads is %s, was %s", after, before)
	}
	if database := scalar[string](t, conn, "SELECT currentDatabase()"); database != "default" {
		t.Errorf("USE leaked: database %s", database)
	}
	wantCode(t, conn.Exec(t.Context(), "SELECT * FROM passing"), 60)

	options := &clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{"embedded"}, Auth: clickhouse.Auth{Database: "other"}, Settings: clickhouse.Settings{"max_threads": 3},
		TransportFunc: func(*http.Transport) (http.RoundTripper, error) { return engine.Transport(), nil },
	}
	other, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close() // a test's own
	if database := scalar[string](t, other, "SELECT currentDatabase() || toString(getSetting('max_threads'))"); database != "other3" {
		t.Errorf("database and setting of the connection: %s", database)
	}
	if database := scalar[string](t, conn, "SELECT currentDatabase()"); database != "default" {
		t.Errorf("the other connection's database leaked: %s", database)
	}

	bad := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"nosuchsetting": 1}))
	wantCode(t, conn.Exec(bad, "SELECT 1"), 115)
	hostile := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"a = 1; DROP DATABASE other; SET b": 1}))
	wantCode(t, conn.Exec(hostile, "SELECT 1"), 36)
	run(t, conn, "SELECT 1")
}

func TestInsertErrorsLeaveNothing(t *testing.T) {
	engine, conn := open(t, t.TempDir(), chdb.Options{})
	run(t, conn, "CREATE TABLE t (id UInt64, name String, CONSTRAINT named CHECK name != '') ENGINE = MergeTree ORDER BY id")

	_, err := conn.PrepareBatch(t.Context(), "INSERT INTO nowhere")
	wantCode(t, err, 60)
	if _, err := conn.PrepareBatch(t.Context(), "INSERT INTO t (id, nocolumn)"); err == nil {
		t.Error("an unknown column was taken")
	}

	batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO t")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		name := "name"
		if i == 700 {
			name = ""
		}
		if err := batch.Append(uint64(i), name); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, batch.Send(), 469)
	if n := scalar[uint64](t, conn, "SELECT count() FROM t"); n != 0 {
		t.Errorf("%d rows of a refused insert are there", n)
	}

	// What the driver would never send: bytes that are no block, a block cut
	// short, a producer that breaks off.
	post := func(body io.Reader) (*http.Response, error) {
		u := "http://embedded/?default_format=Native&query=" + url.QueryEscape("INSERT INTO t (id, name) FORMAT Native")
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, u, body)
		if err != nil {
			t.Fatal(err)
		}
		return engine.Transport().RoundTrip(r)
	}
	block := "\x02\x02\x02id\x06UInt64" + "\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00" + "\x04name\x06String\x01a\x01b"
	for name, body := range map[string]string{"garbage": strings.Repeat("no block ", 100), "cut short": block[:len(block)-1]} {
		response, err := post(strings.NewReader(body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if response.StatusCode == http.StatusOK || response.Header.Get("X-ClickHouse-Exception-Code") == "" {
			t.Errorf("%s was taken: %s", name, response.Status)
		}
		_ = response.Body.Close()
	}
	broken := errors.New("the producer broke off")
	if _, err := post(io.MultiReader(strings.NewReader(block), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("the producer's error came back as %v", err)
	}
	if n := scalar[uint64](t, conn, "SELECT count() FROM t"); n != 0 {
		t.Errorf("%d rows of broken inserts are there", n)
	}
	response, err := post(strings.NewReader(block))
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("a sound block: %v %v", response, err)
	}
	if n := scalar[uint64](t, conn, "SELECT count() FROM t"); n != 2 {
		t.Errorf("%d rows of a sound block, want 2", n)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestAMemoryLimitEndsTheStatementAlone(t *testing.T) {
	_, conn := open(t, t.TempDir(), chdb.Options{MaxMemory: 1 << 30})
	const hungry = "SELECT length(groupArray(toString(number) || repeat('x', 100))) FROM numbers(1000000000)"
	limited := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_memory_usage": 50 << 20}))
	wantCode(t, conn.QueryRow(limited, hungry).Err(), 241)
	// The engine's own limit.
	wantCode(t, conn.QueryRow(context.Background(), hungry).Err(), 241)
	if n := scalar[uint64](t, conn, "SELECT count() FROM numbers(1000000)"); n != 1_000_000 {
		t.Errorf("after the limit: %d", n)
	}
}

func TestExternalTablesAreRefusedInWords(t *testing.T) {
	engine, _ := open(t, t.TempDir(), chdb.Options{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://embedded/", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	response, err := engine.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if code := response.Header.Get("X-ClickHouse-Exception-Code"); code != "48" {
		t.Errorf("code %s: %s", code, text)
	}
}
