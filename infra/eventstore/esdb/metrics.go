package esdb

import (
	"errors"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	calls   *prometheus.HistogramVec
	retries prometheus.Counter
	clients prometheus.Counter
	resumed prometheus.Counter
}

func newMetrics(to prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ledger_esdb_call_seconds", Help: "Time of a call to the EventStoreDB with all its attempts, by operation and outcome.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"operation", "outcome"}),
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
	if to == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.calls, m.retries, m.clients, m.resumed} {
		errs = append(errs, to.Register(c))
	}
	return m, errors.Join(errs...)
}

// called notes a call; a wrong revision has an outcome of its own, since it is an
// answer rather than a failure.
func (m *metrics) called(operation string, took time.Duration, err error) {
	outcome := "ok"
	var wrong *event.WrongRevision
	switch {
	case errors.As(err, &wrong):
		outcome = "wrong-revision"
	case fault.KindOf(err) != "":
		outcome = string(fault.KindOf(err))
	case err != nil:
		outcome = "error"
	}
	m.calls.WithLabelValues(operation, outcome).Observe(took.Seconds())
}
