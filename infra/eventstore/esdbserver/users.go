package esdbserver

import (
	"maps"
	"slices"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

const (
	// usersStream lists logins. Clients' tools read it to learn that a node is ready.
	usersStream = "$users"
	usersType   = "$User"
	// defaultUser is who EventStoreDB makes by itself.
	defaultUser = "admin"
)

// userSpace makes the ids of the events in usersStream, so that a login is there once.
var userSpace = uuid.MustParse("5d0e6d1c-6b0e-4a43-9f2f-0b4f4f5c8f0e")

// announceUsers writes the logins that are not in the stream of users yet, their
// names only. A store that takes no appends now is served without.
func (s *Server) announceUsers() {
	if !s.opts.ListUsers || s.system == nil || s.opts.ReadOnly {
		return
	}
	logins := slices.Sorted(maps.Keys(s.accounts))
	if len(logins) == 0 {
		logins = []string{defaultUser}
	}
	for _, login := range logins {
		_, err := s.system.AppendSystem(s.running, usersStream, event.Any,
			eventstore.Proposed{ID: uuid.NewSHA1(userSpace, []byte(login)), Type: usersType, Data: []byte(login)})
		if err != nil {
			s.log.Warn("EventStoreDB server could not note its users", "stream", usersStream, "error", err)
			return
		}
	}
}
