package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-events/sluice/policy"
)

// A policy names its aggregates; these are the shapes it can name.
const (
	AggPidItemDay = "agg_pid_item_day" // what a person did with an item, by day
	AggItemDay    = "agg_item_day"     // how popular an item was, by day
	AggItemItem   = "agg_item_item"    // which items the same people saw on the same day
	Recs          = "recs"             // what a recommendation job computed for a person
	ScoreView     = "agg_pid_item_score"

	viewSuffix = "_mv" // of the view that fills an aggregate
)

// Writers of aggregates that are not roles.
const (
	writerView    = "view"
	writerRebuild = "rebuild"
)

// attributable are the rows that aggregates count: about an item, by somebody (the zero pid
// is everyone without a pseudonym at once), and not by a robot.
const attributable = "(item_id != '') AND (pid != toFixedString('', 16)) AND (NOT is_bot)"

type shape struct {
	class  byte
	writer string // "" = a role
	add    func(s *Schema, p *policy.Policy, a *policy.Aggregate, from *policy.Store)
}

func shapeOf(name string) (shape, bool) {
	switch name {
	case AggPidItemDay:
		return shape{'A', writerView, (*Schema).addPidItemDay}, true
	case AggItemDay:
		return shape{'B', writerRebuild, (*Schema).addItemDay}, true
	case AggItemItem:
		return shape{'B', writerRebuild, (*Schema).addItemItem}, true
	case Recs:
		return shape{'A', "", (*Schema).addRecs}, true
	}
	return shape{}, false
}

func (s *Schema) addAggregate(p *policy.Policy, a *policy.Aggregate) error {
	sh, ok := shapeOf(a.Name)
	if !ok {
		return fmt.Errorf("schema: aggregate %s: known shapes are %s, %s, %s and %s", a.Name, AggPidItemDay, AggItemDay, AggItemItem, Recs)
	}
	if a.Class != sh.class {
		return fmt.Errorf("schema: aggregate %s is of class %c, not %c", a.Name, sh.class, a.Class)
	}
	machine := slices.Contains(a.Writers, writerView) || slices.Contains(a.Writers, writerRebuild)
	if sh.writer == "" && machine || sh.writer != "" && !slices.Contains(a.Writers, sh.writer) {
		return fmt.Errorf("schema: aggregate %s must have the writer %s", a.Name, strings.TrimSpace(sh.writer+" ")+map[bool]string{true: "a role"}[sh.writer == ""])
	}
	i := slices.IndexFunc(p.Stores, func(st *policy.Store) bool { return st.Purpose == a.From })
	if i < 0 {
		return fmt.Errorf("schema: aggregate %s: its purpose has no store", a.Name)
	}
	if sh.class == 'B' && a.From.Keep > 0 && a.TTL > a.From.Keep {
		return fmt.Errorf("schema: aggregate %s counts people and outlives the rows it is rebuilt from", a.Name)
	}
	sh.add(s, p, a, p.Stores[i])
	return nil
}

// addPidItemDay: filled as rows come in, so that a reader is a minute behind at most. The
// sums are SimpleAggregateFunction, so a reader sums without merging states, and the table
// has its own deduplication window, for the tokens that reach it through the view.
func (s *Schema) addPidItemDay(p *policy.Policy, a *policy.Aggregate, from *policy.Store) {
	zone := Quote(p.Zone.String())
	t := &Table{
		Name: a.Name, Kind: KindA, Class: 'A', Engine: "AggregatingMergeTree", Partition: "toYYYYMM(day)",
		Order: "tenant, pid, item_id, day", TTL: "day + " + interval(a.TTL), Settings: settings(&s.Options, true),
		Shard: "sipHash64(pid)", Comment: "class A from " + a.From.Name + ": what a person did with an item, by day",
		Columns: []Column{
			{Name: "tenant", Type: "LowCardinality(String)"},
			{Name: "pid", Type: "FixedString(16)", Codec: "ZSTD(1)"},
			{Name: "item_id", Type: "String", Codec: "ZSTD(1)"},
			{Name: "day", Type: "Date"},
			{Name: "n", Type: "SimpleAggregateFunction(sum, UInt64)", Codec: "ZSTD(1)", Comment: "events"},
			{Name: "last", Type: "SimpleAggregateFunction(max, DateTime(" + zone + "))", Codec: "ZSTD(1)"},
			{Name: "dur", Type: "SimpleAggregateFunction(sum, UInt64)", Codec: "ZSTD(1)", Comment: "time spent [ms]"},
		},
	}
	if s.Options.Plain {
		plain(t)
	}
	s.Tables = append(s.Tables, t)
	dur := "toUInt64(0)"
	if i, ok := from.Column("dur_ms"); ok && from.Columns[i].Type == policy.ColUInt64 {
		dur = "sum(dur_ms)"
	}
	s.Views = append(s.Views, &View{
		Name: a.Name + viewSuffix, From: s.local(from.Name), To: s.local(a.Name),
		Select: fmt.Sprintf("SELECT tenant, pid, item_id, toDate(ts) AS day, count() AS n, max(ts) AS last, %s AS dur FROM %s WHERE %s GROUP BY tenant, pid, item_id, day",
			dur, s.ref(s.local(from.Name)), attributable),
	}, s.scoreView(a.Name))
}

