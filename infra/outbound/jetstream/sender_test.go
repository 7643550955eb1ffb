package jetstream_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dossierledger/infra/outbound"
	ours "dossierledger/infra/outbound/jetstream"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// broker is a NATS server in this process that can be stopped and started again.
type broker struct {
	options server.Options
	server  *server.Server
}

func startBroker(t testing.TB) *broker {
	t.Helper()
	b := &broker{options: server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true, MaxPayload: 64 << 10}}
	b.start(t)
	t.Cleanup(b.stop)
	return b
}

func (b *broker) start(t testing.TB) {
	t.Helper()
	options := b.options
	s, err := server.NewServer(&options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(5 * time.Minute) {
		t.Fatal("the NATS server does not start")
	}
	b.server, b.options.Port = s, options.Port
}

func (b *broker) stop() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

func (b *broker) address() string { return fmt.Sprintf("nats://127.0.0.1:%d", b.options.Port) }

// stream makes the receiver's stream.
func (b *broker) stream(t testing.TB, name string, subjects ...string) jetstream.Stream {
	t.Helper()
	connection, err := nats.Connect(b.address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	js, err := jetstream.New(connection)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(context.Background(), jetstream.StreamConfig{Name: name, Subjects: subjects})
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func sender(t testing.TB, config ours.Config) *ours.Sender {
	t.Helper()
	s, err := ours.New(config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func message(id string) outbound.Message {
	return outbound.Message{
		Receiver: "portal", Key: "dossier-A-1", ID: id, Type: "dossier.received.v1",
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Body: []byte(`{"id":"` + id + `"}`),
	}
}

func count(t testing.TB, s jetstream.Stream) uint64 {
	t.Helper()
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.State.Msgs
}

// stored is what reasonOf says of a success.
const stored = "<nil>"

func reasonOf(err error) string {
	var f *outbound.Failure
	if errors.As(err, &f) {
		return f.Reason
	}
	return fmt.Sprint(err)
}

// connected sends where a server is there, which a slow machine may not have
// reached at once, and tells how that ended.
func connected(t testing.TB, s *ours.Sender, m outbound.Message) string {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		got := reasonOf(s.Send(t.Context(), m))
		if got != "NATS is away" || time.Now().After(deadline) {
			return got
		}
	}
}

func TestAMessageIsStoredOnceUnderItsTypesSubject(t *testing.T) {
	b := startBroker(t)
	stream := b.stream(t, "DOSSIERS", "dossiers.>")
	s := sender(t, ours.Config{Servers: []string{b.address()}, Subject: "dossiers.h15", Stream: "DOSSIERS"})
	for range 2 { // sent again, JetStream leaves it out
		if got := connected(t, s, message("1")); got != stored {
			t.Fatal(got)
		}
	}
	other := message("1")
	other.Receiver = "archive" // for whom it is another delivery
	if got := connected(t, s, other); got != stored {
		t.Fatal(got)
	}
	if n := count(t, stream); n != 2 {
		t.Fatalf("%d messages are stored", n)
	}
	got, err := stream.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if got.Subject != "dossiers.h15.dossier.received.v1" || string(got.Data) != `{"id":"1"}` || got.Header.Get("Content-Type") != outbound.ContentType ||
		!strings.HasPrefix(got.Header.Get("traceparent"), "00-0af7651916cd43dd") || got.Header.Get(nats.MsgIdHdr) != "portal/1" {
		t.Errorf("%s %s %v", got.Subject, got.Data, got.Header)
	}
}

func TestTLSIsWithAServerThatTheFileVouchesFor(t *testing.T) {
	site := httptest.NewTLSServer(nil) // for its certificate of 127.0.0.1
	defer site.Close()
	b := &broker{options: server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
		TLSConfig: &tls.Config{Certificates: site.TLS.Certificates}, TLSTimeout: 5}}
	b.start(t)
	t.Cleanup(b.stop)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: site.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	trusting := sender(t, ours.Config{Servers: []string{b.address()}, Subject: "a", CAFile: ca})
	if got := connected(t, trusting, message("1")); got != "no stream takes this subject" {
		t.Errorf("with its certificate: %s", got) // it got as far as JetStream
	}
	strange := sender(t, ours.Config{Servers: []string{strings.Replace(b.address(), "nats:", "tls:", 1)}, Subject: "a"})
	if got := reasonOf(strange.Send(t.Context(), message("1"))); got != "NATS is away" {
		t.Errorf("without: %s", got)
	}
}

func TestWhatIsNotStoredIsAFailureWithAReason(t *testing.T) {
	b := startBroker(t)
	b.stream(t, "DOSSIERS", "dossiers.>")
	nowhere := sender(t, ours.Config{Servers: []string{b.address()}, Subject: "elsewhere"})
	if got := connected(t, nowhere, message("1")); got != "no stream takes this subject" {
		t.Error(got)
	}
	wrong := sender(t, ours.Config{Servers: []string{b.address()}, Subject: "dossiers", Stream: "OTHER"})
	if got := connected(t, wrong, message("1")); !strings.HasPrefix(got, "JetStream refused it") {
		t.Error(got)
	}
	s := sender(t, ours.Config{Servers: []string{b.address()}, Subject: "dossiers"})
	large := message("2")
	large.Body = make([]byte, 65<<10)
	if got := connected(t, s, large); got != "it is larger than NATS takes" {
		t.Error(got)
	}
}

func TestAServerThatIsAwayIsFoundAgain(t *testing.T) {
	b := startBroker(t)
	stream := b.stream(t, "DOSSIERS", "dossiers.>")
	b.stop()
	s := sender(t, ours.Config{Servers: []string{b.address()}, Subject: "dossiers", Timeout: time.Second})
	if got := reasonOf(s.Send(t.Context(), message("1"))); got != "NATS is away" {
		t.Error(got)
	}
	b.start(t)
	deadline := time.Now().Add(5 * time.Minute)
	for s.Send(t.Context(), message("1")) != nil {
		if time.Now().After(deadline) {
			t.Fatal("it is not found again")
		}
		time.Sleep(20 * time.Millisecond)
	}
	deadline = time.Now().Add(5 * time.Minute)
	for {
		if info, err := stream.Info(t.Context()); err == nil && info.State.Msgs == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the message is not there")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestWrongConfigurationsAreRefusedAndTellNoSecret(t *testing.T) {
	for name, c := range map[string]ours.Config{
		"no servers":       {Subject: "a"},
		"another protocol": {Servers: []string{"http://127.0.0.1"}, Subject: "a"},
		"a password":       {Servers: []string{"nats://u:geheim@127.0.0.1:4222"}, Subject: "a"},
		"no subject":       {Servers: []string{"nats://127.0.0.1:4222"}},
		"a wildcard":       {Servers: []string{"nats://127.0.0.1:4222"}, Subject: "a.>"},
		"half a pair":      {Servers: []string{"nats://127.0.0.1:4222"}, Subject: "a", CertFile: "c.pem"},
		"no such file":     {Servers: []string{"nats://127.0.0.1:4222"}, Subject: "a", CredentialsFile: filepath.Join(t.TempDir(), "none")},
		"negative":         {Servers: []string{"nats://127.0.0.1:4222"}, Subject: "a", Timeout: -1},
	} {
		s, err := ours.New(c, slog.Default())
		if err == nil {
			t.Errorf("%s: it was taken", name)
			_ = s.Close()
		} else if strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: it tells %v", name, err)
		}
	}
}
