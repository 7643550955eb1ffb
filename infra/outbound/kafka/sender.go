// Package kafka delivers events to a topic of Apache Kafka, as CloudEvents' Kafka
// protocol binding 1.0 says, in structured mode.
//
// The key of a message is what order is kept by, the CloudEvent's partitionkey, so
// that all of a dossier is in one partition, in order. The producer is idempotent
// and waits for all replicas that are in sync. When an answer is lost, Kafka may
// have the message all the same: it is sent again, and consumers know an event by
// its id. The topic is the receiver's own: it is not made or changed from here.
package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"dossierledger/infra/outbound"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Defaults of Config.
const (
	DefaultTimeout = 10 * time.Second
	// DefaultMaxMessageBytes is what Kafka takes where nobody told it otherwise.
	DefaultMaxMessageBytes = 1_048_588
)

// maxMessageBytes bounds Config.MaxMessageBytes: no event is nearly as large.
const maxMessageBytes = 16 << 20

// The ways to sign in by name and password.
const (
	Plain       = "plain"
	ScramSHA256 = "scram-sha-256"
	ScramSHA512 = "scram-sha-512"
)

// Config says how a topic is reached. What is secret is in files.
type Config struct {
	// Brokers are addresses (host:port) of one cluster; the others are found by them.
	Brokers []string `yaml:"brokers"`
	Topic   string   `yaml:"topic"`
	// SASL is how the ledger signs in: Plain, ScramSHA256, ScramSHA512, or empty where
	// it does not, or does by its certificate. User and the password in PasswordFile
	// go with it.
	SASL         string `yaml:"sasl"`
	User         string `yaml:"user"`
	PasswordFile string `yaml:"password_file"`
	// CAFile is whom the brokers' certificates must come from (PEM) where that is
	// nobody whom the system trusts; CertFile and KeyFile are a certificate of the
	// ledger's own.
	CAFile   string `yaml:"ca_file"`
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// AllowPlaintext is for brokers without TLS.
	AllowPlaintext bool `yaml:"allow_plaintext"`
	// MaxMessageBytes is what the topic takes (its max.message.bytes); 0 is
	// DefaultMaxMessageBytes.
	MaxMessageBytes int32 `yaml:"max_message_bytes"`
	// Timeout is how long it may take until a message is stored; 0 is DefaultTimeout.
	Timeout time.Duration `yaml:"timeout"`
}

// Validate reports what cannot be right.
func (c Config) Validate() error {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("kafka: no brokers are named"))
	}
	for _, broker := range c.Brokers {
		if host, port, err := net.SplitHostPort(broker); err != nil || host == "" || port == "" || strings.Contains(broker, "@") {
			errs = append(errs, errors.New("kafka: a broker is given as HOST:PORT, without a name or password"))
		}
	}
	if !validTopic(c.Topic) {
		errs = append(errs, fmt.Errorf("kafka: %q is no topic: it has 1 to 249 letters, digits, dots, hyphens and underscores", c.Topic))
	}
	if !slices.Contains([]string{"", Plain, ScramSHA256, ScramSHA512}, c.SASL) {
		errs = append(errs, fmt.Errorf("kafka: sasl is %s, %s or %s", Plain, ScramSHA256, ScramSHA512))
	}
	if signs := c.SASL != ""; signs != (c.User != "") || signs != (c.PasswordFile != "") {
		errs = append(errs, errors.New("kafka: sasl, user and password_file go together"))
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		errs = append(errs, errors.New("kafka: cert_file and key_file go together"))
	}
	if c.AllowPlaintext && (c.CAFile != "" || c.CertFile != "") {
		errs = append(errs, errors.New("kafka: ca_file and cert_file are for TLS, which allow_plaintext does without"))
	}
	if c.AllowPlaintext && c.SASL == Plain {
		errs = append(errs, errors.New("kafka: with sasl plain the password would be sent in clear text; use scram-sha-512, or TLS"))
	}
	if c.MaxMessageBytes < 0 || c.MaxMessageBytes > maxMessageBytes {
		errs = append(errs, fmt.Errorf("kafka: max_message_bytes is at most %d", maxMessageBytes))
	}
	if c.Timeout < 0 {
		errs = append(errs, errors.New("kafka: the timeout is negative"))
	}
	return errors.Join(errs...)
}

// validTopic holds a name to Kafka's rule for topics.
func validTopic(name string) bool {
	return name != "" && len(name) <= 249 && name != "." && name != ".." &&
		!strings.ContainsFunc(name, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
		})
}

// Sender produces to a topic.
type Sender struct {
	config Config
	client *kgo.Client
	// trouble is why a broker could not be connected to, nil once one was.
	trouble atomic.Pointer[error]
}

var _ outbound.Sender = (*Sender)(nil)

