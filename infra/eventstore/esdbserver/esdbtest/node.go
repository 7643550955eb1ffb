package esdbtest

import (
	"context"
	"net"
	"testing"
	"time"

	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/eventstore/esdbserver"
)

// Node is an EventStoreDB in this process: the server on a store in a folder of
// its own. It keeps its address and its events when it is stopped and started.
type Node struct {
	// Dir is the store's folder, Address where the server listens.
	Dir, Address string
	// Store and Server are those since the last start.
	Store  *embedded.Store
	Server *esdbserver.Server

	opts   esdbserver.Options
	served chan error
}

// StartNode starts a node with at most one set of options. It is stopped when the
// test ends.
func StartNode(t testing.TB, opts ...esdbserver.Options) *Node {
	t.Helper()
	n := &Node{Dir: t.TempDir(), Address: "127.0.0.1:0"}
	if len(opts) > 0 {
		n.opts = opts[0]
	}
	n.Start(t)
	t.Cleanup(func() { n.Stop(t) })
	return n
}

// Start starts a node that was stopped.
func (n *Node) Start(t testing.TB) {
	t.Helper()
	var err error
	if n.Store, err = embedded.Open(context.Background(), embedded.Options{Dir: n.Dir}); err != nil {
		t.Fatal(err)
	}
	if n.Server, err = esdbserver.New(n.Store, n.opts); err != nil {
		t.Fatal(err)
	}
	l := Listen(t, n.Address)
	n.Address = l.Addr().String()
	n.served = make(chan error, 1)
	go func() { n.served <- n.Server.Serve(l) }()
}

// Stop ends the server and closes the store; a second time it does nothing.
func (n *Node) Stop(t testing.TB) {
	t.Helper()
	if n.Server == nil {
		return
	}
	if err := n.Server.Close(); err != nil {
		t.Errorf("close the server: %v", err)
	}
	if err := <-n.served; err != nil {
		t.Errorf("serve: %v", err)
	}
	if err := n.Store.Close(); err != nil {
		t.Errorf("close the store: %v", err)
	}
	n.Server = nil
}

// Restart stops and starts the node.
func (n *Node) Restart(t testing.TB) {
	t.Helper()
	n.Stop(t)
	n.Start(t)
}

// URL is the connection string of a client without TLS.
func (n *Node) URL() string { return "esdb://" + n.Address + "?tls=false" }

// Listen takes an address that may just have been left.
func Listen(t testing.TB, address string) net.Listener {
	t.Helper()
	var err error
	for range 3000 {
		var l net.Listener
		if l, err = net.Listen("tcp", address); err == nil {
			return l
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("the address %s does not become free: %v", address, err)
	return nil
}
