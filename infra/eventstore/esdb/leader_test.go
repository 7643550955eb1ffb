package esdb_test

import (
	"net"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// TestAFollowerLeadsToTheLeader has the first node answer everything as a follower
// does, with the address of another.
func TestAFollowerLeadsToTheLeader(t *testing.T) {
	leader := startNode(t)
	host, port, err := net.SplitHostPort(leader.address)
	if err != nil {
		t.Fatal(err)
	}
	follower := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, call grpc.ServerStream) error {
		if method, _ := grpc.MethodFromServerStream(call); method == "/event_store.client.server_features.ServerFeatures/GetSupportedMethods" {
			return status.Error(codes.Unimplemented, "an old server")
		}
		call.SetTrailer(metadata.Pairs("exception", "not-leader", "leader-endpoint-host", host, "leader-endpoint-port", port))
		return status.Error(codes.NotFound, "Leader info available")
	}))
	l := listen(t, "127.0.0.1:0")
	served := make(chan error, 1)
	go func() { served <- follower.Serve(l) }()
	t.Cleanup(func() {
		follower.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	s := open(t, "esdb://"+l.Addr().String()+"?tls=false")
	if _, err := s.Append(t.Context(), "a", event.None, proposed("1")); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range leader.store.ReadStream(t.Context(), "a", eventstore.StreamRead{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d events at the leader, want 1", n)
	}
}
