package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy"
)

func doctorCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Follow one event through to its row and name the first part that fails",
		Args:  cobra.NoArgs,
	}
	h := dataFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return (&doctor{h: *h, out: c.OutOrStdout()}).run(c.Context())
	}
	return c
}

// doctor looks at one part after the other, in the order in which an event meets them.
type doctor struct {
	h     home
	out   io.Writer
	cfg   config
	pol   *policy.Policy
	store string // where the canary must show
	row   string // its row id, hex
}

func (d *doctor) run(ctx context.Context) error {
	for _, step := range []struct {
		part string
		look func(context.Context) error
		hint string
	}{
		{"data folder", d.folder, "start it once with `sluice up`, or name another one with --data"},
		{"policy", d.policy, "run `sluice policy check` on policy.yaml in the data folder"},
		{"keyring", d.keyring, "restore keys/ in the data folder; without it nothing can be opened"},
		{"process", d.process, "start it with `sluice up`"},
		{"collector and broker", d.send, "look at the log of `sluice up`: the broker is away, or its log is full"},
		{"enricher and engine", d.ready, "wait if it is loading; else look at the log of `sluice up`"},
		{"ClickHouse", d.ask, "look at the log of `sluice up`: the engine does not answer"},
		{"row", d.find, "`sluice status` shows whether it was dropped or rejected, and why"},
	} {
		if err := step.look(ctx); err != nil {
			fmt.Fprintf(d.out, "FAILS  %-22s %v\n       %s\n", step.part, err, step.hint)
			return fmt.Errorf("%s fails", step.part)
		}
		fmt.Fprintf(d.out, "ok     %s\n", step.part)
	}
	fmt.Fprintln(d.out, "one event went from the front door to its row")
	return nil
}

func (d *doctor) folder(context.Context) (err error) {
	d.cfg, err = d.h.config()
	return err
}

func (d *doctor) policy(context.Context) (err error) {
	d.pol, err = d.h.policy()
	return err
}

func (d *doctor) keyring(context.Context) error {
	ring, err := d.h.ring()
	if err != nil {
		return err
	}
	return ring.Close()
}

func (d *doctor) process(ctx context.Context) error {
	_, _, err := d.h.adminGet(ctx, "/healthz")
	return err
}

// canary chooses an event that leaves a row without anybody's consent: one that a purpose
// takes which cannot be refused, with nothing required.
func (d *doctor) canary() (name string, pu *policy.Purpose, err error) {
	for _, e := range d.pol.Order {
		required := false
		for _, f := range e.Fields {
			required = required || f.Required
		}
		for _, pu := range e.Purposes {
			if !required && !pu.NeedsConsent() && !pu.Refusable && !pu.NeedsItem && e.Takes(pu, "page") {
				if e == d.pol.Wild {
					return "sluice_doctor", pu, nil
				}
				if _, ok := e.Field("page"); ok {
					return e.Name, pu, nil
				}
			}
		}
	}
	return "", nil, fmt.Errorf("the policy has no event that leaves a row without consent, so there is nothing to follow")
}

// send puts a canary through the front door; 200 means that the broker has it.
func (d *doctor) send(ctx context.Context) error {
	name, pu, err := d.canary()
	if err != nil {
		return err
	}
	addr, err := d.h.addr("collector")
	if err != nil {
		return err
	}
	var nonce [16]byte
	rand.Read(nonce[:])
	id, now := "doctor-"+hex.EncodeToString(nonce[:]), time.Now()
	body, err := json.Marshal(map[string]any{"event": name, "id": id, "time": now.UnixMilli(), "props": map[string]any{"page": "/sluice/doctor"}})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/events", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("X-Write-Key", d.cfg.Collector.WriteKeys[0].Key)
	resp, err := (&http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{Proxy: nil}}).Do(req)
	if err != nil {
		return fmt.Errorf("the collector does not answer on %s", addr)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(answer), `"accepted":1`) {
		return fmt.Errorf("the collector answered %d %s", resp.StatusCode, bytes.TrimSpace(answer))
	}
	ring, err := d.h.ring()
	if err != nil {
		return err
	}
	defer ring.Close()
	row, err := privacy.RowID(ring, d.pol, pu, d.cfg.Tenant, id, now.UnixMilli())
	d.store, d.row = pu.Store, hex.EncodeToString(row[:])
	return err
}

func (d *doctor) ready(ctx context.Context) error {
	body, code, err := d.h.adminGet(ctx, "/readyz")
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("not ready: %s", strings.ReplaceAll(strings.TrimSpace(string(body)), "\n", "; "))
	}
	return err
}

func (d *doctor) ask(ctx context.Context) error {
	return d.h.query(ctx, "SELECT 1", "TSV", io.Discard)
}

// find waits for the canary's row.
func (d *doctor) find(ctx context.Context) error {
	const patience = 15 * time.Second
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(250 * time.Millisecond) {
		var out bytes.Buffer
		if err := d.h.query(ctx, "SELECT count() FROM "+d.store+" WHERE row_id = unhex('"+d.row+"')", "TSV", &out); err != nil {
			return err
		}
		if strings.TrimSpace(out.String()) == "1" {
			return nil
		}
	}
	return fmt.Errorf("the event was acknowledged and is not in %s after %s", d.store, patience)
}
