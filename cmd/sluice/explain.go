package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/sluice-events/sluice/collector"
	"github.com/sluice-events/sluice/deploy/policies"
	"github.com/sluice-events/sluice/enricher"
	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy"
)

func explainCommand() *cobra.Command {
	var text, file, age, granted string
	var last int
	c := &cobra.Command{
		Use:   "explain (--last N | --event JSON)",
		Short: "What was kept in which store, what was dropped, why, by which clause, and what to do",
		Long: `Explain the last events that came in, or one event given as JSON. A given event goes through a
real front door and the real privacy stages under throw-away keys, and is stored nowhere.`,
		Example: `  sluice explain --last 20
  sluice explain --event '{"event":"Order Done","install_id":"x","props":{"total":12.5},"consent":{"analytics":true}}'
  sluice explain --policy deploy/policies/cn-edu.yaml --granted improve --age adult --event '{"event":"page_view","user_id":"u1","props":{"page":"/lesson/7"}}'`,
		Args: cobra.NoArgs,
	}
	h := dataFlag(c)
	c.Flags().IntVar(&last, "last", 0, "how many of the last events")
	c.Flags().StringVar(&text, "event", "", "one event of sluice's own protocol")
	c.Flags().StringVar(&file, "policy", "", "policy file (default: the data folder's, else starter)")
	c.Flags().StringVar(&granted, "granted", "", "purposes and features the person has granted, with commas")
	c.Flags().StringVar(&age, "age", "", "age band of the person: lt14, lt18 or adult")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if (last > 0) == (text != "") {
			return usage("one of --last and --event is needed")
		}
		pol, err := h.policyOr(file)
		if err != nil {
			return err
		}
		if last > 0 {
			return h.explainLast(c.Context(), pol, last, c.OutOrStdout())
		}
		x := &explainer{pol: pol, out: c.OutOrStdout(), age: age, granted: splitList(granted)}
		return x.explain(c.Context(), text)
	}
	return c
}

// policyOr compiles the named file, else the data folder's policy, else the newcomer's.
func (h home) policyOr(file string) (*policy.Policy, error) {
	if file != "" {
		return loadPolicy(file)
	}
	if h.exists() {
		return loadPolicy(h.path("policy.yaml"))
	}
	text, err := policies.Read("starter")
	if err != nil {
		return nil, err
	}
	return policy.Parse("starter.yaml", text)
}

// explainLast prints the traces of the running enricher.
func (h home) explainLast(ctx context.Context, pol *policy.Policy, n int, out io.Writer) error {
	body, code, err := h.adminGet(ctx, fmt.Sprintf("/api/last?n=%d", n))
	if err != nil {
		return err
	}
	if code != http.StatusOK {
		return errors.New("the enricher is not up yet: `sluice status` says what it waits for")
	}
	var traces []enricher.Trace
	if err := json.Unmarshal(body, &traces); err != nil {
		return err
	}
	if len(traces) == 0 {
		fmt.Fprintln(out, "no event has come in since the start")
	}
	for _, t := range traces {
		fmt.Fprintf(out, "%s  %s (%s)\n", t.Time.Local().Format(time.TimeOnly), t.Event, t.Subject)
		for _, s := range t.Stores {
			pu, _ := pol.Purpose(s.Purpose)
			printStore(out, pol, pu, s.Kept, s.Reason)
		}
		if len(t.Stores) == 0 {
			printReason(out, pol, nil, t.Reason)
		}
		if t.CutAtDoor > 0 {
			fmt.Fprintf(out, "    %d properties were cut at the door: forbidden by the policy, or not declared\n", t.CutAtDoor)
		}
	}
	return nil
}

func printStore(out io.Writer, pol *policy.Policy, pu *policy.Purpose, kept []string, reason string) {
	if reason != "" {
		printReason(out, pol, pu, reason)
		return
	}
	what := strings.Join(kept, ", ")
	if what == "" {
		what = "the bare event"
	}
	fmt.Fprintf(out, "    %s (clause %s): kept in %s: %s\n", pu.Name, pu.Clause, pu.Store, what)
}

func printReason(out io.Writer, pol *policy.Policy, pu *policy.Purpose, reason string) {
	printExplanation(out, pol.Explain(reason, pu))
}

// printExplanation prints what happened, by which clause, and what would change it.
func printExplanation(out io.Writer, x policy.Explanation) {
	clause := ""
	if x.Clause != "" {
		clause = " (clause " + x.Clause + ")"
	}
	fmt.Fprintf(out, "    %s%s: %s\n", x.What, clause, x.Advice)
}

// explainer runs one event through a collector and the privacy stages that exist for this
// one event alone.
type explainer struct {
	pol     *policy.Policy
	out     io.Writer
	age     string
	granted []string

	reg  *prometheus.Registry
	ring *seal.Ring
	blob []byte
}

// Produce implements collector.Producer: it keeps the message.
func (x *explainer) Produce(_ context.Context, _ int32, _, value []byte) error {
	x.blob = append([]byte(nil), value...)
	return nil
}

// Draw implements privacy.Secrets with a secret nobody keeps.
func (x *explainer) Draw(_ []byte, p *privacy.Person) error {
	p.HasSecret = true
	return nil
}

const explainKey = "explain"

