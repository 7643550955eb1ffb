package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"dossierledger/infra/ledger"
)

// esdbFlags say who may call in EventStoreDB's protocol, and how.
type esdbFlags struct {
	EsdbUsers    string `name:"esdb-users" placeholder:"FILE" help:"Who may call in EventStoreDB's protocol (YAML: login: {password: …, admin: true, groups: […]}), mode 0600."`
	EsdbCert     string `name:"esdb-cert" placeholder:"FILE" help:"Certificate for EventStoreDB's protocol (PEM)."`
	EsdbKey      string `name:"esdb-key" placeholder:"FILE" help:"Key of that certificate (PEM)."`
	EsdbClientCA string `name:"esdb-client-ca" placeholder:"FILE" help:"Authorities (PEM) whose certificates identify users by their common name, in the place of a password."`
}

func (f esdbFlags) face() ledger.Face {
	return ledger.Face{UsersFile: f.EsdbUsers, CertFile: f.EsdbCert, KeyFile: f.EsdbKey, ClientCAFile: f.EsdbClientCA}
}

type eventstoreCommand struct {
	Listen   string `default:"127.0.0.1:2113" placeholder:"ADDR" help:"Address to answer on."`
	Insecure bool   `help:"In clear text, and everybody may do everything: for development and tests."`
	esdbFlags
}

// Run serves the embedded store alone until it is told to stop.
func (c *eventstoreCommand) Run(w *world) error {
	face := c.face()
	face.Insecure, face.LikeEventStoreDB = c.Insecure, true
	if err := ledger.CheckFace(face); err != nil {
		return err
	}
	data, err := filepath.Abs(w.opts.Data)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	config := w.config()
	config.Data, config.EventStoreFile = data, ""
	store, err := ledger.OpenStore(w.ctx, config)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	w.log.Info("serving the event store", "address", listener.Addr().String(), "data", data, "insecure", c.Insecure)
	closeOffer := ledger.OfferBeside(data, store, nil, w.log)
	return errors.Join(ledger.ServeEventStore(w.ctx, store, face, listener, w.log), closeOffer(), store.Close())
}

// offerEvents serves the ledger's events to EventStoreDB clients for reading,
// where that was asked for. What writes goes through commands.
func (c *serveCommand) offerEvents(w *world, l *ledger.Ledger) (stop func(), err error) {
	if c.EsdbListen == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", c.EsdbListen)
	if err != nil {
		return nil, fmt.Errorf("listen for EventStoreDB clients: %w", err)
	}
	face := c.face()
	face.ReadOnly = true
	if err := ledger.CheckFace(face); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := ledger.ServeEventStore(ctx, l.Store, face, listener, w.log); err != nil {
			w.log.Error("EventStoreDB clients are not served any more", "error", err)
		}
	}()
	return func() { cancel(); <-done }, nil
}
