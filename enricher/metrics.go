package enricher

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-events/sluice/privacy"
)

// metrics are the five of every component, and rows by store. No label comes from input.
type metrics struct {
	received  prometheus.Counter
	sent      prometheus.Counter
	discarded *prometheus.CounterVec // by reason
	errors    *prometheus.CounterVec // by kind
	batch     prometheus.Histogram

	rows   *prometheus.CounterVec // by store
	fields *prometheus.CounterVec // by class
}

func newMetrics(reg prometheus.Registerer) *metrics {
	const ns, sub = "sluice", "enricher"
	m := &metrics{
		received:  prometheus.NewCounter(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: "received_events_total", Help: "Events taken from the raw topic."}),
		sent:      prometheus.NewCounter(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: "sent_events_total", Help: "Events of which at least one store has a row."}),
		discarded: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: "discarded_events_total", Help: "Events without a row, by reason."}, []string{"reason"}),
		errors:    prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: "errors_total", Help: "Failed attempts, by the part that failed."}, []string{"kind"}),
		batch:     prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: ns, Subsystem: sub, Name: "batch_seconds", Help: "Time to decide and store one range of offsets.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 14)}),
		rows:      prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: "rows_total", Help: "Rows written, by store."}, []string{"store"}),
		fields:    prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: "fields_dropped_total", Help: "Values refused by the enricher, by class."}, []string{"class"}),
	}
	reg.MustRegister(m.received, m.sent, m.discarded, m.errors, m.batch, m.rows, m.fields)
	for _, r := range privacy.Reasons() {
		m.discarded.WithLabelValues(r.String())
	}
	for _, kind := range []string{partBroker, partStore} {
		m.errors.WithLabelValues(kind)
	}
	return m
}

func (m *metrics) discard(r privacy.Reason) { m.discarded.WithLabelValues(r.String()).Inc() }

// settled counts a range that is stored.
func (m *metrics) settled(p *partition, took time.Duration) {
	m.received.Add(float64(p.total))
	m.batch.Observe(took.Seconds())
	for class, n := range p.worker.FieldsDropped {
		m.fields.WithLabelValues(class).Add(float64(n))
	}
}
