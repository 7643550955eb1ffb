package esdbserver_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/esdbserver"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
)

func connect(t testing.TB, connection string) *esdb.Client {
	t.Helper()
	config, err := esdb.ParseConnectionString(connection)
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = esdb.NoopLogging()
	c, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// codeOf finds the client's code in an error; FromError of the client does not unwrap.
func codeOf(err error) esdb.ErrorCode {
	var e *esdb.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return esdb.ErrorCodeUnknown
}

func one(kind string) esdb.EventData {
	return esdb.EventData{EventID: uuid.New(), EventType: kind, ContentType: esdb.ContentTypeJson, Data: []byte(`{}`)}
}

func readAll(t testing.TB, from *esdb.ReadStream, err error) ([]*esdb.ResolvedEvent, error) {
	t.Helper()
	if err != nil {
		return nil, err
	}
	defer from.Close()
	var out []*esdb.ResolvedEvent
	for {
		e, err := from.Recv()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, e)
	}
}

func TestCredentialsDecideOverTLS(t *testing.T) {
	server, ca := esdbtest.Certificate(t)
	n := esdbtest.StartNode(t, esdbserver.Options{TLS: server, Users: map[string]esdbserver.User{
		"admin": {Password: "changeit", Admin: true}, "reader": {Password: "pass:word"},
	}})
	at := "@" + n.Address + "?tls=true&tlsCAFile=" + ca
	admin, reader := connect(t, "esdb://admin:changeit"+at), connect(t, "esdb://reader:pass%3Aword"+at)
	ctx := t.Context()
	if _, err := admin.AppendToStream(ctx, "open", esdb.AppendToStreamOptions{}, one("a.v1")); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.AppendToStream(ctx, "$closed", esdb.AppendToStreamOptions{}, one("b.v1")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*esdb.Client{
		"wrong password": connect(t, "esdb://admin:guess"+at), "unknown": connect(t, "esdb://nobody:x"+at),
		"nobody": connect(t, "esdb://"+n.Address+"?tls=true&tlsCAFile="+ca),
	} {
		if _, err := c.AppendToStream(ctx, "open", esdb.AppendToStreamOptions{}, one("a.v1")); codeOf(err) != esdb.ErrorCodeUnauthenticated {
			t.Errorf("%s appends: %v", name, err)
		}
		from, err := c.ReadAll(ctx, esdb.ReadAllOptions{}, 10)
		if got, err := readAll(t, from, err); codeOf(err) != esdb.ErrorCodeUnauthenticated || len(got) > 0 {
			t.Errorf("%s reads %d events: %v", name, len(got), err)
		}
	}
	if _, err := reader.AppendToStream(ctx, "open", esdb.AppendToStreamOptions{}, one("a.v1")); err != nil {
		t.Errorf("a user appends: %v", err)
	}
	for _, stream := range []string{"$closed", "$$$closed"} {
		if _, err := reader.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{}, one("$metadata")); codeOf(err) != esdb.ErrorCodeAccessDenied {
			t.Errorf("a user appends to %s: %v", stream, err)
		}
		from, err := reader.ReadStream(ctx, stream, esdb.ReadStreamOptions{}, 10)
		if _, err := readAll(t, from, err); codeOf(err) != esdb.ErrorCodeAccessDenied {
			t.Errorf("a user reads %s: %v", stream, err)
		}
		if _, err := reader.SubscribeToStream(ctx, stream, esdb.SubscribeToStreamOptions{From: esdb.Start{}}); codeOf(err) != esdb.ErrorCodeAccessDenied {
			t.Errorf("a user subscribes to %s: %v", stream, err)
		}
	}
	from, err := reader.ReadAll(ctx, esdb.ReadAllOptions{}, 10)
	got, err := readAll(t, from, err)
	if err != nil || len(got) != 2 {
		t.Errorf("a user reads %d events of $all, %v, want the 2 that are not of the system", len(got), err)
	}
	if err := reader.CreatePersistentSubscription(ctx, "open", "g", esdb.PersistentStreamSubscriptionOptions{}); codeOf(err) != esdb.ErrorCodeAccessDenied {
		t.Errorf("a user makes a group: %v", err)
	}
}

