// Package natstest starts real NATS servers with JetStream for tests, each on a
// loopback port and in a folder of its own.
package natstest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dossierledger/infra/porttest"
	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
)

// readyWithin bounds how long a server may take to start, on a machine that is slow
// and does much else.
const readyWithin = 5 * time.Minute

// Server is a NATS server in this process.
type Server struct {
	*server.Server
	// Dir is where it keeps its streams.
	Dir     string
	options server.Options
}

// Start starts a single server, which stops with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	return With(t, func(*server.Options) {})
}

// With starts a single server with options of the caller's.
func With(t testing.TB, change func(*server.Options)) *Server {
	t.Helper()
	options := server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, StoreDir: t.TempDir()}
	change(&options)
	return start(t, options)
}

// Cluster starts servers that form one cluster.
func Cluster(t testing.TB, size int) []*Server {
	t.Helper()
	ports := porttest.Free(t, size)
	var routes []*url.URL
	for _, port := range ports {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	servers := make([]*Server, size)
	for i := range servers {
		servers[i] = begin(t, server.Options{
			ServerName: fmt.Sprintf("n%d", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, StoreDir: t.TempDir(),
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: ports[i]}, Routes: routes,
		})
	}
	for _, s := range servers {
		s.await(t)
	}
	for deadline := time.Now().Add(readyWithin); ; time.Sleep(20 * time.Millisecond) {
		current := 0
		for _, s := range servers {
			if s.JetStreamIsCurrent() {
				current++
			}
		}
		if current == size {
			return servers
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d NATS servers joined the cluster", current, size)
		}
	}
}

func start(t testing.TB, options server.Options) *Server {
	t.Helper()
	s := begin(t, options)
	s.await(t)
	return s
}

func begin(t testing.TB, options server.Options) *Server {
	t.Helper()
	options.JetStream, options.NoSigs, options.NoLog = true, true, true
	own := options
	running, err := server.NewServer(&own)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Server: running, Dir: options.StoreDir, options: options}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	go running.Start()
	return s
}

func (s *Server) await(t testing.TB) {
	t.Helper()
	if !s.ReadyForConnections(readyWithin) {
		t.Fatal("the NATS server did not start")
	}
	s.options.Port = s.Addr().(*net.TCPAddr).Port
	if s.options.Cluster.Port == 0 && !s.JetStreamEnabled() {
		t.Fatal("the NATS server has no JetStream")
	}
}

// Restart stops the server and starts it again on the same port and folder.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Shutdown()
	s.WaitForShutdown()
	s.Server = start(t, s.options).Server
}

// Connect opens a connection, which is closed with the test.
func Connect(t testing.TB, servers []*Server, options ...natsgo.Option) *natsgo.Conn {
	t.Helper()
	conn, err := natsgo.Connect(strings.Join(addresses(servers), ","), append([]natsgo.Option{
		natsgo.MaxReconnects(-1), natsgo.ReconnectWait(20 * time.Millisecond), natsgo.ReconnectJitter(0, 0),
	}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// File writes a file that says how to reach the servers, as `--nats-file` wants it.
func File(t testing.TB, servers ...*Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nats.yaml")
	text := "servers: [" + strings.Join(addresses(servers), ", ") + "]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func addresses(servers []*Server) []string {
	var all []string
	for _, s := range servers {
		all = append(all, s.ClientURL())
	}
	return all
}
