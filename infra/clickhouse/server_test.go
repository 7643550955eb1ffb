package clickhouse

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"dossierledger/domain/fault"
	"dossierledger/infra/clickhouse/chdb"
)

// envServer names a ClickHouse server's DSN for the tests that need one.
const envServer = "LEDGER_TEST_CLICKHOUSE"

// overNetwork puts the embedded engine behind a real listener, as a server's
// HTTP interface.
func overNetwork(t *testing.T, secure bool) *httptest.Server {
	t.Helper()
	engine, err := chdb.Open(t.TempDir(), chdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); !secure && (user != "ledger" || password != "p@ss word") ||
			secure && (r.Header.Get("X-ClickHouse-User") != "ledger" || r.Header.Get("X-ClickHouse-Key") != "p@ss word") {
			w.Header().Set("X-ClickHouse-Exception-Code", "516")
			http.Error(w, "Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)", http.StatusForbidden)
			return
		}
		response, err := engine.Transport().RoundTrip(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		defer response.Body.Close() // a test's own
		for name, values := range response.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(response.StatusCode)
		_, _ = io.Copy(w, response.Body)
	}))
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(func() {
		server.Close()
		if err := engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return server
}

// authority writes the certificate that a test server's TLS goes back to.
func authority(t *testing.T, server *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheSameCodeOverHTTP(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", secure), func(t *testing.T) {
			server := overNetwork(t, secure)
			config := Config{DSN: "http://ledger:p%40ss%20word@" + server.Listener.Addr().String() + "/default?compress=none"}
			if secure {
				config.DSN = "https" + strings.TrimPrefix(config.DSN, "http") + "&secure=true"
				if _, err := Open(t.Context(), config); fault.CodeOf(err) != CodeUnavailable {
					t.Errorf("a server whose certificate nobody signed: %v", err)
				}
				config.CAFile = authority(t, server)
			}
			db, err := Open(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close() // a test's own
			if _, err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := Insert(t.Context(), db, "checkpoints", []checkpointRow{{"dossiers", 5, 1, time.Unix(0, 0).UTC()}}); err != nil {
				t.Fatal(err)
			}
			if n := count(t, db, "SELECT sum(position) FROM checkpoints"); n != 5 {
				t.Errorf("position %d", n)
			}
			var exception *clickhouse.Exception
			if err := db.Exec(t.Context(), "SELECT * FROM nowhere"); !errors.As(err, &exception) || exception.Code != 60 {
				t.Errorf("a refusal over HTTP: %v", err)
			}
			wrong := config
			wrong.DSN = strings.Replace(config.DSN, "p%40ss%20word", "wrong-secret", 1)
			_, err = Open(t.Context(), wrong)
			if !errors.As(err, &exception) || exception.Code != 516 || strings.Contains(err.Error(), "wrong-secret") {
				t.Errorf("a wrong password: %v", err)
			}
		})
	}
}

func TestAServerThatIsAway(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"clickhouse", "http"} {
		_, err := Open(t.Context(), Config{DSN: scheme + "://ledger:sesame@" + address + "/db"})
		wantFault(t, err, CodeUnavailable)
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), address) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	for _, dsn := range []string{
		"clickhouse://ledger:sesame@host:9000/db?password=sesame&http_proxy=http://u:sesame@proxy",
		"https://ledger:ses%ame@host/db",
		"clickhouse://ledger:sesame@host:port/db",
		"://sesame",
	} {
		config := Config{DSN: dsn}
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", config)
		_, err := config.serverOptions()
		shown := fmt.Sprintf("%v %+v %#v %s %v %s", config, config, config, config.Address(), err, log.String())
		if strings.Contains(shown, "sesame") || strings.Contains(shown, "ses%ame") {
			t.Errorf("shown: %s", shown)
		}
	}
	_, err := Config{DSN: "clickhouse://ledger:ses%ame@host/db"}.serverOptions()
	wantFault(t, err, CodeDSN)
	_, err = Config{DSN: "clickhouse://host/db", CAFile: "/nowhere"}.serverOptions()
	wantFault(t, err, CodeDSN)
	_, err = Config{DSN: "clickhouse://host/db?secure=true", CAFile: "/nowhere"}.serverOptions()
	wantFault(t, err, CodeDSN)
	options, err := Config{DSN: "clickhouse://host/db?secure=true&debug=true"}.serverOptions()
	if err != nil || options.TLS == nil || options.TLS.MinVersion != tls.VersionTLS12 || options.Logger == nil {
		t.Errorf("options %+v, %v", options, err)
	}
}

