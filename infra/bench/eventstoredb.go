package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"time"

	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/eventstore/esdb"
	"dossierledger/infra/eventstore/esdbserver"
	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamsapi "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
)

var overEventStoreDB = Benchmark{
	Name: "eventstoredb",
	About: "The official client for Go writes to the server of EventStoreDB's protocol, durable before the answer, and " +
		"reads everything back, against a server that answers the same calls with prepared bytes and keeps nothing. " +
		"The ledger's own adapter, which also finds out about repetitions, is measured beside it, and so is the protocol's " +
		"call for many appends (BatchAppend), which that client does not offer.",
	Defaults: Parameters{Events: 100_000, Clients: 64, Repetitions: 5},
	Run: func(ctx context.Context, r *Run) error {
		for _, batch := range []int{1, 10} {
			work := newAppends(0, r.Clients, batch, r.Events)
			err := r.Compare(ctx, Pair{
				Name: fmt.Sprintf("append, %d writers × %d events, official client", r.Clients, batch), Unit: "events/s",
				Subject:  Side{"EventStoreDB server", func(ctx context.Context) (Sample, error) { return work.toServer(ctx, r) }},
				Baseline: Side{"prepared answers", work.toPrepared},
				Goals:    []Goal{RatioAtLeast(0.6)},
			})
			if err != nil {
				return err
			}
			err = r.Compare(ctx, Pair{
				Name: fmt.Sprintf("append, %d writers × %d events, in one BatchAppend call", r.Clients, batch), Unit: "events/s",
				Subject:  Side{"BatchAppend", func(ctx context.Context) (Sample, error) { return work.inBatchCall(ctx, r) }},
				Baseline: Side{"official client", func(ctx context.Context) (Sample, error) { return work.toServer(ctx, r) }},
			})
			if err != nil {
				return err
			}
			for _, c := range []struct {
				name string
				work *appends
			}{{"adapter", work}, {"adapter, ids that were drawn", work.drawn()}} {
				err = r.Compare(ctx, Pair{
					Name: fmt.Sprintf("append, %d writers × %d events, %s", r.Clients, batch, c.name), Unit: "events/s",
					Subject: Side{"EventStoreDB server", func(ctx context.Context) (Sample, error) { return c.work.throughAdapter(ctx, r) }},
				})
				if err != nil {
					return err
				}
			}
		}
		return readEverything(ctx, r)
	},
}

// node is a server of EventStoreDB's protocol on a store of its own.
type node struct {
	dir    string
	store  *embedded.Store
	server *esdbserver.Server
	served chan error
	at     string
}

func (r *Run) startNode(ctx context.Context) (n *node, err error) {
	n = &node{served: make(chan error, 1)}
	if n.dir, err = r.Folder("node"); err != nil {
		return nil, err
	}
	if n.store, err = embedded.Open(ctx, embedded.Options{Dir: n.dir}); err != nil {
		return nil, err
	}
	if n.server, err = esdbserver.New(n.store, esdbserver.Options{}); err != nil {
		return nil, errors.Join(err, n.store.Close())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, n.store.Close())
	}
	n.at = l.Addr().String()
	go func() { n.served <- n.server.Serve(l) }()
	return n, nil
}

func (n *node) stop() error {
	return errors.Join(n.server.Close(), <-n.served, n.store.Close(), os.RemoveAll(n.dir))
}

func connectionTo(address string) string { return "esdb://" + address + "?tls=false" }

func officialClient(address string) (*client.Client, error) {
	config, err := client.ParseConnectionString(connectionTo(address))
	if err != nil {
		return nil, err
	}
	config.Logger = client.NoopLogging()
	return client.NewClient(config)
}

func (a *appends) toServer(ctx context.Context, r *Run) (sample Sample, err error) {
	n, err := r.startNode(ctx)
	if err != nil {
		return sample, err
	}
	defer func() { err = errors.Join(err, n.stop()) }()
	return a.withClient(ctx, n.at)
}

