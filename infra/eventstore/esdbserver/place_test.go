package esdbserver_test

import (
	"fmt"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamsapi "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
)

// TestCaughtUpSaysWhere reads the fields that newer clients look at: when, and from
// where a subscription could go on.
func TestCaughtUpSaysWhere(t *testing.T) {
	n := esdbtest.StartNode(t)
	conn, err := grpc.NewClient(n.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	streams := streamsapi.NewStreamsClient(conn)
	caughtUp := func(options *streamsapi.ReadReq_Options) map[string]uint64 {
		t.Helper()
		options.CountOption = &streamsapi.ReadReq_Options_Subscription{Subscription: &streamsapi.ReadReq_Options_SubscriptionOptions{}}
		options.UuidOption = &streamsapi.ReadReq_Options_UUIDOption{Content: &streamsapi.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}}
		read, err := streams.Read(t.Context(), &streamsapi.ReadReq{Options: options})
		if err != nil {
			t.Fatal(err)
		}
		for {
			message, err := read.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if message.GetCaughtUp() != nil {
				return numbers(t, "", message.GetCaughtUp().ProtoReflect().GetUnknown())
			}
		}
	}
	stream := func(name string) *streamsapi.ReadReq_Options {
		return &streamsapi.ReadReq_Options{StreamOption: &streamsapi.ReadReq_Options_Stream{Stream: &streamsapi.ReadReq_Options_StreamOptions{
			StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(name)}, RevisionOption: &streamsapi.ReadReq_Options_StreamOptions_Start{}}},
			FilterOption: &streamsapi.ReadReq_Options_NoFilter{}}
	}
	all := func() *streamsapi.ReadReq_Options {
		return &streamsapi.ReadReq_Options{StreamOption: &streamsapi.ReadReq_Options_All{All: &streamsapi.ReadReq_Options_AllOptions{
			AllOption: &streamsapi.ReadReq_Options_AllOptions_End{}}}, FilterOption: &streamsapi.ReadReq_Options_NoFilter{}}
	}
	for name, options := range map[string]*streamsapi.ReadReq_Options{"an empty stream": stream("a"), "an empty store": all()} {
		got := caughtUp(options)
		if _, revision := got["2"]; revision || len(got) != 2 {
			t.Errorf("%s: %v, want a time alone", name, got)
		}
	}
	var written event.Written
	for range 3 {
		if written, err = n.Store.Append(t.Context(), "a", event.Any, eventstore.Proposed{ID: uuid.New(), Type: "a.v1"}); err != nil {
			t.Fatal(err)
		}
	}
	got := caughtUp(stream("a"))
	if got["2"] != 2 || len(got) != 3 {
		t.Errorf("a stream of three: %v, want revision 2", got)
	}
	if age := time.Since(time.Unix(int64(got["1.1"]), int64(got["1.2"]))); age < 0 || age > time.Minute {
		t.Errorf("caught up %v ago", age)
	}
	// A position on the wire is the store's plus one.
	if got := caughtUp(all()); got["3.1"] != written.Position+1 || got["3.2"] != got["3.1"] || len(got) != 4 {
		t.Errorf("a store of three: %v, want position %d", got, written.Position+1)
	}
}

// numbers are the fields of a message, by the numbers of the fields on the way to each.
func numbers(t *testing.T, path string, b []byte) map[string]uint64 {
	t.Helper()
	out := map[string]uint64{}
	for len(b) > 0 {
		number, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		b = b[size:]
		switch kind {
		case protowire.VarintType:
			v, size := protowire.ConsumeVarint(b)
			out[fmt.Sprintf("%s%d", path, number)] = v
			b = b[size:]
		case protowire.BytesType:
			inner, size := protowire.ConsumeBytes(b)
			for name, v := range numbers(t, fmt.Sprintf("%s%d.", path, number), inner) {
				out[name] = v
			}
			b = b[size:]
		default:
			t.Fatalf("field %d has the type %d", number, kind)
		}
	}
	return out
}
