package policies

import (
	"errors"
	"time"

	"dossierledger/domain/policy"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics count what policies did; gauges are read when somebody asks.
type metrics struct {
	done     *prometheus.CounterVec
	failures *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		done: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledger_policy_done_total", Help: "Notices raised and commands carried out by a policy.",
		}, []string{"policy"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledger_policy_failures_total", Help: "Attempts of a policy that failed and are made again.",
		}, []string{"policy"}),
	}
	for _, kind := range policy.Kinds() {
		m.done.WithLabelValues(string(kind))
		m.failures.WithLabelValues(string(kind))
	}
	return m
}

func (m *metrics) register(to prometheus.Registerer, k *keeper) error {
	if to == nil {
		return nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.done, m.failures, gauges{k}} {
		errs = append(errs, to.Register(c))
	}
	return errors.Join(errs...)
}

// gauges shows how the schedule stands.
type gauges struct{ keeper *keeper }

var (
	openDesc = prometheus.NewDesc("ledger_policy_open_dossiers", "Open dossiers that policies watch.", nil, nil)
	lateDesc = prometheus.NewDesc("ledger_policy_late_seconds", "Time for which the next thing to be done has been due; 0 where nothing is.", nil, nil)
)

// Describe implements prometheus.Collector.
func (g gauges) Describe(out chan<- *prometheus.Desc) {
	out <- openDesc
	out <- lateDesc
}

// Collect implements prometheus.Collector.
func (g gauges) Collect(out chan<- prometheus.Metric) {
	open, _, next := g.keeper.standing()
	var late time.Duration
	if !next.IsZero() {
		late = max(0, g.keeper.config.Now().Sub(next))
	}
	out <- prometheus.MustNewConstMetric(openDesc, prometheus.GaugeValue, float64(open))
	out <- prometheus.MustNewConstMetric(lateDesc, prometheus.GaugeValue, late.Seconds())
}
