package policy

import (
	"strconv"
	"strings"
	"time"
)

// maxBit is the highest bit of a purpose or feature in consent bitmaps.
const maxBit = 62

// purposes reads the purposes, checks what each must have and what none may share.
func (c *compiler) purposes(o *object) {
	stores := make(map[string]string)
	never := make(map[*Purpose]value)
	for _, e := range o.entries {
		o.asked = append(o.asked, e.key)
		if !goodName(e.key) {
			e.fail("not a usable purpose name", "lower-case letters, digits and _")
		}
		p := &Purpose{Name: e.key, Index: len(c.p.Purposes)}
		po := e.object()
		p.Bit = c.bit(po, p.Name)
		p.Clause = po.must("clause", "the clause of the notice this purpose rests on").filled("a clause")
		p.Declared = po.opt("status").word("not_declared", "declared") != "not_declared"
		c.basis(p, po)
		never[p] = po.opt("never_join")
		if p.Declared {
			c.purposeStore(p, po, stores)
		} else {
			c.placeholder(po)
		}
		po.done()
		c.p.Purposes = append(c.p.Purposes, p)
	}
	if len(c.p.Purposes) == 0 && !o.broken {
		o.fail("declares nothing", "at least one purpose")
	}
	for _, p := range c.p.Purposes {
		for _, item := range never[p].list() {
			if q := c.purpose(item, item.text()); q != nil {
				p.NeverJoin = append(p.NeverJoin, q.Name)
			}
		}
	}
}

// bit reads a bit that nothing else in the file has.
func (c *compiler) bit(o *object, name string) uint8 {
	v := o.must("bit", "a number of its own, never used again")
	before := len(c.r.problems)
	b := uint8(v.integer(0, maxBit))
	if !v.ok() || len(c.r.problems) > before {
		return 0
	}
	if other, taken := c.bits[b]; taken {
		v.fail("used twice ("+other+" has it)", "give each purpose a bit of its own")
	} else {
		c.bits[b] = name
	}
	return b
}

func (c *compiler) basis(p *Purpose, o *object) {
	v := o.must("basis", "consent, contract, legal_duty or user_setting")
	p.Basis = Basis(v.word(string(BasisConsent), string(BasisContract), string(BasisLegalDuty), string(BasisInterest), string(BasisUserSetting)))
	if p.Basis == BasisInterest && c.p.Regime == PIPL {
		v.fail("legitimate_interest: no legal basis under regime pipl", "consent, contract, legal_duty or user_setting")
	}
	r := o.must("refusable", "true or false")
	p.Refusable = r.boolean()
	if r.ok() && p.Basis == BasisConsent && !p.Refusable {
		r.fail("consent that cannot be refused", "refusable: true, or another basis")
	}
	o.opt("refused").word("drop")
}

// placeholder: a reserved bit has no store, so nothing else is read.
func (c *compiler) placeholder(o *object) {
	for _, key := range []string{"pid", "grain", "store", "keep", "needs", "one_switch_off", "on_withdraw", "erase_bytes"} {
		if v := o.opt(key); v.ok() {
			v.fail("set on a purpose that is not declared", "leave it out, or declare the purpose")
		}
	}
}

// purposeStore reads where and how long a declared purpose keeps its rows, and under whose name.
func (c *compiler) purposeStore(p *Purpose, o *object, stores map[string]string) {
	c.pid(p, o.must("pid", "{epoch: 30d} or {generation: subject}"))
	grain := o.must("grain", "1s, 1m, 1h or 1d")
	if w := grain.word("1s", "1m", "1h", "1d"); w != "" {
		p.Grain, _ = parseSpan(w, false)
	}
	store := o.must("store", "a table of its own")
	p.Store = store.name()
	if other, taken := stores[p.Store]; taken && p.Store != "" {
		store.fail("shared with "+other, "give each purpose a store of its own")
	} else {
		stores[p.Store] = p.Name
	}
	keep := o.must("keep", "such as 180d, or account")
	if keep.ok() && isText(keep.node) && keep.text() == "account" {
		p.Keep = 0
	} else if p.Keep = keep.span(); p.Keep != 0 && p.Keep < day {
		keep.fail("shorter than a day", "1d or more")
	}
	p.NeedsItem = o.opt("needs").word("item") == "item"
	p.OneSwitchOff = o.opt("one_switch_off").boolean()
	c.eraseBytes(p, o.opt("erase_bytes"))
	c.onWithdraw(p, o.opt("on_withdraw"))
}

// pid reads how long a pseudonym lasts.
func (c *compiler) pid(p *Purpose, v value) {
	if !v.ok() {
		return
	}
	o := v.object()
	epoch, gen := o.opt("epoch"), o.opt("generation")
	switch {
	case o.broken:
	case epoch.ok() == gen.ok():
		v.fail("needs one of epoch and generation", "{epoch: 30d} or {generation: subject}")
	case gen.ok():
		p.Lasting = gen.word("subject") != ""
	default:
		d := epoch.span()
		if d%day != 0 {
			epoch.fail("not whole days", "such as 30d: epochs turn at local midnight")
		}
		p.PidDays = int(d / day)
	}
	o.done()
}

// eraseBytes takes the purpose's own bound or the one in rights.
func (c *compiler) eraseBytes(p *Purpose, v value) {
	p.EraseBytes = c.p.Rights.EraseBytes
	if v.ok() {
		p.EraseBytes = v.span()
		c.underCeiling(v, p.EraseBytes)
	}
}

