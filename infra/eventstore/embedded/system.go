package embedded

import (
	"context"
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
