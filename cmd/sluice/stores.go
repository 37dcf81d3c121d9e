package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/sluice-events/sluice/enricher"
	"github.com/sluice-events/sluice/internal/engine"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/privacy"
	"github.com/sluice-events/sluice/sinks/clickhouse"
	"github.com/sluice-events/sluice/sinks/schema"
)

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
	for i := range cfg.Users {
		if cfg.Users[i].Role == engine.RoleReader {
			cfg.Users[i].Database = database // the writer makes it first
		}
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
