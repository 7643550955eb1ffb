package esdb_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/eventstore/esdbserver"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	gossipapi "github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// cluster is three addresses in front of one store, of which one leads and the
// others answer as followers do whom somebody asks for the leader.
type cluster struct {
	store   *embedded.Store
	members []*member

	mu     sync.Mutex // also of the members' addresses
	leader int        // -1: there is none
}

type member struct {
	cluster *cluster
	number  int
	address string
	halt    func() error
}

func startCluster(t testing.TB) *cluster {
	t.Helper()
	store, err := embedded.Open(context.Background(), embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{store: store, leader: -1}
	for i := range 3 {
		c.members = append(c.members, &member{cluster: c, number: i, address: "127.0.0.1:0"})
		c.members[i].follow(t)
	}
	t.Cleanup(func() {
		for _, m := range c.members {
			if err := m.halt(); err != nil {
				t.Error(err)
			}
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// seeds is a connection string that names every member.
func (c *cluster) seeds(settings string) string {
	var all []string
	for _, m := range c.members {
		all = append(all, m.address)
	}
	return "esdb://" + strings.Join(all, ",") + "?tls=false" + settings
}

// elect makes a member the leader; before, there is none for a moment.
func (c *cluster) elect(t testing.TB, number int) {
	t.Helper()
	c.mu.Lock()
	old := c.leader
	c.leader = -1
	c.mu.Unlock()
	if old >= 0 {
		if err := c.members[old].halt(); err != nil {
			t.Error(err)
		}
		c.members[old].follow(t)
	}
	m := c.members[number]
	if err := m.halt(); err != nil {
		t.Error(err)
	}
	server, err := esdbserver.New(c.store, esdbserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m.serve(t, server.Serve, server.Close)
	c.mu.Lock()
	c.leader = number
	c.mu.Unlock()
}

func (m *member) serve(t testing.TB, serve func(net.Listener) error, stop func() error) {
	t.Helper()
	l := esdbtest.Listen(t, m.address)
	m.cluster.mu.Lock() // the other members tell of this one
	m.address = l.Addr().String()
	m.cluster.mu.Unlock()
	served := make(chan error, 1)
	go func() { served <- serve(l) }()
	m.halt = func() error { return errors.Join(stop(), <-served) }
}

func (m *member) follow(t testing.TB) {
	t.Helper()
	server := grpc.NewServer(grpc.UnknownServiceHandler(m.refuse))
	gossipapi.RegisterGossipServer(server, follower{member: m})
	serve := func(l net.Listener) error {
		if err := server.Serve(l); !errors.Is(err, grpc.ErrServerStopped) {
			return err
		}
		return nil
	}
	m.serve(t, serve, func() error { server.Stop(); return nil })
}

// refuse answers everything else as a node does that was asked for the leader.
func (m *member) refuse(_ any, call grpc.ServerStream) error {
	if method, _ := grpc.MethodFromServerStream(call); strings.HasSuffix(method, "/GetSupportedMethods") {
		return status.Error(codes.Unimplemented, "an old server")
	}
	m.cluster.mu.Lock()
	leader, address := m.cluster.leader, ""
	if leader >= 0 {
		address = m.cluster.members[leader].address
	}
	m.cluster.mu.Unlock()
	if leader < 0 {
		return status.Error(codes.Unavailable, "Leader info not available")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	call.SetTrailer(metadata.Pairs("exception", "not-leader", "leader-endpoint-host", host, "leader-endpoint-port", port))
	return status.Error(codes.NotFound, "Leader info available")
}

type follower struct {
	gossipapi.UnimplementedGossipServer
	member *member
}

// Read tells of all members.
func (f follower) Read(context.Context, *shared.Empty) (*gossipapi.ClusterInfo, error) {
	c := f.member.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	out := &gossipapi.ClusterInfo{}
	for _, m := range c.members {
		host, port, err := net.SplitHostPort(m.address)
		if err != nil {
			return nil, err
		}
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return nil, err
		}
		state := gossipapi.MemberInfo_Follower
		if m.number == c.leader {
			state = gossipapi.MemberInfo_Leader
		}
		out.Members = append(out.Members, &gossipapi.MemberInfo{State: state, IsAlive: true,
			HttpEndPoint: &gossipapi.EndPoint{Address: host, Port: uint32(number)}})
	}
	return out, nil
}

// TestTheLeaderIsFound connects in every way in which a client finds its node.
func TestTheLeaderIsFound(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	for leader := range c.members {
		c.elect(t, leader)
		another := c.members[(leader+1)%len(c.members)].address
		for name, connection := range map[string]string{
			"from seeds":                    c.seeds(""),
			"a follower preferred":          c.seeds("&nodePreference=follower"),
			"by discovery":                  "esdb+discover://" + another + "?tls=false",
			"a follower named, which tells": "esdb://" + another + "?tls=false",
		} {
			s := open(t, connection)
			stream := fmt.Sprintf("%d-%s", leader, name)
			if _, err := s.Append(t.Context(), stream, event.None, proposed("1")); err != nil {
				t.Errorf("leader %d, %s: %v", leader, name, err)
			}
			if n := length(t, c.store, stream); n != 1 {
				t.Errorf("leader %d, %s: %d events", leader, name, n)
			}
		}
	}
}

func length(t testing.TB, s eventstore.Store, stream string) (n int) {
	t.Helper()
	for _, err := range s.ReadStream(t.Context(), stream, eventstore.StreamRead{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// TestNothingIsLostOrDoubledOverElections has the leadership go round under writers
// and a subscriber that are not told of it.
func TestNothingIsLostOrDoubledOverElections(t *testing.T) {
	t.Parallel()
	const writers, each, elections = 4, 50, 5
	c := startCluster(t)
	c.elect(t, 0)
	s := open(t, c.seeds("&maxDiscoverAttempts=3&discoveryInterval=20"))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var working sync.WaitGroup
	for w := range writers {
		working.Go(func() {
			stream, expected := fmt.Sprintf("w-%d", w), event.None
			for i := range each {
				written, err := s.Append(ctx, stream, expected, proposed(fmt.Sprint(i)))
				if err != nil || written.Revision != uint64(i) || written.Repeated {
					t.Errorf("writer %d, append %d: %+v, %v", w, i, written, err)
					return
				}
				expected = event.Exact(written.Revision)
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	sub, err := s.Subscribe(ctx, eventstore.SubscribeTo{Filter: eventstore.Filter{StreamPrefixes: []string{"w-"}}})
	if err != nil {
		t.Fatal(err)
	}
	working.Go(func() {
		next := map[string]uint64{}
		for seen := 0; seen < writers*each; {
			d, err := sub.Next(ctx)
			if err != nil {
				t.Errorf("subscriber after %d: %v", seen, err)
				return
			}
			if d.Event == nil {
				continue
			}
			if d.Event.Revision != next[d.Event.Stream] {
				t.Errorf("%s@%d, want %d", d.Event.Stream, d.Event.Revision, next[d.Event.Stream])
				return
			}
			next[d.Event.Stream]++
			seen++
		}
	})
	for i := range elections {
		time.Sleep(50 * time.Millisecond)
		c.elect(t, (i+1)%len(c.members))
	}
	working.Wait()
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
	for w := range writers {
		if n := length(t, c.store, fmt.Sprintf("w-%d", w)); n != each {
			t.Errorf("writer %d: %d events, want %d", w, n, each)
		}
	}
}
