package policy

import "time"

// location reads how places are cut.
func (c *compiler) location(o *object) {
	l := &c.p.Location
	l.Grid = o.must("grid", "geohash").word("geohash")
	crs := o.must("crs", "{store: wgs84, accept: [wgs84, gcj02, bd09], missing: city}").object()
	l.StoreCRS = crs.must("store", "wgs84").word("wgs84")
	l.AcceptCRS = crs.must("accept", "[wgs84, gcj02, bd09]").words("wgs84", "gcj02", "bd09")
	missing := crs.must("missing", "city")
	if l.MissingCRS = missing.level(); l.MissingCRS > LevelCity {
		missing.fail("finer than city", "a point whose system is unknown may be 600 m off: city or coarser")
	}
	crs.done()
	if top := o.must("collector_cap", "the finest level that leaves the collector, such as cell5"); top.ok() {
		l.CollectorCap = top.level()
	} else {
		l.CollectorCap = LevelCell6 // reported; the caps are still checked on their own
	}
	c.caps(o)
	c.adaptive(o.must("adaptive", "{k, over, window, leave_below, no_map}").object())
	l.CellsPerDay = int(o.must("distinct_cells_per_pid_day", "1").integer(1, 1))
	ip := o.must("ip_geo", "{lookup_after_truncation, finest, max_radius_km, only}").object()
	look := ip.must("lookup_after_truncation", "true")
	if look.ok() && !look.boolean() {
		look.fail("a full address would be looked up", "true")
	}
	finest := ip.must("finest", "city or coarser")
	if l.IPFinest = finest.level(); l.IPFinest > LevelCity {
		finest.fail("an address does not show more than a city", "city or coarser")
	}
	l.MaxRadiusKM = int(ip.must("max_radius_km", "such as 50").integer(1, 500))
	ip.must("only", "declared_geo_fields").word("declared_geo_fields")
	ip.done()
	o.done()
}

// caps reads the finest level of each purpose, without and with the location feature.
func (c *compiler) caps(o *object) {
	caps := o.must("caps", "a level for each purpose").object()
	for _, e := range caps.entries {
		p := c.purpose(e.value, e.key)
		if l := c.capped(e.value); p != nil {
			p.Cap, p.WithLocation = l, l
		}
	}
	with := o.opt("with_location")
	if with.ok() && c.feature("location") == nil {
		with.fail("no feature location is declared", "declare it, or leave with_location out")
	}
	for _, e := range with.objectOrNone().entries {
		p := c.purpose(e.value, e.key)
		l := c.capped(e.value)
		switch {
		case p == nil:
		case l < p.Cap:
			e.fail("coarser than caps says without it", "at least "+p.Cap.String())
		default:
			p.WithLocation = l
		}
	}
	for _, p := range c.p.Purposes {
		duty := p.Basis == BasisLegalDuty || p.Basis == BasisInterest
		p.Country = p.Name == securityName && duty && p.Cap == LevelCountry
	}
}

// securityName is the purpose whose rows stand alone: no role reads them with another store.
const securityName = "security"

// objectOrNone reads an optional mapping.
func (v value) objectOrNone() *object {
	if !v.ok() {
		return &object{value: v, broken: true}
	}
	return v.object()
}

// capped reads a level that is no finer than what leaves the collector.
func (c *compiler) capped(v value) Level {
	l := v.level()
	if top := c.p.Location.CollectorCap; l > top {
		v.fail(l.String()+": finer than collector_cap", "at most "+top.String())
	}
	return l
}

func (c *compiler) adaptive(o *object) {
	l := &c.p.Location
	l.K = int(o.must("k", "people a cell must have, such as 100").integer(20, 1_000_000))
	o.must("over", "median_of_days").word("median_of_days")
	win := o.must("window", "such as 28d")
	if l.Window = win.span(); l.Window%day != 0 {
		win.fail("not whole days", "such as 28d")
	}
	l.LeaveBelow = o.must("leave_below", "such as 0.8").fraction()
	none := o.must("no_map", "city")
	if l.NoMap = none.level(); l.NoMap > LevelCity {
		none.fail("finer than city", "without a map no cell is known to be shared by enough people")
	}
	o.done()
}

