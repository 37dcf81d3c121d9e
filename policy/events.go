package policy

import (
	"strings"
	"unicode/utf8"
)

// anyName is the entry or field that stands for every name without one of its own.
const anyName = "*"

func (c *compiler) wildcard(v value) {
	c.p.Wildcard = WildcardRules{Column: "props", JSON: true, MaxKeys: 64, MaxDepth: 4, MaxEventNames: 2000}
	if !v.ok() {
		return
	}
	o, w := v.object(), &c.p.Wildcard
	c.wildColumn = o.must("column", "the column that holds undeclared fields")
	if s := c.wildColumn.name(); s != "" {
		w.Column = s
	}
	w.JSON = o.must("column_type", "json or map").word("json", "map") != "map"
	w.MaxKeys = int(o.must("max_keys", "such as 64").integer(1, 1024))
	w.MaxDepth = int(o.must("max_depth", "such as 4").integer(1, 16))
	w.MaxEventNames = int(o.must("max_event_names", "such as 2000").integer(1, 100_000))
	o.done()
}

// events reads the tracking plan.
func (c *compiler) events(o *object) {
	for _, e := range o.entries {
		if e.key != anyName && (strings.TrimSpace(e.key) != e.key || e.key == "" || len(e.key) > 200 || !utf8.ValidString(e.key)) {
			e.fail("not a usable event name", "at most 200 bytes, no blanks around it")
		}
		if e.key == anyName && c.p.Regime == PIPL {
			e.fail(`"*": takes events the notice does not list`, "regime pipl needs every event named")
		}
		ev := c.event(e)
		if e.key == anyName {
			c.p.Wild = ev
		} else {
			c.p.Events[e.key] = ev
		}
		c.p.Order = append(c.p.Order, ev)
	}
	if len(o.entries) == 0 && !o.broken {
		o.fail("declares nothing", "at least one event")
	}
}

func (c *compiler) event(e entry) *Event {
	ev := &Event{Name: e.key, Line: e.line, byName: make(map[string]*Field), rules: make(map[string]Rule), only: make(map[string]map[string]bool)}
	o := e.object()
	purposes := o.must("purposes", "the purposes that take this event")
	ev.Purposes = c.purposeList(purposes)
	if purposes.ok() && len(purposes.list()) == 0 {
		purposes.fail("no purpose takes this event", "at least one, or leave the event out")
	}
	fields := o.must("fields", "the fields it has").object()
	for _, f := range fields.entries {
		if f.key == anyName {
			c.wildField(ev, f)
		} else {
			c.addField(ev, f)
		}
	}
	c.flatParts(ev)
	c.item(ev, o.opt("item"))
	for _, p := range ev.Purposes {
		if p.NeedsItem && len(ev.Item) == 0 {
			purposes.warn(p.Name+" needs an item and this event names none: it never takes it", "item: the field that is the item")
		}
	}
	c.eventOnly(ev, o.opt("only"))
	o.done()
	return ev
}

// wildField reads the field that stands for every undeclared property.
func (c *compiler) wildField(ev *Event, e entry) {
	if c.p.Regime == PIPL {
		e.fail(`"*": takes fields the notice does not list`, "regime pipl needs every field named")
	}
	name := e.filled("a scrub class, such as text")
	cl := c.p.Classes[name]
	if name == "" {
		return
	}
	if cl == nil || cl.Built || cl.Do != DoScrub {
		e.fail(echo(name)+": cannot take undeclared fields", "a scrub class, such as text")
		return
	}
	ev.WildText = cl
}

// addField reads one declared field into the event and its look-ups.
func (c *compiler) addField(ev *Event, e entry) {
	f := c.field(e)
	if f.Class == nil {
		f.Class = c.p.Classes["behavior"] // reported; so that nothing else stumbles over it
	}
	for _, name := range []string{f.Name, f.Was} {
		if name == "" {
			continue
		}
		if _, taken := ev.byName[name]; taken {
			e.fail("its name or former name belongs to another field", "one name a field")
			return
		}
		ev.byName[name] = f
		ev.declare(name, Rule{Field: f, Class: f.Class})
	}
	ev.Fields = append(ev.Fields, f)
	if f.Class.Name == "geo_point" && f.Class.Do != DoForbid || f.Class.Name == "media_meta" && f.Class.Rules["geo"] == "as_location" {
		if ev.Place != nil {
			e.fail("a second place ("+ev.Place.Name+" is one)", "one place an event")
		}
		ev.Place = f
	}
	if c.p.index.forbidden(f.Name) != nil && f.Class.Do != DoForbid {
		e.warn("its name is on the built-in list of what is never taken", "is class "+f.Class.Name+" meant?")
	}
}

// field reads "field: class" or "field: {class, type, …}".
func (c *compiler) field(e entry) *Field {
	f := &Field{Name: e.key, Line: e.line}
	if !goodField(e.key) {
		e.fail("not a usable field name", "letters, digits, _ and ., a letter first, at most 64")
	}
	if isText(e.node) {
		f.Class = c.classNamed(e.value)
		if f.Class != nil {
			f.Type = f.Class.Type
			c.fieldType(f, e.value)
		}
		return f
	}
	return c.fieldOf(e, e.object())
}

