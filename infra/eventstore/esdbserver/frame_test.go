package esdbserver

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"dossierledger/infra/eventstore"
	persistentapi "github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	streamsapi "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// told is an event as the protobuf library would send it.
func told(e *eventstore.Recorded, textIDs bool) *streamsapi.ReadResp_ReadEvent_RecordedEvent {
	if e == nil {
		return nil
	}
	content := contentBinary
	if len(e.Data) > 0 && json.Valid(e.Data) {
		content = contentJSON
	}
	at := wirePosition(e.Position)
	return &streamsapi.ReadResp_ReadEvent_RecordedEvent{
		Id: wireID(e.ID, textIDs), StreamIdentifier: identifier(e.Stream), StreamRevision: e.Revision,
		PreparePosition: at, CommitPosition: at,
		Metadata: map[string]string{keyType: e.Type, keyContentType: content,
			keyCreated: strconv.FormatInt(ticks(e.RecordedAt), 10)},
		CustomMetadata: e.Metadata, Data: e.Data,
	}
}

func drawEvent(t *rapid.T) *eventstore.Recorded {
	id := uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
	if rapid.IntRange(0, 3).Draw(t, "half") == 0 {
		clear(id[:8])
	}
	data := rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.SliceOfN(rapid.Byte(), 16_000, 17_000),
		rapid.Just([]byte(`{"name":"Nguyễn Thị Ánh","n":[1,2.5e3,null]}`))).Draw(t, "data")
	return &eventstore.Recorded{ID: id, Type: rapid.StringN(1, 20, 60).Draw(t, "type"), Data: data,
		Metadata: rapid.SliceOf(rapid.Byte()).Draw(t, "metadata"), Stream: rapid.StringN(1, 40, 200).Draw(t, "stream"),
		Revision: rapid.Uint64().Draw(t, "revision"), Position: rapid.Uint64Range(0, 1<<63).Draw(t, "position"),
		RecordedAt: time.Unix(0, rapid.Int64().Draw(t, "recorded")).UTC()}
}

// TestAFrameIsWhatProtobufWouldSend reads what is encoded here with the protobuf
// library and compares it with the message that the library would have made.
func TestAFrameIsWhatProtobufWouldSend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := frames{textIDs: rapid.Bool().Draw(t, "text ids")}
		for range rapid.IntRange(1, 5).Draw(t, "events") {
			r := resolved{event: drawEvent(t)}
			if rapid.Bool().Draw(t, "linked") {
				r.link = drawEvent(t)
				if rapid.Bool().Draw(t, "broken") {
					r.event = nil
				}
			}
			want := &streamsapi.ReadResp{Content: &streamsapi.ReadResp_Event{Event: &streamsapi.ReadResp_ReadEvent{
				Event: told(r.event, f.textIDs), Link: told(r.link, f.textIDs),
				Position: &streamsapi.ReadResp_ReadEvent_CommitPosition{CommitPosition: wirePosition(r.original().Position)},
			}}}
			var got streamsapi.ReadResp
			if err := proto.Unmarshal(*f.read(r), &got); err != nil || !proto.Equal(&got, want) {
				t.Fatalf("%v\ngot  %v\nwant %v", err, &got, want)
			}
			retries := rapid.Int32Range(0, 1<<30).Draw(t, "retries")
			var delivered persistentapi.ReadResp
			if err := proto.Unmarshal(*f.delivered(r, retries), &delivered); err != nil {
				t.Fatal(err)
			}
			if e := delivered.GetEvent(); e.GetRetryCount() != retries || e.GetEvent().GetStreamRevision() != want.GetEvent().GetEvent().GetStreamRevision() ||
				string(e.GetLink().GetData()) != string(want.GetEvent().GetLink().GetData()) || len(delivered.ProtoReflect().GetUnknown()) > 0 {
				t.Fatalf("got %v, want %v with %d retries", &delivered, want, retries)
			}
		}
	})
}

// TestFramesDoNotShareMemory holds that a frame stays as it is when more are made.
func TestFramesDoNotShareMemory(t *testing.T) {
	var f frames
	var kept [][]byte
	for i := range 400 {
		e := &eventstore.Recorded{ID: uuid.New(), Type: "a.v1", Stream: "s", Revision: uint64(i), Data: make([]byte, i*97%20_000)}
		kept = append(kept, *f.read(resolved{event: e}))
	}
	for i, b := range kept {
		var got streamsapi.ReadResp
		if err := proto.Unmarshal(b, &got); err != nil || got.GetEvent().GetEvent().GetStreamRevision() != uint64(i) {
			t.Fatalf("frame %d: %v, %v", i, err, &got)
		}
	}
}

// FuzzContentType holds what is told to be JSON against the standard library.
func FuzzContentType(f *testing.F) {
	for _, seed := range []string{"{}", "[1,2]", `"a\u00e9\ud800"`, "01", "{\"a\":1,\"a\":2}", "\"\xff\"", " null ", "1e999", "tru"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, want := contentType(data) == contentJSON, json.Valid(data); got != want {
			t.Errorf("%q: JSON %v, want %v", data, got, want)
		}
	})
}
