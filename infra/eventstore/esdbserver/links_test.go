package esdbserver_test

import (
	"fmt"
	"testing"

	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

func linkTo(stream string, revision int) esdb.EventData {
	e := one("$>")
	e.ContentType, e.Data = esdb.ContentTypeBinary, fmt.Appendf(nil, "%d@%s", revision, stream)
	return e
}

// TestLinksAreResolvedForWhoAsks reads links to what is there, to what is not there
// and to what was deleted, in every kind of read.
func TestLinksAreResolvedForWhoAsks(t *testing.T) {
	n := esdbtest.StartNode(t)
	c, ctx := connect(t, n.URL()), t.Context()
	append := func(stream string, events ...esdb.EventData) {
		t.Helper()
		if _, err := c.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{}, events...); err != nil {
			t.Fatal(err)
		}
	}
	source := []esdb.EventData{one("a.v1"), one("b.v1")}
	append("source", source...)
	append("gone", one("c.v1"))
	if _, err := c.DeleteStream(ctx, "gone", esdb.DeleteStreamOptions{}); err != nil {
		t.Fatal(err)
	}
	odd := linkTo("source", 0)
	odd.Data = []byte("not a link")
	append("links", linkTo("source", 1), linkTo("source", 7), linkTo("gone", 0), linkTo("never", 0), odd, linkTo("source", 0))
	want := []*esdb.EventData{&source[1], nil, nil, nil, nil, &source[0]}
	check := func(how string, got []*esdb.ResolvedEvent) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: %d events", how, len(got))
		}
		for i, e := range got {
			if e.Link == nil || e.Link.StreamID != "links" || e.Link.EventNumber != uint64(i) || e.OriginalEvent() != e.Link {
				t.Errorf("%s: event %d comes with the link %+v", how, i, e.Link)
			}
			switch {
			case want[i] == nil && e.Event != nil:
				t.Errorf("%s: link %d stands for %+v", how, i, e.Event)
			case want[i] != nil && (e.Event == nil || e.Event.EventID != want[i].EventID || e.Event.StreamID != "source"):
				t.Errorf("%s: link %d stands for %+v, want %s", how, i, e.Event, want[i].EventID)
			}
		}
	}
	from, err := c.ReadStream(ctx, "links", esdb.ReadStreamOptions{ResolveLinkTos: true}, 10)
	got, err := readAll(t, from, err)
	if err != nil {
		t.Fatal(err)
	}
	check("read", got)
	from, err = c.ReadStream(ctx, "links", esdb.ReadStreamOptions{}, 10)
	if got, err = readAll(t, from, err); err != nil || got[0].Link != nil || got[0].Event.EventType != "$>" {
		t.Errorf("unresolved: %+v, %v", got[0], err)
	}
	sub, err := c.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{From: esdb.Start{}, ResolveLinkTos: true,
		Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"links"}}})
	if err != nil {
		t.Fatal(err)
	}
	for got = nil; len(got) < len(want); {
		if e := sub.Recv(); e.EventAppeared != nil {
			got = addEvent(got, e.EventAppeared)
		} else if e.SubscriptionDropped != nil {
			t.Fatal(e.SubscriptionDropped.Error)
		}
	}
	check("subscription", got)
	resolving := settings(func(s *esdb.PersistentSubscriptionSettings) { s.ResolveLinkTos = true })
	if err := c.CreatePersistentSubscription(ctx, "links", "g", esdb.PersistentStreamSubscriptionOptions{Settings: resolving, StartFrom: esdb.Start{}}); err != nil {
		t.Fatal(err)
	}
	events := make(chan *esdb.ResolvedEvent, 10)
	worker(t, c, "links", "g", 10, func(sub *esdb.PersistentSubscription, e *esdb.ResolvedEvent, _ int) {
		if err := sub.Ack(e); err != nil {
			t.Error(err)
		}
		events <- e
	})
	for got = nil; len(got) < len(want); {
		got = addEvent(got, <-events)
	}
	check("persistent subscription", got)
	eventually(t, "the links are acknowledged", func() bool {
		info, err := c.GetPersistentSubscriptionInfo(ctx, "links", "g", esdb.GetPersistentSubscriptionOptions{})
		at := info.Stats.LastCheckpointedEventRevision
		return err == nil && at != nil && *at == uint64(len(want)-1)
	})
}

func addEvent(to []*esdb.ResolvedEvent, e *esdb.ResolvedEvent) []*esdb.ResolvedEvent {
	return append(to, e)
}

// TestPinningLooksThroughLinks holds that links to events of one stream go to one
// subscriber, in whatever stream the links are.
func TestPinningLooksThroughLinks(t *testing.T) {
	n := esdbtest.StartNode(t)
	c, ctx := connect(t, n.URL()), t.Context()
	pinned := settings(func(s *esdb.PersistentSubscriptionSettings) {
		s.ConsumerStrategyName, s.ResolveLinkTos = esdb.ConsumerStrategyPinned, true
	})
	if err := c.CreatePersistentSubscription(ctx, "links", "g", esdb.PersistentStreamSubscriptionOptions{Settings: pinned, StartFrom: esdb.Start{}}); err != nil {
		t.Fatal(err)
	}
	const streams, each = 12, 5
	type arrival struct{ worker, stream string }
	arrivals := make(chan arrival, streams*each)
	for _, name := range []string{"one", "two"} {
		worker(t, c, "links", "g", 100, func(sub *esdb.PersistentSubscription, e *esdb.ResolvedEvent, _ int) {
			if err := sub.Ack(e); err != nil {
				t.Error(err)
			}
			arrivals <- arrival{name, e.Event.StreamID}
		})
	}
	for i := range each {
		for s := range streams {
			stream := fmt.Sprint("s-", s)
			if _, err := c.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{}, one("a.v1")); err != nil {
				t.Fatal(err)
			}
			if _, err := c.AppendToStream(ctx, "links", esdb.AppendToStreamOptions{}, linkTo(stream, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	by, workers := map[string]string{}, map[string]bool{}
	for range streams * each {
		a := <-arrivals
		if first, ok := by[a.stream]; ok && first != a.worker {
			t.Errorf("events of %s went to %s and to %s", a.stream, first, a.worker)
		}
		by[a.stream], workers[a.worker] = a.worker, true
	}
	if len(workers) != 2 {
		t.Errorf("only %v had work", workers)
	}
}