func (a *appends) toPrepared(ctx context.Context) (sample Sample, err error) {
	p, err := startPrepared(nil)
	if err != nil {
		return sample, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	return a.withClient(ctx, p.at)
}

// withClient appends with the official client, over one connection.
func (a *appends) withClient(ctx context.Context, address string) (sample Sample, err error) {
	c, err := officialClient(address)
	if err != nil {
		return sample, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return a.spread(ctx, func(ctx context.Context, writer, piece int) error {
		batch := a.batches[writer][piece]
		events := make([]client.EventData, len(batch))
		for i, e := range batch {
			events[i] = client.EventData{EventID: e.ID, EventType: e.Type, ContentType: client.ContentTypeJson, Data: e.Data, Metadata: e.Metadata}
		}
		stream, at := a.place(writer, piece)
		var expected client.ExpectedRevision = client.NoStream{}
		if at > 0 {
			expected = client.Revision(uint64(at - 1))
		}
		_, err := c.AppendToStream(ctx, stream, client.AppendToStreamOptions{ExpectedRevision: expected}, events...)
		return err
	})
}

func (a *appends) throughAdapter(ctx context.Context, r *Run) (sample Sample, err error) {
	n, err := r.startNode(ctx)
	if err != nil {
		return sample, err
	}
	defer func() { err = errors.Join(err, n.stop()) }()
	return a.withAdapter(ctx, n.at)
}

// withAdapter appends with the ledger's own adapter.
func (a *appends) withAdapter(ctx context.Context, address string) (sample Sample, err error) {
	s, err := esdb.Open(ctx, esdb.Options{ConnectionString: connectionTo(address)})
	if err != nil {
		return sample, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return a.toAny(ctx, s)
}

// readEverything reads a whole ledger over the network.
func readEverything(ctx context.Context, r *Run) (err error) {
	n, err := r.startNode(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.stop()) }()
	if _, err := newAppends(0, 64, 10, r.Events).toAny(ctx, n.store); err != nil {
		return err
	}
	encoded, err := whatIsSent(ctx, n.at)
	if err != nil {
		return err
	}
	p, err := startPrepared(encoded)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	return errors.Join(
		r.Compare(ctx, Pair{
			Name: "read everything, official client", Unit: "events/s",
			Subject:  Side{"EventStoreDB server", func(ctx context.Context) (Sample, error) { return readWithClient(ctx, n.at, len(encoded), readPasses) }},
			Baseline: Side{"prepared answers", func(ctx context.Context) (Sample, error) { return readWithClient(ctx, p.at, len(encoded), readPasses) }},
			Goals:    []Goal{RatioAtLeast(0.6)},
		}),
		r.Compare(ctx, Pair{
			Name: "read everything, adapter", Unit: "events/s",
			Subject: Side{"EventStoreDB server", func(ctx context.Context) (Sample, error) {
				return readThroughAdapter(ctx, n.at, len(encoded), readPasses)
			}},
			Baseline: Side{"prepared answers", func(ctx context.Context) (Sample, error) {
				return readThroughAdapter(ctx, p.at, len(encoded), readPasses)
			}},
		}))
}

// readPasses is how often everything is read for one sample.
const readPasses = 3

// readWithClient reads everything, some times over.
func readWithClient(ctx context.Context, address string, events, passes int) (sample Sample, err error) {
	c, err := officialClient(address)
	if err != nil {
		return sample, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	began := time.Now()
	for range passes {
		from, err := c.ReadAll(ctx, client.ReadAllOptions{}, math.MaxInt64)
		if err != nil {
			return sample, err
		}
		read := 0
		for ; ; read++ {
			if _, err = from.Recv(); err != nil {
				break
			}
		}
		from.Close()
		if !errors.Is(err, io.EOF) || read != events {
			return sample, fmt.Errorf("read %d of %d events: %w", read, events, err)
		}
	}
	return Rate(passes*events, time.Since(began)), nil
}

func readThroughAdapter(ctx context.Context, address string, events, passes int) (sample Sample, err error) {
	s, err := esdb.Open(ctx, esdb.Options{ConnectionString: connectionTo(address)})
	if err != nil {
		return sample, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	began := time.Now()
	for range passes {
		read := 0
		for _, err := range s.ReadAll(ctx, eventstore.AllRead{}) {
			if err != nil {
				return sample, err
			}
			read++
		}
		if read != events {
			return sample, fmt.Errorf("read %d of %d events", read, events)
		}
	}
	return Rate(passes*events, time.Since(began)), nil
}

// whatIsSent is everything that a server sends to one who reads everything.
func whatIsSent(ctx context.Context, address string) (encoded []encodedMessage, err error) {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	from, err := streamsapi.NewStreamsClient(connection).Read(ctx, &streamsapi.ReadReq{Options: &streamsapi.ReadReq_Options{
		StreamOption: &streamsapi.ReadReq_Options_All{All: &streamsapi.ReadReq_Options_AllOptions{
			AllOption: &streamsapi.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}}},
		CountOption:  &streamsapi.ReadReq_Options_Count{Count: math.MaxInt64},
		FilterOption: &streamsapi.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
		UuidOption: &streamsapi.ReadReq_Options_UUIDOption{
			Content: &streamsapi.ReadReq_Options_UUIDOption_Structured{Structured: &shared.Empty{}}},
	}})
	if err != nil {
		return nil, err
	}
	for {
		answer, err := from.Recv()
		if errors.Is(err, io.EOF) {
			return encoded, nil
		}
		if err != nil {
			return nil, err
		}
		bytes, err := proto.Marshal(answer)
		if err != nil {
			return nil, err
		}
		encoded = append(encoded, bytes)
	}
}
