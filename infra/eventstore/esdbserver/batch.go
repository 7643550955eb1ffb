package esdbserver

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamsapi "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"
)

const (
	// batchesOpen bounds the appends of one call that have begun and not ended;
	// each holds at most MaxAppendBytes.
	batchesOpen = 64
	// batchesRunning bounds the appends of one call that the store works on.
	batchesRunning = 64
)

// batchCall is one BatchAppend call: many appends share it, each named by a
// correlation id. Appends to one stream keep their order.
type batchCall struct {
	*Server
	call    streamsapi.Streams_BatchAppendServer
	open    map[uuid.UUID]*openBatch
	running chan struct{}
	writers sync.WaitGroup

	mu     sync.Mutex
	failed error
	// last is, by stream, closed when the append before has been answered.
	last map[string]chan struct{}
}

type openBatch struct {
	proposals
	correlation *shared.UUID
	stream      string
	expected    event.Expected
	deadline    time.Time
	// refused is set when the answer has been given before the end.
	refused bool
}

// BatchAppend implements the Streams service.
func (s *streams) BatchAppend(call streamsapi.Streams_BatchAppendServer) error {
	b := &batchCall{Server: s.Server, call: call, open: map[uuid.UUID]*openBatch{},
		running: make(chan struct{}, batchesRunning), last: map[string]chan struct{}{}}
	ctx, cancel := s.life(call.Context())
	defer cancel()
	requests := make(chan *streamsapi.BatchAppendReq)
	ended := make(chan error, 1)
	go func() {
		for {
			req, err := call.Recv()
			if err != nil {
				ended <- err
				return
			}
			select {
			case requests <- req:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case req := <-requests:
			if err := b.take(call.Context(), req); err != nil {
				b.writers.Wait()
				return err
			}
		case err := <-ended:
			b.writers.Wait()
			if errors.Is(err, io.EOF) {
				b.mu.Lock()
				defer b.mu.Unlock()
				return b.failed
			}
			return err
		case <-ctx.Done():
			b.writers.Wait()
			return context.Cause(ctx)
		}
	}
}

// take adds one message to its append and writes it when it is whole.
func (b *batchCall) take(ctx context.Context, req *streamsapi.BatchAppendReq) error {
	id, err := parseID(req.GetCorrelationId())
	if err != nil {
		return err
	}
	batch := b.open[id]
	if options := req.GetOptions(); options != nil && batch == nil {
		if len(b.open) >= batchesOpen {
			return refuse(codes.ResourceExhausted, "too many appends have begun and not ended in one call")
		}
		batch = &openBatch{correlation: req.GetCorrelationId(), deadline: batchDeadline(options)}
		b.open[id] = batch
		batch.stream, batch.failed = streamName(options.GetStreamIdentifier())
		if batch.failed == nil {
			batch.expected, batch.failed = batchExpectation(options)
		}
	}
	if batch == nil {
		return nil
	}
	for _, p := range req.GetProposedMessages() {
		batch.add(p, b.opts.MaxAppendBytes)
	}
	if batch.failed != nil && !batch.refused {
		batch.refused = true
		b.answer(batch, appended{}, batch.failed)
	}
	if !req.GetIsFinal() {
		return nil
	}
	delete(b.open, id)
	if !batch.refused {
		b.start(ctx, batch)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

// start writes an append as soon as those before it in the stream are answered.
func (b *batchCall) start(ctx context.Context, batch *openBatch) {
	b.running <- struct{}{}
	done := make(chan struct{})
	b.mu.Lock()
	before := b.last[batch.stream]
	b.last[batch.stream] = done
	b.mu.Unlock()
	b.writers.Go(func() {
		defer func() { <-b.running }()
		if before != nil {
			<-before
		}
		ctx, cancel := context.WithDeadline(ctx, batch.deadline)
		defer cancel()
		a, err := b.write(ctx, batch.stream, batch.expected, batch.events)
		b.answer(batch, a, err)
		b.mu.Lock()
		if b.last[batch.stream] == done {
			delete(b.last, batch.stream)
		}
		b.mu.Unlock()
		close(done)
	})
}

func (b *batchCall) answer(batch *openBatch, a appended, err error) {
	resp := &streamsapi.BatchAppendResp{CorrelationId: batch.correlation, StreamIdentifier: identifier(batch.stream)}
	if r, ok := batch.expected.Revision(); ok {
		resp.ExpectedStreamPosition = &streamsapi.BatchAppendResp_StreamPosition{StreamPosition: r}
	} else {
		switch batch.expected {
		case event.None:
			resp.ExpectedStreamPosition = &streamsapi.BatchAppendResp_NoStream{NoStream: &emptypb.Empty{}}
		case event.Exists:
			resp.ExpectedStreamPosition = &streamsapi.BatchAppendResp_StreamExists{StreamExists: &emptypb.Empty{}}
		default:
			resp.ExpectedStreamPosition = &streamsapi.BatchAppendResp_Any{Any: &emptypb.Empty{}}
		}
	}
	if err != nil {
		resp.Result = &streamsapi.BatchAppendResp_Error{Error: b.batchStatus(batch, err)}
	} else {
		resp.Result = &streamsapi.BatchAppendResp_Success_{Success: batchSuccess(a)}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed == nil {
		b.failed = b.call.Send(resp)
	}
}

func batchSuccess(a appended) *streamsapi.BatchAppendResp_Success {
	out := &streamsapi.BatchAppendResp_Success{}
	if a.exists {
		out.CurrentRevisionOption = &streamsapi.BatchAppendResp_Success_CurrentRevision{CurrentRevision: a.revision}
	} else {
		out.CurrentRevisionOption = &streamsapi.BatchAppendResp_Success_NoStream{NoStream: &emptypb.Empty{}}
	}
	if a.position == nil {
		out.PositionOption = &streamsapi.BatchAppendResp_Success_NoPosition{NoPosition: &emptypb.Empty{}}
		return out
	}
	at := wirePosition(*a.position)
	out.PositionOption = &streamsapi.BatchAppendResp_Success_Position{
		Position: &shared.AllStreamPosition{CommitPosition: at, PreparePosition: at},
	}
	return out
}

func batchExpectation(o *streamsapi.BatchAppendReq_Options) (event.Expected, error) {
	switch v := o.GetExpectedStreamPosition().(type) {
	case *streamsapi.BatchAppendReq_Options_StreamPosition:
		return event.Exact(v.StreamPosition), nil
	case *streamsapi.BatchAppendReq_Options_NoStream:
		return event.None, nil
	case *streamsapi.BatchAppendReq_Options_Any:
		return event.Any, nil
	case *streamsapi.BatchAppendReq_Options_StreamExists:
		return event.Exists, nil
	}
	return event.Any, invalid("an append names the revision that it expects")
}

// batchDeadlineMax bounds an append that names no deadline.
const batchDeadlineMax = time.Minute

func batchDeadline(o *streamsapi.BatchAppendReq_Options) time.Time {
	latest := time.Now().Add(batchDeadlineMax)
	given := latest
	switch v := o.GetDeadlineOption().(type) {
	case *streamsapi.BatchAppendReq_Options_Deadline:
		given = time.Now().Add(v.Deadline.AsDuration())
	case *streamsapi.BatchAppendReq_Options_Deadline_21_10_0:
		if v.Deadline_21_10_0.GetSeconds() < math.MaxInt32 {
			given = v.Deadline_21_10_0.AsTime()
		}
	}
	if given.Before(latest) {
		return given
	}
	return latest
}

// batchStatus is how a refusal is told inside a batch call, where there are no
// trailers: by the type of its details.
func (b *batchCall) batchStatus(batch *openBatch, err error) *rpcstatus.Status {
	var wrong *event.WrongRevision
	if errors.As(err, &wrong) {
		return b.detailed(codes.AlreadyExists, "WrongExpectedVersion", wrongInBatch(wrong))
	}
	var r *refused
	if !errors.As(err, &r) {
		if r = b.translated(err); r == nil {
			r = &refused{code: codes.Unknown, message: err.Error()}
		}
	}
	exception := ""
	if len(r.trailers) > 1 {
		exception = r.trailers[1]
	}
	switch {
	case exception == "stream-deleted":
		return b.detailed(codes.NotFound, "StreamDeleted", &shared.StreamDeleted{StreamIdentifier: identifier(batch.stream)})
	case exception == "access-denied":
		return b.detailed(codes.PermissionDenied, "AccessDenied", &shared.AccessDenied{})
	case exception == "maximum-append-size-exceeded":
		return b.detailed(codes.InvalidArgument, "MaximumAppendSizeExceeded",
			&shared.MaximumAppendSizeExceeded{MaxAppendSize: uint32(b.opts.MaxAppendBytes)})
	case r.code == codes.DeadlineExceeded:
		return b.detailed(codes.DeadlineExceeded, "Timeout", &shared.Timeout{})
	case r.code == codes.InvalidArgument, errors.Is(err, eventstore.ErrIDReused):
		return b.detailed(codes.InvalidArgument, "BadRequest", &shared.BadRequest{Message: r.message})
	}
	b.log.Error("EventStoreDB server append failed", "error", err)
	return b.detailed(r.code, r.message, &shared.Unknown{})
}

func (b *batchCall) detailed(code codes.Code, message string, detail proto.Message) *rpcstatus.Status {
	out := &rpcstatus.Status{Code: int32(code), Message: message}
	packed, err := anypb.New(detail)
	if err != nil {
		b.log.Error("EventStoreDB server could not pack a status", "error", err)
		return out
	}
	out.Details = []*anypb.Any{packed}
	return out
}

func wrongInBatch(w *event.WrongRevision) *shared.WrongExpectedVersion {
	out := &shared.WrongExpectedVersion{}
	if w.Exists {
		out.CurrentStreamRevisionOption = &shared.WrongExpectedVersion_CurrentStreamRevision{CurrentStreamRevision: w.Actual}
	} else {
		out.CurrentStreamRevisionOption = &shared.WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &emptypb.Empty{}}
	}
	if r, ok := w.Expected.Revision(); ok {
		out.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamPosition{ExpectedStreamPosition: r}
		return out
	}
	switch w.Expected {
	case event.None:
		out.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &emptypb.Empty{}}
	case event.Exists:
		out.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &emptypb.Empty{}}
	default:
		out.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedAny{ExpectedAny: &emptypb.Empty{}}
	}
	return out
}