// minors reads what holds for children.
func (c *compiler) minors(o *object) {
	m := &c.p.Minors
	m.GuardianBelow = int(o.must("guardian_below", "an age, such as 18").integer(14, 21))
	m.UnknownIsMinor = o.must("unknown_age", "treat_as_minor or treat_as_adult").word("treat_as_minor", "treat_as_adult") != "treat_as_adult"
	ng := o.must("no_guardian", `{pid: none, features: "off", stores: […]}`).object()
	ng.must("pid", "none").word("none")
	ng.must("features", `"off"`).word("off")
	for _, item := range ng.must("stores", "the stores that still take rows").list() {
		if s := item.filled("leave it out"); s != "" {
			if p := c.storeOwner(s); p == nil {
				item.fail(echo(s)+": no such store", "a store of this file")
			} else if p.NeedsConsent() {
				item.fail(echo(s)+": needs a consent a child without guardian cannot give", "stores of other bases")
			}
			m.NoGuardian = append(m.NoGuardian, s)
		}
	}
	ng.done()
	m.LocationCap = c.capped(o.must("location_cap", "city"))
	for _, item := range o.opt("deny").list() {
		s := item.filled("leave it out")
		if s != "" && c.named(s) == nil {
			item.fail(echo(s)+": not declared", "a purpose of this file")
		}
		m.Deny = append(m.Deny, s)
	}
	o.done()
}

func (c *compiler) storeOwner(store string) *Purpose {
	for _, p := range c.p.Purposes {
		if p.Declared && p.Store == store {
			return p
		}
	}
	return nil
}

// Lives of a grant where the file names none (years and half-years, in days).
const (
	grantLife   = 365 * day
	featureLife = 180 * day
)

// consent reads how grants are taken and how long they live.
func (c *compiler) consent(o *object) {
	k := &c.p.Consent
	k.NarrowestWins = o.must("narrowest_wins", "[server_ledger, client_claim, os_permission, gpc]").words("server_ledger", "client_claim", "os_permission", "gpc")
	if v := o.opt("narrowest_wins"); v.ok() && len(k.NarrowestWins) < 4 {
		v.fail("leaves a source out", "all of server_ledger, client_claim, os_permission, gpc")
	}
	o.must("late_events", "granted_at_event_time_and_now").word("granted_at_event_time_and_now")
	within := o.must("effective_within", "60s")
	if k.EffectiveWithin = within.span(); k.EffectiveWithin > time.Minute {
		within.fail("a withdrawal would take too long", "60s or less")
	}
	c.expires(o.opt("expires"))
	k.ReaskAfter = o.must("reask_after_refusal", "such as 90d").span()
	o.must("material_change", "needs_new_act").word("needs_new_act")
	grant := o.opt("signals_may_grant")
	if k.SignalsMayGrant = grant.boolean(); k.SignalsMayGrant && c.p.Regime == PIPL {
		grant.fail("a signal is no informed act under regime pipl", "false, or leave it out")
	}
	c.signals(o.opt("signals"))
	o.done()
}

func (c *compiler) expires(v value) {
	lives := make(map[string]time.Duration)
	for _, p := range c.p.Purposes {
		if p.NeedsConsent() && p.Declared {
			lives[p.Name] = grantLife
		}
	}
	for _, f := range c.p.Features {
		lives[f.Name] = featureLife
	}
	for _, e := range v.objectOrNone().entries {
		if _, known := lives[e.key]; !known {
			e.fail("no consent of this name expires", "a consent purpose or a feature")
			continue
		}
		lives[e.key] = e.span()
	}
	c.p.Consent.Expires = lives
}
