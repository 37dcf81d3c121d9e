package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"github.com/sluice-events/sluice/dashboards/web"
	"github.com/sluice-events/sluice/enricher"
	"github.com/sluice-events/sluice/internal/daemon"
	"github.com/sluice-events/sluice/internal/embedded"
	"github.com/sluice-events/sluice/internal/engine"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/internal/stream"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy"
	"github.com/sluice-events/sluice/sinks/clickhouse"
	"github.com/sluice-events/sluice/sinks/schema"
)

// upFlags are what the command line may change for one start.
type upFlags struct {
	listen, admin, clickhouse, kafka, topics, policy, assets string
	demo                                                     bool
}

func upCommand() *cobra.Command {
	var f upFlags
	c := &cobra.Command{
		Use:   "up",
		Short: "Start everything: collector, broker, enricher, ClickHouse engine and admin page",
		Long: `Start everything on one data folder. The first start makes keys, write keys, passwords and the
policy; the next one goes on from there. SIGTERM drains: what was acknowledged is stored before
the process ends.`,
		Example: `  sluice up
  sluice up --demo                         # also send a simulated school day and print answers
  sluice up --policy cn-edu --data school  # a first start under another policy`,
		Args: cobra.NoArgs,
	}
	h := dataFlag(c)
	c.Flags().StringVar(&f.listen, "listen", "", "address of the collector (default from sluice.yaml, 127.0.0.1:8080)")
	c.Flags().StringVar(&f.admin, "admin", "", "address of the admin page (default from sluice.yaml, 127.0.0.1:8081)")
	c.Flags().StringVar(&f.clickhouse, "clickhouse", "", "loopback address of ClickHouse's HTTP interface (default from sluice.yaml, 127.0.0.1:8123)")
	c.Flags().StringVar(&f.kafka, "kafka", "", "use this Apache Kafka (host:port,…) instead of the embedded broker")
	c.Flags().StringVar(&f.topics, "topics", "", "prefix of the topics and the consumer group, where several installations share a Kafka (default sluice)")
	c.Flags().StringVar(&f.policy, "policy", "starter", "policy of a first start: starter or cn-edu; later edit policy.yaml in the data folder")
	c.Flags().StringVar(&f.assets, "assets", "", "folder with the ClickHouse engine and the place tables")
	c.Flags().BoolVar(&f.demo, "demo", false, "send the demo day through the front door and print answers")
	c.RunE = func(c *cobra.Command, _ []string) error {
		ctx, cancel := daemon.Signals()
		defer cancel()
		return up(ctx, *h, f, c.OutOrStdout())
	}
	return c
}

// installation is one running `sluice up`.
type installation struct {
	h      home
	cfg    config
	assets assets
	pol    *policy.Policy
	ring   *seal.Ring
	log    *slog.Logger
	reg    *prometheus.Registry
	stack  daemon.Stack
	kafka  *stream.Client
	broker *embedded.Broker // nil with --kafka
	stores stores
	door   string // where the collector listens
	admin  *daemon.Admin
	fatal  chan error // a part that cannot go on
}

func up(ctx context.Context, h home, f upFlags, out io.Writer) (err error) {
	in, err := open(h, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.stack.Stop(in.log)) }()
	if err := in.start(ctx, f); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	in.banner(out)
	if f.demo {
		if err := in.demo(ctx, out); err != nil && ctx.Err() == nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
		in.log.Info("stopping: draining what was acknowledged")
		return nil
	case err := <-in.fatal:
		return err
	}
}

// open reads and, on a first start, makes everything that stands in files.
func open(h home, f upFlags) (*installation, error) {
	in := &installation{h: h, fatal: make(chan error, 4), reg: prometheus.NewRegistry()}
	var err error
	if in.assets, err = findAssets(f.assets); err != nil {
		return nil, err
	}
	if !h.exists() {
		if err := h.create(f.policy); err != nil {
			return nil, err
		}
	}
	if in.cfg, err = h.config(); err != nil {
		return nil, refused(err)
	}
	for _, o := range []struct {
		flag string
		to   *string
	}{{f.listen, &in.cfg.Collector.Listen}, {f.admin, &in.cfg.Admin.Listen}, {f.clickhouse, &in.cfg.ClickHouse.Listen}} {
		if o.flag != "" {
			*o.to = o.flag
		}
	}
	if e := &in.cfg.Enricher; f.topics != "" {
		e.RawTopic, e.LedgerTopic, e.RejectedTopic, e.Group = f.topics+".raw", f.topics+".ledger", f.topics+".rejected", f.topics+"-enricher"
	}
	if in.log, err = daemon.Logger(os.Stderr, in.cfg.Log.Level, in.cfg.Log.Format == "json"); err != nil {
		return nil, refused(err)
	}
	if in.pol, err = h.policy(); err != nil {
		return nil, refused(err)
	}
	if in.ring, err = h.ring(); err != nil {
		return nil, refused(err)
	}
	in.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return in, nil
}

