package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamsapi "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
)

// batchCall is one BatchAppend call that many writers share, which the official
// client for Go does not offer: each append is one message, and its answer names it.
type batchCall struct {
	connection *grpc.ClientConn
	call       streamsapi.Streams_BatchAppendClient

	mu      sync.Mutex
	waiting map[uuid.UUID]chan *streamsapi.BatchAppendResp
	ended   error
}

func openBatchCall(ctx context.Context, address string) (*batchCall, error) {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	b := &batchCall{connection: connection, waiting: map[uuid.UUID]chan *streamsapi.BatchAppendResp{}}
	if b.call, err = streamsapi.NewStreamsClient(connection).BatchAppend(ctx); err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	go b.receive()
	return b, nil
}

// receive hands out answers until there are no more.
func (b *batchCall) receive() {
	for {
		answer, err := b.call.Recv()
		b.mu.Lock()
		if err != nil {
			b.ended = fmt.Errorf("the batch call ended: %w", err)
			for _, to := range b.waiting {
				close(to)
			}
			b.mu.Unlock()
			return
		}
		id := idOf(answer.GetCorrelationId().GetStructured())
		to := b.waiting[id]
		delete(b.waiting, id)
		b.mu.Unlock()
		if to != nil {
			to <- answer
		}
	}
}

func idOf(id *shared.UUID_Structured) (out uuid.UUID) {
	binary.BigEndian.PutUint64(out[:8], uint64(id.GetMostSignificantBits()))
	binary.BigEndian.PutUint64(out[8:], uint64(id.GetLeastSignificantBits()))
	return out
}

func structured(id uuid.UUID) *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits: int64(binary.BigEndian.Uint64(id[:8])), LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:]))}}}
}

// append sends one append and waits for its answer.
func (b *batchCall) append(req *streamsapi.BatchAppendReq) error {
	id := uuid.New()
	req.CorrelationId, req.IsFinal = structured(id), true
	to := make(chan *streamsapi.BatchAppendResp, 1)
	b.mu.Lock()
	err := b.ended
	if err == nil {
		b.waiting[id] = to
		err = b.call.Send(req)
	}
	b.mu.Unlock()
	if err != nil {
		return err
	}
	answer, ok := <-to
	if !ok {
		return b.ended
	}
	if answer.GetSuccess() == nil {
		return fmt.Errorf("an append in a batch call was refused: %s", answer.GetError().GetMessage())
	}
	return nil
}

func (b *batchCall) close() error {
	return errors.Join(b.call.CloseSend(), b.connection.Close())
}

// inBatchCall appends in one BatchAppend call.
func (a *appends) inBatchCall(ctx context.Context, r *Run) (sample Sample, err error) {
	n, err := r.startNode(ctx)
	if err != nil {
		return sample, err
	}
	defer func() { err = errors.Join(err, n.stop()) }()
	b, err := openBatchCall(ctx, n.at)
	if err != nil {
		return sample, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	return a.spread(ctx, func(_ context.Context, writer, piece int) error {
		stream, at := a.place(writer, piece)
		options := &streamsapi.BatchAppendReq_Options{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)},
			ExpectedStreamPosition: &streamsapi.BatchAppendReq_Options_NoStream{NoStream: &emptypb.Empty{}},
			DeadlineOption:         &streamsapi.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(time.Minute)}}
		if at > 0 {
			options.ExpectedStreamPosition = &streamsapi.BatchAppendReq_Options_StreamPosition{StreamPosition: uint64(at - 1)}
		}
		req := &streamsapi.BatchAppendReq{Options: options}
		for _, e := range a.batches[writer][piece] {
			req.ProposedMessages = append(req.ProposedMessages, &streamsapi.BatchAppendReq_ProposedMessage{Id: structured(e.ID),
				Metadata: map[string]string{"type": e.Type, "content-type": "application/json"}, CustomMetadata: e.Metadata, Data: e.Data})
		}
		return b.append(req)
	})
}
