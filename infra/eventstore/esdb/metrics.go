package esdb

import (
	"context"
	"errors"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what the adapter measures, as a prometheus.Collector. Labels are
// operations and kinds of failures, never names of streams.
type Metrics struct {
	calls    *prometheus.HistogramVec
	failures *prometheus.CounterVec
	retries  prometheus.Counter
	clients  prometheus.Counter
	resumed  prometheus.Counter
}

// otherFailure is the kind of a failure that has no type of its own.
const otherFailure = "other"

// failureKinds are those of failures, which are shown before the first of them:
// a counter that begins at 1 would look as if nothing had happened.
var failureKinds = []string{string(fault.Unavailable), string(fault.Unauthenticated), string(fault.Forbidden),
	string(fault.Full), string(fault.Corrupt), otherFailure}

// NewMetrics makes metrics in which nothing has been counted yet.
func NewMetrics() *Metrics {
	m := &Metrics{
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ledger_esdb_call_seconds", Help: "Time of a call to the EventStoreDB with all its attempts, by operation and outcome.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"operation", "outcome"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledger_esdb_failures_total", Help: "Calls to the EventStoreDB that failed after all their attempts, by kind of failure.",
		}, []string{"kind"}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ledger_esdb_retries_total", Help: "Attempts that were made again because the EventStoreDB was away or changed its leader.",
		}),
		clients: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ledger_esdb_reconnects_total", Help: "Connections to the EventStoreDB that were given up for a new one.",
		}),
		resumed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ledger_esdb_resubscriptions_total", Help: "Subscriptions that were opened again behind what they had delivered.",
		}),
	}
	for _, operation := range []string{"append", "read"} {
		m.calls.WithLabelValues(operation, "ok")
	}
	for _, kind := range failureKinds {
		m.failures.WithLabelValues(kind)
	}
	return m
}

func (m *Metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.calls, m.failures, m.retries, m.clients, m.resumed}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(to)
	}
}

// called notes a call. An answer that refuses, such as a wrong revision, has an
// outcome of its own and is no failure; nor is a call that its caller gave up.
func (m *Metrics) called(operation string, took time.Duration, err error) {
	outcome, failed := "ok", false
	var wrong *event.WrongRevision
	kind := fault.KindOf(err)
	switch {
	case err == nil:
	case errors.As(err, &wrong):
		outcome = "wrong-revision"
	case errors.Is(err, context.Canceled):
		outcome = "given-up"
	case kind == "" && errors.Is(err, context.DeadlineExceeded):
		outcome, failed = string(fault.Unavailable), true
	case kind == "":
		outcome, failed = otherFailure, true
	default:
		outcome = string(kind)
		switch kind {
		case fault.Unavailable, fault.Unauthenticated, fault.Forbidden, fault.Full, fault.Corrupt:
			failed = !errors.Is(err, eventstore.ErrClosed)
		}
	}
	if failed {
		m.failures.WithLabelValues(outcome).Inc()
	}
	m.calls.WithLabelValues(operation, outcome).Observe(took.Seconds())
}
