package privacy

import (
	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy/place"
	"github.com/sluice-events/sluice/privacy/web"
)

// value is one declared value, checked and made coarse; the field's type says which part
// is in use.
type value struct {
	set bool
	str string
	i64 int64 // int, time (Unix seconds), decimal (ten-thousandths), enum
	u64 uint64
	f64 float64
	bit bool
}

// coarse is an event after the second step: nothing of it that a row may take is finer
// than the policy allows, and the person is still named by id. Only coarsen makes one and
// only pseudonymize takes one.
type coarse struct {
	decided
	agent    Agent
	device   [5]string // os, model, screen, ua, lang
	page     string
	refHost  string
	refChan  string
	item     string
	props    string
	ipAdmin  place.Admin
	gpsAdmin place.Admin
}

// coarsen is the second step. It reports false when a required field is missing or
// unusable, in which case the event is rejected.
func (w *Worker) coarsen(d decided) (coarse, bool) {
	c := coarse{decided: d}
	raw := d.raw
	if !w.readFields(&c) {
		return c, false
	}
	c.agent = w.look.Agent(raw.UserAgent)
	if w.usesDevice(d.plan) {
		c.device = w.generalize(raw, c.agent)
	}
	c.page = web.Page(raw.Page, w.routes)
	c.refHost, c.refChan = web.Referrer(raw.Referrer, web.Host(raw.Page))
	if d.plan.event.WildText != nil {
		c.props = w.wildProps(raw, d.plan)
	}
	c.item = w.findItem(&c)
	if raw.Net.IsValid() {
		c.ipAdmin = w.look.Network(raw.Net)
	}
	if raw.Place.Cell != "" {
		c.gpsAdmin, _ = w.look.City(raw.Place.Cell)
	}
	return c, true
}

func (w *Worker) usesDevice(pl *eventPlan) bool {
	for _, f := range pl.event.Fields {
		if f.Class.Name == "device_info" {
			return true
		}
	}
	return false
}

// generalize makes the five parts of a device coarse; parts without a rule stay empty.
func (w *Worker) generalize(raw *event.Raw, a Agent) (out [5]string) {
	rules := w.deviceRules
	if rules["os"] != "" {
		if raw.Device.OS != "" {
			out[0] = w.look.OS(raw.Device.OS, raw.Device.OSVersion)
		} else {
			out[0] = a.OS
		}
	}
	if rules["model"] != "" && raw.Device.Model != "" {
		out[1] = w.look.Tier(raw.Device.Model)
	}
	if rules["screen"] != "" && raw.Device.Width > 0 {
		out[2] = w.look.Screen(raw.Device.Width, raw.Device.Height)
	}
	if rules["ua"] != "" {
		out[3] = a.Browser
	}
	if rules["lang"] != "" && raw.Device.Lang != "" {
		out[4] = w.look.Lang(raw.Device.Lang)
	}
	return out
}

// readFields checks, types and scrubs the declared values into w.vals. It reports false
// when a required one is missing.
func (w *Worker) readFields(c *coarse) bool {
	pl := c.plan
	w.vals = w.vals[:0]
	for range pl.fields {
		w.vals = append(w.vals, value{})
	}
	for i := range c.raw.Props {
		p := &c.raw.Props[i]
		slot, ok := pl.slots[p.Key]
		if !ok {
			continue
		}
		fp := &pl.fields[slot]
		if need := fp.field.Class.Needs; need != "" && c.features&w.featureBit[need] == 0 {
			continue
		}
		w.vals[slot] = w.convert(fp, p.Value)
		if !w.vals[slot].set {
			w.FieldsDropped[fp.field.Class.Name]++
		}
	}
	for slot := range pl.fields {
		if fp := &pl.fields[slot]; fp.field.Required && !w.vals[slot].set {
			return false
		}
	}
	return true
}

// findItem gives what the event is about: the first candidate that is present.
func (w *Worker) findItem(c *coarse) string {
	for _, src := range c.plan.items {
		switch {
		case src.page:
			if c.page != "" {
				return c.page
			}
		case src.slot >= 0:
			if v := w.vals[src.slot]; v.set && v.str != "" {
				return v.str
			}
		default:
			if v, ok := c.raw.Prop(src.name); ok && v.Kind() != event.Null && v.Kind() != event.Bool && !w.own.is(v) {
				return w.scrubValue(v, c.plan.scrubber, c.plan.wildMax)
			}
		}
	}
	return ""
}

// where gives the place a purpose's row may hold: an administrative code or nothing. A cell
// needs a map that says how many people it holds; until one is published the policy's
// no_map level is the finest.
func (w *Worker) where(c *coarse, pp *purposePlan) (code string, level place.Level) {
	pu := pp.purpose
	if pu.Country {
		return w.country(c, pu)
	}
	on := c.features&w.locationBit != 0
	limit := place.Level(pu.Cap)
	if on && !c.minor {
		limit = min(max(limit, place.Level(pu.WithLocation)), max(limit, place.Level(w.pol.Location.NoMap)))
	}
	if c.minor {
		limit = min(limit, place.Level(w.pol.Minors.LocationCap))
	}
	source := "ip_geo"
	admin := c.ipAdmin
	if c.raw.Place.Cell != "" {
		source, admin = "gps", c.gpsAdmin
		if c.plan.media {
			source = "media_geo"
		}
	} else {
		limit = min(limit, place.Level(w.pol.Location.IPFinest))
	}
	if !on {
		limit = min(limit, w.whileOff(source))
	}
	return admin.At(min(limit, place.City))
}

// country is the place of purposes that always take the country, whatever the switches say.
func (w *Worker) country(c *coarse, pu *policy.Purpose) (string, place.Level) {
	limit := min(place.Level(pu.Cap), place.Country)
	if code, level := c.ipAdmin.At(limit); level != place.None {
		return code, level
	}
	return c.gpsAdmin.At(limit)
}

// whileOff is the finest place a source may give while the location switch is off.
func (w *Worker) whileOff(source string) place.Level {
	l, err := place.ParseLevel(w.locationOff[source])
	if err != nil { // "drop", or nothing said
		return place.None
	}
	return l
}
