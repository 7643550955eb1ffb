package projections

import (
	"strings"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/legacy"
)

// HasRow reports whether an event of a dossier is an action, and so has a row in
// the events table. What a log said about a case as a whole is not an action.
func HasRow(eventType string) bool { return eventType != legacy.CaseDescribed{}.EventType() }

// activity names what was done, see the package comment.
func activity(p event.Payload) string {
	switch p := p.(type) {
	case legacy.ActionRecorded:
		return p.Activity
	case dossier.StepStarted:
		return shortName(p) + ": " + p.Step
	case dossier.StepCompleted:
		return shortName(p) + ": " + p.Step
	case dossier.StepReturned:
		return shortName(p) + ": " + p.To
	}
	return shortName(p)
}

// shortName is the middle of a type name, without the aggregate and the version.
func shortName(p event.Payload) string {
	name := p.EventType()
	if _, rest, ok := strings.Cut(name, "."); ok {
		name = rest
	}
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[:i]
	}
	return name
}

// The resources of those who are not officers.
const (
	citizenResource = "citizen"
	systemResource  = "system"
)

func resource(e event.Event) string {
	if p, ok := e.Payload.(legacy.ActionRecorded); ok {
		return p.Resource
	}
	switch e.Metadata.Actor.Role {
	case event.RoleCitizen:
		return citizenResource
	case event.RoleSystem:
		return systemResource
	}
	return e.Metadata.Actor.ID
}

// lifecycle is the log's word for a history taken over; for the ledger's own
// events it tells where a step begins and ends.
func lifecycle(p event.Payload) string {
	switch p := p.(type) {
	case legacy.ActionRecorded:
		return p.Lifecycle
	case dossier.StepStarted:
		return "start"
	case dossier.StepCompleted:
		return "complete"
	}
	return ""
}

// source names the log that an event was taken over from; "" for the ledger's own.
func source(p event.Payload) string {
	switch p := p.(type) {
	case legacy.ActionRecorded:
		return p.Source
	case legacy.CaseDescribed:
		return p.Source
	}
	return ""
}
