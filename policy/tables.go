package policy

import (
	"path"
	"strconv"
	"strings"
	"time"
)

// dimensions reads traits, groups and items.
func (c *compiler) dimensions(o *object) {
	for _, e := range o.opt("traits").objectOrNone().entries {
		purposes := value{}
		f := c.fieldBeside(e, "purposes", &purposes)
		t := &Trait{Field: f, Purposes: c.purposeList(purposes)}
		c.storable(e, f)
		c.p.Traits[e.key] = t
	}
	for _, e := range o.opt("groups").objectOrNone().entries {
		g := &Group{Name: e.key, Fields: make(map[string]*Field)}
		if !goodName(e.key) {
			e.fail("not a usable group name", "lower-case letters, digits and _")
		}
		gobj := e.object()
		g.Purposes = c.purposeList(gobj.must("purposes", "the purposes that hold the membership"))
		for _, fe := range gobj.opt("fields").objectOrNone().entries {
			f := c.field(fe)
			c.storable(fe, f)
			g.Fields[fe.key] = f
		}
		gobj.done()
		c.p.Groups[e.key] = g
	}
	if items := o.opt("items"); items.ok() {
		io := items.object()
		for _, fe := range io.must("fields", "the fields of an item").object().entries {
			f := c.field(fe)
			c.storable(fe, f)
			c.p.ItemFields[fe.key] = f
		}
		io.done()
	}
}

// fieldBeside reads a field whose object has one key more than fields of events have.
func (c *compiler) fieldBeside(e entry, key string, into *value) *Field {
	o := e.object()
	*into = o.must(key, "a list of purposes")
	inner := *e.object()
	inner.entries = nil
	for _, x := range o.entries {
		if x.key != key {
			inner.entries = append(inner.entries, x)
		}
	}
	return c.fieldOf(e, &inner)
}

// storable: tables beside the events hold plain values only.
func (c *compiler) storable(e entry, f *Field) {
	if f.Class != nil && f.Class.Do != DoAllow && f.Class.Do != DoScrub && f.Class.Name != "region_given" {
		e.fail("class "+f.Class.Name+" cannot stand here", "a class that allows or scrubs")
	}
}

// aggregates reads the tables built from one purpose's store.
func (c *compiler) aggregates(v value) {
	roles := c.roleNames()
	for _, e := range v.objectOrNone().entries {
		if !goodName(e.key) || c.storeOwner(e.key) != nil {
			e.fail("not a usable table name", "lower-case letters, digits and _, and no store's name")
		}
		o := e.object()
		a := &Aggregate{Name: e.key}
		if w := o.must("class", "A, B, C or D").word("A", "B", "C", "D"); w != "" {
			a.Class = w[0]
		}
		from := o.must("from", "the purpose it is built from")
		a.From = c.purpose(from, from.filled("a purpose"))
		ttl := o.must("ttl", "such as 180d")
		a.TTL = ttl.span()
		if a.Class == 'B' && a.From != nil && a.From.Keep != 0 && a.TTL > a.From.Keep {
			ttl.fail("counts people for longer than their rows are kept", "at most "+spanText(a.From.Keep))
		}
		a.Writers = o.must("writers", "[view], [rebuild] or a role").words(append([]string{"view", "rebuild"}, roles...)...)
		a.Readers = o.must("readers", "roles").words(roles...)
		cols := o.opt("columns")
		a.Columns = cols.texts()
		if a.Class == 'B' || a.Class == 'C' {
			for _, item := range cols.list() {
				if s := item.text(); personColumn(s) {
					item.fail(echo(s)+": a class "+string(a.Class)+" table outlives erasures", "no column that points at a person")
				}
			}
		}
		o.done()
		c.p.Aggregates = append(c.p.Aggregates, a)
	}
}

// personColumn reports whether a column points at one person, visit or batch.
func personColumn(s string) bool {
	switch s {
	case "pid", "dev", "row_id", "session", "seq", "batch", "person":
		return true
	}
	return strings.HasSuffix(s, "_mac") || strings.HasSuffix(s, "_sealed")
}

// roleNames lists the roles before they are read, since aggregates and holds name them.
func (c *compiler) roleNames() []string { return c.roleList }

