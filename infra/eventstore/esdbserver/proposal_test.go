package esdbserver

import (
	"bytes"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamsapi "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
)

func wireProposal(t testing.TB, id *shared.UUID, metadata map[string]string, custom, data []byte) []byte {
	t.Helper()
	b, err := proto.Marshal(&streamsapi.AppendReq{Content: &streamsapi.AppendReq_ProposedMessage_{
		ProposedMessage: &streamsapi.AppendReq_ProposedMessage{Id: id, Metadata: metadata, CustomMetadata: custom, Data: data}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzProposal holds what is read straight from the bytes of an append against
// what the protobuf library reads.
func FuzzProposal(f *testing.F) {
	id := uuid.New()
	usual := map[string]string{"type": "a.v1", "content-type": "application/json"}
	f.Add(wireProposal(f, wireID(id, false), usual, []byte("{}"), []byte(`{"a":1}`)))
	f.Add(wireProposal(f, wireID(id, true), usual, nil, nil))
	f.Add(wireProposal(f, wireID(uuid.Nil, false), usual, []byte{0, 255}, []byte("x")))
	f.Add(wireProposal(f, nil, map[string]string{"type": "a", "other": "b"}, nil, nil))
	f.Add(append(wireProposal(f, wireID(id, true), usual, nil, nil), wireProposal(f, wireID(id, false), usual, nil, []byte("x"))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var want streamsapi.AppendReq
		wantErr := proto.Unmarshal(b, &want)
		var got appendMessage
		err := got.decode(b)
		switch {
		case (err == nil) != (wantErr == nil):
			t.Fatalf("%x: %v, want %v", b, err, wantErr)
		case !got.plain:
			return
		}
		e, err := proposed(want.GetProposedMessage())
		if err != nil || e.ID != got.event.ID || e.Type != got.event.Type ||
			!bytes.Equal(e.Data, got.event.Data) || !bytes.Equal(e.Metadata, got.event.Metadata) {
			t.Fatalf("%x: %+v, want %+v, %v", b, got.event, e, err)
		}
	})
}

// TestTheUsualEventIsReadFromItsBytes holds that what clients send takes the short way.
func TestTheUsualEventIsReadFromItsBytes(t *testing.T) {
	usual := map[string]string{"type": "a.v1", "content-type": "application/json"}
	for _, text := range []bool{true, false} {
		var got appendMessage
		sent := wireProposal(t, wireID(uuid.New(), text), usual, []byte("{}"), []byte(`{"a":1}`))
		if err := got.decode(sent); err != nil || !got.plain {
			t.Errorf("%x: %v, plain %v", sent, err, got.plain)
		}
		clear(sent)
		if string(got.event.Data) != `{"a":1}` || string(got.event.Metadata) != "{}" || got.event.Type != "a.v1" {
			t.Errorf("the event is not its own: %+v", got.event)
		}
	}
}