// fieldOf reads the long form of a field.
func (c *compiler) fieldOf(e entry, o *object) *Field {
	f := &Field{Name: e.key, Line: e.line}
	f.Class = c.classNamed(o.must("class", "what the field is"))
	if f.Class != nil {
		f.Type = f.Class.Type
	}
	typ := o.opt("type")
	if typ.ok() {
		f.Type = c.typ(typ)
		if f.Class != nil && f.Class.Do != DoAllow && f.Type != f.Class.Type {
			typ.fail("class "+f.Class.Name+" has no choice of type", "leave it out")
		}
	}
	f.Required = o.opt("required").boolean()
	if f.Required && f.Class != nil && f.Class.Do == DoForbid {
		o.opt("required").fail("a forbidden field cannot be required", "leave it out")
	}
	f.Enum = o.opt("enum").texts()
	f.Unit, f.Desc, f.Owner = o.opt("unit").text(), o.opt("desc").text(), o.opt("owner").text()
	f.Was = o.opt("was").text()
	if d := o.opt("detect"); d.ok() {
		f.Detect, f.DetectSet = d.words(detectors...), true
	}
	o.asked = uniq(o.asked)
	c.fieldType(f, o.opt("enum"))
	o.asked = uniq(o.asked)
	o.done()
	return f
}

// maxEnum is what an Enum8 holds above zero.
const maxEnum = 127

// fieldType checks that type and enum fit together.
func (c *compiler) fieldType(f *Field, v value) {
	switch {
	case f.Type == TypeEnum && len(f.Enum) == 0:
		v.fail("an enum without values", "enum: [a, b]")
	case len(f.Enum) > 0 && f.Type != TypeEnum && f.Type != TypeString:
		v.fail("only enums and strings have values to choose from", "type: enum")
	case len(f.Enum) > maxEnum && f.Type == TypeEnum:
		v.fail("more values than a small number holds", "at most 127, or type: string")
	}
}

func (c *compiler) classNamed(v value) *Class {
	name := v.filled("the name of a class")
	if name == "" {
		return nil
	}
	cl := c.p.Classes[name]
	if cl == nil || cl.Built {
		v.fail(echo(name)+": not declared", "a class of this file")
		return nil
	}
	return cl
}

func goodField(s string) bool {
	if s == "" || len(s) > 64 || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	for i, r := range []byte(s) {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '_' && r != '.' && (r < '0' || r > '9')) {
			return false
		}
	}
	return true
}

// flatParts lets parts of a declared object come as plain properties (os for device.os)
// where no field has that name: stock clients send them so.
func (c *compiler) flatParts(ev *Event) {
	for _, f := range ev.Fields {
		if f.Class.Do == DoForbid {
			continue
		}
		for _, part := range kinds[f.Class.Name].flat {
			if _, taken := ev.rules[part]; !taken {
				ev.declare(part, Rule{Field: f, Part: flatPart(part), Class: f.Class})
			}
		}
		for _, part := range kinds[f.Class.Name].parts {
			if path := f.Name + "." + part; ev.byName[path] == nil {
				ev.declare(path, Rule{Field: f, Part: part, Class: f.Class})
			}
		}
	}
}

// flatPart gives the part a plain property stands for.
func flatPart(name string) string {
	if name == "utm_campaign" {
		return "name"
	}
	return strings.TrimPrefix(name, "utm_")
}

// item reads which field is the item, or which of several.
func (c *compiler) item(ev *Event, v value) {
	items := []value{v}
	if v.ok() && !isText(v.node) {
		items = v.list()
	}
	for _, item := range items {
		name := item.filled("the name of a field")
		if name == "" {
			continue
		}
		f, declared := ev.byName[name]
		switch {
		case !declared && ev.WildText == nil:
			item.fail(echo(name)+": not a field of this event", "one of its fields")
		case declared && f.Class.Do != DoAllow && f.Class.Do != DoScrub && f.Class.Name != "url":
			item.fail(echo(name)+": class "+f.Class.Name+" cannot be an item", "an id, a url or a text")
		}
		ev.Item = append(ev.Item, name)
	}
}

// eventOnly reads which fields a purpose gets; a purpose that is not named gets all.
func (c *compiler) eventOnly(ev *Event, v value) {
	for _, e := range v.objectOrNone().entries {
		p := c.purpose(e.value, e.key)
		if p == nil {
			continue
		}
		takes := false
		for _, q := range ev.Purposes {
			takes = takes || p == q
		}
		if !takes {
			e.fail(p.Name+" does not take this event", "one of its purposes")
		}
		set := make(map[string]bool)
		for _, item := range e.list() {
			name := item.filled("the name of a field")
			f, known := ev.byName[name]
			switch {
			case name == "":
			case known:
				set[f.Name] = true
			case name == anyName && ev.WildText != nil:
				set[name] = true
			default:
				item.fail(echo(name)+": not a field of this event", "one of its fields")
			}
		}
		ev.only[p.Name] = set
	}
}