func (x *explainer) explain(ctx context.Context, text string) error {
	dir, err := os.MkdirTemp("", "sluice-explain-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	x.reg = prometheus.NewRegistry()
	if err := x.keys(dir); err != nil {
		return err
	}
	defer x.ring.Close()
	answer, err := x.throughDoor(ctx, text)
	if err != nil {
		return err
	}
	if err := x.cutAtDoor(); err != nil {
		return err
	}
	if x.blob == nil {
		fmt.Fprintf(x.out, "nothing left the collector; it answered %s\n", answer)
		return nil
	}
	body, _, err := seal.NewOpener(x.ring, 0).Open(nil, x.blob)
	if err != nil {
		return err
	}
	var b event.Batch
	if err := b.Add(body, 0); err != nil {
		return err
	}
	b.Link()
	return x.decide(&b)
}

// keys makes a throw-away keyring.
func (x *explainer) keys(dir string) (err error) {
	if err := seal.CreateRing(dir); err != nil {
		return err
	}
	if x.ring, err = seal.OpenRing(dir, time.Now); err != nil {
		return err
	}
	now := time.Now()
	if err := x.ring.EnsureHours(now); err != nil {
		return err
	}
	if err := x.ring.EnsureBreakGlass(now); err != nil {
		return err
	}
	_, err = x.ring.IPDay(int32(dayOf(now, x.pol.Zone)))
	return err
}

// throughDoor sends the event to a real collector on a free port and gives its answer.
func (x *explainer) throughDoor(ctx context.Context, text string) (string, error) {
	route, err := x.ring.Route()
	if err != nil {
		return "", err
	}
	public, err := x.ring.Public()
	if err != nil {
		return "", err
	}
	cfg := collector.DefaultConfig()
	cfg.Listen, cfg.Partitions = "127.0.0.1:0", 1
	cfg.Keys = []collector.WriteKey{{Key: explainKey, Tenant: "explain"}}
	coll, err := collector.New(cfg, collector.Deps{Policy: func(string) *policy.Policy { return x.pol }, Producer: x,
		Sealer: seal.NewSealer(public, time.Now), Route: route, Keys: public, Addresses: seal.NewIPSealer(public, time.Now),
		Log: slog.New(slog.DiscardHandler), Metrics: x.reg})
	if err != nil {
		return "", err
	}
	addr, err := coll.Start()
	if err != nil {
		return "", err
	}
	defer coll.Stop(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr.String()+"/v1/events", bytes.NewReader([]byte(text)))
	if err != nil {
		return "", err
	}
	req.Header.Set("X-Write-Key", explainKey)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return fmt.Sprintf("%d %s", resp.StatusCode, bytes.TrimSpace(answer)), err
}

// cutAtDoor prints what the collector's counters say of this one event.
func (x *explainer) cutAtDoor() error {
	families, err := x.reg.Gather()
	if err != nil {
		return err
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			n := m.GetCounter().GetValue()
			if n == 0 || len(m.GetLabel()) == 0 {
				continue
			}
			label := m.GetLabel()[0].GetValue()
			switch f.GetName() {
			case "sluice_collector_fields_dropped_total":
				fmt.Fprintf(x.out, "    properties cut at the door: %d\n", int(n))
				printExplanation(x.out, x.pol.ExplainClass(label))
			case "sluice_collector_discarded_events_total":
				printExplanation(x.out, x.pol.Explain(label, nil))
			}
		}
	}
	return nil
}

// decide runs the privacy stages over what the collector sealed.
func (x *explainer) decide(b *event.Batch) error {
	a, err := findAssets("")
	if err != nil {
		return err
	}
	look, err := openLookups(a)
	if err != nil {
		return err
	}
	w, err := privacy.NewWorker(x.pol, x.ring, x, look.stages(), privacy.NewNames(x.pol.Wildcard.MaxEventNames))
	if err != nil {
		return err
	}
	if err := w.Begin(privacy.Range{Topic: "explain", To: 1}, time.Now().UnixMilli()); err != nil {
		return err
	}
	for i := range b.Raws {
		r := &b.Raws[i]
		sub := x.subject(r)
		v, err := w.Add(r, &sub)
		if err != nil {
			return err
		}
		fmt.Fprintf(x.out, "%s (%s)\n", r.Name, sub.Kind)
		for _, pu := range w.Purposes(r.Name) {
			if v.Stores&(1<<pu.Index) != 0 {
				printStore(x.out, x.pol, pu, w.Filled(pu.Index), "")
				continue
			}
			reason := w.Withheld(pu.Index)
			if reason == privacy.Kept {
				reason = v.Reason
			}
			printStore(x.out, x.pol, pu, nil, reason.String())
		}
		if len(w.Purposes(r.Name)) == 0 {
			printReason(x.out, x.pol, nil, v.Reason.String())
		}
	}
	return nil
}

// subject makes the person the flags describe, and lets the event's own consent object act
// where the policy takes it as an act.
func (x *explainer) subject(r *event.Raw) (sub privacy.Subject) {
	sub.Kind, sub.Canon = r.Subject(nil)
	if sub.Kind == event.KindNone {
		return sub
	}
	p := privacy.NewPerson(0)
	p.Age = privacy.ParseAge(x.age)
	act := event.Act{Tenant: r.Tenant, User: r.User, Install: r.Install, Kind: event.ActGrant, Verified: true, Received: r.Received}
	for _, name := range x.granted {
		if pu, ok := x.pol.Purpose(name); ok {
			act.Bits |= pu.Mask()
		} else if f, ok := x.pol.Feature(name); ok {
			act.Bits |= f.Mask()
		}
	}
	p.Apply(&act, privacy.Position{}, x.pol)
	if x.pol.Consent.SignalsMayGrant {
		act.Bits, act.Time = r.Claims.Granted, r.Time
		p.Apply(&act, privacy.Position{Offset: 1}, x.pol)
	}
	sub.Person = p
	return sub
}
