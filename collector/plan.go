package collector

import (
	"fmt"
	"math/bits"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy/detect"
)

// plan is a policy made ready for the handlers of one tenant. It is immutable.
type plan struct {
	pol       *policy.Policy
	classes   map[*policy.Class]treatment
	events    map[*policy.Event]*eventPlan
	refusable uint64                 // bits a signal may move
	named     map[string]uint64      // purpose or feature -> bit
	forbidden detect.Set             // what no value may show that is not scrubbed
	hits      [32]prometheus.Counter // by bit of a detector: the class a hit counts under
	v4, v6    int                    // bits of a sender's network
}

// action is where a property of a class goes.
type action uint8

const (
	toProps   action = iota // as it is, under its declared name, or its path where "*" takes it
	toNowhere               // dropped and counted
	toPage
	toReferrer
	toCampaign
	toDevice
	toPoint
	toAddress
	toUser
	toInstall
	toMedia
)

// treatment is what the collector does with the values of a class.
type treatment struct {
	action  action
	search  bool // forbid detectors run over the value
	dropped prometheus.Counter
}

// eventPlan is which slots of event.Raw an event of the tracking plan uses.
type eventPlan struct {
	event    *policy.Event
	page     *policy.Field // takes Raw.Page; further fields of class url stay properties
	referrer bool
	campaign bool
	device   bool
	address  bool // the address's MAC and sealed copy are taken
	place    bool
	media    string // name of the media field, "" = none
}

// actions by the name of a class; what is not listed goes to the properties.
func actionOf(c *policy.Class) action {
	if c.Do == policy.DoForbid {
		return toNowhere
	}
	switch c.Name {
	case "url":
		return toPage
	case "referrer":
		return toReferrer
	case "campaign":
		return toCampaign
	case "device_info":
		return toDevice
	case "geo_point":
		return toPoint
	case "ip":
		return toAddress
	case "user_id":
		return toUser
	case "device_id":
		return toInstall
	case "media_meta":
		return toMedia
	}
	return toProps
}

// compilePlan makes the plan of a policy.
func compilePlan(pol *policy.Policy, m *metrics) (*plan, error) {
	p := &plan{
		pol: pol, v4: 24, v6: 48,
		classes: make(map[*policy.Class]treatment, len(pol.Classes)),
		events:  make(map[*policy.Event]*eventPlan, len(pol.Events)+1),
	}
	p.refusable, p.named = refusable(pol)
	for _, c := range pol.Classes {
		t := treatment{action: actionOf(c), dropped: m.fields.WithLabelValues(c.Name)}
		t.search = c.Do == policy.DoAllow || c.Name == "region_given"
		p.classes[c] = t
		if c.Do == policy.DoTruncate {
			p.v4, p.v6 = c.V4, c.V6
		}
	}
	for _, e := range pol.Events {
		p.events[e] = p.event(e)
	}
	if pol.Wild != nil {
		p.events[pol.Wild] = p.event(pol.Wild)
	}
	var err error
	if p.forbidden, err = detect.Parse(pol.ForbidDetectors()); err != nil {
		return nil, fmt.Errorf("collector: policy %s rev %d: %w", pol.Name, pol.Rev, err)
	}
	for _, name := range pol.ForbidDetectors() {
		kind, err := detect.Parse([]string{name})
		if err != nil {
			return nil, fmt.Errorf("collector: policy %s rev %d: %w", pol.Name, pol.Rev, err)
		}
		p.hits[bits.TrailingZeros32(uint32(kind))] = m.fields.WithLabelValues(pol.ClassOfDetector(name))
	}
	return p, nil
}

func (p *plan) event(e *policy.Event) *eventPlan {
	ep := &eventPlan{event: e}
	for _, f := range e.Fields {
		switch p.classes[f.Class].action {
		case toPage:
			if ep.page == nil {
				ep.page = f
			}
		case toReferrer:
			ep.referrer = true
		case toCampaign:
			ep.campaign = true
		case toDevice:
			ep.device = true
		case toAddress:
			ep.address = true
		case toPoint:
			ep.place = true
		case toMedia:
			if ep.media == "" {
				ep.media = f.Name
			}
		}
	}
	return ep
}

// plans keeps the plan of each tenant's current policy.
type plans struct {
	lookup  func(tenant string) *policy.Policy
	metrics *metrics
	made    sync.Map // tenant -> *plan
}

// of gives the plan of a tenant, nil when it has no policy.
func (p *plans) of(tenant string) (*plan, error) {
	pol := p.lookup(tenant)
	if pol == nil {
		return nil, nil
	}
	if v, ok := p.made.Load(tenant); ok && v.(*plan).pol == pol {
		return v.(*plan), nil
	}
	made, err := compilePlan(pol, p.metrics)
	if err != nil {
		return nil, err
	}
	p.made.Store(tenant, made)
	return made, nil
}
