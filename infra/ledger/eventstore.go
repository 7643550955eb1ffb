package ledger

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/eventstore/esdb"
	"dossierledger/infra/eventstore/esdbserver"
	"github.com/goccy/go-yaml"
)

// OpenStore opens the event store that a configuration names: the embedded one
// in the data folder or an EventStoreDB.
func OpenStore(ctx context.Context, config Config) (eventstore.Store, error) {
	if err := checkRestored(config.Data); err != nil {
		return nil, err
	}
	if config.EventStoreFile == "" {
		return embedded.Open(ctx, embedded.Options{
			Dir: filepath.Join(config.Data, "events"), Logger: config.Logger, Now: config.Now, Reading: config.Reading, CacheBytes: config.StoreCache,
		})
	}
	connection, err := readSecret(config.EventStoreFile)
	if err != nil {
		return nil, err
	}
	return esdb.Open(ctx, esdb.Options{ConnectionString: connection, Logger: config.Logger})
}

// Face says how a store is offered in EventStoreDB's protocol.
type Face struct {
	// UsersFile lists who may call (YAML): a login, with password and, where it is
	// so, admin: true (who may do everything) and groups (which an $acl may name).
	// It is for its owner alone (mode 0600).
	UsersFile string
	// CertFile and KeyFile are the server's certificate (PEM).
	CertFile, KeyFile string
	// ClientCAFile, where not empty, holds the authorities (PEM) whose certificates
	// identify users by their common name, in the place of a password.
	ClientCAFile string
	// Insecure serves in clear text and lets everybody do everything.
	Insecure bool
	// ReadOnly offers reading and subscribing only.
	ReadOnly bool
	// LikeEventStoreDB lets an event id be in several streams and lists the users in
	// a stream, as EventStoreDB does.
	LikeEventStoreDB bool
}

// ServeEventStore offers a store in EventStoreDB's protocol until ctx ends. It
// closes the listener, not the store.
func ServeEventStore(ctx context.Context, store eventstore.Store, face Face, listener net.Listener, log *slog.Logger) error {
	server, err := newFace(store, face, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return errors.Join(err, server.Close())
	case <-ctx.Done():
		return errors.Join(server.Close(), <-served)
	}
}

// CheckFace says what is wrong with a face before anything is served.
func CheckFace(face Face) error {
	_, err := face.options(nil)
	return err
}

func newFace(store eventstore.Store, face Face, log *slog.Logger) (*esdbserver.Server, error) {
	options, err := face.options(log)
	if err != nil {
		return nil, err
	}
	return esdbserver.New(store, options)
}

func (face Face) options(log *slog.Logger) (esdbserver.Options, error) {
	options := esdbserver.Options{ReadOnly: face.ReadOnly, ListUsers: face.LikeEventStoreDB, IDsPerStream: face.LikeEventStoreDB, Logger: log}
	if face.Insecure {
		return options, nil
	}
	if face.UsersFile == "" {
		return options, fault.New(fault.Invalid, "usage.eventstore-users", "say who may call with a users file, or serve without any protection with --insecure")
	}
	users, err := readUsers(face.UsersFile)
	if err != nil {
		return options, err
	}
	options.Users = users
	if face.CertFile == "" || face.KeyFile == "" {
		return options, fault.New(fault.Invalid, "usage.eventstore-tls", "passwords are not sent in clear text: give a certificate and its key, or serve without any protection with --insecure")
	}
	certificate, err := tls.LoadX509KeyPair(face.CertFile, face.KeyFile)
	if err != nil {
		return options, fmt.Errorf("certificate of the event store: %w", err)
	}
	options.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	if face.ClientCAFile == "" {
		return options, nil
	}
	authorities, err := os.ReadFile(face.ClientCAFile)
	if err != nil {
		return options, fmt.Errorf("authorities of user certificates: %w", err)
	}
	options.TLS.ClientCAs, options.TLS.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
	if !options.TLS.ClientCAs.AppendCertsFromPEM(authorities) {
		return options, fault.New(fault.Invalid, "usage.eventstore-tls", "the file %s holds no certificate", face.ClientCAFile)
	}
	return options, nil
}

func readUsers(path string) (map[string]esdbserver.User, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("users file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Invalid, "usage.eventstore-users", "the users file %s can be read by others: run chmod 600 on it", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("users file: %w", err)
	}
	var listed map[string]struct {
		Password string   `yaml:"password"`
		Admin    bool     `yaml:"admin"`
		Groups   []string `yaml:"groups"`
	}
	// The parser's error may quote a password.
	if yaml.UnmarshalWithOptions(text, &listed, yaml.Strict()) != nil || len(listed) == 0 {
		return nil, fault.New(fault.Invalid, "usage.eventstore-users", "the users file %s is not a list of logins, each with password and, where it is so, admin: true", path)
	}
	users := make(map[string]esdbserver.User, len(listed))
	for login, u := range listed {
		users[login] = esdbserver.User{Password: u.Password, Admin: u.Admin, Groups: u.Groups}
	}
	return users, nil
}