// onWithdraw: a consent purpose that says nothing deletes its rows within its erase_bytes.
func (c *compiler) onWithdraw(p *Purpose, v value) {
	if p.NeedsConsent() {
		p.DeleteRows = p.EraseBytes
	}
	if !v.ok() {
		return
	}
	o := v.object()
	if rows := o.opt("delete_rows"); rows.ok() {
		p.DeleteRows = rows.span()
		c.underCeiling(rows, p.DeleteRows)
	}
	if tags := o.opt("delete_tags"); tags.ok() {
		p.DeleteTags = tags.span()
		c.underCeiling(tags, p.DeleteTags)
	}
	o.done()
}

// features reads the switches that cut across purposes.
func (c *compiler) features(v value) {
	if !v.ok() {
		return
	}
	o := v.object()
	for _, e := range o.entries {
		if !goodName(e.key) || c.named(e.key) != nil {
			e.fail("not a usable feature name", "lower-case letters, digits and _, and no purpose's name")
		}
		fo := e.object()
		f := &Feature{Name: e.key, Bit: c.bit(fo, e.key)}
		f.Clause = fo.must("clause", "the clause of the notice").filled("a clause")
		sep := fo.must("separate", "true")
		if f.Separate = sep.boolean(); sep.ok() && !f.Separate {
			sep.fail("a feature has a consent of its own", "true")
		}
		off := fo.must("off", "what becomes of each source while it is off").object()
		f.Off = make(map[string]string)
		for _, src := range []string{"gps", "wifi", "ip_geo", "media_geo", "media"} {
			if w := off.opt(src).word(append([]string{"drop"}, levelNames[:LevelCell4]...)...); w != "" {
				f.Off[src] = w
			}
		}
		off.done()
		fo.done()
		c.p.Features = append(c.p.Features, f)
	}
}

func (c *compiler) feature(name string) *Feature {
	for _, f := range c.p.Features {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// named finds a purpose, declared or not.
func (c *compiler) named(name string) *Purpose {
	for _, p := range c.p.Purposes {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// purpose finds the declared purpose that v names; otherwise it reports it.
func (c *compiler) purpose(v value, name string) *Purpose {
	if name == "" {
		return nil
	}
	p := c.named(name)
	if p == nil || !p.Declared {
		v.fail(echo(name)+": not declared", "a declared purpose: "+strings.Join(c.declared(), ", "))
		return nil
	}
	return p
}

func (c *compiler) declared() []string {
	var names []string
	for _, p := range c.p.Purposes {
		if p.Declared {
			names = append(names, p.Name)
		}
	}
	return names
}

// purposeList reads a list of declared purposes.
func (c *compiler) purposeList(v value) []*Purpose {
	var out []*Purpose
	for _, item := range v.list() {
		p := c.purpose(item, item.filled("leave it out"))
		for _, q := range out {
			if p != nil && p == q {
				item.fail(p.Name+": listed twice", "")
				p = nil
			}
		}
		if p != nil {
			out = append(out, p)
		}
	}
	return out
}

// rights reads our deadlines and the statutory ceilings behind the slash.
func (c *compiler) rights(o *object) {
	r := &c.p.Rights
	r.Deadlines = make(map[string]Deadline)
	ver := o.must("verify", "{level: step_up, by: tenant_jwt_eddsa}").object()
	r.VerifyLevel = ver.must("level", "step_up").word("step_up")
	r.VerifyBy = ver.must("by", "tenant_jwt_eddsa").word("tenant_jwt_eddsa")
	ver.done()
	for _, act := range []string{"access", "correct", "delete", "withdraw", "cancel"} {
		r.Deadlines[act] = c.deadline(o.must(act, "ours/ceiling, such as 72h/15wd"))
	}
	bytes := o.must("erase_bytes", "such as 24h")
	r.EraseBytes = bytes.span()
	c.underCeiling(bytes, r.EraseBytes)
	r.BackupHorizon = o.must("backup_horizon", "such as 35d").span()
	r.GuardianActs = o.must("guardian_may_act", "true or false").boolean()
	o.done()
}

func (c *compiler) deadline(v value) Deadline {
	s := v.text()
	if !isText(v.node) {
		return Deadline{}
	}
	ours, ceiling, _ := strings.Cut(s, "/")
	d := Deadline{Ceiling: ceiling}
	var okOurs, okCeiling bool
	d.Ours, okOurs = parseSpan(ours, false)
	d.Latest, okCeiling = parseSpan(ceiling, true)
	switch {
	case !okOurs || !okCeiling:
		v.fail("not a deadline", "ours/ceiling, such as 72h/15wd or 24h/1mo")
	case d.Ours > d.Latest:
		v.fail("our deadline is above the ceiling", "at most "+strconv.Itoa(int(d.Latest/time.Hour))+"h")
	}
	return d
}

// underCeiling: bytes of a deleted person must be gone before the law's deadline.
func (c *compiler) underCeiling(v value, d time.Duration) {
	if ceiling := c.p.Rights.Deadlines["delete"]; ceiling.Latest != 0 && d > ceiling.Latest {
		v.fail("above the statutory ceiling ("+ceiling.Ceiling+")", "at most "+spanText(ceiling.Latest))
	}
}