// roles reads who may query what, and refuses a role that could join what must stay apart.
func (c *compiler) roles(v value) {
	for _, e := range v.objectOrNone().entries {
		if !goodName(e.key) {
			e.fail("not a usable role name", "lower-case letters, digits and _")
		}
		o := e.object()
		r := &Role{Name: e.key, RowExport: true}
		stores := o.must("stores", "the stores and aggregates it reads, [] for none")
		r.Stores = stores.texts()
		r.Reads = o.opt("reads").words("policy_file", "privacy_md", "sluice_account")
		r.MinGroup = int(o.opt("min_group").integer(1, 1_000_000))
		if x := o.opt("row_export"); x.ok() {
			r.RowExport = x.boolean()
		}
		r.Approval = o.opt("approval").word("required") != ""
		o.done()
		c.grants(stores)
		c.p.Roles = append(c.p.Roles, r)
		for _, a := range c.p.Aggregates {
			if contains(a.Readers, r.Name) && !contains(r.Stores, a.Name) {
				stores.warn(a.Name+" names this role as a reader", "list it in stores, or take the role from its readers")
			}
		}
	}
}

// accountTable holds counts only and may be read with any store.
const accountTable = "sluice_account"

// grants is the lint over one role's list of tables.
func (c *compiler) grants(v value) {
	var held []*Purpose // whose rows the role reads, directly or aggregated
	var items []value
	others := false // copies under a hold
	for _, item := range v.list() {
		s := item.text()
		purposes, known := c.tableOwners(s)
		if !known && s != "" {
			item.fail(echo(s)+": no such table", "a store, an aggregate, sluice_account or hold_*")
		}
		others = others || strings.HasPrefix(s, "hold_")
		for _, p := range purposes {
			held, items = append(held, p), append(items, item)
		}
	}
	for i, p := range held {
		for _, q := range held {
			if p != q && (p.Name == securityName || contains(p.NeverJoin, q.Name)) {
				items[i].fail(p.Store+": in one role with "+q.Store, "a role of its own for "+p.Store)
				return
			}
		}
		if others && p.Name == securityName {
			items[i].fail(p.Store+": in one role with copies under a hold", "a role of its own for "+p.Store)
			return
		}
	}
}

// tableOwners gives the purposes whose rows a table name or pattern shows.
func (c *compiler) tableOwners(pattern string) (owners []*Purpose, known bool) {
	if pattern == accountTable || strings.HasPrefix(pattern, "hold_") {
		return nil, true
	}
	for _, p := range c.p.Purposes {
		if ok, err := path.Match(pattern, p.Store); p.Declared && err == nil && ok {
			owners, known = append(owners, p), true
		}
	}
	for _, a := range c.p.Aggregates {
		if ok, err := path.Match(pattern, a.Name); err == nil && ok {
			known = true
			if a.From != nil {
				owners = append(owners, a.From)
			}
		}
	}
	return owners, known
}

// shares reads the ways out. No entry, no export.
func (c *compiler) shares(v value) {
	ids := make(map[string]bool)
	for i, item := range v.list() {
		item.path += "." + strconv.Itoa(i)
		o := item.object()
		s := &Share{}
		id := o.must("id", "a name of its own")
		s.ID = id.filled("a name of its own")
		if ids[s.ID] && s.ID != "" {
			id.fail("used twice", "a name of its own")
		}
		ids[s.ID] = true
		s.Role = o.must("role", "entrusted or independent").word("entrusted", "independent")
		s.Contract = o.must("contract", "the contract's number").filled("the contract's number")
		s.Expires = c.date(o.must("expires", "the day the contract ends, such as 2027-06-30"))
		zone := o.must("zone", "where the recipient keeps it")
		s.Zone = zone.filled("a zone")
		if c.p.Residency.Deny && s.Zone != "" && c.p.Residency.Zone != "" && s.Zone != c.p.Residency.Zone {
			zone.fail("outside the residency zone", "the zone of residency, or egress: allow")
		}
		s.Purposes = c.purposeList(o.must("purposes", "the purposes it serves"))
		cols := o.must("columns", "the columns that leave")
		s.Columns = cols.texts()
		if cols.ok() && len(s.Columns) == 0 {
			cols.fail("no columns", "the columns that leave")
		}
		for _, col := range cols.list() {
			if name := col.text(); personColumn(name) {
				col.fail(echo(name)+": points at a person", "no pid, dev, row_id, session or batch leaves")
			}
		}
		s.MinGroup = int(o.must("min_group", "50 or more").integer(2, 1_000_000))
		s.Clause = o.must("clause", "the clause of the notice").filled("a clause")
		if bit := o.opt("bit"); s.Role == "independent" {
			s.Bit = c.bit(o, "share:"+s.ID)
		} else if bit.ok() {
			bit.fail("only an independent recipient needs a consent of its own", "leave it out")
		}
		o.asked = uniq(o.asked)
		o.done()
		c.p.Shares = append(c.p.Shares, s)
	}
}

func (c *compiler) date(v value) time.Time {
	s := v.text()
	t, err := time.ParseInLocation(time.DateOnly, s, c.p.Zone)
	if err != nil && isText(v.node) {
		v.fail("not a day", "such as 2027-06-30")
	}
	return t
}
