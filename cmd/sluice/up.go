package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"github.com/sluice-events/sluice/dashboards/web"
	"github.com/sluice-events/sluice/internal/daemon"
	"github.com/sluice-events/sluice/internal/embedded"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/internal/stream"
	"github.com/sluice-events/sluice/policy"
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
