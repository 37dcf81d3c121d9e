package policy

// Names of the tables that map a consent tool's words onto ours.
const (
	SignalSegment     = "segment"      // a category of categoryPreferences
	SignalRudder      = "rudder"       // a consent id
	SignalConsentMode = "consent_mode" // a storage type, such as analytics_storage
	SignalTCF         = "tcf"          // a purpose number, or special_1
)

// signalLine is one built-in line: what it stands for where a purpose of that name exists.
type signalLine struct {
	table, key string
	names      []string
}

// builtinSignals holds where the file has no table of that name. Segment and Rudder have
// no line here: their category or id counts when it bears a purpose's name.
var builtinSignals = []signalLine{
	{SignalConsentMode, "analytics_storage", []string{"improve"}},
	{SignalConsentMode, "personalization_storage", []string{"personalize"}},
	{SignalConsentMode, "functionality_storage", []string{"preference"}},
	{SignalTCF, "1", []string{signalAll}},
	{SignalTCF, "6", []string{"personalize"}},
	{SignalTCF, "8", []string{"improve"}},
	{SignalTCF, "9", []string{"improve"}},
	{SignalTCF, "10", []string{"improve"}},
	{SignalTCF, "special_1", []string{"location"}},
}

// signalAll in a line means every consent purpose. Such a line can only refuse: a yes to
// storing things on a device says nothing about any one purpose.
const signalAll = "all"

// signals builds the tables: each table of the file replaces the built-in one of its name.
func (c *compiler) signals(v value) {
	s := &c.p.Consent.Signals
	s.refuseOnly = make(map[string]bool)
	o := v.objectOrNone()
	for _, t := range []struct {
		name string
		into *map[string]uint64
	}{{SignalSegment, &s.Segment}, {SignalRudder, &s.Rudder}, {SignalConsentMode, &s.ConsentMode}, {SignalTCF, &s.TCF}} {
		*t.into = make(map[string]uint64)
		if own := o.opt(t.name); own.ok() {
			c.signalTable(t.name, own.object(), *t.into)
		} else {
			c.builtinTable(t.name, *t.into)
		}
	}
	s.GPP = map[string]string{"tcfeuv2": "as_tcf", "usnat": "as_gpc"}
	if own := o.opt("gpp"); own.ok() {
		s.GPP = make(map[string]string)
		for _, e := range own.object().entries {
			if w := e.word("as_tcf", "as_gpc"); w != "" {
				s.GPP[e.key] = w
			}
		}
	}
	c.gpc(o)
	if !o.broken {
		o.done()
	}
}

func (c *compiler) signalTable(table string, o *object, into map[string]uint64) {
	for _, e := range o.entries {
		if name := e.filled("a purpose or a feature"); name != "" {
			mask, ok := c.signalMask(name)
			if !ok {
				e.fail(echo(name)+": no signal may reach it", "a refusable purpose, a feature or all")
			}
			into[e.key] = mask
			c.p.Consent.Signals.refuseOnly[table+"/"+e.key] = name == signalAll
		}
	}
}

func (c *compiler) builtinTable(table string, into map[string]uint64) {
	if table == SignalSegment || table == SignalRudder {
		for _, p := range c.p.Purposes {
			if mask, ok := c.signalMask(p.Name); ok {
				into[p.Name] = mask
			}
		}
		return
	}
	for _, line := range builtinSignals {
		for _, name := range line.names {
			if mask, ok := c.signalMask(name); ok && line.table == table {
				into[line.key] |= mask
				c.p.Consent.Signals.refuseOnly[table+"/"+line.key] = name == signalAll
			}
		}
	}
}

// signalMask gives the bits a signal may move: never those of a purpose that cannot be refused.
func (c *compiler) signalMask(name string) (uint64, bool) {
	if name == signalAll {
		var all uint64
		for _, p := range c.p.Purposes {
			if p.Declared && p.Refusable && p.NeedsConsent() {
				all |= p.Mask()
			}
		}
		return all, true
	}
	if p := c.named(name); p != nil && p.Declared && p.Refusable {
		return p.Mask(), true
	}
	if f := c.feature(name); f != nil {
		return f.Mask(), true
	}
	return 0, false
}

// gpc reads what a browser's privacy signal refuses: share:<id>, share:* or a purpose.
func (c *compiler) gpc(o *object) {
	s := &c.p.Consent.Signals
	s.GPCRefuses = []string{"share:*", "promo"}
	if own := o.opt("gpc"); own.ok() {
		g := own.object()
		refuse := g.must("refuse", `["share:*"]`)
		s.GPCRefuses = nil
		for _, item := range refuse.list() {
			name := item.filled("leave it out")
			isShare := len(name) > 6 && name[:6] == "share:"
			if p := c.named(name); name != "" && !isShare && (p == nil || !p.Refusable) {
				item.fail(echo(name)+": no signal may reach it", `a refusable purpose or "share:*"`)
			}
			s.GPCRefuses = append(s.GPCRefuses, name)
		}
		g.done()
	}
	for _, name := range s.GPCRefuses {
		if p := c.named(name); p != nil && p.Declared {
			s.GPCMask |= p.Mask()
		}
	}
	s.DNTAsGPC = true
	if dnt := o.opt("dnt"); dnt.ok() {
		s.DNTAsGPC = dnt.word("as_gpc", "ignore") == "as_gpc"
	}
}

// SignalBits says what one line of a consent tool moves: the bits a no refuses and the
// bits a yes may grant (where the policy lets signals grant at all). Of several signals
// onto one bit all must say yes. An unknown key moves nothing.
func (p *Policy) SignalBits(table, key string) (refuses, grants uint64) {
	s := &p.Consent.Signals
	switch table {
	case SignalSegment:
		refuses = s.Segment[key]
	case SignalRudder:
		refuses = s.Rudder[key]
	case SignalConsentMode:
		refuses = s.ConsentMode[key]
	case SignalTCF:
		refuses = s.TCF[key]
	}
	if len(s.refuseOnly) > 0 && s.refuseOnly[table+"/"+key] {
		return refuses, 0
	}
	return refuses, refuses
}
