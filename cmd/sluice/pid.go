package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-events/sluice/enricher/ledger"
	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/embedded"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/internal/stream"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy"
)

func pidCommand() *cobra.Command {
	var purpose, user, install, at string
	var many bool
	c := &cobra.Command{
		Use:   "pid --purpose NAME (--user ID | --install ID | --stdin)",
		Short: "The pseudonym of a person under one purpose; forward only, there is no way back",
		Example: `  sluice pid --purpose personalize --user u1
  sluice pid --purpose service --user u1 --at 2026-12-01
  sluice pid --purpose personalize --stdin < users.txt      # a line each: id, tab, pid`,
		Args: cobra.NoArgs,
	}
	h := dataFlag(c)
	c.Flags().StringVar(&purpose, "purpose", "", "purpose of the policy")
	c.Flags().StringVar(&user, "user", "", "user id")
	c.Flags().StringVar(&install, "install", "", "install id")
	c.Flags().StringVar(&at, "at", "", "day, for purposes whose pseudonyms change by the calendar (default today)")
	c.Flags().BoolVar(&many, "stdin", false, "read user ids from standard input, one a line")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if purpose == "" || (user == "") == (install == "" && !many) {
			return usage("--purpose and one of --user, --install, --stdin are needed")
		}
		p, err := openPids(c.Context(), *h, purpose, at)
		if err != nil {
			return err
		}
		defer p.close()
		out := bufio.NewWriter(c.OutOrStdout())
		defer out.Flush()
		if many {
			return p.all(c.Context(), c.InOrStdin(), out)
		}
		id, err := p.of(c.Context(), event.NewUserID(user), event.NewInstallID(install))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%x\n", id)
		return nil
	}
	return c
}

// pids computes pseudonyms from the keyring and, for lasting ones, the ledger.
type pids struct {
	tenant  string
	pol     *policy.Policy
	purpose *policy.Purpose
	at      int64
	ring    *seal.Ring
	route   seal.RouteKey
	kafka   *stream.Client
	topic   string
	parts   int
	tables  map[int32]*ledger.Table
}

func openPids(ctx context.Context, h home, purpose, at string) (*pids, error) {
	cfg, err := h.config()
	if err != nil {
		return nil, err
	}
	pol, err := h.policy()
	if err != nil {
		return nil, err
	}
	pu, ok := pol.Purpose(purpose)
	if !ok || !pu.Declared {
		return nil, usage("the policy declares no such purpose")
	}
	when := time.Now()
	if at != "" {
		if when, err = time.ParseInLocation(time.DateOnly, at, pol.Zone); err != nil {
			return nil, usage("--at must be a day such as 2026-12-01")
		}
	}
	ring, err := h.ring()
	if err != nil {
		return nil, err
	}
	p := &pids{tenant: cfg.Tenant, pol: pol, purpose: pu, at: when.UnixMilli(), ring: ring, tables: make(map[int32]*ledger.Table)}
	if p.route, err = ring.Route(); err != nil {
		return nil, err
	}
	if !pu.Lasting {
		return p, nil
	}
	if p.topic, err = h.addr("ledger"); err != nil {
		return nil, err
	}
	if p.kafka, err = h.kafka(); err != nil {
		return nil, err
	}
	if p.parts, err = p.kafka.Partitions(ctx, p.topic); err != nil {
		return nil, errors.New("the broker does not answer: lasting pseudonyms need the ledger, so `sluice up` must run")
	}
	return p, nil
}

// unixPrefix marks the address of the embedded broker's socket.
const unixPrefix = "unix:"

// kafka connects to the broker of what runs on the data folder.
func (h home) kafka() (*stream.Client, error) {
	addr, err := h.addr("broker")
	if err != nil {
		return nil, err
	}
	if socket, ok := strings.CutPrefix(addr, unixPrefix); ok {
		return stream.NewClient(embedded.ClientOf(socket))
	}
	return stream.NewClient(stream.Config{Brokers: splitList(addr), ClientID: "sluice"})
}

func (p *pids) close() {
	if p.kafka != nil {
		p.kafka.Close()
	}
	p.ring.Close()
}

// of gives the pseudonym of one person; privacy.ErrNoRecord when they never had one.
func (p *pids) of(ctx context.Context, u event.UserID, i event.InstallID) (privacy.ID, error) {
	kind, canon := event.Canonical(nil, p.tenant, u, i)
	var person *privacy.Person
	if p.purpose.Lasting {
		part := int32(int(seal.Bucket(p.route, canon)) % p.parts)
		t := p.tables[part]
		if t == nil {
			var err error
			if t, err = ledger.Load(ctx, p.kafka, nil, p.ring, p.route, p.topic, part); err != nil {
				return privacy.ID{}, err
			}
			p.tables[part] = t
		}
		person = t.Person(canon)
	}
	return privacy.Pid(p.ring, p.pol, p.purpose, p.tenant, kind, canon, person, p.at)
}

// all answers a list; people without a pseudonym are left out.
func (p *pids) all(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		id := strings.TrimSpace(lines.Text())
		if id == "" {
			continue
		}
		pid, err := p.of(ctx, event.NewUserID(id), event.InstallID{})
		if errors.Is(err, privacy.ErrNoRecord) {
			continue
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s\t%x\n", id, pid)
	}
	return lines.Err()
}