// start brings the parts up in the order in which events need them. The collector takes
// events as soon as the broker is there; the stores come up behind it.
func (in *installation) start(ctx context.Context, f upFlags) error {
	in.stack.Push("keyring", time.Second, func(context.Context) error { return in.ring.Close() })
	if err := in.startBroker(ctx, f.kafka); err != nil {
		return err
	}
	if err := in.keepKeys(ctx); err != nil {
		return err
	}
	if err := in.startStores(); err != nil {
		return err
	}
	if err := in.startCollector(); err != nil {
		return err
	}
	return in.startAdmin()
}

// topics are what the pipeline needs of a broker.
func (in *installation) topics() []stream.TopicSpec {
	e, n := in.cfg.Enricher, in.cfg.Broker.Partitions
	ms := func(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }
	return []stream.TopicSpec{
		{Name: e.RawTopic, Partitions: n, Configs: map[string]string{"retention.ms": ms(in.pol.Raw.Retention), "max.message.bytes": "8388608"}},
		{Name: e.LedgerTopic, Partitions: n, Configs: map[string]string{"cleanup.policy": "compact", "min.compaction.lag.ms": ms(7 * 24 * time.Hour)}},
		{Name: e.RejectedTopic, Partitions: n, Configs: map[string]string{"retention.ms": ms(in.pol.Raw.RejectedRetention), "max.message.bytes": "8388608"}},
	}
}

func (in *installation) startBroker(ctx context.Context, external string) error {
	cfg, err := in.brokerConfig(ctx, external)
	if err != nil {
		return err
	}
	if in.kafka, err = stream.NewClient(cfg); err != nil {
		return err
	}
	in.stack.Push("kafka client", time.Second, func(context.Context) error { return in.kafka.Close() })
	if external == "" {
		return in.startJanitor()
	}
	waiting := false
	for {
		err := in.ensureTopics(ctx)
		if err == nil || !errors.Is(err, stream.ErrRetryable) {
			return err
		}
		if !waiting {
			in.log.Warn("the broker is not available, waiting", "error", err)
			waiting = true
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}

func (in *installation) ensureTopics(ctx context.Context) error {
	for _, t := range in.topics() {
		t.Replication = 1
		if err := in.kafka.EnsureTopic(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (in *installation) brokerConfig(ctx context.Context, external string) (stream.Config, error) {
	if err := in.h.announce("ledger", in.cfg.Enricher.LedgerTopic); err != nil {
		return stream.Config{}, err
	}
	if external != "" {
		return stream.Config{Brokers: splitList(external), ClientID: "sluice"}, in.h.announce("broker", external)
	}
	var err error
	in.broker, err = embedded.StartBroker(ctx, embedded.Config{Dir: in.h.path("kafka"), Topics: in.topics(), MaxLogBytes: in.cfg.Broker.MaxLog, Logger: in.log})
	if err != nil {
		return stream.Config{}, err
	}
	in.stack.Push("broker", 10*time.Second, func(context.Context) error { return in.broker.Close() })
	return in.broker.Stream(), in.h.announce("broker", unixPrefix+in.broker.Socket())
}

// startJanitor lets the local broker forget what is dealt with.
func (in *installation) startJanitor() error {
	e := in.cfg.Enricher
	return in.background("janitor", func(ctx context.Context) error {
		return in.broker.Janitor(ctx, time.Minute, []embedded.Rule{
			{Topic: e.RawTopic, Group: e.Group, Keep: in.cfg.Broker.Keep},
			{Topic: e.RejectedTopic, Keep: in.pol.Raw.RejectedRetention},
		})
	})
}

// background runs f until the stack stops it. An error ends the installation.
func (in *installation) background(name string, f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f(ctx); err != nil && ctx.Err() == nil {
			in.fatal <- fmt.Errorf("%s: %w", name, err)
		}
	}()
	in.stack.Push(name, 15*time.Second, func(stop context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-stop.Done():
			return errors.New("did not end in time")
		}
	})
	return nil
}

// keepKeys makes the keys of the coming hours and days ahead, and destroys hour keys at
// their ceiling.
func (in *installation) keepKeys(ctx context.Context) error {
	tend := func() error {
		now := time.Now()
		if err := in.ring.EnsureHours(now); err != nil {
			return err
		}
		if err := in.ring.EnsureBreakGlass(now); err != nil {
			return err
		}
		day := int32(dayOf(now, in.pol.Zone))
		for d := day; d <= day+1; d++ {
			if _, err := in.ring.IPDay(d); err != nil {
				return err
			}
		}
		if err := in.ring.DestroyIPDays(day - 1); err != nil {
			return err
		}
		_, err := in.ring.DestroyHours(seal.HourOf(now.Add(-in.pol.Raw.Retention)))
		return err
	}
	if err := tend(); err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	return in.background("keyring", func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(10 * time.Minute):
			}
			if err := tend(); err != nil {
				in.log.Error("keyring cannot be tended; sealing ends when the published keys run out", "error", err)
			}
		}
	})
}

