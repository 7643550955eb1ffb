package esdbserver

import (
	"context"
	"strings"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	streamsapi "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
)

// Delete implements the Streams service: readers of the stream find nothing any
// more, until somebody appends to it again. The events stay in the store.
func (s *streams) Delete(ctx context.Context, req *streamsapi.DeleteReq) (*streamsapi.DeleteResp, error) {
	expected := event.Any
	switch v := req.GetOptions().GetExpectedStreamRevision().(type) {
	case *streamsapi.DeleteReq_Options_Revision:
		expected = event.Exact(v.Revision)
	case *streamsapi.DeleteReq_Options_NoStream:
		expected = event.None
	case *streamsapi.DeleteReq_Options_StreamExists:
		expected = event.Exists
	}
	stream, err := streamName(req.GetOptions().GetStreamIdentifier())
	if err != nil {
		return nil, err
	}
	w, err := s.remove(ctx, stream, expected, func(st streamState) (event.Written, error) {
		return s.setTruncation(ctx, stream, st.meta, truncatedForEver)
	})
	if err != nil {
		return nil, err
	}
	at := wirePosition(w.Position)
	return &streamsapi.DeleteResp{PositionOption: &streamsapi.DeleteResp_Position_{
		Position: &streamsapi.DeleteResp_Position{CommitPosition: at, PreparePosition: at},
	}}, nil
}

// Tombstone implements the Streams service: the stream ends for ever with an
// event of type $streamDeleted, and its readers are told so.
func (s *streams) Tombstone(ctx context.Context, req *streamsapi.TombstoneReq) (*streamsapi.TombstoneResp, error) {
	expected := event.Any
	switch v := req.GetOptions().GetExpectedStreamRevision().(type) {
	case *streamsapi.TombstoneReq_Options_Revision:
		expected = event.Exact(v.Revision)
	case *streamsapi.TombstoneReq_Options_NoStream:
		expected = event.None
	case *streamsapi.TombstoneReq_Options_StreamExists:
		expected = event.Exists
	}
	stream, err := streamName(req.GetOptions().GetStreamIdentifier())
	if err != nil {
		return nil, err
	}
	w, err := s.remove(ctx, stream, expected, func(st streamState) (event.Written, error) {
		last := event.None
		if st.exists {
			last = event.Exact(st.last)
		}
		s.alive.Remove(stream)
		s.alive.Remove(metadataPrefix + stream)
		return s.store.Append(ctx, stream, last, eventstore.Proposed{ID: uuid.New(), Type: tombstoneType})
	})
	if err != nil {
		return nil, err
	}
	at := wirePosition(w.Position)
	return &streamsapi.TombstoneResp{PositionOption: &streamsapi.TombstoneResp_Position_{
		Position: &streamsapi.TombstoneResp_Position{CommitPosition: at, PreparePosition: at},
	}}, nil
}

// remove runs a deletion while nobody appends to the stream through this server.
func (s *Server) remove(
	ctx context.Context, stream string, expected event.Expected, with func(streamState) (event.Written, error),
) (event.Written, error) {
	if strings.HasPrefix(stream, systemPrefix) {
		return event.Written{}, accessDenied()
	}
	if err := s.permit(ctx, stream, deleteRight); err != nil {
		return event.Written{}, err
	}
	l := s.lock(stream)
	l.Lock()
	defer l.Unlock()
	st, err := s.state(ctx, stream)
	if err != nil {
		return event.Written{}, err
	}
	if st.tombstoned {
		return event.Written{}, streamDeleted(stream)
	}
	meant, err := st.expectation(stream, expected)
	if err == nil && !meant.Holds(st.exists, st.last) {
		err = &event.WrongRevision{Stream: stream, Expected: expected, Exists: st.exists, Actual: st.last}
	}
	if err != nil {
		if wrong, ok := err.(*event.WrongRevision); ok {
			return event.Written{}, wrongVersion("Delete", wrong)
		}
		return event.Written{}, err
	}
	return with(st)
}
