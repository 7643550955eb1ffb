package outbound

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are those of all receivers of a program, for a registry. Labels are
// names of receivers, never codes of dossiers.
type Metrics struct {
	delivered *prometheus.CounterVec
	failures  *prometheus.CounterVec
	seconds   *prometheus.HistogramVec

	mu      sync.Mutex
	runners []*Runner
}

var _ prometheus.Collector = (*Metrics)(nil)

// NewMetrics makes metrics; they are shown once they are registered.
func NewMetrics() *Metrics {
	return &Metrics{
		delivered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledger_outbound_delivered_total", Help: "Events that a receiver has taken, those sent again included."}, of),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledger_outbound_failures_total", Help: "Attempts to deliver an event that failed."}, of),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ledger_outbound_attempt_seconds", Help: "Time of an attempt to deliver an event.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, of),
	}
}

var (
	of          = []string{"receiver"}
	lagDesc     = prometheus.NewDesc("ledger_outbound_lag_seconds", "For how long the oldest event has waited that was neither delivered nor given up.", of, nil)
	behindDesc  = prometheus.NewDesc("ledger_outbound_behind", "Dossiers of which an event is tried again.", of, nil)
	givenUpDesc = prometheus.NewDesc("ledger_outbound_given_up", "Dossiers that wait for a person to have them sent again.", of, nil)
	stateDesc   = prometheus.NewDesc("ledger_outbound_state", "1 for the state that the deliveries to a receiver are in.", append(of, "state"), nil)
)

// watch shows a receiver before anything happens.
func (m *Metrics) watch(r *Runner) {
	name := r.config.Name
	m.delivered.WithLabelValues(name)
	m.failures.WithLabelValues(name)
	m.seconds.WithLabelValues(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runners = append(m.runners, r)
}

func (m *Metrics) tried(receiver string, took time.Duration, err error) {
	m.seconds.WithLabelValues(receiver).Observe(took.Seconds())
	if err != nil {
		m.failures.WithLabelValues(receiver).Inc()
		return
	}
	m.delivered.WithLabelValues(receiver).Inc()
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	m.delivered.Describe(out)
	m.failures.Describe(out)
	m.seconds.Describe(out)
	for _, desc := range []*prometheus.Desc{lagDesc, behindDesc, givenUpDesc, stateDesc} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	m.delivered.Collect(out)
	m.failures.Collect(out)
	m.seconds.Collect(out)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.runners {
		s := r.Status()
		out <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, s.LagSeconds, s.Name)
		out <- prometheus.MustNewConstMetric(behindDesc, prometheus.GaugeValue, float64(s.Behind), s.Name)
		out <- prometheus.MustNewConstMetric(givenUpDesc, prometheus.GaugeValue, float64(s.GivenUp), s.Name)
		for _, state := range States() {
			value := 0.0
			if s.State == state {
				value = 1
			}
			out <- prometheus.MustNewConstMetric(stateDesc, prometheus.GaugeValue, value, s.Name, string(state))
		}
	}
}