// dayOf numbers a day in the policy's zone, from 1970-01-01 there.
func dayOf(t time.Time, zone *time.Location) int64 {
	_, off := t.In(zone).Zone()
	return (t.Unix() + int64(off)) / (24 * 3600)
}

// startStores brings up the engine, the tables and the enricher behind the collector's
// back, and waits for whatever is away.
func (in *installation) startStores() error {
	in.stores.set(nil, nil, errors.New("the ClickHouse engine is starting"))
	look, err := openLookups(in.assets)
	if err != nil {
		return refused(err)
	}
	if err := in.background("GeoIP database", func(ctx context.Context) error {
		look.watch(ctx, in.log)
		return nil
	}); err != nil {
		return err
	}
	return in.background("stores", func(ctx context.Context) error { return in.runStores(ctx, look.stages()) })
}

func (in *installation) runStores(ctx context.Context, lookups privacy.Lookups) error {
	child, err := in.startEngine(ctx)
	if err != nil {
		return err
	}
	defer child.Stop(10 * time.Second)
	if err := in.h.announce("clickhouse", child.Addr()); err != nil {
		return err
	}
	password, err := in.h.password("sluice")
	if err != nil {
		return err
	}
	sink, err := clickhouse.Open(ctx, clickhouse.Config{Addr: []string{child.Addr()}, Database: database, User: "sluice", Password: password}, in.pol)
	if err != nil {
		return err
	}
	defer sink.Close()
	if err := in.migrate(ctx, sink); err != nil {
		return err
	}
	enr, err := in.newEnricher(sink, lookups)
	if err != nil {
		return err
	}
	in.stores.set(sink, enr, nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	wg.Go(func() { in.rebuild(ctx, sink) })
	return enr.Run(ctx)
}

// startEngine starts the engine's process, again and again if need be: after a kill the
// former one may hold its folder for a moment.
func (in *installation) startEngine(ctx context.Context) (*engine.Child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cfg := engine.DefaultConfig()
	cfg.LibPath, cfg.DataDir, cfg.Listen, cfg.MemoryBytes = in.assets.lib(), in.h.path("clickhouse"), in.cfg.ClickHouse.Listen, in.cfg.ClickHouse.Memory
	for user, role := range map[string]engine.Role{"sluice": engine.RoleWriter, "reader": engine.RoleReader} {
		password, err := in.h.password(user)
		if err != nil {
			return nil, err
		}
		cfg.Users = append(cfg.Users, engine.User{Name: user, Password: password, Role: role})
	}
	if err := cfg.Validate(); err != nil {
		return nil, refused(err)
	}
	said := false
	for wait := 500 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		child, err := engine.Start(ctx, engine.ChildConfig{Exe: exe, Args: []string{"clickhouse"}, Engine: cfg, Log: in.log})
		if err == nil {
			if said {
				in.log.Info("available again", "part", "clickhouse engine")
			}
			return child, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		in.stores.set(nil, nil, fmt.Errorf("the ClickHouse engine does not start: %w", err))
		if !said {
			in.log.Error("the ClickHouse engine does not start, trying again; events are taken meanwhile", "error", err)
			said = true
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

// tables describes the stores of the policy for this installation.
func (in *installation) tables() (*schema.Schema, error) {
	return schema.Generate(in.pol, schema.Options{Database: database, Partitions: in.cfg.Broker.Partitions})
}

func (in *installation) migrate(ctx context.Context, sink *clickhouse.Sink) error {
	s, err := in.tables()
	if err != nil {
		return refused(err)
	}
	plan, err := schema.Migrate(ctx, sink, s)
	if err != nil {
		return fmt.Errorf("the tables cannot be brought to policy revision %d; `sluice migrate --plan` shows what must be decided: %w", in.pol.Rev, err)
	}
	if n := len(plan.Steps); n > 0 {
		in.log.Info("tables migrated", "steps", n, "policy", in.pol.Name, "rev", in.pol.Rev)
	}
	return nil
}

func (in *installation) newEnricher(sink *clickhouse.Sink, lookups privacy.Lookups) (*enricher.Enricher, error) {
	route, err := in.ring.Route()
	if err != nil {
		return nil, err
	}
	public, err := in.ring.Public()
	if err != nil {
		return nil, err
	}
	return enricher.New(in.cfg.Enricher, enricher.Deps{
		Kafka: in.kafka, Sink: sink, Keys: in.ring, Route: route, Opener: seal.NewOpener(in.ring, 0),
		Sealer: seal.NewSealer(public, time.Now), Policy: in.pol, Revision: in.h.revision, Lookups: lookups,
		Now: time.Now, Log: in.log, Metrics: in.reg,
	})
}

// rebuild refreshes the aggregates that count people soon after the start and then every
// hour, so that they are there without waiting for the night.
func (in *installation) rebuild(ctx context.Context, sink *clickhouse.Sink) {
	for {
		in.rebuildDays(ctx, sink)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Hour):
		}
	}
}

// rebuildDays makes yesterday and today of the aggregates that count people anew.
func (in *installation) rebuildDays(ctx context.Context, sink *clickhouse.Sink) {
	s, err := in.tables()
	if err != nil {
		in.log.Error("aggregates not rebuilt", "error", err)
		return
	}
	now := time.Now().In(in.pol.Zone)
	for _, day := range []time.Time{now.AddDate(0, 0, -1), now} {
		if err := schema.RebuildDay(ctx, sink, s, day); err != nil && ctx.Err() == nil {
			in.log.Warn("aggregates not rebuilt", "error", err)
		}
	}
}

func (in *installation) startAdmin() error {
	mux := http.NewServeMux()
	hosts := web.NewHosts(in.cfg.Admin.Listen, in.cfg.Admin.Hosts...)
	mux.Handle("/", web.Handler(in.page(), hosts))
	metrics := promhttp.HandlerFor(in.reg, promhttp.HandlerOpts{})
	admin, err := daemon.StartAdmin(in.cfg.Admin.Listen, hosts.Guard(metrics), in.checks(), mux)
	if err != nil {
		return err
	}
	in.admin = admin
	in.stack.Push("admin page", 2*time.Second, admin.Stop)
	return in.h.announce("admin", admin.Addr())
}

func (in *installation) checks() []daemon.Check {
	return []daemon.Check{
		{Name: "collector", Ready: func(ctx context.Context) error {
			if in.broker != nil {
				return in.broker.Room()
			}
			_, err := in.kafka.Offsets(ctx, in.cfg.Enricher.RawTopic)
			return err
		}},
		{Name: "enricher", Ready: func(ctx context.Context) error {
			_, enr, err := in.stores.get()
			if err != nil {
				return err
			}
			return enr.Ready(ctx)
		}},
	}
}

func (in *installation) banner(out io.Writer) {
	key := in.cfg.Collector.WriteKeys[0].Key
	fmt.Fprintf(out, "sluice is up on %s, policy %s revision %d\n", in.h.dir, in.pol.Name, in.pol.Rev)
	fmt.Fprintf(out, "  send events   http://%s   write key %s\n", in.door, key)
	fmt.Fprintf(out, "  admin page    http://%s/\n", in.admin.Addr())
	fmt.Fprintf(out, "  ClickHouse    http://%s   user reader, password in %s\n", in.cfg.ClickHouse.Listen, in.h.path("secrets", "reader.password"))
}
