// Package twoshards plays a ClickHouse cluster of two shards, for tests: it puts
// the embedded engine behind the HTTP interface of a server.
//
// The engine answers a query over both shards as a cluster does: once for each
// shard, with the same local plan that a shard's server would run, and then it
// merges what they gave. Each shard sees the rows of its own alone, by a filter of
// the engine's. What is not played are the network between servers, replicas and
// Keeper: statements lose ON CLUSTER, engines their Replicated, and a table that is
// Distributed over the cluster becomes one over this engine, twice.
package twoshards

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"dossierledger/infra/clickhouse/chdb"
)

// Cluster is the name by which the tables over both shards are made.
const Cluster = "two"

// Server is the played cluster.
type Server struct {
	*httptest.Server
	engine *chdb.Engine
	mu     sync.Mutex
	keys   map[string]string // by which expression a table is spread, by its name
}

// Start starts an engine in this process, which can have one, until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	engine, err := chdb.Open(t.TempDir(), chdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{engine: engine, keys: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(func() {
		s.Close()
		if err := engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// DSN names a database on the server.
func (s *Server) DSN(database string) string {
	return "http://default@" + s.Listener.Addr().String() + "/" + database + "?compress=none"
}

var (
	onCluster   = regexp.MustCompile("ON CLUSTER `[^`]*`")
	replicated  = regexp.MustCompile(`Replicated(\w*MergeTree)\((?:'[^']*', '[^']*'(?:, )?)?`)
	distributed = regexp.MustCompile(`AS \S+ ENGINE = Distributed\('` + Cluster + `', ('[^']*'), ('[^']*'), (.*)\)$`)
)

// played is a statement as the one engine can carry it out.
func (s *Server) played(statement string) string {
	statement = onCluster.ReplaceAllString(statement, "")
	statement = replicated.ReplaceAllString(statement, "$1(")
	if m := distributed.FindStringSubmatch(statement); m != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.keys[strings.Trim(m[1], "'")+"."+strings.Trim(m[2], "'")] = m[3]
	}
	return distributed.ReplaceAllString(statement, "AS remote('127.0.0.1,localhost', $1, $2, 'default', '', $3)")
}

// shown are the rows that a shard sees of each table.
func (s *Server) shown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var filters []string
	for table, key := range s.keys {
		filters = append(filters, fmt.Sprintf("'%s': '%s %% 2 = shardNum() - 1'", table, key))
	}
	return "{" + strings.Join(filters, ", ") + "}"
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	// An insert says its statement in the address, with its rows in the body.
	query := r.URL.Query()
	if q := query.Get("query"); q != "" {
		query.Set("query", s.played(q))
	} else {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		text := s.played(string(body))
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	}
	if strings.HasSuffix(query.Get("database"), "_distributed") {
		query.Set("additional_table_filters", s.shown())
	}
	r.URL.RawQuery = query.Encode()
	response, err := s.engine.Transport().RoundTrip(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body) // the client sees a short answer
}