// New makes a sender. It reads the files; that no broker is there is not an error:
// they are connected to when something is sent.
func New(config Config) (*Sender, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if config.Timeout == 0 {
		config.Timeout = DefaultTimeout
	}
	if config.MaxMessageBytes == 0 {
		config.MaxMessageBytes = DefaultMaxMessageBytes
	}
	s := &Sender{config: config}
	options := []kgo.Opt{
		kgo.SeedBrokers(config.Brokers...), kgo.ClientID("dossier-ledger"), kgo.DefaultProduceTopic(config.Topic),
		kgo.WithHooks(s),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		// What the reference client does with keys, so that others' messages of the
		// same key are in the same partition.
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		// A message is given up in time also while its answer is missing. Nothing after
		// it is sent before it was sent again, so order holds; it may be there twice.
		kgo.AllowIdempotentProduceCancellation(),
		kgo.RecordDeliveryTimeout(config.Timeout), kgo.ProduceRequestTimeout(config.Timeout), kgo.DialTimeout(config.Timeout),
		// The client looks at a message's time only between its own pauses.
		kgo.RetryBackoffFn(pause), kgo.MetadataMinAge(pauseMax),
		// Messages come one by one, and readable by every consumer.
		kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(config.MaxMessageBytes),
		// What the ledger is made of is not told to others.
		kgo.DisableClientMetrics(),
	}
	if !config.AllowPlaintext {
		trust, err := config.trust()
		if err != nil {
			return nil, err
		}
		options = append(options, kgo.DialTLSConfig(trust))
	}
	if config.SASL != "" {
		mechanism, err := config.mechanism()
		if err != nil {
			return nil, err
		}
		options = append(options, kgo.SASL(mechanism))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	s.client = client
	return s, nil
}

// The client's pauses before it tries anything again; the long ones are the runner's.
const pauseMin, pauseMax = 50 * time.Millisecond, 500 * time.Millisecond

func pause(failed int) time.Duration { return min(pauseMin<<min(failed, 8), pauseMax) }

func (c Config) trust() (*tls.Config, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("kafka: %w", err)
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("kafka: %s holds no certificate", c.CAFile)
		}
	}
	if c.CertFile != "" {
		own, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("kafka: %w", err)
		}
		trust.Certificates = []tls.Certificate{own}
	}
	return trust, nil
}

func (c Config) mechanism() (sasl.Mechanism, error) {
	text, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	password := strings.TrimSpace(string(text))
	if password == "" {
		return nil, fmt.Errorf("kafka: %s is empty", c.PasswordFile)
	}
	switch c.SASL {
	case Plain:
		return plain.Auth{User: c.User, Pass: password}.AsMechanism(), nil
	case ScramSHA256:
		return scram.Auth{User: c.User, Pass: password}.AsSha256Mechanism(), nil
	default:
		return scram.Auth{User: c.User, Pass: password}.AsSha512Mechanism(), nil
	}
}

// OnBrokerConnect implements kgo.HookBrokerConnect: it keeps why there is no
// connection, which the client itself tries again without a word.
func (s *Sender) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err == nil {
		s.trouble.Store(nil)
		return
	}
	s.trouble.Store(&err)
}

// Send implements outbound.Sender: it returns when all replicas in sync have the
// message.
func (s *Sender) Send(ctx context.Context, m outbound.Message) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	record := &kgo.Record{
		Key: []byte(m.Key), Value: m.Body,
		Headers: []kgo.RecordHeader{{Key: "content-type", Value: []byte(outbound.ContentType)}},
	}
	if m.TraceParent != "" {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: "traceparent", Value: []byte(m.TraceParent)})
	}
	if err := s.client.ProduceSync(ctx, record).FirstErr(); err != nil {
		if trouble := s.trouble.Load(); trouble != nil && late(err) {
			err = errors.Join(err, *trouble)
		}
		return &outbound.Failure{Reason: reason(err), Err: err}
	}
	return nil
}

// reasons are short words for what Kafka, or the way to it, says. The first that
// fits is taken.
var reasons = []struct {
	text string
	of   []error
}{
	{"it is larger than Kafka takes", []error{kerr.MessageTooLarge, kerr.RecordListTooLarge}},
	{"there is no such topic", []error{kerr.UnknownTopicOrPartition, kerr.UnknownTopicID}},
	{"Kafka does not let the ledger write to the topic", []error{kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed}},
	{"Kafka does not accept the sign-in", []error{kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState}},
	{"too few replicas of the topic are there", []error{kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend}},
}

// late reports whether the time was up, whatever happened in it.
func late(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, kgo.ErrRecordTimeout)
}

func reason(err error) string {
	for _, r := range reasons {
		if slices.ContainsFunc(r.of, func(target error) bool { return errors.Is(err, target) }) {
			return r.text
		}
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate is not trusted"
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return "Kafka is away"
	}
	if said, ok := errors.AsType[*kerr.Error](err); ok {
		return fmt.Sprintf("Kafka refused it (%s)", said.Message)
	}
	if errors.Is(err, io.EOF) {
		// So do brokers that expect TLS or another sign-in.
		return "Kafka hangs up"
	}
	if late(err) {
		return "Kafka did not answer in time"
	}
	return "Kafka is away"
}

// Close implements outbound.Sender.
func (s *Sender) Close() error {
	s.client.Close()
	return nil
}
