package readmodels

import (
	"context"
	"errors"
	"time"

	"dossierledger/projections"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the counters of all workers; gauges are read from Status when
// somebody asks.
type metrics struct {
	events   *prometheus.CounterVec
	rows     *prometheus.CounterVec
	failures *prometheus.CounterVec
	pages    *prometheus.HistogramVec
}

func newMetrics() *metrics {
	return &metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledger_projection_events_total", Help: "Events applied by a projection, redelivered ones included.",
		}, []string{"projection"}),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledger_projection_rows_total", Help: "Rows written to a table of a read model, newer versions of a row included.",
		}, []string{"table"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledger_projection_failures_total", Help: "Attempts of a projection to write a page that failed, by kind of error.",
		}, []string{"projection", "kind"}),
		pages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ledger_projection_page_seconds", Help: "Time to fold and write one page of events.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"projection"}),
	}
}

func (m *metrics) applied(projection string, events int, batches []projections.Batch, took time.Duration) {
	m.events.WithLabelValues(projection).Add(float64(events))
	for _, b := range batches {
		m.rows.WithLabelValues(b.Table().Name).Add(float64(b.Len()))
	}
	m.pages.WithLabelValues(projection).Observe(took.Seconds())
}

func (m *metrics) failed(projection, kind string) {
	m.failures.WithLabelValues(projection, kind).Inc()
}

func (m *metrics) register(to prometheus.Registerer, r *Runner) error {
	if to == nil {
		return nil
	}
	var errs []error
	for _, c := range m.collectors(r) {
		errs = append(errs, to.Register(c))
	}
	return errors.Join(errs...)
}

func (m *metrics) collectors(r *Runner) []prometheus.Collector {
	return []prometheus.Collector{m.events, m.rows, m.failures, m.pages, gauges{r}}
}

// Unregister takes the runner's metrics away, so that another can take its place.
func (r *Runner) Unregister() {
	if r.config.Registerer == nil {
		return
	}
	for _, c := range r.metrics.collectors(r) {
		r.config.Registerer.Unregister(c)
	}
}

// gauges shows Status as metrics.
type gauges struct{ runner *Runner }

var (
	checkpointDesc = prometheus.NewDesc("ledger_projection_checkpoint_position", "Position in the log up to which a projection has been written.", []string{"projection"}, nil)
	lagEventsDesc  = prometheus.NewDesc("ledger_projection_lag_events", "Positions of the log that a projection is behind.", []string{"projection"}, nil)
	lagSecondsDesc = prometheus.NewDesc("ledger_projection_lag_seconds", "Age of the oldest event that a projection has not seen.", []string{"projection"}, nil)
	stateDesc      = prometheus.NewDesc("ledger_projection_state", "1 for the state that a projection is in.", []string{"projection", "state"}, nil)
)

// gaugeTimeout bounds how long a scrape waits for the store.
const gaugeTimeout = 2 * time.Second

// Describe implements prometheus.Collector.
func (g gauges) Describe(out chan<- *prometheus.Desc) {
	out <- checkpointDesc
	out <- lagEventsDesc
	out <- lagSecondsDesc
	out <- stateDesc
}

// Collect implements prometheus.Collector.
func (g gauges) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), gaugeTimeout)
	defer cancel()
	for _, s := range g.runner.Status(ctx) {
		out <- prometheus.MustNewConstMetric(checkpointDesc, prometheus.GaugeValue, float64(s.Checkpoint), s.Name)
		out <- prometheus.MustNewConstMetric(lagEventsDesc, prometheus.GaugeValue, float64(s.LagEvents), s.Name)
		out <- prometheus.MustNewConstMetric(lagSecondsDesc, prometheus.GaugeValue, s.LagSeconds, s.Name)
		for _, state := range []State{Stopped, Elsewhere, CatchingUp, Live, Waiting, Halted, Rebuilding} {
			value := 0.0
			if s.State == state {
				value = 1
			}
			out <- prometheus.MustNewConstMetric(stateDesc, prometheus.GaugeValue, value, s.Name, string(state))
		}
	}
}
