package esdbserver_test

import (
	"testing"
	"time"

	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamsapi "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func piece(correlation string, options *streamsapi.BatchAppendReq_Options, final bool) *streamsapi.BatchAppendReq {
	text := func(id string) *shared.UUID { return &shared.UUID{Value: &shared.UUID_String_{String_: id}} }
	return &streamsapi.BatchAppendReq{CorrelationId: text(correlation), Options: options, IsFinal: final,
		ProposedMessages: []*streamsapi.BatchAppendReq_ProposedMessage{{Id: text(uuid.NewString()),
			Metadata: map[string]string{"type": "a.v1", "content-type": "application/json"}, Data: []byte("{}")}}}
}

func toStream(name string) *streamsapi.BatchAppendReq_Options {
	return &streamsapi.BatchAppendReq_Options{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(name)},
		ExpectedStreamPosition: &streamsapi.BatchAppendReq_Options_Any{Any: &emptypb.Empty{}}}
}

// TestABatchCallCarriesManyAppends in pieces that are mixed, and of which some are
// too late before they begin.
func TestABatchCallCarriesManyAppends(t *testing.T) {
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
	call, err := streamsapi.NewStreamsClient(conn).BatchAppend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first, second, late, later := uuid.NewString(), uuid.NewString(), uuid.NewString(), uuid.NewString()
	zero, past := toStream("late"), toStream("late")
	zero.DeadlineOption = &streamsapi.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(0)}
	past.DeadlineOption = &streamsapi.BatchAppendReq_Options_Deadline_21_10_0{Deadline_21_10_0: timestamppb.New(time.Now().Add(-time.Minute))}
	for _, req := range []*streamsapi.BatchAppendReq{
		piece(first, toStream("a"), false), piece(second, toStream("b"), false), piece(late, zero, true), piece(first, nil, false),
		piece(later, past, true), piece(second, nil, true), piece(first, nil, true),
	} {
		if err := call.Send(req); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		answer, err := call.Recv()
		if err != nil {
			t.Fatal(err)
		}
		switch answer.GetCorrelationId().GetString_() {
		case first, second:
			want := map[string]uint64{"a": 2, "b": 1}[string(answer.GetStreamIdentifier().GetStreamName())]
			if answer.GetSuccess() == nil || answer.GetSuccess().GetCurrentRevision() != want {
				t.Errorf("%v, want revision %d", answer, want)
			}
		case late, later:
			refused := answer.GetError()
			if codes.Code(refused.GetCode()) != codes.DeadlineExceeded || len(refused.GetDetails()) != 1 || !refused.GetDetails()[0].MessageIs(&shared.Timeout{}) {
				t.Errorf("%v, want that it is too late", answer)
			}
		default:
			t.Errorf("an answer to nothing: %v", answer)
		}
	}
	if err := call.CloseSend(); err != nil {
		t.Fatal(err)
	}
	c := connect(t, n.URL())
	from, err := c.ReadStream(t.Context(), "late", esdb.ReadStreamOptions{}, 1)
	if got, err := readAll(t, from, err); codeOf(err) != esdb.ErrorCodeResourceNotFound {
		t.Errorf("what was too late is there: %d events, %v", len(got), err)
	}
}

// TestWhatIsTooOldIsNotShown sets $maxAge, under which events leave one by one.
func TestWhatIsTooOldIsNotShown(t *testing.T) {
	n := esdbtest.StartNode(t)
	c, ctx := connect(t, n.URL()), t.Context()
	for stream, age := range map[string]time.Duration{"young": time.Hour, "old": time.Second} {
		metadata := esdb.StreamMetadata{}
		metadata.SetMaxAge(age)
		if _, err := c.SetStreamMetadata(ctx, stream, esdb.AppendToStreamOptions{}, metadata); err != nil {
			t.Fatal(err)
		}
		if _, err := c.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{}, one("a.v1"), one("a.v1")); err != nil {
			t.Fatal(err)
		}
	}
	shown := func(stream string) int {
		t.Helper()
		from, err := c.ReadStream(ctx, stream, esdb.ReadStreamOptions{}, 10)
		got, err := readAll(t, from, err)
		if err != nil {
			t.Fatal(err)
		}
		return len(got)
	}
	for shown("old") > 0 {
		time.Sleep(50 * time.Millisecond)
	}
	if got := shown("young"); got != 2 {
		t.Errorf("%d events of an hour, want 2", got)
	}
	// The stream is there, and its revisions go on.
	w, err := c.AppendToStream(ctx, "old", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Revision(1)}, one("a.v1"))
	if err != nil || w.NextExpectedVersion != 2 {
		t.Errorf("append: %+v, %v", w, err)
	}
}