func TestErrorsThatPassByThemselves(t *testing.T) {
	for err, want := range map[error]bool{
		&clickhouse.Exception{Code: 241}: true,
		&clickhouse.Exception{Code: 60}:  false,
		&clickhouse.Exception{Code: 243}: true,
		&clickhouse.Exception{Code: 75, Message: "Cannot write to file t, errno: 28, strerror: No space left on device"}: true,
		&clickhouse.Exception{Code: 75, Message: "Cannot write to file t, errno: 5, strerror: Input/output error"}:       false,
		io.EOF:                           true,
		clickhouse.ErrAcquireConnTimeout: true,
		&clickhouse.HTTPError{StatusCode: 503, Err: errors.New("x")}: true,
		&clickhouse.HTTPError{StatusCode: 404, Err: errors.New("x")}: false,
		&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}:        true,
		context.DeadlineExceeded:                                     true,
		context.Canceled:                                             false,
		errors.New("other"):                                          false,
	} {
		wrapped := fmt.Errorf("inserting: %w", err)
		got := Classify(t.Context(), wrapped)
		if errors.Is(got, ErrUnavailable) != want || !errors.Is(got, err) {
			t.Errorf("%v: %v, want unavailable: %v", err, got, want)
		}
		if again := Classify(t.Context(), got); again != got { // the very same
			t.Errorf("%v: classified twice: %v", err, again)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if errors.Is(Classify(ended, io.EOF), ErrUnavailable) {
		t.Error("the caller's own context made ClickHouse unavailable")
	}
	if Classify(t.Context(), nil) != nil {
		t.Error("nil is an error")
	}
}

func TestLayouts(t *testing.T) {
	const text = "CREATE TABLE t {{on_cluster}} (v UInt64) ENGINE = {{engine \"ReplacingMergeTree\" \"v\"}} ORDER BY v; {{engine \"MergeTree\"}} {{engine \"Memory\"}}"
	for _, c := range []struct {
		layout Layout
		want   string
	}{
		{Layout{}, "CREATE TABLE t  (v UInt64) ENGINE = ReplacingMergeTree(v) ORDER BY v; MergeTree() Memory()"},
		{Layout{Cluster: "cả`nước", Replicated: true}, "CREATE TABLE t ON CLUSTER `cả\\`nước` (v UInt64) ENGINE = ReplicatedReplacingMergeTree(v) ORDER BY v; ReplicatedMergeTree() Memory()"},
	} {
		got, err := c.layout.Render("t", text)
		if err != nil || got != c.want {
			t.Errorf("%+v:\n%s\nwant\n%s (%v)", c.layout, got, c.want, err)
		}
	}
	for _, bad := range []string{"{{nonsense}}", "{{engine}}", "{{", "{{.X}}"} {
		if got, err := (Layout{}).Render("t", bad); err == nil {
			t.Errorf("%s became %q", bad, got)
		}
	}
}

func TestOnAServer(t *testing.T) {
	dsn := os.Getenv(envServer)
	if dsn == "" {
		t.Skipf("%s is not set: name a ClickHouse server by its DSN to run this on it", envServer)
	}
	db, err := Open(t.Context(), Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() // a test's own
	type row struct {
		ID   uint64 `ch:"id"`
		Name string `ch:"name"`
	}
	table := fmt.Sprintf("ledger_test_%d", time.Now().UnixNano())
	if err := db.Exec(t.Context(), "CREATE TABLE "+table+" (id UInt64, name String) ENGINE = Memory"); err != nil {
		t.Fatal(err)
	}
	defer db.Exec(context.Background(), "DROP TABLE "+table) // a test's own
	for range 2 {
		if err := Insert(t.Context(), db, table, []row{{1, "a\x00"}, {2, "Đ"}}); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, db, "SELECT sum(id) FROM "+table+" WHERE name = 'Đ'"); n != 4 {
		t.Errorf("sum %d, want 4", n)
	}
	var exception *clickhouse.Exception
	if err := db.Exec(t.Context(), "SELECT * FROM nowhere_at_all"); !errors.As(err, &exception) || exception.Code != 60 {
		t.Errorf("a refusal: %v", err)
	}
}
