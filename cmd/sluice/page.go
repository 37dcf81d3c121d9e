package main

import (
	"context"
	"encoding/json"
	"maps"
	"net"
	"net/netip"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-events/sluice/dashboards/web"
	"github.com/sluice-events/sluice/enricher"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy"
)

// page is where the admin page takes its figures from.
func (in *installation) page() web.Source {
	about := aboutPolicy(in.pol)
	about.Try.URL = "http://" + reachable(in.door) + "/v1/events"
	for _, k := range in.cfg.Collector.WriteKeys {
		if !k.Server {
			about.Try.Key = k.Key
			break
		}
	}
	return web.Source{
		Account: func(ctx context.Context) (web.Account, error) {
			a, err := in.stores.account(ctx)
			if err != nil {
				return a, err
			}
			a.Door, err = atDoor(in.reg)
			return a, err
		},
		Last: func(n int) ([]web.Event, error) {
			_, enr, err := in.stores.get()
			if err != nil {
				return nil, err
			}
			return shownEvents(enr.Last(n), in.pol), nil
		},
		About: func() web.About { return about },
	}
}

// reachable is an address that a program on this machine can call.
func reachable(addr string) string {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil || !ap.Addr().IsUnspecified() {
		return addr
	}
	_, port, _ := net.SplitHostPort(addr)
	return net.JoinHostPort("127.0.0.1", port)
}

// aboutPolicy puts the policy's stores and reasons into words, and finds an event to try.
func aboutPolicy(pol *policy.Policy) web.About {
	a := web.About{Policy: pol.Name, Rev: pol.Rev, Version: version, Signals: pol.Consent.SignalsMayGrant, Reasons: make(map[string]web.Reason)}
	for _, pu := range pol.Purposes {
		if pu.Declared {
			a.Stores = append(a.Stores, web.Store{Store: pu.Store, Purpose: pu.Name, Clause: pu.Clause})
		}
	}
	for _, r := range privacy.Reasons() {
		x := pol.Explain(r.String(), nil)
		a.Reasons[r.String()] = web.Reason{What: x.What, Advice: x.Advice}
	}
	a.Try.Body = firstEvent(pol)
	return a
}

// firstEvent is an event that the policy takes: a page view if it can be one. Where signals
// may grant, it carries the consent without which some stores would not take it.
func firstEvent(pol *policy.Policy) string {
	e := struct {
		Event   string            `json:"event"`
		Install string            `json:"install_id"`
		Props   map[string]string `json:"props,omitempty"`
		Consent map[string]bool   `json:"consent,omitempty"`
	}{Event: "page_view", Install: "my-first-install", Props: map[string]string{"page": "/hello"}}
	plan, ok := pol.Event(e.Event)
	if names := slices.Sorted(maps.Keys(pol.Events)); !ok && len(names) > 0 {
		e.Event, e.Props = names[0], nil
		plan = pol.Events[names[0]]
	}
	if plan != nil && len(plan.Item) > 0 && e.Props[plan.Item[0]] == "" { // some stores need an item
		if e.Props == nil {
			e.Props = make(map[string]string)
		}
		e.Props[plan.Item[0]] = "lesson-1"
	}
	if plan != nil && pol.Consent.SignalsMayGrant {
		e.Consent = make(map[string]bool)
		for _, pu := range plan.Purposes {
			if pu.NeedsConsent() {
				e.Consent[pu.Name] = true
			}
		}
	}
	text, _ := json.Marshal(e) // strings and bools alone
	return string(text)
}

// shownEvents puts traces into the policy's words.
func shownEvents(traces []enricher.Trace, pol *policy.Policy) []web.Event {
	out := make([]web.Event, 0, len(traces))
	for _, t := range traces {
		_, declared := pol.Events[t.Event]
		e := web.Event{Time: t.Time, Event: t.Event, Declared: declared, Subject: t.Subject, Reason: t.Reason, CutAtDoor: t.CutAtDoor}
		if len(t.Stores) == 0 {
			e.Advice = policy.Advice(t.Reason, nil)
		}
		for _, s := range t.Stores {
			o := web.Outcome{Purpose: s.Purpose, Store: s.Store, Clause: s.Clause, Kept: s.Kept, Reason: s.Reason}
			if s.Reason != "" {
				pu, _ := pol.Purpose(s.Purpose)
				o.Advice = pol.Explain(s.Reason, pu).Advice
			}
			e.Stores = append(e.Stores, o)
		}
		out = append(out, e)
	}
	return out
}

// atDoor counts what never entered the account.
func atDoor(reg *prometheus.Registry) (web.Door, error) {
	d := web.Door{Refused: make(map[string]uint64), Discarded: make(map[string]uint64)}
	families, err := reg.Gather()
	if err != nil {
		return d, err
	}
	for _, f := range families {
		to, ok := map[string]map[string]uint64{
			"sluice_collector_refused_total": d.Refused, "sluice_collector_discarded_events_total": d.Discarded,
		}[f.GetName()]
		if !ok {
			continue
		}
		for _, m := range f.GetMetric() {
			if n := m.GetCounter().GetValue(); n > 0 {
				to[m.GetLabel()[0].GetValue()] = uint64(n)
			}
		}
	}
	return d, nil
}
