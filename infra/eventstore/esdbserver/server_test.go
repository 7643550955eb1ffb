package esdbserver_test

import (
	"context"
	"net"
	"testing"
	"time"

	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/eventstore/esdbserver"
)

// node is a server on a store that can be stopped and started again.
type node struct {
	dir     string
	address string
	opts    esdbserver.Options
	store   *embedded.Store
	server  *esdbserver.Server
	done    chan error
}

func startNode(t testing.TB, opts ...esdbserver.Options) *node {
	n := &node{dir: t.TempDir(), address: "127.0.0.1:0"}
	if len(opts) > 0 {
		n.opts = opts[0]
	}
	n.start(t)
	t.Cleanup(func() { n.stop(t) })
	return n
}

func (n *node) start(t testing.TB) {
	t.Helper()
	var err error
	if n.store, err = embedded.Open(context.Background(), embedded.Options{Dir: n.dir}); err != nil {
		t.Fatal(err)
	}
	if n.server, err = esdbserver.New(n.store, n.opts); err != nil {
		t.Fatal(err)
	}
	l := listen(t, n.address)
	n.address = l.Addr().String()
	n.done = make(chan error, 1)
	go func() { n.done <- n.server.Serve(l) }()
}

// listen takes an address that may just have been left.
func listen(t testing.TB, address string) net.Listener {
	t.Helper()
	for range 3000 {
		l, err := net.Listen("tcp", address)
		if err == nil {
			return l
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("the address %s does not become free", address)
	return nil
}

func (n *node) stop(t testing.TB) {
	t.Helper()
	if n.server == nil {
		return
	}
	if err := n.server.Close(); err != nil {
		t.Errorf("close the server: %v", err)
	}
	if err := <-n.done; err != nil {
		t.Errorf("serve: %v", err)
	}
	if err := n.store.Close(); err != nil {
		t.Errorf("close the store: %v", err)
	}
	n.server = nil
}

func (n *node) restart(t testing.TB) {
	t.Helper()
	n.stop(t)
	n.start(t)
}
