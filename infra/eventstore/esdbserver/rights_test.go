package esdbserver_test

import (
	"crypto/tls"
	"fmt"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/esdbserver"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
)

// TestAnAccessListDecides gives one user one right after another, and holds that
// exactly this right is what the user has, under any of the user's roles.
func TestAnAccessListDecides(t *testing.T) {
	server, ca := esdbtest.Certificate(t)
	n := esdbtest.StartNode(t, esdbserver.Options{TLS: server, Users: map[string]esdbserver.User{
		"admin": {Password: "changeit", Admin: true}, "an": {Password: "x", Groups: []string{"clerks"}},
	}})
	at := "@" + n.Address + "?tls=true&tlsCAFile=" + ca
	admin, an, ctx := connect(t, "esdb://admin:changeit"+at), connect(t, "esdb://an:x"+at), t.Context()
	// stream makes one with an access list, written by the administrator.
	made := 0
	stream := func(acl string) string {
		t.Helper()
		made++
		name := fmt.Sprint("s-", made)
		if _, err := admin.AppendToStream(ctx, name, esdb.AppendToStreamOptions{}, one("a.v1")); err != nil {
			t.Fatal(err)
		}
		meta := one("$metadata")
		meta.Data = []byte(acl)
		if _, err := admin.AppendToStream(ctx, "$$"+name, esdb.AppendToStreamOptions{}, meta); err != nil {
			t.Fatal(err)
		}
		return name
	}
	read := func(name string) error {
		from, err := an.ReadStream(ctx, name, esdb.ReadStreamOptions{}, 10)
		_, err = readAll(t, from, err)
		return err
	}
	actions := map[string]func(string) error{
		"$r": read,
		"$w": func(name string) error {
			_, err := an.AppendToStream(ctx, name, esdb.AppendToStreamOptions{}, one("a.v1"))
			return err
		},
		"$mr": func(name string) error { return read("$$" + name) },
		"$mw": func(name string) error {
			_, err := an.SetStreamMetadata(ctx, name, esdb.AppendToStreamOptions{}, esdb.StreamMetadata{})
			return err
		},
		"$d": func(name string) error {
			_, err := an.TombstoneStream(ctx, name, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}})
			return err
		},
	}
	for given := range actions {
		for _, role := range []string{`"an"`, `"clerks"`, `["somebody","an"]`, `"$all"`} {
			for tried, action := range actions {
				acl := `{"$acl":{"$r":"$admins","$w":"$admins","$d":[],"$mr":"other","$mw":["$admins"]`
				name := stream(acl + `,"` + given + `":` + role + `}}`)
				err := action(name)
				if denied := codeOf(err) == esdb.ErrorCodeAccessDenied && err != nil; denied != (tried != given) {
					t.Errorf("with %s for %s, %s: %v", given, role, tried, err)
				}
			}
		}
	}
	if err := read(stream(`{"$acl":{"$w":"$admins"}}`)); err != nil {
		t.Errorf("a list that says nothing on reading: %v", err)
	}
	if err := read(stream(`{"$acl":"nonsense"}`)); err != nil {
		t.Errorf("a list that is none: %v", err)
	}
}

