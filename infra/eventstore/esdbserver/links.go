package esdbserver

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"dossierledger/infra/eventstore"
)

// linkType is EventStoreDB's type for an event that stands for another.
const linkType = "$>"

// linkTarget reads what a link says: a revision and a stream, joined by "@".
func linkTarget(data []byte) (stream string, revision uint64, ok bool) {
	number, name, found := strings.Cut(string(data), "@")
	revision, err := strconv.ParseUint(number, 10, 64)
	return name, revision, found && err == nil && name != ""
}

func linkTo(e *eventstore.Recorded) []byte {
	return append(strconv.AppendUint(nil, e.Revision, 10), "@"+e.Stream...)
}

// resolve finds the event that a link stands for, with a caller's rights. Where it
// is not there or not for the caller, the link is told alone.
func (s *Server) resolve(ctx context.Context, who caller, e *eventstore.Recorded) (resolved, error) {
	if e.Type != linkType {
		return resolved{event: e}, nil
	}
	target, err := s.linked(ctx, who, e)
	return resolved{event: target, link: e}, err
}

func (s *Server) linked(ctx context.Context, who caller, link *eventstore.Recorded) (*eventstore.Recorded, error) {
	stream, revision, ok := linkTarget(bytes.TrimSpace(link.Data))
	if !ok || eventstore.CheckName("stream name", stream, eventstore.MaxStreamName+len(metadataPrefix)) != nil {
		return nil, nil
	}
	if ok, err := s.may(ctx, who, stream, readRight); err != nil || !ok {
		return nil, err
	}
	st, err := s.state(ctx, stream)
	if err != nil || !st.found() || st.tombstoned {
		return nil, err
	}
	for e, err := range s.store.ReadStream(ctx, stream, eventstore.StreamRead{From: &revision, Limit: 1}) {
		switch {
		case errors.Is(err, eventstore.ErrStreamNotFound):
			return nil, nil
		case err != nil:
			return nil, err
		case st.shows(&e, time.Now()):
			return &e, nil
		}
	}
	return nil, nil
}
