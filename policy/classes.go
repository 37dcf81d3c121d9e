package policy

import "strings"

var doNames = [...]string{"allow", "pseudonym", "scrub", "generalize", "truncate", "coarsen", "forbid"}

func (d Do) String() string { return doNames[d] }

// classes reads the classes of the file and adds the built-in ones it leaves out, which
// then forbid: nothing a name list knows slips through because a line is missing.
func (c *compiler) classes(o *object) {
	for _, e := range o.entries {
		o.asked = append(o.asked, e.key)
		if !goodName(e.key) {
			e.fail("not a usable class name", "lower-case letters, digits and _")
		}
		cl := c.class(e.key, e.object())
		if c.p.Classes[e.key] == nil {
			c.p.Classes[e.key] = cl
			c.classOrder = append(c.classOrder, cl)
		}
	}
	for _, name := range kindOrder {
		if c.p.Classes[name] == nil {
			cl := &Class{Name: name, Do: DoForbid, Built: true}
			if k := kinds[name]; k.do == DoForbid {
				cl.Detect = k.detect
			}
			c.p.Classes[name] = cl
			c.classOrder = append(c.classOrder, cl)
		}
	}
	c.indexNames()
}

func (c *compiler) class(name string, o *object) *Class {
	k, known := kinds[name]
	cl := &Class{Name: name}
	do := o.must("do", "one of allow, pseudonym, scrub, generalize, truncate, coarsen, forbid")
	if w := do.word(doNames[:]...); w != "" {
		for i, n := range doNames {
			if n == w {
				cl.Do = Do(i)
			}
		}
		switch {
		case cl.Do == DoForbid:
		case known && cl.Do != k.do:
			do.fail(w+": not how "+name+" may be treated", strings.Replace(k.do.String()+" or forbid", "forbid or ", "", 1))
		case !known && cl.Do != DoAllow && cl.Do != DoScrub:
			do.fail(w+": only built-in classes know how", "allow, scrub or forbid, or one of the built-in classes")
		}
	} else {
		cl.Do = DoForbid
	}
	cl.Clause = o.opt("clause").text()
	cl.Detect = c.detect(o.opt("detect"), k.detect, cl.Do)
	cl.Names = c.classNames(o.opt("names"), name, cl.Do)
	cl.Needs = o.opt("needs").text()
	if v := o.opt("needs"); cl.Needs != "" && c.feature(cl.Needs) == nil {
		v.fail(echo(cl.Needs)+": not declared", "a feature of this file")
	}
	c.classDetails(cl, k, o)
	o.asked = uniq(o.asked)
	o.done()
	return cl
}

// uniq drops repeated words, keeping the order.
func uniq(list []string) []string {
	out := list[:0]
	for _, s := range list {
		if !contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// detect reads value detectors. Scrub classes and forbidding built-in ones have defaults;
// an empty list in the file switches them off where that is seen by whoever signs it.
func (c *compiler) detect(v value, fallback []string, do Do) []string {
	if !v.ok() {
		switch {
		case len(fallback) > 0 && (do == DoForbid || do == DoScrub):
			return fallback
		case do == DoScrub:
			return textDetectors
		}
		return nil
	}
	if do != DoForbid && do != DoScrub {
		v.fail("this class looks for nothing in its values", "detect belongs to forbid and scrub classes")
	}
	return v.words(detectors...)
}

// classNames reads extra property names. They decide for undeclared properties, so only
// classes that have a place for those may have them.
func (c *compiler) classNames(v value, name string, do Do) []string {
	names := v.texts()
	if len(names) > 0 && do != DoForbid && len(kinds[name].names) == 0 {
		v.fail("names cannot lead to this class", "forbidding classes, device_id, user_id, ip and geo_point take names")
	}
	for _, n := range names {
		if len(n) > maxNameLen {
			v.fail("a name is too long", "at most 64 bytes")
		}
	}
	return names
}

// classDetails reads what belongs to one way of treating values.
func (c *compiler) classDetails(cl *Class, k kind, o *object) {
	if v := o.opt("type"); v.ok() {
		cl.Type = c.typ(v)
		if cl.Do != DoAllow {
			v.fail("this class has no choice of type", "type belongs to classes that allow")
		}
	}
	switch cl.Do {
	case DoForbid:
		return
	case DoPseudonym:
		cl.Type = TypeID
		want := map[string]string{"user_id": "subject", "device_id": "device"}[cl.Name]
		cl.Of = o.must("of", want).word("subject", "device")
		if v := o.opt("of"); cl.Of != "" && want != "" && cl.Of != want {
			v.fail("not what this class stands for", want)
		}
	case DoScrub:
		cl.MaxLen = int(o.must("max_len", "how many characters are kept, such as 64").integer(1, 4096))
	case DoTruncate:
		cl.V4 = int(o.must("v4", "24 or less").integer(0, 24))
		cl.V6 = int(o.must("v6", "48 or less").integer(0, 48))
	case DoGeneralize:
		cl.Rules = c.classRules(k, o.must("rules", "what becomes of each part").object())
	}
	if cl.Name == "url" {
		cl.Routes = c.routes(o.opt("routes"))
	}
	c.classOnly(cl, o)
}

// classRules reads part -> rule. A part that is not written is dropped.
func (c *compiler) classRules(k kind, o *object) map[string]string {
	rules := make(map[string]string)
	for _, part := range sortedKeys(k.rules) {
		rules[part] = "drop"
		if w := o.opt(part).word(append(k.rules[part], "drop")...); w != "" {
			rules[part] = w
		}
	}
	o.done()
	return rules
}

func (c *compiler) routes(v value) []string {
	routes := []string{}
	for _, item := range v.list() {
		r := item.filled("a path such as /lesson/:id")
		if r != "" && (r[0] != '/' || containsAny(r, "?#")) {
			item.fail("not a path template", "such as /lesson/:id, without query or fragment")
		}
		routes = append(routes, r)
	}
	return routes
}

// classOnly reads the purposes a class is limited to. An address is limited always.
func (c *compiler) classOnly(cl *Class, o *object) {
	v := o.opt("only")
	if cl.Name == "ip" {
		v = o.must("only", "the purposes that may hold it, such as {security: [net, mac_1d, sealed]}")
	}
	if !v.ok() {
		return
	}
	parts := ipParts
	if cl.Name != "ip" {
		parts = nil
		for _, col := range layouts[cl.Name] {
			parts = append(parts, col.part)
		}
	}
	cl.Only = make(map[string][]string)
	oo := v.object()
	for _, e := range oo.entries {
		if c.purpose(e.value, e.key) == nil {
			continue
		}
		cl.Only[e.key] = e.words(parts...)
	}
}

// ipParts are the three things that may be made of an address.
var ipParts = []string{"net", "mac_1d", "sealed"}

// typeNames are the spellings of Type in the file.
var typeNames = [...]string{"string", "bool", "int", "uint", "float", "decimal", "time", "duration_ms", "enum", "id"}

func (t Type) String() string { return typeNames[t] }

// typ reads a type. A float may hold a position, so a policy under PIPL has none.
func (c *compiler) typ(v value) Type {
	w := v.word(typeNames[:]...)
	for i, n := range typeNames {
		if n == w {
			if Type(i) == TypeFloat && c.p.Regime == PIPL {
				v.fail("float: not under regime pipl", "int, uint or decimal: a float column can hold a position")
			}
			return Type(i)
		}
	}
	return TypeString
}
