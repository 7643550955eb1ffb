package esdb_test

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/esdb"
	"dossierledger/infra/eventstore/esdbserver"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
)

// TestCredentialsAndCertificates opens the store over TLS as everybody who may and
// who may not, with passwords and with user certificates.
func TestCredentialsAndCertificates(t *testing.T) {
	t.Parallel()
	authority := esdbtest.NewAuthority(t)
	server, ca := esdbtest.Certificate(t)
	server.ClientCAs, server.ClientAuth = authority.Pool, tls.VerifyClientCertIfGiven
	n := esdbtest.StartNode(t, esdbserver.Options{TLS: server, Users: map[string]esdbserver.User{
		"admin": {Password: "changeit", Admin: true}, "an": {Password: "x"},
	}})
	_, otherCA := esdbtest.Certificate(t)
	signed := func(by *esdbtest.Authority, login string) string {
		cert, key := by.User(t, login)
		return "&userCertFile=" + cert + "&userKeyFile=" + key
	}
	for name, c := range map[string]struct {
		login, ca, certificate string
		refusal                *fault.Error
	}{
		"a password":                   {"an:x@", ca, "", nil},
		"a user certificate":           {"", ca, signed(authority, "an"), nil},
		"a wrong password":             {"an:guess@", ca, "", esdb.ErrUnauthenticated},
		"an unknown login":             {"nobody:x@", ca, "", esdb.ErrUnauthenticated},
		"nothing":                      {"", ca, "", esdb.ErrUnauthenticated},
		"an unknown login, signed":     {"", ca, signed(authority, "nobody"), esdb.ErrUnauthenticated},
		"a server that nobody vouches": {"an:x@", otherCA, "", esdb.ErrUnavailable},
		"a certificate of a stranger":  {"", ca, signed(esdbtest.NewAuthority(t), "an"), esdb.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timeout := time.Minute
			if c.refusal == esdb.ErrUnavailable { // it is tried for so long
				timeout = silent
			}
			s, err := esdb.Open(t.Context(), esdb.Options{Timeout: timeout,
				ConnectionString: "esdb://" + c.login + n.Address + "?tls=true&maxDiscoverAttempts=1&tlsCAFile=" + c.ca + c.certificate})
			if c.refusal != nil {
				if !errors.Is(err, c.refusal) {
					t.Errorf("%v, want %s", err, c.refusal.Code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Append(t.Context(), "a-"+name, event.None, proposed("1")); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAnAccessListIsHeard takes one right on a stream after another from a user.
func TestAnAccessListIsHeard(t *testing.T) {
	t.Parallel()
	server, ca := esdbtest.Certificate(t)
	n := esdbtest.StartNode(t, esdbserver.Options{TLS: server, Users: map[string]esdbserver.User{
		"admin": {Password: "changeit", Admin: true}, "an": {Password: "x"},
	}})
	at := "@" + n.Address + "?tls=true&tlsCAFile=" + ca
	admin, an, ctx := open(t, "esdb://admin:changeit"+at), open(t, "esdb://an:x"+at), t.Context()
	for _, stream := range []string{"open", "unwritable", "unreadable"} {
		if _, err := an.Append(ctx, stream, event.None, proposed("1")); err != nil {
			t.Fatal(err)
		}
	}
	for stream, list := range map[string]string{"unwritable": `{"$acl":{"$w":"$admins"}}`, "unreadable": `{"$acl":{"$r":"$admins"}}`} {
		if _, err := admin.SetMetadata(ctx, stream, event.None, uuid.New(), []byte(list)); err != nil {
			t.Fatal(err)
		}
	}
	for stream, mayRead := range map[string]bool{"open": true, "unwritable": true, "unreadable": false} {
		for _, err := range an.ReadStream(ctx, stream, eventstore.StreamRead{}) {
			if mayRead != (err == nil) || err != nil && !errors.Is(err, esdb.ErrAccessDenied) {
				t.Errorf("read of %s: %v", stream, err)
			}
		}
		sub, err := an.Subscribe(ctx, eventstore.SubscribeTo{Stream: stream})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sub.Next(ctx); mayRead != (err == nil) || err != nil && !errors.Is(err, esdb.ErrAccessDenied) {
			t.Errorf("subscription to %s: %v", stream, err)
		}
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
		_, err = an.Append(ctx, stream, event.Any, proposed("2"))
		if stream == "open" && err != nil || stream != "open" && !errors.Is(err, esdb.ErrAccessDenied) {
			t.Errorf("append to %s: %v", stream, err)
		}
	}
	if err := an.EnsureGroup(ctx, eventstore.Group{Name: "g", Stream: "open"}); !errors.Is(err, esdb.ErrAccessDenied) {
		t.Errorf("a group of a user who is no administrator: %v", err)
	}
	for e, err := range an.ReadAll(ctx, eventstore.AllRead{}) {
		if err != nil || e.Stream == "unreadable" {
			t.Errorf("the whole ledger shows %s, %v", e.Stream, err)
		}
	}
}

// TestAWrongRevisionTellsTheActualOne compares what is told with what is there, for a
// stream that is not there, is there, was deleted and was written again.
func TestAWrongRevisionTellsTheActualOne(t *testing.T) {
	t.Parallel()
	n := esdbtest.StartNode(t)
	s, ctx := open(t, n.URL()), t.Context()
	expect := func(expected event.Expected, exists bool, actual uint64) {
		t.Helper()
		_, err := s.Append(ctx, "a", expected, proposed("x"))
		wrong, ok := errors.AsType[*event.WrongRevision](err)
		if !ok || *wrong != (event.WrongRevision{Stream: "a", Expected: expected, Exists: exists, Actual: actual}) {
			t.Errorf("expecting %s: %+v, %v", expected, wrong, err)
		}
	}
	expect(event.Exists, false, 0)
	expect(event.Exact(0), false, 0)
	for range 3 {
		if _, err := s.Append(ctx, "a", event.Any, proposed("1")); err != nil {
			t.Fatal(err)
		}
	}
	expect(event.None, true, 2)
	expect(event.Exact(1), true, 2)
	expect(event.Exact(3), true, 2)
	native(t, n, func(ctx context.Context, c *nativeClient) error {
		_, err := c.DeleteStream(ctx, "a", client.DeleteStreamOptions{ExpectedRevision: client.Any{}})
		return err
	})
	// A deleted stream can be written again, and its revisions go on.
	expect(event.Exists, false, 0)
	written, err := s.Append(ctx, "a", event.None, proposed("4"))
	if err != nil || written.Revision != 3 {
		t.Errorf("append to a deleted stream: %+v, %v", written, err)
	}
	expect(event.None, true, 3)
	if written, err := s.Append(ctx, "a", event.Exact(3), proposed("5")); err != nil || written.Revision != 4 {
		t.Errorf("append behind: %+v, %v", written, err)
	}
}
