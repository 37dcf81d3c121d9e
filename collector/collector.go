package collector

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/policy"
)

// Keys is what a collector holds of the keyring beside the sealers: the MAC key for the
// addresses of a day (days from 1970-01-01 in the policy's zone), and the key that a
// tenant's tokens are verified with. *seal.PublicKeys is one. It must be safe for
// concurrent use.
type Keys interface {
	IPDay(day int32) (seal.Key, error)
	Tenant(tenant string) (ed25519.PublicKey, error)
}

// Deps is what a Collector works with; all but Log, Clock and Metrics must be set.
type Deps struct {
	// Policy gives a tenant's policy in force, nil for none. It is called for every
	// request and must be quick.
	Policy    func(tenant string) *policy.Policy
	Producer  Producer
	Sealer    Sealer
	Route     seal.RouteKey
	Keys      Keys
	Addresses *seal.IPSealer
	Clock     func() time.Time
	Log       *slog.Logger
	Metrics   prometheus.Registerer
}

// Collector serves one address. Make it with New, then Start and Stop it once.
type Collector struct {
	cfg       Config
	log       *slog.Logger
	clock     func() time.Time
	metrics   *metrics
	keys      *keyring
	plans     *plans
	route     seal.RouteKey
	addresses addresses
	tokens    *tokens
	table     *table
	lanes     *lanes
	inFlight  budget
	inflaters *inflaters
	pool      *sync.Pool
	turn      atomic.Uint64 // round robin of events of nobody

	server *fasthttp.Server
	ended  chan struct{} // closed when serving has ended
	failed chan error    // gets the reason when it ended by itself
}

// New checks the configuration and builds a collector that does not listen yet.
func New(cfg Config, d Deps) (*Collector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if d.Policy == nil || d.Producer == nil || d.Sealer == nil || d.Keys == nil || d.Addresses == nil || d.Route == (seal.RouteKey{}) {
		return nil, errors.New("collector: Policy, Producer, Sealer, Route, Keys and Addresses must be set")
	}
	if d.Clock == nil {
		d.Clock = time.Now
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(d.Metrics)
	if err != nil {
		return nil, err
	}
	c := &Collector{
		cfg: cfg, log: d.Log, clock: d.Clock, metrics: m, route: d.Route,
		keys:      newKeyring(cfg.Keys),
		plans:     &plans{lookup: d.Policy, metrics: m},
		addresses: addresses{keys: d.Keys, sealer: d.Addresses},
		tokens:    newTokens(&cfg, &d),
		table:     newTable(routes()),
		lanes:     newLanes(&cfg, &d, m),
		inflaters: newInflaters(),
		ended:     make(chan struct{}),
		failed:    make(chan error, 1),
	}
	c.inFlight.limit, c.inFlight.shown = int64(cfg.MaxInFlight), m.inFlight
	c.pool = newPool(c)
	return c, nil
}

// Start listens and returns the address, whose port is the one taken when the
// configuration says 0. It serves until Stop.
func (c *Collector) Start() (net.Addr, error) {
	ln, err := net.Listen("tcp", c.cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("collector: listen: %w", err)
	}
	c.lanes.start()
	c.server = c.newServer()
	go func() {
		defer close(c.ended)
		defer close(c.failed)
		if err := c.server.Serve(&capped{Listener: ln, c: c}); err != nil {
			c.failed <- fmt.Errorf("collector: serve: %w", err)
		}
	}()
	return ln.Addr(), nil
}

// Stop takes no new connections, lets every request in hand be answered and every lane
// send what it holds, and returns; ctx bounds the wait.
func (c *Collector) Stop(ctx context.Context) error {
	if c.server == nil {
		return nil
	}
	var errs []error
	if err := c.server.ShutdownWithContext(ctx); err != nil {
		errs = append(errs, fmt.Errorf("collector: stop serving: %w", err))
	}
	if err := c.lanes.stop(ctx); err != nil {
		errs = append(errs, fmt.Errorf("collector: drain: %w", err))
	}
	select {
	case <-c.ended:
	case <-ctx.Done():
	}
	return errors.Join(errs...)
}

// Failed gives the reason when serving ended by itself, and is closed when it ended.
func (c *Collector) Failed() <-chan error { return c.failed }

func appendUint(b []byte, n uint32) []byte { return strconv.AppendUint(b, uint64(n), 10) }
