package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dossierledger/infra/eventstore"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// jetStream is NATS JetStream with one stream on disk, synced before each
// answer, and a subject for each stream of the ledger. The server runs in this
// process and is asked over loopback, each writer by a connection of its own.
type jetStream struct{}

func (jetStream) name() string { return "NATS JetStream" }

// readyWithin bounds the wait for a server.
const readyWithin = 20 * time.Second

func (jetStream) open(ctx context.Context, dir string, writers int) (_ running, err error) {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, SyncAlways: true, NoLog: true, NoSigs: true,
	})
	if err != nil {
		return nil, fmt.Errorf("NATS server: %w", err)
	}
	s.Start()
	j := &jetStreamRunning{server: s}
	defer func() {
		if err != nil {
			err = errors.Join(err, j.close())
		}
	}()
	if !s.ReadyForConnections(readyWithin) {
		return nil, errors.New("the NATS server is not ready")
	}
	for range writers {
		connection, err := nats.Connect(s.ClientURL())
		if err != nil {
			return nil, fmt.Errorf("NATS client: %w", err)
		}
		j.connections = append(j.connections, connection)
		asking, err := jetstream.New(connection)
		if err != nil {
			return nil, fmt.Errorf("JetStream client: %w", err)
		}
		j.writers = append(j.writers, asking)
	}
	j.stream, err = j.writers[0].CreateStream(ctx, jetstream.StreamConfig{
		Name: "events", Subjects: []string{"events.>"}, Storage: jetstream.FileStorage,
	})
	if err != nil {
		return nil, fmt.Errorf("JetStream: %w", err)
	}
	j.last = make([]uint64, writers)
	return j, nil
}

type jetStreamRunning struct {
	server      *server.Server
	connections []*nats.Conn
	writers     []jetstream.JetStream
	stream      jetstream.Stream
	last        []uint64 // by writer: the sequence of what it wrote last
}

func (j *jetStreamRunning) append(ctx context.Context, writer int, stream string, after int, e eventstore.Proposed) error {
	expected := j.last[writer]
	if after == 0 {
		expected = 0
	}
	m := &nats.Msg{Subject: "events." + stream, Data: e.Data, Header: nats.Header{"type": {e.Type}, "metadata": {string(e.Metadata)}}}
	acknowledged, err := j.writers[writer].PublishMsg(ctx, m,
		jetstream.WithExpectLastSequencePerSubject(expected), jetstream.WithMsgID(e.ID.String()))
	if err != nil {
		return fmt.Errorf("JetStream: %w", err)
	}
	j.last[writer] = acknowledged.Sequence
	return nil
}

func (j *jetStreamRunning) scan(ctx context.Context) (n int, err error) {
	info, err := j.stream.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("JetStream: %w", err)
	}
	consumer, err := j.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return 0, fmt.Errorf("JetStream: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(5000))
	if err != nil {
		return 0, fmt.Errorf("JetStream: %w", err)
	}
	defer messages.Stop()
	for uint64(n) < info.State.Msgs {
		if _, err := messages.Next(jetstream.NextContext(ctx)); err != nil {
			return n, fmt.Errorf("JetStream: %w", err)
		}
		n++
	}
	return n, nil
}

func (j *jetStreamRunning) close() error {
	for _, c := range j.connections {
		c.Close()
	}
	j.server.Shutdown()
	j.server.WaitForShutdown()
	return nil
}
