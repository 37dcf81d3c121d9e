package policy

import "strings"

// piece is one column a class makes of a field.
type piece struct {
	part   string // part of the object, "" for a scalar
	suffix string // behind the field's name
	typ    ColumnType
	desc   string
	rule   string // the class's rule that must not say drop, "" = always made
}

// layouts say which columns the built-in classes make. Classes that allow follow the
// field's type; scrub classes make one string.
var layouts = map[string][]piece{
	"url": {{"", "", ColString, "path of the page, ids replaced by :id", "path"}},
	"referrer": {{"host", "_host", ColLowCard, "host the visit came from", "host"},
		{"channel", "_channel", ColLowCard, "search, social, mail, ad, internal or other", "channel"}},
	"campaign": {{"source", "_source", ColLowCard, "utm_source", ""}, {"medium", "_medium", ColLowCard, "utm_medium", ""}, {"name", "_name", ColLowCard, "utm_campaign", ""},
		{"term", "_term", ColString, "utm_term", ""}, {"content", "_content", ColString, "utm_content", ""}},
	"device_info": {{"os", "_os", ColLowCard, "operating system and major version", "os"}, {"model", "_model", ColLowCard, "tier of the device model", "model"},
		{"screen", "_screen", ColLowCard, "bucket of the screen size", "screen"}, {"ua", "_ua", ColLowCard, "browser family", "ua"}, {"lang", "_lang", ColLowCard, "primary language", "lang"}},
	"ip": {{"net", "_net", ColString, "network the address lies in", ""}, {"mac_1d", "_mac", ColFixed16, "keyed hash of the address, the key lives a day", ""},
		{"sealed", "_sealed", ColString, "address sealed for two officers", ""}},
	"device_id": {{"", "", ColFixed16, "pseudonym of the installation", ""}},
	"media_meta": {{"kind", "_kind", ColLowCard, "image or video", "kind"}, {"size", "_size", ColLowCard, "bucket of the size", "size"},
		{"taken", "_taken", ColLowCard, "month it was taken", "taken"}},
	"region_given": {{"", "", ColLowCard, "code of the region the person gave", "region"}},
}

// Names of the columns that several fields share.
const (
	ColumnDevice   = "dev"
	ColumnGeo      = "geo"
	ColumnGeoLevel = "geo_level"
	ColumnGeoMap   = "geo_map"
	ColumnItem     = "item_id"
)

// commonColumns are those of every store, in the order of the C… constants.
func commonColumns() []Column {
	return []Column{
		CTenant:     {Name: "tenant", Type: ColLowCard, Desc: "whose event it is"},
		CTime:       {Name: "ts", Type: ColDateTime, Desc: "time of the event, cut to the purpose's grain"},
		CPid:        {Name: "pid", Type: ColFixed16, Desc: "pseudonym of the person under this purpose; zero bytes: none"},
		CRowID:      {Name: "row_id", Type: ColFixed16, Desc: "id of the row under this purpose"},
		CSession:    {Name: "session", Type: ColFixed16, Desc: "visit under this purpose; zero bytes: none"},
		CSeq:        {Name: "seq", Type: ColUInt32, Desc: "order within the visit"},
		CBatch:      {Name: "batch", Type: ColFixed16, Desc: "insert that brought the row"},
		CBot:        {Name: "is_bot", Type: ColBool, Desc: "the user agent names a robot"},
		CEvent:      {Name: "event", Type: ColLowCard, Desc: "name of the event"},
		CSrc:        {Name: "src", Type: ColEnum, Enum: []string{"given", "observed", "derived"}, Numbers: []int8{1, 2, 3}, Desc: "given by the person, observed, or derived"},
		CPolicyRev:  {Name: "policy_rev", Type: ColUInt32, Desc: "policy revision the row was made under"},
		CConsentRev: {Name: "consent_rev", Type: ColUInt64, Desc: "revision of the person's consent; all ones: granted by the message itself"},
		CItem:       {Name: ColumnItem, Type: ColString, Desc: "the thing the event is about"},
	}
}

// storeBuilder adds columns to one store and meets the conflicts between events.
type storeBuilder struct {
	c *compiler
	p *Purpose
	s *Store

	first map[string]string // column -> the event that made it
}

