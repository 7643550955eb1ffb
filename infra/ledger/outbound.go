package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/fault"
	"dossierledger/infra/outbound"
	"dossierledger/infra/outbound/jetstream"
	"dossierledger/infra/outbound/kafka"
	"dossierledger/infra/outbound/webhook"
	"dossierledger/infra/web"
	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"
)

// receiversFile is what an operator says of all receivers.
type receiversFile struct {
	// Source is the ledger's own name in CloudEvents.
	Source    string           `yaml:"source"`
	Receivers []receiverConfig `yaml:"receivers"`
}

// receiverConfig is one receiver; exactly one of the ways to reach it is given.
type receiverConfig struct {
	outbound.Settings `yaml:",inline"`
	Webhook           *webhook.Config   `yaml:"webhook"`
	NATS              *jetstream.Config `yaml:"nats"`
	Kafka             *kafka.Config     `yaml:"kafka"`
}

func usageOutbound(format string, args ...any) error {
	return fault.New(fault.Invalid, "usage.outbound", format, args...)
}

func readReceivers(path string) (receiversFile, error) {
	var file receiversFile
	text, err := os.ReadFile(path)
	if err != nil {
		return file, fmt.Errorf("receivers: %w", err)
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		return file, usageOutbound("%s: %w", path, err)
	}
	if len(file.Receivers) == 0 {
		return file, usageOutbound("%s names no receivers", path)
	}
	names := map[string]bool{}
	for _, r := range file.Receivers {
		if names[r.Name] {
			return file, usageOutbound("%s names the receiver %q twice", path, r.Name)
		}
		names[r.Name] = true
	}
	return file, nil
}

// sender makes what reaches a receiver.
func (r receiverConfig) sender(log *slog.Logger) (outbound.Sender, error) {
	log = log.With("receiver", r.Name)
	var made []outbound.Sender
	var errs []error
	add := func(s outbound.Sender, err error) {
		if err != nil {
			errs = append(errs, err)
			return
		}
		made = append(made, s)
	}
	ways := 0
	if r.Webhook != nil {
		ways++
		add(webhook.New(*r.Webhook))
	}
	if r.NATS != nil {
		ways++
		add(jetstream.New(*r.NATS, log))
	}
	if r.Kafka != nil {
		ways++
		add(kafka.New(*r.Kafka))
	}
	if ways != 1 {
		errs = append(errs, errors.New("exactly one of webhook, nats and kafka says how it is reached"))
	}
	if len(errs) > 0 {
		for _, s := range made {
			errs = append(errs, s.Close())
		}
		return nil, errors.Join(errs...)
	}
	return made[0], nil
}

// Outbound are the deliveries to all receivers.
type Outbound struct {
	ledger  *Ledger
	runners []*outbound.Runner
}

// Outbound prepares the deliveries that a file describes; nothing is delivered
// before Run. An empty path is no receivers.
func (l *Ledger) Outbound(path string, metrics prometheus.Registerer) (*Outbound, error) {
	o := &Outbound{ledger: l}
	if path == "" {
		return o, nil
	}
	file, err := readReceivers(path)
	if err != nil {
		return nil, err
	}
	looks, err := commands.NewLooks(l.Journal, l.Now)
	if err != nil {
		return nil, err
	}
	counted := outbound.NewMetrics()
	if metrics != nil {
		if err := metrics.Register(counted); err != nil {
			return nil, fmt.Errorf("metrics of deliveries: %w", err)
		}
	}
	for _, r := range file.Receivers {
		runner, err := l.receiver(file.Source, r, looks, counted)
		if err != nil {
			return nil, errors.Join(usageOutbound("%s: receiver %q: %w", path, r.Name, err), o.Close())
		}
		o.runners = append(o.runners, runner)
	}
	return o, nil
}

func (l *Ledger) receiver(source string, r receiverConfig, looks *commands.Looks, metrics *outbound.Metrics) (*outbound.Runner, error) {
	if err := r.Settings.Validate(); err != nil {
		return nil, err
	}
	sender, err := r.sender(l.Log)
	if err != nil {
		return nil, err
	}
	runner, err := outbound.New(outbound.Config{
		Settings: r.Settings, Source: source, Store: l.Store, Journal: l.Journal, Looks: looks, Sender: sender,
		Metrics: metrics, Held: l.held(taskOutbound + r.Name), Now: l.Now, Logger: l.Log,
	})
	if err != nil {
		return nil, errors.Join(err, sender.Close())
	}
	return runner, nil
}

// Runners gives the deliveries to each receiver. Each may be run by itself.
func (o *Outbound) Runners() []*outbound.Runner { return o.runners }

// supersededPause is how long a receiver is left to the program that took it over,
// and endedPause that before deliveries begin again that ended by themselves.
const (
	supersededPause = 30 * time.Second
	endedPause      = time.Second
)

// Run delivers until ctx ends, to each receiver while this process is to do that.
func (o *Outbound) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, r := range o.runners {
		running.Go(func() {
			o.ledger.Leases.Task(taskOutbound+r.Name()).Run(ctx, func(ctx context.Context) { o.deliver(ctx, r) })
		})
	}
	running.Wait()
}

func (o *Outbound) deliver(ctx context.Context, r *outbound.Runner) {
	for {
		err := r.Run(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := endedPause
		if err != nil {
			pause = supersededPause
			o.ledger.Log.WarnContext(ctx, "deliveries ended and begin again after a pause", "receiver", r.Name(), "error", err, "pause", pause)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// Close frees what the deliveries hold; nothing may run any more.
func (o *Outbound) Close() error {
	var errs []error
	for _, r := range o.runners {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// Status tells how the deliveries to each receiver stand.
func (o *Outbound) Status() []outbound.Status {
	all := make([]outbound.Status, len(o.runners))
	for i, r := range o.runners {
		all[i] = r.Status()
	}
	return all
}

// parts says how the deliveries stand, for /readyz. Commands go on without.
func (o *Outbound) parts() []web.Part {
	var parts []web.Part
	for _, s := range o.Status() {
		parts = append(parts, elsewhere(web.Part{
			Name: "outbound " + s.Name, State: string(s.State), Detail: s,
			Ready: s.State == outbound.Live || s.State == outbound.CatchingUp,
		}, o.ledger.Leases.Task(taskOutbound+s.Name).Status()))
	}
	return parts
}
