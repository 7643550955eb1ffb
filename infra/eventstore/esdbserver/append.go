package esdbserver

import (
	"context"
	"errors"
	"io"
	"strings"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamsapi "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

type streams struct {
	streamsapi.UnimplementedStreamsServer
	*Server
}

// appended is what a write made of a stream; a write of no events makes nothing.
type appended struct {
	exists   bool
	revision uint64
	position *uint64
}

// write appends a client's events to any stream that it may write.
func (s *Server) write(
	ctx context.Context, stream string, expected event.Expected, events []eventstore.Proposed,
) (appended, error) {
	if err := s.permit(ctx, stream, writeRight); err != nil {
		return appended{}, err
	}
	for i := range events {
		if events[i].Type == tombstoneType {
			return appended{}, invalid("events of type %s are written by deletion only", tombstoneType)
		}
	}
	if target, ok := strings.CutPrefix(stream, metadataPrefix); ok {
		return s.writeMetadata(ctx, target, expected, events)
	}
	l := s.lock(stream)
	l.RLock()
	if plain, err := s.plain(ctx, stream); err != nil || plain && len(events) > 0 {
		defer l.RUnlock()
		if err != nil {
			return appended{}, err
		}
		return s.put(ctx, stream, streamState{}, expected, events)
	}
	if expected == event.None && len(events) > 0 {
		if done, decided, err := s.begin(ctx, stream, events); decided {
			defer l.RUnlock()
			return done, err
		}
	}
	st, err := s.state(ctx, stream)
	if err == nil && st.deleted && st.exists && len(events) > 0 {
		l.RUnlock()
		return s.revive(ctx, stream, expected, events)
	}
	defer l.RUnlock()
	if err != nil {
		return appended{}, err
	}
	return s.put(ctx, stream, st, expected, events)
}

// put appends, under the stream's lock, to a stream whose state matters only where
// it is deleted or where nothing is appended.
func (s *Server) put(
	ctx context.Context, stream string, st streamState, expected event.Expected, events []eventstore.Proposed,
) (appended, error) {
	if st.tombstoned {
		return appended{}, streamDeleted(stream)
	}
	meant, err := st.expectation(stream, expected)
	if err != nil {
		return appended{}, err
	}
	if len(events) == 0 {
		if !meant.Holds(st.exists, st.last) {
			return appended{}, &event.WrongRevision{Stream: stream, Expected: expected, Exists: st.exists, Actual: st.last}
		}
		return appended{exists: st.found(), revision: st.last}, nil
	}
	w, err := s.appendTo(ctx, stream, meant, events)
	if err != nil {
		return appended{}, meantBy(err, expected)
	}
	s.enliven(stream)
	return written(w), nil
}

// begin appends to a stream that is expected not to be there, under its lock,
// without looking whether that is so: the store does, and to a stream that is not
// there no rule applies. Where it is there, or the events are, decided is false,
// nothing was appended, and the stream must be looked at.
func (s *Server) begin(ctx context.Context, stream string, events []eventstore.Proposed) (done appended, decided bool, err error) {
	w, err := s.appendTo(ctx, stream, event.None, events)
	var there *event.WrongRevision
	switch {
	case errors.As(err, &there), errors.Is(err, eventstore.ErrIDReused), err == nil && w.Repeated:
		return appended{}, false, nil
	case err != nil:
		return appended{}, true, err
	}
	s.enliven(stream)
	return written(w), true, nil
}

// appendTo appends to any stream but one of metadata.
func (s *Server) appendTo(
	ctx context.Context, stream string, expected event.Expected, events []eventstore.Proposed,
) (event.Written, error) {
	if !strings.HasPrefix(stream, systemPrefix) {
		return s.store.Append(ctx, stream, expected, events...)
	}
	if s.system == nil {
		return event.Written{}, accessDenied()
	}
	return s.system.AppendSystem(ctx, stream, expected, events...)
}

// meantBy tells a client of the expectation that it sent.
func meantBy(err error, expected event.Expected) error {
	var wrong *event.WrongRevision
	if errors.As(err, &wrong) {
		told := *wrong
		told.Expected = expected
		return &told
	}
	return err
}

func written(w event.Written) appended {
	return appended{exists: true, revision: w.Revision, position: &w.Position}
}

// revive appends to a deleted stream. Its metadata is changed first, so that no
// acknowledged event is ever hidden; if the append then fails, the stream is
// there and shows no events.
func (s *Server) revive(
	ctx context.Context, stream string, expected event.Expected, events []eventstore.Proposed,
) (appended, error) {
	l := s.lock(stream)
	l.Lock()
	defer l.Unlock()
	st, err := s.state(ctx, stream)
	if err != nil {
		return appended{}, err
	}
	if st.deleted && !st.tombstoned {
		meant, err := st.expectation(stream, expected)
		if err != nil {
			return appended{}, err
		}
		if !meant.Holds(st.exists, st.last) {
			return appended{}, &event.WrongRevision{Stream: stream, Expected: expected, Exists: st.exists, Actual: st.last}
		}
		if _, err := s.setTruncation(ctx, stream, st.meta, st.last+1); err != nil {
			return appended{}, err
		}
	}
	return s.put(ctx, stream, st, expected, events)
}

// writeMetadata replaces a stream's metadata.
func (s *Server) writeMetadata(
	ctx context.Context, target string, expected event.Expected, events []eventstore.Proposed,
) (appended, error) {
	l := s.lock(target)
	l.Lock()
	defer l.Unlock()
	st, err := s.state(ctx, target)
	switch {
	case err != nil:
		return appended{}, err
	case st.tombstoned:
		return appended{}, streamDeleted(metadataPrefix + target)
	case len(events) == 0:
		if !expected.Holds(st.meta.Exists, st.meta.Revision) {
			return appended{}, &event.WrongRevision{Stream: metadataPrefix + target, Expected: expected,
				Exists: st.meta.Exists, Actual: st.meta.Revision}
		}
		return appended{exists: st.meta.Exists, revision: st.meta.Revision}, nil
	case len(events) > 1 || events[0].Type != metadataType:
		return appended{}, invalid("a metadata stream takes one event of type %s at a time", metadataType)
	}
	var w event.Written
	if s.system != nil {
		w, err = s.system.AppendMetadata(ctx, target, expected, events[0])
	} else {
		w, err = s.store.SetMetadata(ctx, target, expected, events[0].ID, events[0].Data)
	}
	if err == nil && st.deleted && st.exists && !w.Repeated {
		err = s.keepHidden(ctx, target, st.last)
	}
	return written(w), err
}

// keepHidden sees to it that new metadata of a deleted stream, which makes it one
// that is there, shows none of the events before.
func (s *Server) keepHidden(ctx context.Context, stream string, last uint64) error {
	st, err := s.state(ctx, stream)
	if err != nil || st.deleted || st.first > last {
		return err
	}
	_, err = s.setTruncation(ctx, stream, st.meta, last+1)
	return err
}

// proposal is what both ways to append have in common.
type proposal interface {
	GetId() *shared.UUID
	GetMetadata() map[string]string
	GetCustomMetadata() []byte
	GetData() []byte
}

func proposed(p proposal) (eventstore.Proposed, error) {
	id, err := parseID(p.GetId())
	if err != nil {
		return eventstore.Proposed{}, err
	}
	for _, key := range []string{keyType, keyContentType} {
		if _, ok := p.GetMetadata()[key]; !ok {
			return eventstore.Proposed{}, metadataMissing(key)
		}
	}
	return eventstore.Proposed{ID: id, Type: p.GetMetadata()[keyType], Data: p.GetData(), Metadata: p.GetCustomMetadata()}, nil
}

// proposals gathers the events of one append within its limits.
type proposals struct {
	events []eventstore.Proposed
	bytes  int
	failed error
}

// add takes an event, or remembers why the append must be refused and lets go of
// the events, so that what a client sends on costs nothing.
func (b *proposals) add(p proposal, bytesMax int) {
	if b.failed == nil {
		e, err := proposed(p)
		b.take(e, err, bytesMax)
	}
}

func (b *proposals) take(e eventstore.Proposed, err error, bytesMax int) {
	if b.failed != nil {
		return
	}
	b.bytes += len(e.Data) + len(e.Metadata)
	switch {
	case err != nil:
		b.failed = err
	case b.bytes > bytesMax || len(b.events) >= eventstore.MaxBatchEvents:
		b.failed = tooLarge(bytesMax)
	default:
		b.events = append(b.events, e)
		return
	}
	b.events = nil
}

// drainMessages bounds what is read of an append that is refused already. It is
// read at all because some clients report a call that ends while they send as
// broken rather than refused.
const drainMessages = 4 * eventstore.MaxBatchEvents

// Append implements the Streams service: one batch a call.
func (s *streams) Append(call streamsapi.Streams_AppendServer) error {
	ctx := call.Context()
	first, err := call.Recv()
	if err != nil {
		return err
	}
	options := first.GetOptions()
	if options == nil {
		return invalid("an append begins with its options")
	}
	var batch proposals
	var expected event.Expected
	stream, failed := streamName(options.GetStreamIdentifier())
	if failed == nil {
		expected, failed = appendExpectation(options)
	}
	batch.failed = failed
	for n := 0; ; n++ {
		var req appendMessage
		err := call.RecvMsg(&req)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch {
		case req.plain:
			batch.take(req.event, nil, s.opts.MaxAppendBytes)
		case req.whole.GetProposedMessage() == nil:
			return invalid("an append's options are followed by events")
		default:
			batch.add(req.whole.GetProposedMessage(), s.opts.MaxAppendBytes)
		}
		if batch.failed != nil && n > drainMessages {
			break
		}
	}
	if batch.failed != nil {
		return batch.failed
	}
	done, err := s.write(ctx, stream, expected, batch.events)
	var wrong *event.WrongRevision
	if errors.As(err, &wrong) {
		return call.SendAndClose(&streamsapi.AppendResp{
			Result: &streamsapi.AppendResp_WrongExpectedVersion_{WrongExpectedVersion: wrongInAppend(wrong)},
		})
	}
	if err != nil {
		return err
	}
	return call.SendAndClose(&streamsapi.AppendResp{Result: &streamsapi.AppendResp_Success_{Success: success(done)}})
}

func appendExpectation(o *streamsapi.AppendReq_Options) (event.Expected, error) {
	switch v := o.GetExpectedStreamRevision().(type) {
	case *streamsapi.AppendReq_Options_Revision:
		return event.Exact(v.Revision), nil
	case *streamsapi.AppendReq_Options_NoStream:
		return event.None, nil
	case *streamsapi.AppendReq_Options_Any:
		return event.Any, nil
	case *streamsapi.AppendReq_Options_StreamExists:
		return event.Exists, nil
	}
	return event.Any, invalid("an append names the revision that it expects")
}

func success(a appended) *streamsapi.AppendResp_Success {
	out := &streamsapi.AppendResp_Success{}
	if a.exists {
		out.CurrentRevisionOption = &streamsapi.AppendResp_Success_CurrentRevision{CurrentRevision: a.revision}
	} else {
		out.CurrentRevisionOption = &streamsapi.AppendResp_Success_NoStream{NoStream: &shared.Empty{}}
	}
	if a.position == nil {
		out.PositionOption = &streamsapi.AppendResp_Success_NoPosition{NoPosition: &shared.Empty{}}
		return out
	}
	at := wirePosition(*a.position)
	out.PositionOption = &streamsapi.AppendResp_Success_Position{
		Position: &streamsapi.AppendResp_Position{CommitPosition: at, PreparePosition: at},
	}
	return out
}

// wrongInAppend fills the fields of clients since 20.6.1 and before.
func wrongInAppend(w *event.WrongRevision) *streamsapi.AppendResp_WrongExpectedVersion {
	out := &streamsapi.AppendResp_WrongExpectedVersion{}
	if w.Exists {
		out.CurrentRevisionOption = &streamsapi.AppendResp_WrongExpectedVersion_CurrentRevision{CurrentRevision: w.Actual}
		out.CurrentRevisionOption_20_6_0 = &streamsapi.AppendResp_WrongExpectedVersion_CurrentRevision_20_6_0{
			CurrentRevision_20_6_0: w.Actual}
	} else {
		out.CurrentRevisionOption = &streamsapi.AppendResp_WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &shared.Empty{}}
		out.CurrentRevisionOption_20_6_0 = &streamsapi.AppendResp_WrongExpectedVersion_NoStream_20_6_0{
			NoStream_20_6_0: &shared.Empty{}}
	}
	if r, ok := w.Expected.Revision(); ok {
		out.ExpectedRevisionOption = &streamsapi.AppendResp_WrongExpectedVersion_ExpectedRevision{ExpectedRevision: r}
		out.ExpectedRevisionOption_20_6_0 = &streamsapi.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{
			ExpectedRevision_20_6_0: r}
		return out
	}
	switch w.Expected {
	case event.None:
		out.ExpectedRevisionOption = &streamsapi.AppendResp_WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &shared.Empty{}}
	case event.Exists:
		out.ExpectedRevisionOption = &streamsapi.AppendResp_WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &shared.Empty{}}
		out.ExpectedRevisionOption_20_6_0 = &streamsapi.AppendResp_WrongExpectedVersion_StreamExists_20_6_0{StreamExists_20_6_0: &shared.Empty{}}
	default:
		out.ExpectedRevisionOption = &streamsapi.AppendResp_WrongExpectedVersion_ExpectedAny{ExpectedAny: &shared.Empty{}}
		out.ExpectedRevisionOption_20_6_0 = &streamsapi.AppendResp_WrongExpectedVersion_Any_20_6_0{Any_20_6_0: &shared.Empty{}}
	}
	return out
}
