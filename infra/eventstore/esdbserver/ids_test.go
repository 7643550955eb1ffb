package esdbserver_test

import (
	"testing"

	"dossierledger/infra/eventstore/esdbserver"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// TestAnIDMayBeInSeveralStreams writes the same events to several streams, alone
// and beside others, again, and over a restart.
func TestAnIDMayBeInSeveralStreams(t *testing.T) {
	n := esdbtest.StartNode(t, esdbserver.Options{IDsPerStream: true})
	c, ctx := connect(t, n.URL()), t.Context()
	shared := one("shared.v1")
	shared.Metadata = []byte{0, 1, 2, 0xff}
	write := func(c *esdb.Client, stream string, expected esdb.ExpectedRevision, events ...esdb.EventData) *esdb.WriteResult {
		t.Helper()
		w, err := c.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, events...)
		if err != nil {
			t.Fatalf("append to %s: %v", stream, err)
		}
		return w
	}
	batch := []esdb.EventData{one("own.v1"), shared}
	write(c, "a", esdb.NoStream{}, shared)
	first := write(c, "b", esdb.NoStream{}, batch...)
	write(c, "c", esdb.NoStream{}, shared)
	n.Restart(t)
	c = connect(t, n.URL())
	if again := write(c, "b", esdb.NoStream{}, batch...); *again != *first {
		t.Errorf("repeated: %+v, first %+v", again, first)
	}
	for stream, want := range map[string][]esdb.EventData{"a": {shared}, "b": batch, "c": {shared}} {
		from, err := c.ReadStream(ctx, stream, esdb.ReadStreamOptions{}, 10)
		got, err := readAll(t, from, err)
		if err != nil || len(got) != len(want) {
			t.Fatalf("stream %s has %d events, %v, want %d", stream, len(got), err, len(want))
		}
		for i, e := range got {
			if e.Event.EventID != want[i].EventID || string(e.Event.UserMetadata) != string(want[i].Metadata) {
				t.Errorf("stream %s: event %d is %s with %q", stream, i, e.Event.EventID, e.Event.UserMetadata)
			}
		}
	}
	if err := c.CreatePersistentSubscriptionToAll(ctx, "g", esdb.PersistentAllSubscriptionOptions{StartFrom: esdb.Start{},
		Filter: &esdb.SubscriptionFilter{Type: esdb.EventFilterType, Prefixes: []string{"shared."}}}); err != nil {
		t.Fatal(err)
	}
	sub, err := c.SubscribeToPersistentSubscriptionToAll(ctx, "g", esdb.SubscribeToPersistentSubscriptionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{"a", "b", "c"} {
		e := sub.Recv()
		if e.EventAppeared == nil || e.EventAppeared.Event.Event.EventID != shared.EventID || e.EventAppeared.Event.Event.StreamID != stream {
			t.Fatalf("%+v, want the event of stream %s", e, stream)
		}
		if err := sub.Ack(e.EventAppeared.Event); err != nil {
			t.Fatal(err)
		}
	}
}