// buildStores lays out one store per declared purpose: common columns, then the union over
// its events of the fields it takes, then geo and the wildcard column.
//
// A value that was not sent stores the zero of its type. Nullable columns would cost a mask
// a column in memory, on the wire and on disk, and a store holds several events, so most
// columns of most rows are empty anyway and every query names its event first. Where zero
// and "not sent" must differ the plan says required: true, or type: enum, whose 0 is ”.
func (c *compiler) buildStores() {
	for _, p := range c.p.Purposes {
		if !p.Declared {
			continue
		}
		b := &storeBuilder{c: c, p: p, s: &Store{Name: p.Store, Purpose: p, Columns: commonColumns(), byName: make(map[string]int)}, first: make(map[string]string)}
		for i := range b.s.Columns {
			b.s.byName[b.s.Columns[i].Name] = i
		}
		var wild *Class
		for _, ev := range c.p.Order {
			if !ev.takenBy(p) {
				continue
			}
			for _, f := range ev.Fields {
				if ev.Takes(p, f.Name) {
					b.field(ev, f)
				}
			}
			if wild == nil && ev.Takes(p, anyName) {
				wild = ev.WildText
			}
		}
		if p.Country {
			b.geo(nil)
		}
		if wild != nil {
			b.wild(wild)
		}
		c.p.Stores = append(c.p.Stores, b.s)
	}
}

func (e *Event) takenBy(p *Purpose) bool {
	for _, q := range e.Purposes {
		if p == q {
			return true
		}
	}
	return false
}

// field adds the columns one field makes.
func (b *storeBuilder) field(ev *Event, f *Field) {
	cl := f.Class
	base := strings.ReplaceAll(f.Name, ".", "_")
	pieces := layouts[cl.Name]
	switch {
	case cl.Do == DoForbid, cl.Name == "user_id", !cl.Holds(b.p, ""):
		return // the pid stands for the user id
	case cl.Name == "geo_point":
		b.geo(f)
		return
	case cl.Name == "device_id":
		base = ColumnDevice
	case len(pieces) == 0:
		b.scalar(ev, f, base)
		return
	}
	for _, pc := range pieces {
		if pc.rule != "" && cl.Rules[pc.rule] == "drop" || !cl.Holds(b.p, pc.part) {
			continue
		}
		b.add(ev, f, Column{Name: base + pc.suffix, Type: pc.typ, Class: cl, Field: f.Name, Part: pc.part, Desc: describe(f, pc.desc)})
	}
	if cl.Rules["geo"] == "as_location" && cl.Holds(b.p, "") {
		b.geo(f)
	}
}

// Holds reports whether rows of purpose p may hold a part of this class; "" asks for the
// class as a whole, or for the value of a class without parts.
func (c *Class) Holds(p *Purpose, part string) bool {
	if c.Only == nil {
		return true
	}
	parts, named := c.Only[p.Name]
	return named && (part == "" || contains(parts, part))
}

// describe puts the field's own description before what the pipeline makes of it.
func describe(f *Field, made string) string {
	if f.Desc == "" || made == "" {
		return f.Desc + made
	}
	return f.Desc + ": " + made
}

// scalar adds the one column of a field whose class allows or scrubs.
func (b *storeBuilder) scalar(ev *Event, f *Field, name string) {
	cl := f.Class
	col := Column{Name: name, Type: ColString, Class: cl, Field: f.Name, Desc: f.Desc, Unit: f.Unit}
	if cl.Do == DoAllow {
		col.Type = columnType(f)
	}
	if f.Type == TypeDurationMS && col.Unit == "" {
		col.Unit = "ms"
	}
	if col.Type == ColEnum {
		col.Enum, col.ZeroEmpty = f.Enum, true
		for i := range f.Enum {
			col.Numbers = append(col.Numbers, int8(i+1))
		}
	}
	if name == ColumnItem && col.Type == ColString {
		item := &b.s.Columns[CItem] // the item column of every store holds it already
		if item.Class == nil {
			item.Class, item.Field = cl, f.Name
		}
		return
	}
	b.add(ev, f, col)
}

