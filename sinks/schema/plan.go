package schema

import (
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// Plan is what leads from a state to a schema.
type Plan struct {
	Steps     []Statement
	Decisions []Decision
}

// Decision is something only a person may do, because data would be lost or changed.
type Decision struct {
	Object   string
	What     string // what differs
	Do       string // the statement to run, or what to do
	Blocking bool   // rows cannot be written before it is taken
}

// Err names the decisions that block; nil when there are none.
func (p *Plan) Err() error {
	var names []string
	for _, d := range p.Decisions {
		if d.Blocking {
			names = append(names, d.Object)
		}
	}
	if names == nil {
		return nil
	}
	return fmt.Errorf("schema: a person must decide about %s", strings.Join(names, ", "))
}

// String prints the plan for a person.
func (p *Plan) String() string {
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%s;\n", s.SQL)
	}
	for _, d := range p.Decisions {
		mark := "-- note"
		if d.Blocking {
			mark = "-- DECIDE"
		}
		fmt.Fprintf(&b, "%s: %s: %s\n--   %s\n", mark, d.Object, d.What, d.Do)
	}
	return b.String()
}

// Plan compares a server with the schema. It never drops a table or column and never
// narrows a type; it says so instead.
func (s *Schema) Plan(st *State) *Plan {
	p := new(Plan)
	if !st.Exists {
		p.Steps = append(p.Steps, s.createDatabase())
	}
	wanted := make(map[string]bool)
	for _, v := range s.Views {
		wanted[v.Name] = true
	}
	s.dropViews(p, st, wanted)
	for _, t := range s.Tables {
		wanted[t.Name] = true
		if e := st.Tables[t.Name]; e == nil {
			p.step(t.Name, s.Create(t))
		} else {
			s.planTable(p, t, e)
		}
	}
	for _, v := range s.Views {
		s.planView(p, v, st)
	}
	s.planExtra(p, st, wanted)
	return p
}

// dropViews takes away the views of aggregates that the policy no longer declares, before
// anything else: nothing may be built from a store that is not declared. A view holds no
// rows; those it wrote stay in its table.
func (s *Schema) dropViews(p *Plan, st *State, wanted map[string]bool) {
	for _, name := range []string{AggPidItemDay + viewSuffix, ScoreView} {
		if st.Tables[name] != nil && !wanted[name] {
			wanted[name] = true
			p.step(name, "DROP VIEW IF EXISTS "+s.ref(name)+s.onCluster())
		}
	}
}

// planExtra names the tables that the policy does not.
func (s *Schema) planExtra(p *Plan, st *State, wanted map[string]bool) {
	var extra []string
	for name := range st.Tables {
		if !wanted[name] && !foreign(name) {
			extra = append(extra, name)
		}
	}
	sort.Strings(extra)
	for _, name := range extra {
		what, drop := "the policy no longer names it; its rows stay until they expire", "DROP TABLE "
		switch e := st.Tables[name]; {
		case strings.HasSuffix(e.Engine, "View"):
			what, drop = "a view that the policy does not name", "DROP VIEW "
		case e.ttl() == "":
			what = "the policy does not name it, and its rows have no lifetime: they stay until it is dropped"
		}
		p.Decisions = append(p.Decisions, Decision{name, what, drop + s.ref(name) + s.onCluster(), false})
	}
}

// foreign tells tables that other parts make: what a rebuild leaves behind when it is
// killed, and copies under a legal hold.
func foreign(name string) bool {
	return strings.HasSuffix(name, nextSuffix) || strings.HasPrefix(name, "hold_") || strings.HasPrefix(name, "erasure_") || strings.HasPrefix(name, ".inner")
}

func (p *Plan) step(object, sql string) { p.Steps = append(p.Steps, Statement{object, sql}) }

func (s *Schema) planTable(p *Plan, t *Table, e *Existing) {
	alter := "ALTER TABLE " + s.ref(t.Name) + s.onCluster() + " "
	if t.Kind != KindSpread {
		if !same(t.Order, e.Sorting) || !same(t.Partition, e.Partition) || baseEngine(s.engine(t)) != e.Engine {
			p.Decisions = append(p.Decisions, Decision{t.Name, "engine, sorting key or partition key differ from the policy's",
				"create the table under a new name, copy the rows, exchange the two", true})
			return
		}
	}
	s.planColumns(p, t, e, alter)
	if t.Kind == KindSpread {
		return
	}
	planConstraints(p, t, e, alter)
	switch {
	case same(t.TTL, e.ttl()):
	case t.TTL == "":
		p.step(t.Name, alter+"REMOVE TTL")
	default:
		p.step(t.Name, alter+"MODIFY TTL "+t.TTL)
	}
	have := e.settings()
	for _, x := range t.Settings {
		if have[x.Name] != x.Value {
			p.step(t.Name, alter+"MODIFY SETTING "+x.Name+" = "+x.Value)
		}
	}
	if t.Comment != e.Comment {
		p.step(t.Name, alter+"MODIFY COMMENT "+Quote(t.Comment))
	}
}

