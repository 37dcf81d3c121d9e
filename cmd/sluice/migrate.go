package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-events/sluice/sinks/clickhouse"
	"github.com/sluice-events/sluice/sinks/schema"
)

func migrateCommand() *cobra.Command {
	var plan bool
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the tables to what the policy says",
		Long: `Bring the tables to what policy.yaml says. What would drop or narrow a column is never done by
itself: the plan names it and says what a person must decide. It works beside a running ` + "`sluice up`" + `
and without one.`,
		Example: "  sluice migrate --plan   # print the statements, change nothing",
		Args:    cobra.NoArgs,
	}
	h := dataFlag(c)
	c.Flags().BoolVar(&plan, "plan", false, "print what would be done")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := h.config()
		if err != nil {
			return err
		}
		pol, err := loadPolicy(h.path("policy.yaml"))
		if err != nil {
			return err
		}
		addr, stop, err := reachEngine(c.Context(), *h)
		if err != nil {
			return err
		}
		defer stop()
		password, err := h.password("sluice")
		if err != nil {
			return err
		}
		sink, err := clickhouse.Open(c.Context(), clickhouse.Config{Addr: []string{addr}, Database: database, User: "sluice", Password: password}, pol)
		if err != nil {
			return err
		}
		defer sink.Close()
		s, err := schema.Generate(pol, schema.Options{Database: database, Partitions: cfg.Broker.Partitions})
		if err != nil {
			return err
		}
		st, err := schema.Read(c.Context(), sink, database)
		if err != nil {
			return err
		}
		p := s.Plan(st)
		printPlan(c.OutOrStdout(), p)
		if plan {
			return nil
		}
		return schema.Apply(c.Context(), sink, s, p)
	}
	return c
}

// reachEngine gives the address of the engine that runs, or starts one until stop is called:
// a policy whose tables need a decision keeps `sluice up` from running.
func reachEngine(ctx context.Context, h home) (addr string, stop func(), err error) {
	if _, _, err := h.adminGet(ctx, "/healthz"); err == nil {
		addr, err := h.addr("clickhouse")
		return addr, func() {}, err
	}
	if err := h.require(); err != nil {
		return "", nil, err
	}
	in, err := open(h, upFlags{clickhouse: "127.0.0.1:0"})
	if err != nil {
		return "", nil, err
	}
	child, err := in.startEngine(ctx)
	if err != nil {
		return "", nil, errors.Join(err, in.ring.Close())
	}
	return child.Addr(), func() {
		child.Stop(10 * time.Second)
		in.ring.Close()
	}, nil
}

func printPlan(out io.Writer, p *schema.Plan) {
	for _, st := range p.Steps {
		fmt.Fprintf(out, "%s;\n\n", st.SQL)
	}
	for _, d := range p.Decisions {
		fmt.Fprintf(out, "-- to decide: %s: %s; %s\n", d.Object, d.What, d.Do)
	}
	if len(p.Steps) == 0 && len(p.Decisions) == 0 {
		fmt.Fprintln(out, "the tables are what the policy says")
	}
}
