package esdb_test

import (
	"context"
	"testing"

	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

type nativeClient = client.Client

var nativeTombstone = client.TombstoneStreamOptions{ExpectedRevision: client.Any{}}

// native does something with the official client.
func native(t testing.TB, n *esdbtest.Node, do func(context.Context, *nativeClient) error) {
	t.Helper()
	config, err := client.ParseConnectionString(n.URL())
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = client.NoopLogging()
	c, err := client.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := do(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}
