// Package nats connects to a NATS cluster, which keeps what several ledgers on
// one event store share: the keys of persons, and the leases that say who runs
// what. It needs JetStream of NATS 2.12 or later.
package nats

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"dossierledger/domain/fault"
	"github.com/goccy/go-yaml"
	natsgo "github.com/nats-io/nats.go"
)

// Codes of this package's faults.
const (
	// CodeFile: the file that says how to reach NATS is not as it should be.
	CodeFile = "nats.file"
	// CodeUnavailable: NATS does not answer, or does not let us in.
	CodeUnavailable = "nats.unavailable"
	// CodeVersion: NATS is too old.
	CodeVersion = "nats.version"
)

// The oldest NATS that knows what is asked of it.
const leastMajor, leastMinor = 2, 12

// A file says how to reach NATS (YAML).
type file struct {
	// Servers are the addresses, tls://host:4222 or nats://host:4222 without TLS.
	Servers []string `yaml:"servers"`
	// User and Password, or Credentials: a file with a user's JWT and seed.
	User        string `yaml:"user"`
	Password    string `yaml:"password"`
	Credentials string `yaml:"credentials"`
	// CA is a file with the authorities to trust instead of the system's;
	// Certificate and Key are files with a certificate of ours, all in PEM.
	CA          string `yaml:"ca"`
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

// How a dead connection is noticed and made again.
const (
	connectWithin = 5 * time.Second
	pingEvery     = 3 * time.Second
	pingsLost     = 2
	reconnectWait = 250 * time.Millisecond
)

// Connect connects as a file says. Once it is made the connection is kept:
// where it is lost it is made again, for ever, to whichever server answers.
// name tells the operators of NATS whose it is.
func Connect(ctx context.Context, path, name string, log *slog.Logger) (*natsgo.Conn, error) {
	f, err := readFile(path)
	if err != nil {
		return nil, err
	}
	options, err := f.options()
	if err != nil {
		return nil, err
	}
	options = append(options,
		natsgo.Name(name), natsgo.Timeout(connectWithin), natsgo.PingInterval(pingEvery), natsgo.MaxPingsOutstanding(pingsLost),
		natsgo.MaxReconnects(-1), natsgo.ReconnectWait(reconnectWait), natsgo.ReconnectJitter(reconnectWait, reconnectWait),
		natsgo.DisconnectErrHandler(func(_ *natsgo.Conn, err error) {
			if err != nil {
				log.Warn("the connection to NATS is lost and will be made again", "error", err)
			}
		}),
		natsgo.ReconnectHandler(func(c *natsgo.Conn) { log.Info("the connection to NATS is back", "server", c.ConnectedServerName()) }),
		natsgo.ErrorHandler(func(_ *natsgo.Conn, _ *natsgo.Subscription, err error) { log.Warn("NATS", "error", err) }),
	)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	conn, err := natsgo.Connect(strings.Join(f.Servers, ","), options...)
	if err != nil {
		return nil, fault.New(fault.Unavailable, CodeUnavailable, "NATS, which %s names, does not answer or does not let us in: %w", path, err)
	}
	var major, minor int
	version := conn.ConnectedServerVersion()
	if n, err := fmt.Sscanf(version, "%d.%d.", &major, &minor); err != nil || n != 2 || major < leastMajor || major == leastMajor && minor < leastMinor {
		conn.Close()
		return nil, fault.New(fault.Invalid, CodeVersion, "NATS is of version %q; the ledger needs %d.%d or later", version, leastMajor, leastMinor)
	}
	return conn, nil
}

func readFile(path string) (file, error) {
	var f file
	text, err := os.ReadFile(path)
	if err != nil {
		return f, fmt.Errorf("NATS file: %w", err)
	}
	// The parser's error may quote a password.
	if yaml.UnmarshalWithOptions(text, &f, yaml.Strict()) != nil || len(f.Servers) == 0 {
		return f, fault.New(fault.Invalid, CodeFile, "the NATS file %s is not YAML with a list of servers and, where they are needed, user and password or credentials, ca, certificate and key", path)
	}
	for _, server := range f.Servers {
		// The parser's error would quote a password.
		if u, err := url.Parse(server); err != nil || u.Host == "" {
			return f, fault.New(fault.Invalid, CodeFile, "a server in the NATS file %s is not an address such as tls://host:4222", path)
		}
	}
	if f.Password != "" && f.User == "" || f.User != "" && f.Credentials != "" || (f.Certificate == "") != (f.Key == "") {
		return f, fault.New(fault.Invalid, CodeFile, "in the NATS file %s user goes with password, or credentials stand alone, and certificate goes with key", path)
	}
	return f, nil
}

func (f file) options() ([]natsgo.Option, error) {
	var options []natsgo.Option
	if f.User != "" {
		options = append(options, natsgo.UserInfo(f.User, f.Password))
	}
	if f.Credentials != "" {
		options = append(options, natsgo.UserCredentials(f.Credentials))
	}
	if f.CA == "" && f.Certificate == "" {
		return options, nil
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		text, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("authorities of NATS: %w", err)
		}
		if secure.RootCAs = x509.NewCertPool(); !secure.RootCAs.AppendCertsFromPEM(text) {
			return nil, fault.New(fault.Invalid, CodeFile, "%s holds no certificate in PEM form", f.CA)
		}
	}
	if f.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
		if err != nil {
			return nil, errors.Join(fault.New(fault.Invalid, CodeFile, "the certificate for NATS and its key do not fit together"), err)
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	return append(options, natsgo.Secure(secure)), nil
}
