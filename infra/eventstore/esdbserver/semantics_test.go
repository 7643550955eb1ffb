package esdbserver_test

import (
	"errors"
	"testing"

	"dossierledger/infra/eventstore/esdbserver"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// writer appends to one stream of a server that is like EventStoreDB.
type writer struct {
	t      *testing.T
	client *esdb.Client
	stream string
}

func newWriter(t *testing.T, stream string) writer {
	t.Helper()
	n := esdbtest.StartNode(t, esdbserver.Options{IDsPerStream: true})
	return writer{t, connect(t, n.URL()), stream}
}

// append expects an answer: a revision, or with -1 a wrong revision.
func (w writer) append(expected esdb.ExpectedRevision, answer int, events ...esdb.EventData) {
	w.t.Helper()
	got, err := w.client.AppendToStream(w.t.Context(), w.stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, events...)
	switch {
	case answer < 0 && codeOf(err) == esdb.ErrorCodeWrongExpectedVersion:
	case answer >= 0 && err == nil && got.NextExpectedVersion == uint64(answer):
	default:
		w.t.Errorf("append of %d events expecting %v: %+v, %v, want %d", len(events), expected, got, err, answer)
	}
}

func (w writer) read(stream string) ([]*esdb.ResolvedEvent, error) {
	w.t.Helper()
	from, err := w.client.ReadStream(w.t.Context(), stream, esdb.ReadStreamOptions{From: esdb.Start{}}, 100)
	return readAll(w.t, from, err)
}

// shows holds what a reader sees against the events.
func (w writer) shows(first uint64, events ...esdb.EventData) {
	w.t.Helper()
	got, err := w.read(w.stream)
	if err != nil || len(got) != len(events) {
		w.t.Errorf("%d events, %v, want %d", len(got), err, len(events))
		return
	}
	for i, e := range got {
		if e.Event.EventID != events[i].EventID || string(e.Event.UserMetadata) != string(events[i].Metadata) || e.Event.EventNumber != first+uint64(i) {
			w.t.Errorf("event %d is %s@%d, want %s", i, e.Event.EventID, e.Event.EventNumber, events[i].EventID)
		}
	}
}

func several(count int) (events []esdb.EventData) {
	for range count {
		e := one("a.v1")
		e.Metadata = []byte("{}")
		events = append(events, e)
	}
	return events
}

// TestARepetitionIsOneWhereItIsExpected goes through what EventStoreDB takes for a
// repeated append, what for another one, and what it refuses.
func TestARepetitionIsOneWhereItIsExpected(t *testing.T) {
	w := newWriter(t, "a")
	six := several(6)
	w.append(esdb.NoStream{}, 5, six...)
	w.append(esdb.NoStream{}, 5, six...)
	w.append(esdb.NoStream{}, 0, six[0])
	w.append(esdb.Any{}, 0, six[0])
	w.append(esdb.Any{}, 3, six[3])
	w.append(esdb.StreamExists{}, 5, six[4:]...)
	w.append(esdb.Revision(0), 1, six[1])
	w.append(esdb.NoStream{}, -1, six[1])
	w.append(esdb.Revision(4), -1, six[0])
	w.append(esdb.Revision(6), -1, six[0])
	fresh := several(2)
	w.append(esdb.NoStream{}, -1, append(six[:6:6], fresh[0])...)
	w.append(esdb.Any{}, -1, six[5], fresh[0])
	w.shows(0, six...)
	// Who expects the last revision means more events, whatever their ids.
	w.append(esdb.Revision(5), 6, six[0])
	w.append(esdb.Revision(5), 6, six[0])
	w.append(esdb.Revision(6), 8, six[5], fresh[1])
	w.append(esdb.Revision(8), 10, six[0], six[5])
	w.append(esdb.Revision(8), 10, six[0], six[5])
	w.shows(0, append(six, six[0], six[5], fresh[1], six[0], six[5])...)
}

// TestADeletedStreamComesBackWithoutItsPast writes to a deleted stream in every way.
func TestADeletedStreamComesBackWithoutItsPast(t *testing.T) {
	w := newWriter(t, "a")
	ctx := t.Context()
	remove := func() {
		t.Helper()
		if _, err := w.client.DeleteStream(ctx, w.stream, esdb.DeleteStreamOptions{ExpectedRevision: esdb.StreamExists{}}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.read(w.stream); codeOf(err) != esdb.ErrorCodeResourceNotFound {
			t.Errorf("a read of the deleted stream: %v", err)
		}
	}
	w.append(esdb.NoStream{}, 1, several(2)...)
	remove()
	_, err := w.client.AppendToStream(ctx, w.stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.StreamExists{}}, one("a.v1"))
	if codeOf(err) != esdb.ErrorCodeStreamDeleted {
		t.Errorf("an append that says the deleted stream exists: %v", err)
	}
	again := several(3)
	w.append(esdb.Revision(1), 4, again...)
	w.shows(2, again...)

	// Metadata alone brings it back too, empty.
	remove()
	metadata := esdb.StreamMetadata{}
	metadata.SetMaxCount(100)
	if _, err := w.client.SetStreamMetadata(ctx, w.stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, metadata); err != nil {
		t.Fatal(err)
	}
	w.shows(5)
	got, err := w.client.GetStreamMetadata(ctx, w.stream, esdb.ReadStreamOptions{Direction: esdb.Backwards, From: esdb.End{}})
	if err != nil || got.TruncateBefore() == nil || *got.TruncateBefore() != 5 || got.MaxCount() == nil || *got.MaxCount() != 100 {
		t.Errorf("metadata %+v, %v, want it truncated before 5, with its own maximum", got, err)
	}
	last := several(1)
	w.append(esdb.Revision(4), 5, last...)
	w.shows(5, last...)

	// Who expects no stream brings it back as one.
	remove()
	fresh := several(2)
	w.append(esdb.NoStream{}, 7, fresh...)
	w.shows(6, fresh...)
}

// TestMetadataAloneMakesAStreamExist for who appends to it, not for who reads it.
func TestMetadataAloneMakesAStreamExist(t *testing.T) {
	w := newWriter(t, "a")
	w.append(esdb.StreamExists{}, -1, one("a.v1"))
	if _, err := w.client.SetStreamMetadata(t.Context(), w.stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, esdb.StreamMetadata{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.read(w.stream); codeOf(err) != esdb.ErrorCodeResourceNotFound {
		t.Errorf("a read: %v", err)
	}
	w.append(esdb.StreamExists{}, 0, one("a.v1"))
}

// TestATombstoneCoversTheMetadata of the stream, which can be read and written no more.
func TestATombstoneCoversTheMetadata(t *testing.T) {
	w := newWriter(t, "a")
	ctx := t.Context()
	first := several(2)
	w.append(esdb.NoStream{}, 1, first...)
	if _, err := w.client.SetStreamMetadata(ctx, w.stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, esdb.StreamMetadata{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.read("$$a"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.TombstoneStream(ctx, w.stream, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{"a", "$$a"} {
		if _, err := w.read(stream); codeOf(err) != esdb.ErrorCodeStreamDeleted {
			t.Errorf("a read of %s: %v", stream, err)
		}
		if _, err := w.client.SubscribeToStream(ctx, stream, esdb.SubscribeToStreamOptions{From: esdb.Start{}}); codeOf(err) != esdb.ErrorCodeStreamDeleted {
			t.Errorf("a subscription to %s: %v", stream, err)
		}
		_, err := w.client.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, one("$metadata"))
		if codeOf(err) != esdb.ErrorCodeStreamDeleted {
			t.Errorf("an append to %s: %v", stream, err)
		}
	}
	for name, events := range map[string][]esdb.EventData{"what is there": first, "more": several(1)} {
		_, err := w.client.AppendToStream(ctx, w.stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, events...)
		if codeOf(err) != esdb.ErrorCodeStreamDeleted {
			t.Errorf("an append of %s that expects no stream: %v", name, err)
		}
	}
	if _, err := w.client.TombstoneStream(ctx, w.stream, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); codeOf(err) != esdb.ErrorCodeStreamDeleted {
		t.Errorf("a second tombstone: %v", err)
	}
	var refused *esdb.Error
	_, err := w.client.TombstoneStream(ctx, "b", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Revision(0)})
	if !errors.As(err, &refused) {
		t.Errorf("a tombstone that expects a revision of nothing: %v", err)
	}
	if _, err := w.client.TombstoneStream(ctx, "b", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.NoStream{}}); err != nil {
		t.Errorf("a tombstone of nothing: %v", err)
	}
}
