package kafka_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dossierledger/infra/outbound"
	"dossierledger/infra/outbound/kafka"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const topic = "dossiers"

// cluster starts brokers that speak Kafka's protocol in this process, with a topic.
func cluster(t testing.TB, options ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(3, topic)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func sender(t testing.TB, config kafka.Config) *kafka.Sender {
	t.Helper()
	s, err := kafka.New(config)
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

// plainly reaches a cluster without TLS.
func plainly(brokers []string) kafka.Config {
	return kafka.Config{Brokers: brokers, Topic: topic, AllowPlaintext: true}
}

func message(key, id string) outbound.Message {
	return outbound.Message{
		Receiver: "portal", Key: key, ID: id, Type: "dossier.received.v1",
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Body: []byte(`{"id":"` + id + `"}`),
	}
}

// records reads what a topic holds, until there are as many as are wanted.
func records(t testing.TB, brokers []string, of string, wanted int) []*kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(of), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var all []*kgo.Record
	for len(all) < wanted {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d of %d messages were read: %v", len(all), wanted, err)
		}
		all = append(all, fetches.Records()...)
	}
	return all
}

func idOf(r *kgo.Record) string {
	_, rest, _ := strings.Cut(string(r.Value), `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// orders lists, by key, the ids of messages in the order of their first coming, and
// holds that a key is in one partition.
func orders(t testing.TB, all []*kgo.Record) map[string][]string {
	t.Helper()
	found, partition := map[string][]string{}, map[string]int32{}
	for _, r := range all {
		key := string(r.Key)
		if p, known := partition[key]; known && p != r.Partition {
			t.Errorf("%s is in the partitions %d and %d", key, p, r.Partition)
		}
		partition[key] = r.Partition
		if id := idOf(r); !slices.Contains(found[key], id) {
			found[key] = append(found[key], id)
		}
	}
	return found
}

func makeTopic(t testing.TB, client *kgo.Client, name string) {
	t.Helper()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 3, -1
	answer, err := (&kmsg.CreateTopicsRequest{Topics: []kmsg.CreateTopicsRequestTopic{topic}, TimeoutMillis: 30_000}).RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(answer.Topics[0].ErrorCode); err != nil {
		t.Fatal(err)
	}
}

func reasonOf(err error) string {
	if f, ok := errors.AsType[*outbound.Failure](err); ok {
		return f.Reason
	}
	return fmt.Sprint(err)
}

// lastly sends until an attempt does not end with its time alone, which on a slow
// machine can be up before anything has happened, and tells how that one ended.
func lastly(t testing.TB, s *kafka.Sender, m outbound.Message) error {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); ; {
		err := s.Send(t.Context(), m)
		if reasonOf(err) != "Kafka did not answer in time" || time.Now().After(deadline) {
			return err
		}
	}
}

// insist sends until it succeeds, as a runner does, and tells what went wrong before.
func insist(t testing.TB, s *kafka.Sender, m outbound.Message) (reasons []string) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Minute)
	for {
		err := s.Send(t.Context(), m)
		if err == nil {
			return reasons
		}
		reasons = append(reasons, reasonOf(err))
		if time.Now().After(deadline) {
			t.Fatalf("it is not taken: %v", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestAMessageIsACloudEventUnderItsDossiersKey(t *testing.T) {
	c := cluster(t)
	s := sender(t, plainly(c.ListenAddrs()))
	if err := s.Send(t.Context(), message("dossier-A-1", "1")); err != nil {
		t.Fatal(err)
	}
	got := records(t, c.ListenAddrs(), topic, 1)[0]
	headers := map[string]string{}
	for _, h := range got.Headers {
		headers[h.Key] = string(h.Value)
	}
	if string(got.Key) != "dossier-A-1" || string(got.Value) != `{"id":"1"}` || len(headers) != 2 || headers["content-type"] != outbound.ContentType ||
		headers["traceparent"] != "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" {
		t.Errorf("%s %s %v", got.Key, got.Value, headers)
	}
}

// keepsOrder sends the messages of some keys at once, one of a key at a time.
func keepsOrder(t *testing.T, s *kafka.Sender, prefix string, keys, each int) {
	t.Helper()
	done := make(chan bool)
	for k := range keys {
		go func() {
			defer func() { done <- true }()
			for i := range each {
				insist(t, s, message(fmt.Sprintf("%s%d", prefix, k), strconv.Itoa(i)))
			}
		}()
	}
	for range keys {
		<-done
	}
}

// holdsOrder holds what a topic has of some keys to what was sent.
func holdsOrder(t *testing.T, all []*kgo.Record, prefix string, keys, each int) {
	t.Helper()
	found := orders(t, all)
	for k := range keys {
		got := found[fmt.Sprintf("%s%d", prefix, k)]
		for i := range max(each, len(got)) {
			if i >= len(got) || i >= each || got[i] != strconv.Itoa(i) {
				t.Fatalf("of the key %d came %v", k, got)
			}
		}
	}
}

func TestOrderOfADossierHoldsInItsPartition(t *testing.T) {
	c := cluster(t, kfake.NumBrokers(3))
	keepsOrder(t, sender(t, plainly(c.ListenAddrs())), "dossier-A-", 8, 25)
	holdsOrder(t, records(t, c.ListenAddrs(), topic, 200), "dossier-A-", 8, 25)
}

// TestAnAnswerThatIsLostSendsAgain: Kafka stores a message and its answer does not
// come. It is there at least once, and nothing of its dossier came before it.
func TestAnAnswerThatIsLostSendsAgain(t *testing.T) {
	c := cluster(t)
	config := plainly(c.ListenAddrs())
	config.Timeout = 2 * time.Second
	s := sender(t, config)
	for i := range 6 {
		id := strconv.Itoa(i)
		if i%2 == 1 {
			// It is stored, and answered as if that had taken too long.
			c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut})
		}
		insist(t, s, message("dossier-A-1", id))
	}
	all := records(t, c.ListenAddrs(), topic, 6)
	if got := orders(t, all)["dossier-A-1"]; !slices.Equal(got, []string{"0", "1", "2", "3", "4", "5"}) {
		t.Errorf("came %v", got)
	}
}

// TestABrokerThatIsSilentIsLeft: it took the message and says nothing. The attempt
// ends in time, the next one is sent, and order holds.
func TestABrokerThatIsSilentIsLeft(t *testing.T) {
	c := cluster(t)
	config := plainly(c.ListenAddrs())
	config.Timeout = time.Second
	s := sender(t, config)
	insist(t, s, message("dossier-A-1", "0"))
	silent := make(chan struct{})
	c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.SleepControl(func() { <-silent })
		return nil, nil, false // and then it is stored
	})
	if got := reasonOf(s.Send(t.Context(), message("dossier-A-1", "1"))); got != "Kafka did not answer in time" {
		t.Errorf("the attempt ended with %s", got)
	}
	close(silent)
	for _, id := range []string{"1", "2"} {
		insist(t, s, message("dossier-A-1", id))
	}
	if got := orders(t, records(t, c.ListenAddrs(), topic, 3))["dossier-A-1"]; !slices.Equal(got, []string{"0", "1", "2"}) {
		t.Errorf("came %v", got)
	}
}

func TestABrokerThatIsAwayIsFoundAgain(t *testing.T) {
	dir := t.TempDir()
	begin := func(ports ...int) *kfake.Cluster {
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, topic), kfake.DataDir(dir), kfake.SyncWrites(), kfake.Ports(ports...))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := begin(0)
	_, text, _ := strings.Cut(c.ListenAddrs()[0], ":")
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	config := plainly(c.ListenAddrs())
	config.Timeout = time.Second
	s := sender(t, config)
	insist(t, s, message("dossier-A-1", "0"))
	c.Close()
	early := sender(t, config) // one that has never seen it
	for _, one := range []*kafka.Sender{s, early} {
		if got := reasonOf(lastly(t, one, message("dossier-A-1", "1"))); got != "Kafka is away" {
			t.Errorf("while it is away: %s", got)
		}
	}
	c = begin(port)
	defer c.Close()
	insist(t, s, message("dossier-A-1", "1"))
	insist(t, early, message("dossier-A-1", "2"))
	if got := orders(t, records(t, c.ListenAddrs(), topic, 3))["dossier-A-1"]; !slices.Equal(got, []string{"0", "1", "2"}) {
		t.Errorf("came %v", got)
	}
}

func TestATopicThatIsMissingIsFoundOnceItIsMade(t *testing.T) {
	c := cluster(t)
	config := plainly(c.ListenAddrs())
	config.Topic, config.Timeout = "elsewhere", 3*time.Second
	s := sender(t, config)
	if got := reasonOf(lastly(t, s, message("dossier-A-1", "1"))); got != "there is no such topic" {
		t.Error(got)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	makeTopic(t, client, "elsewhere")
	insist(t, s, message("dossier-A-1", "1"))
	records(t, c.ListenAddrs(), "elsewhere", 1)
}

func TestWhatKafkaRefusesIsAFailureWithAReason(t *testing.T) {
	c := cluster(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "20000"}))
	s := sender(t, plainly(c.ListenAddrs()))
	large := message("dossier-A-1", "1")
	for _, size := range []int{30_000, 2 << 20} { // what the broker, and what the client finds too large
		large.Body = make([]byte, size)
		if got := reasonOf(s.Send(t.Context(), large)); got != "it is larger than Kafka takes" {
			t.Errorf("%d bytes: %s", size, got)
		}
	}
	for _, refusal := range []struct {
		err  *kerr.Error
		want string
	}{
		{kerr.TopicAuthorizationFailed, "Kafka does not let the ledger write to the topic"},
		{kerr.InvalidRecord, "Kafka refused it (INVALID_RECORD)"},
	} {
		c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: refusal.err})
		if got := reasonOf(s.Send(t.Context(), message("dossier-A-1", "2"))); got != refusal.want {
			t.Errorf("%s: %s", refusal.err.Message, got)
		}
	}
	insist(t, s, message("dossier-A-1", "3")) // and it goes on
	if got := orders(t, records(t, c.ListenAddrs(), topic, 1))["dossier-A-1"]; !slices.Equal(got, []string{"3"}) {
		t.Errorf("came %v", got)
	}
}

func TestLargerMessagesGoWhereTheTopicTakesThem(t *testing.T) {
	c := cluster(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": strconv.Itoa(4 << 20)}))
	config := plainly(c.ListenAddrs())
	config.MaxMessageBytes = 4 << 20
	large := message("dossier-A-1", "1")
	large.Body = append(large.Body, make([]byte, 2<<20)...)
	if err := sender(t, config).Send(t.Context(), large); err != nil {
		t.Error(err)
	}
}

// file writes a file of a secret, or of a certificate.
func file(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTLSAndSigningIn(t *testing.T) {
	site := httptest.NewTLSServer(nil) // for its certificate of 127.0.0.1
	defer site.Close()
	c := cluster(t, kfake.TLS(&tls.Config{Certificates: site.TLS.Certificates}), kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "p", "right"), kfake.Superuser("SCRAM-SHA-256", "s256", "right"), kfake.Superuser("SCRAM-SHA-512", "s512", "right"))
	ca := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: site.Certificate().Raw})))
	right, wrong := file(t, "right\n"), file(t, "wrong\n")
	for name, one := range map[string]struct {
		change func(*kafka.Config)
		want   string
	}{
		"plain":            {func(c *kafka.Config) { c.SASL, c.User = kafka.Plain, "p" }, ""},
		"scram-sha-256":    {func(c *kafka.Config) { c.SASL, c.User = kafka.ScramSHA256, "s256" }, ""},
		"scram-sha-512":    {func(c *kafka.Config) {}, ""},
		"a wrong password": {func(c *kafka.Config) { c.PasswordFile = wrong }, "Kafka hangs up"},
		"nobody's trust":   {func(c *kafka.Config) { c.CAFile = "" }, "the certificate is not trusted"},
		"no sign-in":       {func(c *kafka.Config) { c.SASL, c.User, c.PasswordFile = "", "", "" }, "Kafka hangs up"},
		"no TLS":           {func(c *kafka.Config) { c.CAFile, c.AllowPlaintext = "", true }, "Kafka hangs up"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := kafka.Config{Brokers: c.ListenAddrs(), Topic: topic, SASL: kafka.ScramSHA512, User: "s512", PasswordFile: right, CAFile: ca, Timeout: 2 * time.Second}
			one.change(&config)
			send := lastly
			hungUp := one.want == "Kafka hangs up"
			if hungUp { // it tries again, until the time is up
				send = func(t testing.TB, s *kafka.Sender, m outbound.Message) error { return s.Send(t.Context(), m) }
			}
			got := ""
			if err := send(t, sender(t, config), message("dossier-A-1", "1")); err != nil {
				got = reasonOf(err)
				if strings.Contains(err.Error(), "wrong\n") || strings.Contains(err.Error(), "right") {
					t.Errorf("it tells %v", err)
				}
			}
			if got != one.want && !(hungUp && got == "Kafka did not answer in time") {
				t.Errorf("%q, want %q", got, one.want)
			}
		})
	}
}

func TestAPasswordThatIsRefusedIsToldAsThat(t *testing.T) {
	c := cluster(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "s512", "right"))
	c.ControlKey(int16(kmsg.SASLAuthenticate), func(request kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		answer := request.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		answer.ErrorCode = kerr.SaslAuthenticationFailed.Code // as Kafka says it
		return answer, nil, true
	})
	config := plainly(c.ListenAddrs())
	config.SASL, config.User, config.PasswordFile, config.Timeout = kafka.ScramSHA512, "s512", file(t, "wrong"), time.Second
	if got := reasonOf(lastly(t, sender(t, config), message("dossier-A-1", "1"))); got != "Kafka does not accept the sign-in" {
		t.Error(got)
	}
}

// TestARealBroker sends to the Kafka that LEDGER_TEST_KAFKA names: addresses apart by
// commas, without TLS, where topics may be made. It makes a topic and deletes it.
func TestARealBroker(t *testing.T) {
	named := os.Getenv("LEDGER_TEST_KAFKA")
	if named == "" {
		t.Skip("LEDGER_TEST_KAFKA names no Kafka")
	}
	brokers := strings.Split(named, ",")
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	own := "ledger-test-" + rand.Text()
	makeTopic(t, client, own)
	t.Cleanup(func() {
		gone := kmsg.NewDeleteTopicsRequestTopic()
		gone.Topic = &own
		_, err := (&kmsg.DeleteTopicsRequest{TopicNames: []string{own}, Topics: []kmsg.DeleteTopicsRequestTopic{gone}, TimeoutMillis: 30_000}).
			RequestWith(context.Background(), client)
		if err != nil {
			t.Error(err)
		}
	})
	config := plainly(brokers)
	config.Topic = own
	s := sender(t, config)
	keepsOrder(t, s, "dossier-A-", 8, 25)
	holdsOrder(t, records(t, brokers, own, 200), "dossier-A-", 8, 25)
	large := message("dossier-A-9", "1")
	large.Body = make([]byte, 2<<20)
	if got := reasonOf(s.Send(t.Context(), large)); got != "it is larger than Kafka takes" {
		t.Error(got)
	}
}

func TestWrongConfigurationsAreRefusedAndTellNoSecret(t *testing.T) {
	good := kafka.Config{Brokers: []string{"127.0.0.1:9093"}, Topic: topic}
	for name, change := range map[string]func(*kafka.Config){
		"no brokers":           func(c *kafka.Config) { c.Brokers = nil },
		"no port":              func(c *kafka.Config) { c.Brokers = []string{"127.0.0.1"} },
		"a password":           func(c *kafka.Config) { c.Brokers = []string{"u:geheim@127.0.0.1:9093"} },
		"no topic":             func(c *kafka.Config) { c.Topic = "" },
		"a topic of two words": func(c *kafka.Config) { c.Topic = "a b" },
		"a topic of a dot":     func(c *kafka.Config) { c.Topic = "." },
		"a long topic":         func(c *kafka.Config) { c.Topic = strings.Repeat("a", 250) },
		"another way":          func(c *kafka.Config) { c.SASL, c.User, c.PasswordFile = "gssapi", "u", file(t, "geheim") },
		"no user":              func(c *kafka.Config) { c.SASL, c.PasswordFile = kafka.ScramSHA256, file(t, "geheim") },
		"no password":          func(c *kafka.Config) { c.SASL, c.User = kafka.ScramSHA256, "u" },
		"an empty password":    func(c *kafka.Config) { c.SASL, c.User, c.PasswordFile = kafka.ScramSHA256, "u", file(t, "\n") },
		"a password in clear": func(c *kafka.Config) {
			c.SASL, c.User, c.PasswordFile, c.AllowPlaintext = kafka.Plain, "u", file(t, "geheim"), true
		},
		"half a pair":      func(c *kafka.Config) { c.CertFile = "c.pem" },
		"no such file":     func(c *kafka.Config) { c.CAFile = filepath.Join(t.TempDir(), "none") },
		"no certificate":   func(c *kafka.Config) { c.CAFile = file(t, "geheim") },
		"trust for nobody": func(c *kafka.Config) { c.CAFile, c.AllowPlaintext = "ca.pem", true },
		"negative":         func(c *kafka.Config) { c.Timeout = -1 },
		"a negative limit": func(c *kafka.Config) { c.MaxMessageBytes = -1 },
		"no limit":         func(c *kafka.Config) { c.MaxMessageBytes = 1 << 30 },
	} {
		config := good
		change(&config)
		s, err := kafka.New(config)
		if err == nil {
			t.Errorf("%s: it was taken", name)
			_ = s.Close()
		} else if strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: it tells %v", name, err)
		}
	}
	if s, err := kafka.New(good); err != nil {
		t.Error(err)
	} else {
		_ = s.Close()
	}
}
