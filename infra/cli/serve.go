package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/ledger"
	"dossierledger/infra/telemetry"
	"dossierledger/infra/web"
	"dossierledger/infra/web/auth"
)

type serveCommand struct {
	Listen string `default:"127.0.0.1:8080" placeholder:"ADDR" help:"Address to answer on."`

	EsdbListen string `name:"esdb-listen" placeholder:"ADDR" help:"Offer the events to EventStoreDB clients too, for reading and subscribing only."`
	esdbFlags

	policyRules

	OutboundFile string `placeholder:"FILE" help:"Receivers outside to which events are delivered (YAML), see docs/integration.md."`

	Demo         bool `help:"Sample catalogue, simulated dossiers and a sign-in for made-up persons. Anybody can be anybody: never with real data."`
	DemoDossiers int  `default:"3000" placeholder:"N" help:"With --demo: how many dossiers to simulate at the first start."`

	Issuer   string   `placeholder:"URL" help:"Whose tokens are believed (iss)."`
	Audience string   `default:"dossier-ledger" placeholder:"NAME" help:"For whom tokens must be (aud)."`
	KeyFile  []string `placeholder:"FILE" help:"Public keys of the issuer (PEM)."`
	JWKSFile string   `name:"jwks-file" placeholder:"FILE" help:"Public keys of the issuer (JWKS)."`
	JWKSURL  string   `name:"jwks-url" placeholder:"URL" help:"Where the issuer publishes its keys (JWKS)."`

	Proxy      []string      `placeholder:"ADDR" help:"Proxies whose X-Forwarded-For is believed."`
	HTTPS      bool          `name:"https" help:"People reach the ledger by https (through a proxy): cookies are for https only."`
	DrainDelay time.Duration `name:"drain-delay" default:"0s" placeholder:"SPAN" help:"After SIGTERM, for how long requests are still taken while /readyz says that the ledger drains: until a load balancer has noticed."`

	Rate   float64 `default:"50" placeholder:"N" help:"Requests a second that one caller may make."`
	Burst  int     `default:"200" placeholder:"N" help:"Requests that one caller may make at once."`
	BodyMB int     `name:"body-mb" default:"1" placeholder:"N" help:"Largest request body, in MiB."`
}

// Run serves until it is told to stop, then drains.
func (c *serveCommand) Run(w *world) error {
	w.log.LogAttrs(w.ctx, slog.LevelInfo, "configuration", slog.String("version", build().Version), slog.Attr{Key: "settings", Value: slog.GroupValue(w.settings...)})
	rules, err := c.rules()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	l, err := w.open()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer w.close(l)
	if c.Demo {
		if err := c.prepare(w, l); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	stopTraces, tracing, err := telemetry.Start(w.ctx, build().Version, w.log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer stopTraces()
	config := ledger.ServeConfig{
		Demo: c.Demo, Policies: rules, OutboundFile: c.OutboundFile,
		Web:  web.Config{Proxies: c.Proxy, Secure: c.HTTPS, Rate: c.Rate, Burst: c.Burst, BodyLimit: c.BodyMB << 20, DrainDelay: c.DrainDelay},
		Auth: auth.Config{Issuer: c.Issuer, Audience: c.Audience, KeyFiles: c.KeyFile, JWKSFile: c.JWKSFile, JWKSURL: c.JWKSURL},
	}
	stopFace, err := c.offerEvents(w, l)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer stopFace()
	w.log.Info("serving", "address", listener.Addr().String(), "data", w.opts.Data, "demo", c.Demo, "traces", tracing)
	return l.Serve(w.ctx, config, listener, func(models *ledger.LateReadModels) { c.welcome(w, l, listener.Addr(), models) })
}

// prepare fills a demonstration's ledger at its first start. A start that was
// broken off is taken up again by the next one.
func (c *serveCommand) prepare(w *world, l *ledger.Ledger) error {
	mark := filepath.Join(w.opts.Data, "demo-simulated")
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	fmt.Fprintln(w.stderr, "Publishing the sample catalogue …")
	if _, err := l.Seed(w.ctx); err != nil {
		return err
	}
	if c.DemoDossiers > 0 {
		window, err := (&simulateCommand{Dossiers: c.DemoDossiers, Seed: 1}).config(demoDay(w.now(), mark))
		if err != nil {
			return err
		}
		fmt.Fprintf(w.stderr, "Simulating %d dossiers …\n", c.DemoDossiers)
		bar := w.progress("dossiers", int64(c.DemoDossiers), false)
		_, err = l.Simulate(w.ctx, window, func(done int) { bar.set(int64(done)) })
		bar.done()
		if err != nil {
			return err
		}
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return fmt.Errorf("demonstration: %w", err)
	}
	return nil
}

// demoDay is the day up to which a demonstration is simulated. It is kept, so
// that a first start that was broken off goes on with the same dossiers.
func demoDay(now time.Time, mark string) time.Time {
	path := mark + ".day"
	if text, err := os.ReadFile(path); err == nil {
		if day, err := time.Parse(time.RFC3339, string(text)); err == nil {
			return day
		}
	}
	// Where it cannot be kept, a broken-off start begins anew: more dossiers, none wrong.
	_ = os.WriteFile(path, []byte(now.Format(time.RFC3339)), 0o600)
	return now
}

// welcome says where to go, once the pages have figures to show.
func (c *serveCommand) welcome(w *world, l *ledger.Ledger, addr net.Addr, models *ledger.LateReadModels) {
	if !c.Demo {
		return
	}
	if err := c.waitForFigures(w, l, models); err != nil {
		w.log.Warn("the read models are not up to date yet", "error", err)
	}
	fmt.Fprintf(w.stderr, `
The dossier ledger is ready.
  Pages       http://%[1]s/
  Statistics  http://%[1]s/statistics
  API         http://%[1]s/api/v1/openapi.json
  Sign in     http://%[1]s/sign-in   (made-up persons: a citizen, officers, an auditor, an analyst, an administrator)
  Token       curl -s http://%[1]s/dev/token -H 'Content-Type: application/json' -d '{"persona":"citizen-an"}'
Stop with Ctrl-C; the data stays in %[2]s.
`, addr, w.opts.Data)
}

// waitForFigures waits until the read models have seen what was simulated.
func (c *serveCommand) waitForFigures(w *world, l *ledger.Ledger, models *ledger.LateReadModels) error {
	head, ok, err := l.Store.Head(w.ctx)
	if err != nil || !ok {
		return err
	}
	ctx, cancel := context.WithTimeout(w.ctx, 5*time.Minute)
	defer cancel()
	bar := w.progress("read models", 1, false)
	defer bar.done()
	for {
		err := models.WaitFor(ctx, head)
		if err == nil || ctx.Err() != nil || fault.KindOf(err) != fault.Unavailable {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
