package esdbserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"strings"
	"sync"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

// truncatedForEver is the $tb of a stream that was deleted and may come back.
const truncatedForEver = math.MaxInt64

// streamState is what a stream's end and metadata say about it.
type streamState struct {
	// exists and last are the store's own view, whatever readers are shown.
	exists bool
	last   uint64
	// tombstoned is for ever; deleted lasts until somebody appends again.
	tombstoned bool
	deleted    bool
	// first is the first revision that readers are shown.
	first  uint64
	maxAge time.Duration
	meta   eventstore.StreamMetadata
}

// retention is the part of stream metadata that EventStoreDB acts on.
type retention struct {
	MaxCount       *uint64 `json:"$maxCount"`
	MaxAge         *uint64 `json:"$maxAge"`
	TruncateBefore *uint64 `json:"$tb"`
}

// aliveKept bounds the streams that are remembered to be alive.
const aliveKept = 1 << 16

// plain says that a stream is there, is not tombstoned and has no metadata, so
// that neither its end nor any rule needs to be looked at. That it is there and
// alive is remembered: events do not go away, and a tombstone comes through this
// Server, which then forgets it. That it has no metadata is remembered until the
// store tells of a change of any. Only who holds the stream's lock may ask or add.
func (s *Server) plain(ctx context.Context, stream string) (bool, error) {
	asOf, alive := s.alive.Get(stream)
	if !alive {
		return false, nil
	}
	if strings.HasPrefix(stream, metadataPrefix) {
		return true, nil
	}
	changes := uint64(neverTold)
	if s.changes != nil {
		if changes = s.changes.MetadataChanges(); changes == asOf {
			return true, nil
		}
	}
	meta, err := s.store.Metadata(ctx, stream)
	if err != nil || meta.Exists {
		return false, err
	}
	s.alive.Add(stream, changes)
	return true, nil
}

// enliven notes that a stream is there and not tombstoned.
func (s *Server) enliven(stream string) {
	if !s.alive.Contains(stream) {
		s.alive.Add(stream, neverTold)
	}
}

// neverTold is when a stream was last seen without metadata, where it was not, or
// where the store does not tell of changes.
const neverTold = math.MaxUint64

// state looks at a stream. What its metadata does not say in the shape that
// EventStoreDB knows has no effect.
func (s *Server) state(ctx context.Context, stream string) (streamState, error) {
	var st streamState
	for e, err := range s.store.ReadStream(ctx, stream, eventstore.StreamRead{Direction: eventstore.Backwards, Limit: 1}) {
		if errors.Is(err, eventstore.ErrStreamNotFound) {
			break
		}
		if err != nil {
			return st, err
		}
		st.exists, st.last, st.tombstoned = true, e.Revision, e.Type == tombstoneType
	}
	if target, ok := strings.CutPrefix(stream, metadataPrefix); ok {
		var err error
		st.tombstoned, err = s.tombstoned(ctx, target)
		return st, err
	}
	var err error
	if st.meta, err = s.store.Metadata(ctx, stream); err != nil || !st.meta.Exists {
		return st, err
	}
	var r retention
	if json.Unmarshal(st.meta.Custom, &r) != nil {
		return st, nil
	}
	if r.TruncateBefore != nil {
		st.first = *r.TruncateBefore
		st.deleted = st.first >= truncatedForEver
	}
	if r.MaxCount != nil && st.exists && *r.MaxCount <= st.last {
		st.first = max(st.first, st.last-*r.MaxCount+1)
	}
	if r.MaxAge != nil {
		st.maxAge = time.Duration(min(*r.MaxAge, math.MaxInt64/uint64(time.Second))) * time.Second
	}
	return st, nil
}

// tombstoned says whether a stream has ended for ever; then so has its metadata.
func (s *Server) tombstoned(ctx context.Context, stream string) (bool, error) {
	for e, err := range s.store.ReadStream(ctx, stream, eventstore.StreamRead{Direction: eventstore.Backwards, Limit: 1}) {
		if errors.Is(err, eventstore.ErrStreamNotFound) {
			return false, nil
		}
		return e.Type == tombstoneType, err
	}
	return false, nil
}

// found says whether a reader finds the stream.
func (st streamState) found() bool { return st.exists && !st.deleted }

// shows says whether a reader is shown an event of the stream.
func (st streamState) shows(e *eventstore.Recorded, now time.Time) bool {
	return e.Revision >= st.first && (st.maxAge == 0 || now.Sub(e.RecordedAt) <= st.maxAge)
}

// from moves the (exclusive) start of a subscription behind what is hidden.
func (st streamState) from(after *uint64) *uint64 {
	if !st.exists || st.first == 0 || (after != nil && *after+1 >= st.first) {
		return after
	}
	hidden := min(st.first-1, st.last)
	return &hidden
}

// expectation gives the store the expectation that a client means: a deleted
// stream counts as one that does not exist, except to who says that it exists, and
// a stream that has metadata alone counts as one that exists.
func (st streamState) expectation(stream string, expected event.Expected) (event.Expected, error) {
	switch {
	case expected == event.Exists && st.deleted:
		return expected, streamDeleted(stream)
	case expected == event.Exists && !st.exists && st.meta.Exists:
		return event.Any, nil
	case expected == event.None && st.deleted && st.exists:
		return event.Exact(st.last), nil
	}
	return expected, nil
}

// setTruncation changes $tb in a stream's metadata and leaves the rest as it is.
func (s *Server) setTruncation(ctx context.Context, stream string, meta eventstore.StreamMetadata, before uint64) (event.Written, error) {
	properties := map[string]json.RawMessage{}
	expected := event.None
	if meta.Exists {
		expected = event.Exact(meta.Revision)
		if err := json.Unmarshal(meta.Custom, &properties); err != nil {
			return event.Written{}, invalid("the metadata of stream '%s' is not a JSON object", stream)
		}
	}
	properties["$tb"] = json.RawMessage(fmt.Sprint(before))
	custom, err := json.Marshal(properties)
	if err != nil {
		return event.Written{}, err
	}
	return s.store.SetMetadata(ctx, stream, expected, uuid.New(), custom)
}

// lock is the lock that a stream shares with others.
func (s *Server) lock(stream string) *sync.RWMutex {
	h := fnv.New32a()
	_, _ = h.Write([]byte(strings.TrimPrefix(stream, metadataPrefix)))
	return &s.locks[h.Sum32()%streamLocks]
}
