package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-events/sluice/internal/feed"
	"github.com/sluice-events/sluice/policy"
)

func demoCommand() *cobra.Command {
	var seed uint64
	c := &cobra.Command{
		Use:   "demo",
		Short: "Send a simulated school day to what runs on the data folder",
		Long: `Send yesterday at a made-up school: 200 pupils with three devices each, real user agents, Chinese
networks, and every kind of answer to the question for consent. The same seed gives the same day.`,
		Args: cobra.NoArgs,
	}
	h := dataFlag(c)
	c.Flags().Uint64Var(&seed, "seed", 1, "decides everything")
	c.RunE = func(c *cobra.Command, _ []string) error {
		in, err := openClient(*h)
		if err != nil {
			return err
		}
		a, err := findAssets("")
		if err != nil {
			return err
		}
		return in.sendDay(c.Context(), a, seed, c.OutOrStdout())
	}
	return c
}

// sendDay simulates a school day and sends it.
func (c *client) sendDay(ctx context.Context, a assets, seed uint64, out io.Writer) error {
	cfg := feed.DefaultDemo(time.Now(), c.pol.Zone)
	cfg.Seed, cfg.Rev = seed, int(c.pol.Rev)
	if c.pol.Regime == policy.PIPL {
		cfg.Purposes = feed.SchoolPurposes()
	}
	if f, err := os.Open(a.agents()); err == nil {
		cfg.Agents, err = feed.ReadAgents(f)
		f.Close()
		if err != nil {
			return err
		}
	}
	day, err := feed.Demo(cfg)
	if err != nil {
		return err
	}
	return c.send(ctx, day, 0, feed.Native, out)
}

// demo sends the demo day of yesterday, once a day and data folder, and prints answers.
func (in *installation) demo(ctx context.Context, out io.Writer) error {
	if err := in.awaitStores(ctx); err != nil {
		return err
	}
	c, err := openClient(in.h)
	if err != nil {
		return err
	}
	mark := "demo-" + time.Now().In(in.pol.Zone).Format(time.DateOnly)
	if _, err := in.h.addr(mark); err == nil {
		fmt.Fprintln(out, "\nthe demo day of yesterday is stored already")
	} else {
		fmt.Fprintln(out, "\nsending a school day: 200 pupils, three devices each, consents of every kind")
		if err := c.sendDay(ctx, in.assets, uint64(time.Now().Unix()/(24*3600)), out); err != nil {
			return err
		}
		if sink, _, err := in.stores.get(); err == nil {
			in.rebuildDays(ctx, sink)
		}
		if err := in.h.announce(mark, "sent"); err != nil {
			return err
		}
	}
	if err := in.answers(ctx, out); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nopen http://%s/ for the live account and the last events; Ctrl-C drains and stops\n", in.admin.Addr())
	return nil
}

// awaitStores waits until the stores take rows.
func (in *installation) awaitStores(ctx context.Context) error {
	for {
		_, enr, err := in.stores.get()
		if err == nil {
			if err = enr.Ready(ctx); err == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-in.fatal:
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// answers shows what an analyst gets.
func (in *installation) answers(ctx context.Context, out io.Writer) error {
	profile := in.profileStore()
	questions := []struct{ title, sql string }{
		{"rows per store", "SELECT name AS store, total_rows AS rows FROM system.tables WHERE database = '" + database + "' AND (name LIKE 'ev\\_%' OR name LIKE 'attr\\_%' OR name LIKE 'agg\\_%') AND engine LIKE '%MergeTree' ORDER BY name"},
	}
	if profile != "" {
		questions = append(questions, struct{ title, sql string }{
			"top 10 items of the pseudonym with the most events (" + profile + ")",
			"WITH (SELECT pid FROM " + profile + " WHERE pid != unhex('00000000000000000000000000000000') GROUP BY pid ORDER BY count() DESC, pid LIMIT 1) AS p " +
				"SELECT hex(pid) AS person, item_id, sum(n) AS events FROM agg_pid_item_day WHERE pid = p GROUP BY pid, item_id ORDER BY events DESC, item_id LIMIT 10"})
	}
	for _, q := range questions {
		fmt.Fprintf(out, "\n%s\n", q.title)
		if err := in.h.query(ctx, q.sql, "PrettyCompactMonoBlock", out); err != nil {
			return err
		}
	}
	return nil
}

// profileStore is the store of the purpose that items are counted for.
func (in *installation) profileStore() string {
	for _, a := range in.pol.Aggregates {
		if a.Name == "agg_pid_item_day" {
			return a.From.Store
		}
	}
	return ""
}
