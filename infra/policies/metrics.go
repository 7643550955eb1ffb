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

func (m *metrics) register(to prometheus.Registerer, r *Runner) error {
	if to == nil {
		return nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.done, m.failures, gauges{r}} {
		errs = append(errs, to.Register(c))
	}
	return errors.Join(errs...)
}

// gauges shows how the schedule stands; one that nobody keeps says nothing.
type gauges struct{ runner *Runner }

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
	s := g.runner.Status()
	var late time.Duration
	switch {
	case s.State == Stopped:
		s.Open = 0
	case !s.Next.IsZero():
		late = max(0, g.runner.config.Now().Sub(s.Next))
	}
	out <- prometheus.MustNewConstMetric(openDesc, prometheus.GaugeValue, float64(s.Open))
	out <- prometheus.MustNewConstMetric(lateDesc, prometheus.GaugeValue, late.Seconds())
}
