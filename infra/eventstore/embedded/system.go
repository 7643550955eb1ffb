package embedded

import (
	"context"
	"encoding/json"
	"strings"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
)

// AppendSystem is Append for the streams of programs in front of the store, such
// as the state of persistent subscriptions: names that begin with "$" and not
// with "$$", which are metadata. It gives Append's promises.
func (s *Store) AppendSystem(
	ctx context.Context, stream string, expected event.Expected, events ...eventstore.Proposed,
) (event.Written, error) {
	if !strings.HasPrefix(stream, systemPrefix) || strings.HasPrefix(stream, metadataPrefix) || stream == systemPrefix {
		return event.Written{}, invalid("stream %q: a system stream's name begins with one %q", stream, systemPrefix)
	}
	return s.submit(ctx, stream, expected, events)
}

// AppendMetadata is SetMetadata for programs in front of the store whose clients
// give the event that holds a stream's metadata an id and metadata of its own.
func (s *Store) AppendMetadata(
	ctx context.Context, stream string, expected event.Expected, metadata eventstore.Proposed,
) (event.Written, error) {
	if err := checkMetadataTarget(stream); err != nil {
		return event.Written{}, err
	}
	if metadata.Type != metadataType || !json.Valid(metadata.Data) {
		return event.Written{}, invalid("stream %q: metadata is not JSON in an event of type %s", stream, metadataType)
	}
	return s.submit(ctx, metadataPrefix+stream, expected, []eventstore.Proposed{metadata})
}

// MetadataChanges grows before a change of any stream's metadata is answered, so
// that a program in front of the store can remember that a stream has none for as
// long as the number is the same as before it looked.
func (s *Store) MetadataChanges() uint64 { return s.metadataChanges.Load() }
