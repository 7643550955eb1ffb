package esdb

import (
	"strings"

	"dossierledger/infra/eventstore"
	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// matcher applies a filter to events that have arrived.
type matcher struct{ filter eventstore.Filter }

func (m matcher) everything() bool {
	f := &m.filter
	return len(f.StreamPrefixes) == 0 && len(f.TypePrefixes) == 0 && f.StreamPattern == nil && f.TypePattern == nil
}

func (m matcher) matches(e *eventstore.Recorded) bool {
	f := &m.filter
	return anyPrefix(e.Stream, f.StreamPrefixes) && anyPrefix(e.Type, f.TypePrefixes) &&
		(f.StreamPattern == nil || f.StreamPattern.MatchString(e.Stream)) &&
		(f.TypePattern == nil || f.TypePattern.MatchString(e.Type))
}

func anyPrefix(name string, prefixes []string) bool {
	if len(prefixes) == 0 {
		return true
	}
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// onServer is the part of the filter that the server can apply: one list of
// prefixes. Patterns stay here, since the server's differ from Go's.
func (m matcher) onServer() *client.SubscriptionFilter {
	switch f := &m.filter; {
	case len(f.StreamPrefixes) > 0:
		return &client.SubscriptionFilter{Type: client.StreamFilterType, Prefixes: f.StreamPrefixes}
	case len(f.TypePrefixes) > 0:
		return &client.SubscriptionFilter{Type: client.EventFilterType, Prefixes: f.TypePrefixes}
	}
	return nil
}