// columnType maps the type of a plain value. A string with listed values repeats often.
func columnType(f *Field) ColumnType {
	switch f.Type {
	case TypeBool:
		return ColBool
	case TypeInt:
		return ColInt64
	case TypeUint, TypeDurationMS:
		return ColUInt64
	case TypeFloat:
		return ColFloat64
	case TypeDecimal:
		return ColDecimal
	case TypeTime:
		return ColDateTime
	case TypeEnum:
		return ColEnum
	case TypeString:
		if len(f.Enum) > 0 {
			return ColLowCard
		}
	}
	return ColString
}

// geo adds the three columns of a place, once a store and only where the purpose may hold one.
func (b *storeBuilder) geo(f *Field) {
	if b.p.Cap == LevelNone && b.p.WithLocation == LevelNone {
		return
	}
	if _, there := b.s.byName[ColumnGeo]; there {
		return
	}
	cl, field := b.c.p.Classes["geo_point"], ""
	if f != nil {
		cl, field = f.Class, f.Name
	}
	numbers := make([]int8, len(levelNames))
	for i := range numbers {
		numbers[i] = int8(i)
	}
	for _, col := range []Column{
		{Name: ColumnGeo, Type: ColLowCard, Desc: "code or cell of the place"},
		{Name: ColumnGeoLevel, Type: ColEnum, Enum: levelNames[:], Numbers: numbers, Desc: "how fine the place is"},
		{Name: ColumnGeoMap, Type: ColUInt32, Desc: "version of the cell map it was cut with"},
	} {
		col.Class, col.Field, col.Part = cl, field, col.Name
		b.s.byName[col.Name] = len(b.s.Columns)
		b.s.Columns = append(b.s.Columns, col)
	}
}

// add appends a column, or meets the one another event made: it must be the same.
func (b *storeBuilder) add(ev *Event, f *Field, col Column) {
	at := value{r: b.c.r, path: "events." + echo(ev.Name) + ".fields." + echo(f.Name), line: f.Line}
	i, there := b.s.byName[col.Name]
	if !there {
		if reserved(col) {
			at.fail("makes the column "+col.Name+", which holds something else in every store", "another field name")
			return
		}
		b.s.byName[col.Name] = len(b.s.Columns)
		b.s.Columns = append(b.s.Columns, col)
		b.first[col.Name] = ev.Name
		return
	}
	had := &b.s.Columns[i]
	shared := col.Name == ColumnDevice
	switch {
	case i < NumCommon:
		at.fail("makes the column "+col.Name+", which every store has", "another field name")
	case had.Field != col.Field && !shared:
		at.fail("makes the column "+col.Name+", as "+echo(had.Field)+" does", "another field name")
	case had.Class != col.Class:
		at.fail("class differs from event "+echo(b.first[col.Name]), "one class for "+f.Name+" in "+b.s.Name)
	case had.Type != col.Type || strings.Join(had.Enum, "\x00") != strings.Join(col.Enum, "\x00"):
		at.fail("type differs from event "+echo(b.first[col.Name]), "one type for "+f.Name+" in "+b.s.Name)
	default:
		if had.Desc == "" {
			had.Desc = col.Desc
		}
		if had.Unit == "" {
			had.Unit = col.Unit
		}
	}
}

// reserved reports whether a field may not take this column's name.
func reserved(col Column) bool {
	switch col.Name {
	case ColumnGeo, ColumnGeoLevel, ColumnGeoMap:
		return true
	case ColumnDevice:
		return col.Class.Name != "device_id"
	}
	return false
}

func (b *storeBuilder) wild(cl *Class) {
	w := b.c.p.Wildcard
	if _, taken := b.s.byName[w.Column]; taken {
		b.c.wildColumn.orTop(b.c.r, "wildcard.column").fail("a field of "+b.s.Name+" makes a column of this name", "another name")
		return
	}
	b.s.byName[w.Column] = len(b.s.Columns)
	b.s.Columns = append(b.s.Columns, Column{Name: w.Column, Type: ColJSON, Class: cl, Field: anyName, Desc: "undeclared properties, texts scrubbed"})
}
