package ledger

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/policy"
	"dossierledger/infra/catalogue"
	"dossierledger/infra/datasync"
	"dossierledger/infra/policies"
	"dossierledger/infra/readmodels"
	"dossierledger/infra/web"
	"dossierledger/infra/web/api"
	"dossierledger/infra/web/auth"
	"dossierledger/infra/web/pages"
	"dossierledger/infra/web/problem"
	"dossierledger/queries"
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// ServeConfig says how a ledger is offered to people and programs.
type ServeConfig struct {
	Web web.Config
	// Auth is whose tokens are believed; ignored with Demo.
	Auth auth.Config
	// Demo lets anybody sign in as a made-up person.
	Demo bool
	// Policies are the spans of the policies; zero is policy.DefaultRules.
	Policies policy.Rules
	// OutboundFile describes the receivers to which events are delivered (YAML);
	// empty is none.
	OutboundFile string
}

// Serve offers the ledger on a listener, keeps its read models up to date, runs
// its policies and delivers to receivers, until ctx ends; then it drains. Of
// several ledgers on one event store each does what it has the lease for, and gives
// it back when ctx ends. ready, where not nil, is called once requests are answered.
func (l *Ledger) Serve(ctx context.Context, config ServeConfig, listener net.Listener, ready func(models *LateReadModels)) error {
	defer serving.Keep()()
	if err := datasync.GiveWay(); err != nil {
		l.Log.Info("commands wait longer for syncs where processors are busy", "error", err)
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if measured, ok := l.Store.(prometheus.Collector); ok {
		metrics.MustRegister(measured)
	}
	if err := l.Leases.Register(metrics); err != nil {
		return errors.Join(err, listener.Close())
	}
	models := l.LateReadModels(metrics)
	watch, err := l.Policies(config.Policies, metrics)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	deliveries, err := l.Outbound(config.OutboundFile, metrics)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server, err := l.server(ctx, config, models, watch, deliveries, metrics)
	if err != nil {
		return errors.Join(err, listener.Close(), deliveries.Close())
	}
	// What runs beside the server ends after it: a request in flight may still
	// wait for a read model.
	beside, stop := context.WithCancel(context.WithoutCancel(ctx))
	working := beside
	if l.shared() { // others can begin at once, and requests can wait for them
		working = ctx
	}
	var running sync.WaitGroup
	failures := make(chan error, 1)
	running.Go(func() { failures <- models.Run(working) })
	running.Go(func() { l.Leases.Task(taskPolicies).Run(working, watch.Run) })
	running.Go(func() { deliveries.Run(working) })
	running.Go(func() { l.Leases.Task(taskFinishing).Run(working, l.keepFinishing) })
	running.Go(func() { l.settle(beside, watch, models) })
	running.Go(func() {
		l.Registers.Follow(beside, l, time.Second, func(err error) {
			l.Log.Error("the registers stand still for a moment", "error", err)
		})
	})
	if ready != nil {
		running.Go(func() { ready(models) })
	}
	err = server.Serve(ctx, listener)
	stop()
	running.Wait()
	return errors.Join(err, <-failures, deliveries.Close())
}

func (l *Ledger) server(ctx context.Context, config ServeConfig, models *LateReadModels, watch *policies.Runner, deliveries *Outbound, metrics *prometheus.Registry) (*web.Server, error) {
	dossiers, err := queries.NewDossiers(l.Journal, l.Registers, l.Now)
	if err != nil {
		return nil, err
	}
	found, err := queries.NewCatalogue(l.Registers, l.Registers)
	if err != nil {
		return nil, err
	}
	looks, err := commands.NewLooks(l.Journal, l.Now)
	if err != nil {
		return nil, err
	}
	letters, err := queries.NewDeliveries(l.Journal)
	if err != nil {
		return nil, err
	}
	resending, err := commands.NewDeliveries(l.Journal, l.Now)
	if err != nil {
		return nil, err
	}
	reports, worklists := queries.NewReports(models), queries.NewWorklists(models)
	deps := web.Dependencies{
		API: api.Dependencies{
			Commands: traced{l.Dossiers}, Dossiers: dossiers, Catalogue: found, Looks: looks, Store: l.Store, Decode: l.Journal.Decode,
			Worklists: worklists, Reports: reports, ReadModels: models,
			Outbound: api.Outbound{Deliveries: deliveries, Letters: letters, Resending: resending},
		},
		Parts: func(ctx context.Context) []web.Part {
			return append(append(models.parts(ctx), l.policiesPart(watch)), deliveries.parts()...)
		},
		Metrics: metrics, Logger: l.Log, Now: l.Now,
	}
	if err := l.signIn(ctx, config, &deps); err != nil {
		return nil, err
	}
	sample, err := catalogue.Sample()
	if err != nil {
		return nil, err
	}
	view := pages.Dependencies{
		Dossiers: dossiers, Catalogue: found, Agencies: l.Registers, Reports: reports, Worklists: worklists, Looks: looks,
		Fields: sample.Fields(), Secure: config.Web.Secure, Logger: l.Log, Now: l.Now,
	}
	if deps.DevIssuer != nil {
		view.Personas = deps.DevIssuer.Personas
	}
	deps.Pages = func(router fiber.Router, s *web.Server) error { return mountPages(router, s, view, config.Demo) }
	return web.New(config.Web, deps)
}

func (l *Ledger) signIn(ctx context.Context, config ServeConfig, deps *web.Dependencies) error {
	if !config.Demo {
		if config.Auth.Issuer == "" {
			l.Log.Warn("no issuer of tokens is configured: nobody can sign in")
			return nil
		}
		verifier, err := auth.NewVerifier(ctx, config.Auth)
		deps.Verifier = verifier
		return err
	}
	officers, err := catalogue.Officers()
	if err != nil {
		return err
	}
	issuer, err := auth.OpenDevIssuer(filepath.Join(l.Config.Data, "demo-issuer.key"), officers, l.Now)
	deps.DevIssuer = issuer
	return err
}

// parts says how the program stands, for /readyz.
func (m *LateReadModels) parts(ctx context.Context) []web.Part {
	head, _, err := m.ledger.Store.Head(ctx)
	store := web.Part{Name: "event-store", State: "open", Essential: true, Ready: err == nil, Detail: map[string]uint64{"head": head}}
	if err != nil {
		store.State, store.Detail = "failed", nil
	}
	parts := []web.Part{store}
	open, ok := m.Open()
	if !ok {
		part := web.Part{Name: "read-models", State: "opening"}
		if failure := m.Failure(); failure != "" {
			part.State, part.Detail = "waiting", map[string]string{"error": failure, "way_out": "start ClickHouse, or see `ledger doctor`; it goes on by itself"}
		}
		return append(parts, part)
	}
	for _, s := range open.Runner.Status(ctx) {
		parts = append(parts, web.Part{
			Name: "projection " + s.Name, State: string(s.State), Detail: s,
			Ready: s.State == readmodels.Live || s.State == readmodels.CatchingUp || s.State == readmodels.Rebuilding || s.State == readmodels.Elsewhere,
		})
	}
	return parts
}

func mountPages(router fiber.Router, s *web.Server, d pages.Dependencies, demo bool) error {
	if demo {
		d.SignIn, d.SignOut = "/sign-in", "/sign-out"
	}
	p, err := pages.New(d)
	if err != nil {
		return fmt.Errorf("pages: %w", err)
	}
	p.Mount(router)
	s.OnError(func(c *fiber.Ctx, problem *problem.Problem) error { return p.Error(c, problem) })
	return nil
}
