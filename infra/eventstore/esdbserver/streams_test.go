package esdbserver_test

import (
	"fmt"
	"io"
	"sync"
	"testing"

	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// TestNothingLeavesTheStore holds that no call of a client makes an event of the
// ledger disappear: whatever is deleted, the store goes on to show it.
func TestNothingLeavesTheStore(t *testing.T) {
	n := esdbtest.StartNode(t)
	c, ctx := connect(t, n.URL()), t.Context()
	for _, stream := range []string{"deleted", "ended", "short"} {
		if _, err := c.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{}, one("1.v1"), one("2.v1"), one("3.v1")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.DeleteStream(ctx, "deleted", esdb.DeleteStreamOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.TombstoneStream(ctx, "ended", esdb.TombstoneStreamOptions{}); err != nil {
		t.Fatal(err)
	}
	meta := esdb.StreamMetadata{}
	meta.SetMaxCount(1)
	meta.SetTruncateBefore(2)
	if _, err := c.SetStreamMetadata(ctx, "short", esdb.AppendToStreamOptions{}, meta); err != nil {
		t.Fatal(err)
	}
	kept := map[string]int{}
	for e, err := range n.Store.ReadAll(ctx, eventstore.AllRead{}) {
		if err != nil {
			t.Fatal(err)
		}
		kept[e.Stream]++
	}
	for stream, want := range map[string]int{"deleted": 3, "ended": 4, "short": 3, "$$deleted": 1, "$$short": 1} {
		if kept[stream] != want {
			t.Errorf("stream %s has %d events in the store, want %d", stream, kept[stream], want)
		}
	}
	from, err := c.ReadAll(ctx, esdb.ReadAllOptions{}, 100)
	if got, err := readAll(t, from, err); err != nil || len(got) != 12 {
		t.Errorf("$all shows %d events, %v, want 12", len(got), err)
	}
}

// TestNothingComesBehindATombstone races appends with the end of their stream.
func TestNothingComesBehindATombstone(t *testing.T) {
	n := esdbtest.StartNode(t)
	c, ctx := connect(t, n.URL()), t.Context()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				_, err := c.AppendToStream(ctx, "a", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, one("a.v1"))
				if codeOf(err) == esdb.ErrorCodeStreamDeleted && err != nil {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for {
		from, err := c.ReadStream(ctx, "a", esdb.ReadStreamOptions{}, 1000)
		if got, err := readAll(t, from, err); err == nil && len(got) > 50 {
			break
		}
	}
	if _, err := c.TombstoneStream(ctx, "a", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	for e, err := range n.Store.ReadStream(ctx, "a", eventstore.StreamRead{Direction: eventstore.Backwards, Limit: 1}) {
		if err != nil || e.Type != "$streamDeleted" {
			t.Errorf("the stream ends with %s, %v", e.Type, err)
		}
	}
}

// TestASlowSubscriberIsToldThatItFellBehind and gets everything all the same.
func TestASlowSubscriberIsToldThatItFellBehind(t *testing.T) {
	n := esdbtest.StartNode(t)
	c, ctx := connect(t, n.URL()), t.Context()
	sub, err := c.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{From: esdb.End{}})
	if err != nil {
		t.Fatal(err)
	}
	if e := sub.Recv(); e.CaughtUp == nil {
		t.Fatalf("%+v, want to have caught up with nothing", e)
	}
	const total, size = 20_000, 500
	for range total / size {
		var batch []esdb.EventData
		for range size {
			batch = append(batch, one("a.v1"))
		}
		if _, err := c.AppendToStream(ctx, "a", esdb.AppendToStreamOptions{}, batch...); err != nil {
			t.Fatal(err)
		}
	}
	events, fell := 0, false
	for {
		e := sub.Recv()
		switch {
		case e.EventAppeared != nil:
			if e.EventAppeared.Event.EventNumber != uint64(events) {
				t.Fatalf("revision %d, want %d", e.EventAppeared.Event.EventNumber, events)
			}
			events++
		case e.FellBehind != nil:
			fell = true
		case e.CaughtUp != nil && events == total:
			if !fell {
				t.Error("it was not told that it fell behind")
			}
			return
		case e.SubscriptionDropped != nil:
			t.Fatal(e.SubscriptionDropped.Error)
		}
	}
}

// TestPositionsJoinWithoutGapOrDuplicate reads $all page by page as clients do,
// each from the position at which the page before ended.
func TestPositionsJoinWithoutGapOrDuplicate(t *testing.T) {
	n := esdbtest.StartNode(t)
	c, ctx := connect(t, n.URL()), t.Context()
	for i := range 25 {
		if _, err := c.AppendToStream(ctx, fmt.Sprint("s-", i%3), esdb.AppendToStreamOptions{}, one("a.v1")); err != nil {
			t.Fatal(err)
		}
	}
	pages := func(direction esdb.Direction, from esdb.AllPosition) (seen []uint64) {
		for {
			stream, err := c.ReadAll(ctx, esdb.ReadAllOptions{Direction: direction, From: from}, 4)
			page, err := readAll(t, stream, err)
			if err != nil {
				t.Fatal(err)
			}
			// Forwards a page begins with the event at the position, backwards before it.
			if _, first := from.(esdb.Start); direction == esdb.Forwards && !first && len(page) > 0 {
				page = page[1:]
			}
			if len(page) == 0 {
				return seen
			}
			for _, e := range page {
				seen = append(seen, e.Event.Position.Commit)
			}
			from = page[len(page)-1].Event.Position
		}
	}
	forwards, backwards := pages(esdb.Forwards, esdb.Start{}), pages(esdb.Backwards, esdb.End{})
	if len(forwards) != 25 || len(backwards) != 25 {
		t.Fatalf("%d events forwards, %d backwards, want 25", len(forwards), len(backwards))
	}
	for i := range forwards {
		if forwards[i] != backwards[24-i] || (i > 0 && forwards[i] <= forwards[i-1]) || forwards[0] == 0 {
			t.Fatalf("positions forwards %v, backwards %v", forwards, backwards)
		}
	}
}

func TestSystemStreamsAndMetadataHaveTheirRules(t *testing.T) {
	n := esdbtest.StartNode(t)
	c, ctx := connect(t, n.URL()), t.Context()
	if _, err := c.AppendToStream(ctx, "$mine", esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, one("a.v1")); err != nil {
		t.Errorf("an administrator writes a system stream: %v", err)
	}
	if _, err := c.DeleteStream(ctx, "$mine", esdb.DeleteStreamOptions{}); codeOf(err) != esdb.ErrorCodeAccessDenied {
		t.Errorf("a system stream is deleted: %v", err)
	}
	for name, e := range map[string]esdb.EventData{"tombstone": one("$streamDeleted"), "no type": one("")} {
		if _, err := c.AppendToStream(ctx, "a", esdb.AppendToStreamOptions{}, e); err == nil {
			t.Errorf("%s was appended", name)
		}
	}
	if _, err := c.AppendToStream(ctx, "$$a", esdb.AppendToStreamOptions{}, one("other.v1")); err == nil {
		t.Error("metadata of another type was taken")
	}
	result, err := c.AppendToStream(ctx, "empty", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}})
	if err != nil {
		t.Errorf("an append of nothing: %+v, %v", result, err)
	}
	from, err := c.ReadStream(ctx, "empty", esdb.ReadStreamOptions{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if _, err := from.Recv(); codeOf(err) != esdb.ErrorCodeResourceNotFound || err == io.EOF {
		t.Errorf("an append of nothing made a stream: %v", err)
	}
}