func TestReadOnlyDeniesEveryChange(t *testing.T) {
	n := esdbtest.StartNode(t, esdbserver.Options{ReadOnly: true})
	if _, err := n.Store.Append(t.Context(), "a", event.None, eventstore.Proposed{ID: uuid.New(), Type: "a.v1"}); err != nil {
		t.Fatal(err)
	}
	c, ctx := connect(t, n.URL()), t.Context()
	for name, call := range map[string]func() error{
		"append": func() error {
			_, err := c.AppendToStream(ctx, "a", esdb.AppendToStreamOptions{}, one("a.v1"))
			return err
		},
		"metadata": func() error {
			_, err := c.SetStreamMetadata(ctx, "a", esdb.AppendToStreamOptions{}, esdb.StreamMetadata{})
			return err
		},
		"delete":    func() error { _, err := c.DeleteStream(ctx, "a", esdb.DeleteStreamOptions{}); return err },
		"tombstone": func() error { _, err := c.TombstoneStream(ctx, "a", esdb.TombstoneStreamOptions{}); return err },
		"group": func() error {
			return c.CreatePersistentSubscription(ctx, "a", "g", esdb.PersistentStreamSubscriptionOptions{})
		},
	} {
		if err := call(); codeOf(err) != esdb.ErrorCodeAccessDenied && codeOf(err) != esdb.ErrorCodeUnsupportedFeature {
			t.Errorf("%s: %v", name, err)
		}
	}
	head, _, err := n.Store.Head(ctx)
	if err != nil || head != 0 {
		t.Errorf("the store ends at %d, %v: something was written", head, err)
	}
	sub, err := c.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{From: esdb.Start{}})
	if err != nil {
		t.Fatal(err)
	}
	if e := sub.Recv(); e.EventAppeared == nil {
		t.Errorf("a subscriber gets %+v", e)
	}
}

func TestDiscoveryFindsTheOneNode(t *testing.T) {
	n := esdbtest.StartNode(t)
	c := connect(t, "esdb://"+n.Address+","+n.Address+"?tls=false&nodePreference=leader")
	if _, err := c.AppendToStream(t.Context(), "a", esdb.AppendToStreamOptions{}, one("a.v1")); err != nil {
		t.Fatal(err)
	}
	version, err := c.GetServerVersion()
	if err != nil || version.Major < 23 {
		t.Errorf("version %+v, %v", version, err)
	}
}

// TestNamesSurviveTrailers holds that a refusal can name a stream that is not ASCII.
func TestNamesSurviveTrailers(t *testing.T) {
	n := esdbtest.StartNode(t)
	c, ctx := connect(t, n.URL()), t.Context()
	const stream = "hồ-sơ 🏛"
	if _, err := c.TombstoneStream(ctx, stream, esdb.TombstoneStreamOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := c.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{}, one("a.v1"))
	if codeOf(err) != esdb.ErrorCodeStreamDeleted || !strings.Contains(err.Error(), "is deleted") {
		t.Errorf("%v", err)
	}
}

func TestOptionsThatContradict(t *testing.T) {
	n := esdbtest.StartNode(t)
	for name, opts := range map[string]esdbserver.Options{
		"no password": {Users: map[string]esdbserver.User{"a": {}}},
		"no login":    {Users: map[string]esdbserver.User{"": {Password: "x"}}},
		"colon":       {Users: map[string]esdbserver.User{"a:b": {Password: "x"}}},
		"negative":    {MaxAppendBytes: -1},
	} {
		if _, err := esdbserver.New(n.Store, opts); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := esdbserver.New(nil, esdbserver.Options{}); err == nil {
		t.Error("no store was taken")
	}
	if _, err := n.Store.AppendSystem(context.Background(), "plain", event.Any, eventstore.Proposed{ID: uuid.New(), Type: "a"}); !errors.Is(err, eventstore.ErrInvalid) {
		t.Errorf("a stream that is not the system's was written as one: %v", err)
	}
}
