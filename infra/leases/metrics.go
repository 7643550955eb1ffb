package leases

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count what became of leases; who holds one is read when somebody asks.
type metrics struct {
	taken    *prometheus.CounterVec
	lost     *prometheus.CounterVec
	failures *prometheus.CounterVec
}

var ofTask = []string{"task"}

func newMetrics() *metrics {
	return &metrics{
		taken: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledger_lease_taken_total", Help: "Times that this process took a task."}, ofTask),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledger_lease_lost_total", Help: "Times that this process lost a task without giving it back."}, ofTask),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledger_lease_failures_total", Help: "Attempts to read, take or keep a lease that got no answer."}, ofTask),
	}
}

// know shows a task before anything happens.
func (m *metrics) know(task string) {
	m.taken.WithLabelValues(task)
	m.lost.WithLabelValues(task)
	m.failures.WithLabelValues(task)
}

func (m *metrics) register(to prometheus.Registerer, l *Leases) error {
	var errs []error
	for _, c := range []prometheus.Collector{m.taken, m.lost, m.failures, gauges{l}} {
		errs = append(errs, to.Register(c))
	}
	return errors.Join(errs...)
}

// gauges shows Status as metrics.
type gauges struct{ leases *Leases }

var heldDesc = prometheus.NewDesc("ledger_lease_held", "1 where this process holds a task.", ofTask, nil)

// Describe implements prometheus.Collector.
func (g gauges) Describe(out chan<- *prometheus.Desc) { out <- heldDesc }

// Collect implements prometheus.Collector.
func (g gauges) Collect(out chan<- prometheus.Metric) {
	for _, s := range g.leases.Status() {
		held := 0.0
		if s.Here {
			held = 1
		}
		out <- prometheus.MustNewConstMetric(heldDesc, prometheus.GaugeValue, held, s.Task)
	}
}
