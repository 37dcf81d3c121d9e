package collector

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// reason is why something was not taken. The set is closed: reasons are metric labels.
type reason uint8

const (
	accepted reason = iota
	// of one event; the rest of the request is taken
	reasonTooLarge
	reasonSchema
	reasonUndeclared
	// of a request; nothing of it is taken and nothing of it is in the account
	refusedNoKey
	refusedUnknownKey
	refusedNoPolicy
	refusedOrigin
	refusedQuota
	refusedMalformed
	refusedTooLarge
	refusedOverload
	refusedBroker
	refusedToken
	refusedInternal
	refusedConns
	numReasons
)

var reasonNames = [numReasons]string{"accepted", "too_large", "schema", "undeclared_event", "no_key", "unknown_key", "no_policy",
	"origin", "quota", "malformed", "too_large", "overload", "broker", "token", "internal", "connections"}

func (r reason) String() string { return reasonNames[r] }

const classUndeclared = "undeclared"

// Kinds of errorsTotal.
const (
	errProduce = "produce"
	errSeal    = "seal"
	errKeys    = "keys"
	errPanic   = "panic"
	errHTTP    = "http"
	errPolicy  = "policy"
)

// metrics are the collector's figures. No label comes from a client.
type metrics struct {
	received  prometheus.Counter
	sent      prometheus.Counter
	discarded [refusedNoKey]prometheus.Counter // by reasons of events
	refused   [numReasons]prometheus.Counter
	errors    *prometheus.CounterVec
	batch     prometheus.Histogram
	fields    *prometheus.CounterVec
	undecl    prometheus.Counter
	acts      prometheus.Counter
	buffered  prometheus.Gauge
	inFlight  prometheus.Gauge
	conns     prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	const ns, sub = "sluice", "collector"
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help}
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help})
	}
	discarded := prometheus.NewCounterVec(counter("discarded_events_total", "Events that were read and not taken."), []string{"reason"})
	refused := prometheus.NewCounterVec(counter("refused_total", "Requests refused at the door, outside the account."), []string{"reason"})
	m := &metrics{
		received: prometheus.NewCounter(counter("received_events_total", "Events read from requests that were let in.")),
		sent:     prometheus.NewCounter(counter("sent_events_total", "Events acknowledged by Kafka.")),
		errors:   prometheus.NewCounterVec(counter("errors_total", "Errors by kind."), []string{"kind"}),
		fields:   prometheus.NewCounterVec(counter("fields_dropped_total", "Properties cut before anything was queued, by class."), []string{"class"}),
		acts:     prometheus.NewCounter(counter("acts_total", "Acts of consent acknowledged by Kafka.")),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: ns, Subsystem: sub, Name: "batch_seconds",
			Help: "Time from sealing a commit to the answer of Kafka.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15)}),
		buffered: gauge("buffered_bytes", "Encoded events waiting for Kafka."),
		inFlight: gauge("in_flight_bytes", "Bodies being worked on, and what was decoded from them."),
		conns:    gauge("connections", "Open connections."),
	}
	for _, c := range []prometheus.Collector{m.received, m.sent, discarded, refused, m.errors, m.fields, m.acts, m.batch, m.buffered, m.inFlight, m.conns} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("collector: register metrics: %w", err)
		}
	}
	for r := reasonTooLarge; r < refusedNoKey; r++ {
		m.discarded[r] = discarded.WithLabelValues(r.String())
	}
	for r := refusedNoKey; r < numReasons; r++ {
		m.refused[r] = refused.WithLabelValues(r.String())
	}
	for _, k := range []string{errProduce, errSeal, errKeys, errPanic, errHTTP, errPolicy} {
		m.errors.WithLabelValues(k)
	}
	m.undecl = m.fields.WithLabelValues(classUndeclared)
	return m, nil
}

func (m *metrics) failed(kind string) { m.errors.WithLabelValues(kind).Inc() }