// TestDefaultsOfAccess holds that $settings decides where a stream's metadata does
// not, and that $all shows a user no more than each stream would.
func TestDefaultsOfAccess(t *testing.T) {
	server, ca := esdbtest.Certificate(t)
	n := esdbtest.StartNode(t, esdbserver.Options{TLS: server, Users: map[string]esdbserver.User{
		"admin": {Password: "changeit", Admin: true}, "an": {Password: "x", Groups: []string{"clerks"}},
	}})
	at := "@" + n.Address + "?tls=true&tlsCAFile=" + ca
	admin, an, ctx := connect(t, "esdb://admin:changeit"+at), connect(t, "esdb://an:x"+at), t.Context()
	write := func(name, kind, data string) {
		t.Helper()
		e := one(kind)
		e.Data = []byte(data)
		if _, err := admin.AppendToStream(ctx, name, esdb.AppendToStreamOptions{}, e); err != nil {
			t.Fatal(err)
		}
	}
	all := func() (streams []string) {
		t.Helper()
		from, err := an.ReadAll(ctx, esdb.ReadAllOptions{ResolveLinkTos: true}, 100)
		got, err := readAll(t, from, err)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range got {
			streams = append(streams, e.OriginalEvent().StreamID)
			if e.Link != nil && e.Event != nil {
				t.Errorf("a link shows %s of stream %s", e.Event.EventType, e.Event.StreamID)
			}
		}
		return streams
	}
	write("open", "a.v1", "{}")
	write("$system", "a.v1", "{}")
	write("closed", "a.v1", "{}")
	write("$$closed", "$metadata", `{"$acl":{"$r":"$admins"}}`)
	write("links", "$>", "0@closed")
	write("links", "$>", "0@$system")
	if got := fmt.Sprint(all()); got != "[open $$closed links links]" {
		t.Errorf("$all shows %s", got)
	}
	write("$settings", "update-default-acl", `{"$userStreamAcl":{"$r":"$admins"},"$systemStreamAcl":{"$r":["clerks"]}}`)
	if got := fmt.Sprint(all()); got != "[$system $$closed $settings]" {
		t.Errorf("with other defaults $all shows %s", got)
	}
	write("$settings", "update-default-acl", `nonsense`)
	if got := all(); len(got) != 0 {
		t.Errorf("with defaults that cannot be read $all shows %s", got)
	}
	if _, err := admin.AppendToStream(ctx, "$all", esdb.AppendToStreamOptions{}, one("a.v1")); codeOf(err) != esdb.ErrorCodeAccessDenied {
		t.Errorf("$all is written: %v", err)
	}
}

// TestACertificateIsALogin holds that a user certificate takes the place of a
// password and ranks before it, and that one of a stranger is nobody's.
func TestACertificateIsALogin(t *testing.T) {
	authority := esdbtest.NewAuthority(t)
	server, ca := esdbtest.Certificate(t)
	server.ClientCAs, server.ClientAuth = authority.Pool, tls.VerifyClientCertIfGiven
	n := esdbtest.StartNode(t, esdbserver.Options{TLS: server, Users: map[string]esdbserver.User{
		"admin": {Password: "changeit", Admin: true}, "an": {},
	}})
	if _, err := n.Store.Append(t.Context(), "a", event.None, eventstore.Proposed{ID: uuid.New(), Type: "a.v1"}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		login, certificate string
		by                 *esdbtest.Authority
		read, group        bool
	}{
		"a user":                               {"", "an", authority, true, false},
		"an administrator":                     {"", "admin", authority, true, true},
		"a user with another's password":       {"admin:changeit@", "an", authority, true, false},
		"nobody's name, and a password":        {"admin:changeit@", "nobody", authority, false, false},
		"a name that another authority signed": {"", "an", esdbtest.NewAuthority(t), false, false},
		"no certificate and no password":       {"an:@", "", nil, false, false},
		"only a password":                      {"admin:changeit@", "", nil, true, true},
	} {
		connection := "esdb://" + c.login + n.Address + "?tls=true&tlsCAFile=" + ca
		if c.by != nil {
			cert, key := c.by.User(t, c.certificate)
			connection += "&userCertFile=" + cert + "&userKeyFile=" + key
		}
		client := connect(t, connection)
		from, err := client.ReadStream(t.Context(), "a", esdb.ReadStreamOptions{}, 1)
		if _, err = readAll(t, from, err); (err == nil) != c.read {
			t.Errorf("%s reads: %v", name, err)
		}
		if !c.read {
			continue
		}
		err = client.CreatePersistentSubscription(t.Context(), "a", uuid.NewString(), esdb.PersistentStreamSubscriptionOptions{})
		if (err == nil) != c.group {
			t.Errorf("%s makes a group: %v", name, err)
		}
	}
}
