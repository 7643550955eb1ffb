package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dossierledger/infra/cli"
	"dossierledger/infra/clickhouse/chdb"
)

// childEnv makes this test binary one of the processes of an arrangement.
const childEnv = "LEDGER_SOAK_CHILD"

var children = map[string]func(args []string) error{
	"clickhouse": serveClickHouse,
	"nats":       serveNATS,
	"export":     exportEmbedded,
	"receiver":   receiveDeliveries,
}

func TestMain(m *testing.M) {
	switch name := os.Getenv(childEnv); {
	case name == "ledger":
		os.Exit(cli.RunAt(movedClock(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	case children[name] != nil:
		if err := children[name](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		code := m.Run()
		if exe, err := built(); err == nil {
			_ = os.RemoveAll(filepath.Dir(exe)) // a temporary file at worst
		}
		os.Exit(code)
	}
}

// clockEnv names the file that says by how much a ledger's clock is off.
const clockEnv = "LEDGER_SOAK_CLOCK"

// movedClock is the machine's clock, moved by what the file says at the moment.
// Its times have no monotonic reading: a program that measures a span across a
// jump measures the jump too, which is more than a real jump does to it.
func movedClock() func() time.Time {
	var moved atomic.Int64
	look := func() {
		// A file that is just being written says nothing new.
		if text, err := os.ReadFile(os.Getenv(clockEnv)); err == nil {
			if by, err := time.ParseDuration(strings.TrimSpace(string(text))); err == nil {
				moved.Store(int64(by))
			}
		}
	}
	look()
	go func() {
		for range time.Tick(20 * time.Millisecond) {
			look()
		}
	}()
	return func() time.Time { return time.Now().Round(0).Add(time.Duration(moved.Load())) }
}

// serveClickHouse offers the embedded engine on a folder as a server's HTTP interface.
func serveClickHouse(args []string) (err error) {
	dir, address := args[0], args[1]
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	engine, err := chdb.Open(dir, chdb.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close(context.WithoutCancel(ctx))) }()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		response, err := engine.Transport().RoundTrip(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		defer func() { _ = response.Body.Close() }()
		for name, values := range response.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(response.StatusCode)
		_, _ = io.Copy(w, response.Body) // a client that is gone is none of the server's concern
	})}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