func baseEngine(engine string) string {
	name, _, _ := strings.Cut(engine, "(")
	return name
}

func (s *Schema) planColumns(p *Plan, t *Table, e *Existing, alter string) {
	have := make(map[string]Column)
	for _, c := range e.Columns {
		have[c.Name] = c
	}
	after := "FIRST"
	for _, c := range t.Columns {
		old, ok := have[c.Name]
		delete(have, c.Name)
		switch {
		case !ok:
			p.step(t.Name, alter+"ADD COLUMN IF NOT EXISTS "+c.DDL()+" "+after)
		case old.Type != c.Type:
			if why := widens(old.Type, c.Type); why != "" {
				p.Decisions = append(p.Decisions, Decision{t.Name + "." + c.Name, why,
					"give the field another name in the policy, or " + alter + "MODIFY COLUMN " + c.DDL() + " after the values were checked", true})
				break
			}
			p.step(t.Name, alter+"MODIFY COLUMN "+c.DDL())
		case !same(old.Default, c.Default) || t.Kind != KindSpread && !same(old.Codec, c.Codec):
			p.step(t.Name, alter+"MODIFY COLUMN "+c.DDL())
		case old.Comment != c.Comment:
			p.step(t.Name, alter+"COMMENT COLUMN "+tick(c.Name)+" "+Quote(c.Comment))
		}
		after = "AFTER " + tick(c.Name)
	}
	for _, c := range e.Columns {
		if _, left := have[c.Name]; left {
			p.Decisions = append(p.Decisions, Decision{t.Name + "." + c.Name, "the policy no longer names the column; its values stay until they expire",
				alter + "DROP COLUMN " + tick(c.Name), false})
		}
	}
}

func planConstraints(p *Plan, t *Table, e *Existing, alter string) {
	have := make(map[string]string)
	for _, c := range e.constraints() {
		have[c.Name] = c.Check
	}
	for _, c := range t.Constraints {
		old, ok := have[c.Name]
		delete(have, c.Name)
		if ok && same(old, c.Check) {
			continue
		}
		sql := "ADD CONSTRAINT IF NOT EXISTS " + Ident(c.Name) + " CHECK " + c.Check
		if ok {
			// In one statement: the table is never without its guard.
			sql = "DROP CONSTRAINT IF EXISTS " + Ident(c.Name) + ", " + sql
		}
		p.step(t.Name, alter+sql)
	}
	for _, c := range e.constraints() {
		if _, left := have[c.Name]; left {
			p.step(t.Name, alter+"DROP CONSTRAINT IF EXISTS "+Ident(c.Name))
		}
	}
}

func (s *Schema) planView(p *Plan, v *View, st *State) {
	e := st.Tables[v.Name]
	switch {
	case e == nil:
		p.step(v.Name, s.CreateView(v))
		if v.To != "" && st.Tables[v.From] != nil {
			p.Decisions = append(p.Decisions, Decision{v.To, "it counts what comes in from now on; the rows that " + v.From + " has already are not in it",
				"nothing, or fill it while nothing is being inserted: INSERT INTO " + s.ref(v.To) + " " + v.Select, false})
		}
	case same(e.Select, v.Select):
	case v.To == "":
		p.step(v.Name, s.CreateView(v))
	default:
		// In place: between a DROP and a CREATE rows would be missing from the aggregate.
		p.step(v.Name, "ALTER TABLE "+s.ref(v.Name)+s.onCluster()+" MODIFY QUERY "+v.Select)
	}
}

// widens says why a column may not be changed from one type to another, "" if it may: if
// every value that is there keeps its meaning.
func widens(from, to string) string {
	switch from + " > " + to {
	case "String > LowCardinality(String)", "LowCardinality(String) > String", "UInt32 > UInt64":
		return ""
	}
	a, okA := enumValues(from)
	b, okB := enumValues(to)
	if !okA || !okB {
		return "its type is " + from + ", the policy wants " + to
	}
	for name, n := range a {
		if m, ok := b[name]; !ok {
			return "the policy took an enum value away that rows may hold"
		} else if m != n {
			return "the policy changed the order of enum values; new ones go to the end"
		}
	}
	return ""
}

var enumItem = regexp.MustCompile(`'((?:[^'\\]|\\.)*)' = (-?\d+)`)

func enumValues(typ string) (map[string]int, bool) {
	if !strings.HasPrefix(typ, "Enum8(") {
		return nil, false
	}
	out := make(map[string]int)
	for _, m := range enumItem.FindAllStringSubmatch(typ, -1) {
		n, err := strconv.Atoi(m[2])
		if err != nil {
			return nil, false
		}
		out[m[1]] = n
	}
	return out, true
}
