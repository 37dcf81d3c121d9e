package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-events/sluice/dashboards/web"
	"github.com/sluice-events/sluice/internal/feed"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/policy"
)

// replayFlags are the options of a replay.
type replayFlags struct {
	as, host, dialect string
	refuse, rate      float64
	seed              uint64
	keepTimes, silent bool
	refusers          string
}

func replayCommand() *cobra.Command {
	var f replayFlags
	c := &cobra.Command{
		Use:   "replay FILE… --as moodle|apache|ndjson",
		Short: "Send a file of events through the front door and print the closing account",
		Long: `Send a file through the collector as a client would. Times are moved by whole days so that the
last event is yesterday's. A collector that is away or restarts is waited for; what was not
answered is sent again under the same ids.`,
		Example: `  sluice replay events.csv.gz --as moodle              # a course log; everybody consents
  sluice replay events.csv.gz --as moodle --refuse 0.5  # half of the people refuse
  sluice replay access.log.gz --as apache               # a web server's log; nobody has an id`,
		Args: cobra.MinimumNArgs(1),
	}
	h := dataFlag(c)
	c.Flags().StringVar(&f.as, "as", "", "moodle, apache or ndjson")
	c.Flags().StringVar(&f.host, "host", "example.org", "apache: the site the log is from")
	c.Flags().StringVar(&f.dialect, "dialect", "native", "what to speak: native or segment")
	c.Flags().Float64Var(&f.refuse, "refuse", 0, "share of people, 0 to 1, who refuse everything")
	c.Flags().Float64Var(&f.rate, "rate", 0, "events a second; 0 = as fast as answers come")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "decides who refuses")
	c.Flags().StringVar(&f.refusers, "refusers", "", "moodle: write the ids of those who refuse to this file")
	c.Flags().BoolVar(&f.keepTimes, "keep-times", false, "do not move times to yesterday")
	c.Flags().BoolVar(&f.silent, "no-consent", false, "say nothing about consent, as if nobody had been asked")
	c.RunE = func(c *cobra.Command, args []string) error {
		in, err := openClient(*h)
		if err != nil {
			return err
		}
		src, err := f.open(args, in.pol)
		if err != nil {
			return err
		}
		defer src.Close()
		if err := in.send(c.Context(), src, f.rate, f.speak(), c.OutOrStdout()); err != nil {
			return err
		}
		if f.refusers != "" {
			return os.WriteFile(f.refusers, []byte(strings.Join(append(src.Report().Refused, ""), "\n")), 0o600)
		}
		return nil
	}
	return c
}

func (f replayFlags) speak() feed.Dialect {
	if f.dialect == "segment" {
		return feed.Segment
	}
	return feed.Native
}

func (f replayFlags) open(files []string, pol *policy.Policy) (feed.Source, error) {
	opt := feed.DefaultOptions(time.Now(), pol.Zone)
	opt.KeepTimes, opt.Refuse, opt.Seed, opt.NoConsent = f.keepTimes, f.refuse, f.seed, f.silent
	opt.Purposes = askedFor(pol)
	switch f.as {
	case "moodle":
		return feed.OpenMoodle(files, opt)
	case "apache":
		return feed.OpenApache(files, f.host, opt)
	case "ndjson":
		return feed.OpenNDJSON(files, opt)
	}
	return nil, usage("--as must be moodle, apache or ndjson")
}

// askedFor are the purposes that need a person's consent.
func askedFor(pol *policy.Policy) (names []string) {
	for _, p := range pol.Purposes {
		if p.Declared && p.NeedsConsent() {
			names = append(names, p.Name)
		}
	}
	return names
}

// client is what the sending commands know of a running installation.
type client struct {
	h    home
	cfg  config
	pol  *policy.Policy
	url  string
	key  string // of servers: the end user's address comes inside the events
	ring *seal.Ring
}

func openClient(h home) (*client, error) {
	cfg, err := h.config()
	if err != nil {
		return nil, err
	}
	pol, err := h.policy()
	if err != nil {
		return nil, err
	}
	addr, err := h.addr("collector")
	if err != nil {
		return nil, err
	}
	c := &client{h: h, cfg: cfg, pol: pol, url: "http://" + addr}
	for _, k := range cfg.Collector.WriteKeys {
		if c.key == "" || k.Server {
			c.key = k.Key
		}
	}
	return c, nil
}

// send sends a source with progress, then waits until the pipeline has dealt with it and
// prints both accounts.
func (c *client) send(ctx context.Context, src feed.Source, rate float64, dialect feed.Dialect, out io.Writer) error {
	before, err := c.h.account(ctx)
	if err != nil {
		return err
	}
	cfg := feed.DefaultConfig(c.url, c.key)
	cfg.Rate, cfg.Dialect, cfg.Token = rate, dialect, c.token
	s, err := feed.NewSender(cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	defer c.closeRing()
	watch, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); feed.Progress(watch, os.Stderr, feed.Total(src), s.Ledger) }()
	err = s.Send(ctx, src)
	stop()
	<-done
	r := src.Report()
	fmt.Fprintf(out, "read %d events, %d lines unreadable, times moved by %d days, the last event on %s\n", r.Read, r.Unreadable, r.ShiftDays, r.Last.In(c.pol.Zone).Format(time.DateOnly))
	for i, bad := range r.Bad {
		if i == 10 {
			fmt.Fprintf(out, "  and %d more\n", r.Unreadable-i)
			break
		}
		fmt.Fprintf(out, "  unreadable: %s line %d\n", bad.File, bad.Line)
	}
	if err != nil {
		s.Ledger().Print(out)
		return err
	}
	return c.settle(ctx, s.Ledger(), before, out)
}

// settle waits for the pipeline and prints the closing account.
func (c *client) settle(ctx context.Context, sent feed.Ledger, before web.Account, out io.Writer) error {
	wait, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	base := toFeed(before)
	acc, err := feed.Settle(wait, 300*time.Millisecond, func(ctx context.Context) (feed.Account, error) {
		a, err := c.h.account(ctx)
		return toFeed(a), err
	}, func(a feed.Account) bool { return a.Since(base).Accepted >= sent.Accepted })
	if err != nil {
		return err
	}
	closed, err := feed.PrintClosing(out, sent, acc.Since(base))
	if err == nil && !closed {
		return fmt.Errorf("the account does not close")
	}
	return err
}

func toFeed(a web.Account) feed.Account {
	out := feed.Account{Accepted: int64(a.Accepted), Stored: int64(a.Stored), InFlight: int64(a.InFlight), Dropped: map[string]int64{}, Rejected: map[string]int64{}}
	for k, v := range a.Dropped {
		out.Dropped[k] = int64(v)
	}
	for k, v := range a.Rejected {
		out.Rejected[k] = int64(v)
	}
	return out
}

// token proves a user's grant, as the operator's backend would.
func (c *client) token(user string) (string, error) {
	if c.ring == nil {
		var err error
		if c.ring, err = c.h.ring(); err != nil {
			return "", err
		}
	}
	signer, err := c.ring.Tenant(c.cfg.Tenant)
	if err != nil {
		return "", err
	}
	return signToken(signer, c.cfg.Tenant, user, "consent", "adult", time.Hour)
}

func (c *client) closeRing() {
	if c.ring != nil {
		c.ring.Close()
		c.ring = nil
	}
}
