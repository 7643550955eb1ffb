// Package jetstream delivers events to a stream of NATS JetStream.
//
// A message is a CloudEvent in structured mode on the subject SUBJECT.TYPE, so
// that consumers can select by type. Its Nats-Msg-Id is made of receiver and event,
// so that JetStream leaves out what is sent again within its window; behind the
// window consumers know an event by its id. The stream is the receiver's own: it
// is not made or changed from here.
package jetstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"dossierledger/infra/outbound"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// DefaultTimeout is how long an acknowledgement may take.
const DefaultTimeout = 10 * time.Second

// Config says how a stream is reached. What is secret is in files.
type Config struct {
	// Servers are addresses (nats://host:4222 or tls://…) of one cluster, without
	// names and passwords.
	Servers []string `yaml:"servers"`
	// Subject begins the subject of every message.
	Subject string `yaml:"subject"`
	// Stream, where given, is the stream that must take the messages.
	Stream string `yaml:"stream"`
	// CredentialsFile is a user's JWT and seed, as NATS makes it.
	CredentialsFile string `yaml:"credentials_file"`
	// CAFile, CertFile and KeyFile are for TLS (PEM).
	CAFile   string `yaml:"ca_file"`
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// Timeout is how long an acknowledgement may take; 0 is DefaultTimeout.
	Timeout time.Duration `yaml:"timeout"`
}

var subject = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// Validate reports what cannot be right.
func (c Config) Validate() error {
	var errs []error
	if len(c.Servers) == 0 {
		errs = append(errs, errors.New("jetstream: no servers are named"))
	}
	for _, server := range c.Servers {
		u, err := url.Parse(server)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls":
			errs = append(errs, errors.New("jetstream: a server is given as nats://HOST:PORT or tls://HOST:PORT"))
		case u.User != nil:
			errs = append(errs, errors.New("jetstream: a server's address holds no name or password; use credentials_file"))
		}
	}
	if !subject.MatchString(c.Subject) {
		errs = append(errs, fmt.Errorf("jetstream: %q is no subject without wildcards", c.Subject))
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		errs = append(errs, errors.New("jetstream: cert_file and key_file go together"))
	}
	if c.Timeout < 0 {
		errs = append(errs, errors.New("jetstream: the timeout is negative"))
	}
	return errors.Join(errs...)
}

// Sender publishes to a stream.
type Sender struct {
	config     Config
	connection *nats.Conn
	stream     jetstream.JetStream
}

var _ outbound.Sender = (*Sender)(nil)

// New makes a sender. A server that is away is not an error: it is connected to
// when it is there.
func New(config Config, log *slog.Logger) (*Sender, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if config.Timeout == 0 {
		config.Timeout = DefaultTimeout
	}
	options := []nats.Option{
		nats.Name("dossier-ledger"), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		// What cannot be sent now is not kept in memory: it is in the ledger.
		nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { log.Warn("the connection to NATS was lost", "error", err) }),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("connected to NATS again") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("NATS", "error", err) }),
	}
	files := []string{config.CredentialsFile, config.CAFile, config.CertFile, config.KeyFile}
	for _, file := range files {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("jetstream: %w", err)
		}
	}
	if config.CredentialsFile != "" {
		options = append(options, nats.UserCredentials(config.CredentialsFile))
	}
	if config.CAFile != "" {
		options = append(options, nats.RootCAs(config.CAFile), nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	if config.CertFile != "" {
		options = append(options, nats.ClientCert(config.CertFile, config.KeyFile))
	}
	connection, err := nats.Connect(strings.Join(config.Servers, ","), options...)
	if err != nil {
		return nil, fmt.Errorf("jetstream: connect: %w", err)
	}
	stream, err := jetstream.New(connection)
	if err != nil {
		connection.Close()
		return nil, fmt.Errorf("jetstream: %w", err)
	}
	return &Sender{config: config, connection: connection, stream: stream}, nil
}

// Send implements outbound.Sender: it returns when the stream has stored the message.
func (s *Sender) Send(ctx context.Context, m outbound.Message) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	if !s.connection.IsConnected() {
		return &outbound.Failure{Reason: "NATS is away"}
	}
	message := nats.NewMsg(s.config.Subject + "." + m.Type)
	message.Header.Set("Content-Type", outbound.ContentType)
	if m.TraceParent != "" {
		message.Header.Set("traceparent", m.TraceParent)
	}
	message.Data = m.Body
	// Two receivers may be one stream: an event is left out for the same one only.
	options := []jetstream.PublishOpt{jetstream.WithMsgID(m.Receiver + "/" + m.ID)}
	if s.config.Stream != "" {
		options = append(options, jetstream.WithExpectStream(s.config.Stream))
	}
	if _, err := s.stream.PublishMsg(ctx, message, options...); err != nil {
		return &outbound.Failure{Reason: reason(err), Err: err}
	}
	return nil
}

func reason(err error) string {
	var refused *jetstream.APIError
	switch {
	case errors.As(err, &refused):
		return fmt.Sprintf("JetStream refused it (%d)", refused.ErrorCode)
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return "no stream takes this subject"
	case errors.Is(err, nats.ErrMaxPayload):
		return "it is larger than NATS takes"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return "JetStream did not answer in time"
	}
	return "NATS is away"
}

// Close implements outbound.Sender.
func (s *Sender) Close() error {
	s.connection.Close()
	return nil
}