// scoreView weighs what a person did by its age: a day's events count half after each
// half_life days before as_of. Decay at read time needs no rewriting and lets every reader
// choose its half-life:
//
//	SELECT item_id, score FROM agg_pid_item_score(as_of = '2026-12-10', half_life = 14)
//	WHERE tenant = 't1' AND pid = … ORDER BY score DESC LIMIT 50
func (s *Schema) scoreView(agg string) *View {
	return &View{Name: ScoreView, Select: fmt.Sprintf(
		"SELECT tenant, pid, item_id, sum(n * exp2(dateDiff('day', {as_of:Date}, day) / {half_life:Float64})) AS score, sum(n) AS events, max(last) AS last_seen"+
			" FROM %s WHERE day <= {as_of:Date} GROUP BY tenant, pid, item_id", s.ref(agg))}
}

// addItemDay: popularity. Rebuilt from the store by day, so that a person who was erased
// there is no longer counted here. A partition is one day, which makes the exchange atomic
// and the lifetime exact.
func (s *Schema) addItemDay(_ *policy.Policy, a *policy.Aggregate, from *policy.Store) {
	s.addCounting(a, "how popular an item was, by day", "tenant, item_id", []Column{
		{Name: "tenant", Type: "LowCardinality(String)"},
		{Name: "item_id", Type: "String", Codec: "ZSTD(1)"},
		{Name: "day", Type: "Date"},
		{Name: "n", Type: "UInt64", Codec: "ZSTD(1)", Comment: "events"},
		{Name: "people", Type: "UInt64", Codec: "ZSTD(1)", Comment: "different people on that day"},
	}, &Rebuild{Select: fmt.Sprintf("SELECT tenant, item_id, %[1]s AS day, count() AS n, uniqExact(pid) AS people FROM %[2]s WHERE (toDate(ts) = %[1]s) AND %[3]s GROUP BY tenant, item_id",
		dayMark, s.ref(s.local(from.Name)), attributable)})
}

// itemsPerPerson bounds the pairs one person can make on one day (50 items make 2,450), so
// that no single person weighs on the result or on memory: the latest items count.
const itemsPerPerson = 50

// addItemItem: items that the same people saw on the same day. A person counts once for a
// pair and day; a reader sums the days it wants. Both directions are stored, so that the
// neighbours of an item lie together. The window is the day: erasing a person then touches
// only the days on which the person has rows.
func (s *Schema) addItemItem(_ *policy.Policy, a *policy.Aggregate, from *policy.Store) {
	s.addCounting(a, "items seen by the same people on the same day", "tenant, item_a, item_b", []Column{
		{Name: "tenant", Type: "LowCardinality(String)"},
		{Name: "item_a", Type: "String", Codec: "ZSTD(1)"},
		{Name: "item_b", Type: "String", Codec: "ZSTD(1)"},
		{Name: "day", Type: "Date"},
		{Name: "people", Type: "UInt64", Codec: "ZSTD(1)", Comment: "who saw both"},
	}, &Rebuild{Select: fmt.Sprintf("SELECT tenant, item_a, item_b, %[1]s AS day, count() AS people FROM ("+
		"SELECT tenant, pid, items, arrayJoin(items) AS item_a FROM ("+
		"SELECT tenant, pid, groupArray(item_id) AS items FROM ("+
		"SELECT tenant, pid, item_id FROM %[2]s WHERE (toDate(ts) = %[1]s) AND %[3]s GROUP BY tenant, pid, item_id ORDER BY max(ts) DESC, item_id ASC LIMIT %[4]d BY tenant, pid"+
		") GROUP BY tenant, pid)) ARRAY JOIN items AS item_b WHERE item_a != item_b GROUP BY tenant, item_a, item_b",
		dayMark, s.ref(s.local(from.Name)), attributable, itemsPerPerson)})
}

func (s *Schema) addCounting(a *policy.Aggregate, what, order string, cols []Column, r *Rebuild) {
	t := &Table{
		Name: a.Name, Kind: KindB, Class: 'B', Engine: "MergeTree", Partition: "day", Order: order, Columns: cols,
		TTL: "day + " + interval(a.TTL), Shard: "cityHash64(" + strings.Split(order, ", ")[1] + ")",
		Settings: []Setting{{"old_parts_lifetime", "60"}, {"ttl_only_drop_parts", "1"}},
		Comment:  "class B from " + a.From.Name + ": " + what,
	}
	if s.Options.Plain {
		plain(t)
	}
	s.Tables = append(s.Tables, t)
	r.Table, r.Keep = s.local(a.Name), a.TTL
	s.Rebuilds = append(s.Rebuilds, r)
}

// addRecs: one row per person, the newest wins.
func (s *Schema) addRecs(p *policy.Policy, a *policy.Aggregate, _ *policy.Store) {
	t := &Table{
		Name: a.Name, Kind: KindA, Class: 'A', Engine: "ReplacingMergeTree(made)", Order: "tenant, pid", TTL: "made + " + interval(a.TTL),
		Settings: settings(&s.Options, true), Shard: "sipHash64(pid)", Comment: "class A from " + a.From.Name + ": recommendations, read with FINAL",
		Columns: []Column{
			{Name: "tenant", Type: "LowCardinality(String)"},
			{Name: "pid", Type: "FixedString(16)"},
			{Name: "made", Type: "DateTime(" + Quote(p.Zone.String()) + ")"},
			{Name: "model", Type: "LowCardinality(String)", Comment: "what computed them"},
			{Name: "items", Type: "Array(String)", Codec: "ZSTD(1)", Comment: "best first"},
			{Name: "scores", Type: "Array(Float32)", Codec: "ZSTD(1)"},
		},
	}
	if s.Options.Plain {
		plain(t)
	}
	s.Tables = append(s.Tables, t)
}

func (s *Schema) ref(table string) string { return Ident(s.Options.Database) + "." + Ident(table) }
