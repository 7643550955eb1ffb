package esdbserver

import (
	"context"

	persistentapi "github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
)

type persistent struct {
	persistentapi.UnimplementedPersistentSubscriptionsServer
	*Server
}

type groups struct{}

func newGroups(*Server) *groups { return &groups{} }

func (g *groups) stop(context.Context) error { return nil }
