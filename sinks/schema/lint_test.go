package schema

import (
	"slices"
	"strings"
	"testing"

	"github.com/sluice-events/sluice/policy"
)

func TestLint(t *testing.T) {
	f := func(ok bool, class byte, name, typ string) {
		t.Helper()
		err := Lint(&Table{Name: "t", Class: class, Order: "pid", Columns: []Column{{Name: "day", Type: "Date"}, {Name: name, Type: typ}}})
		if (err == nil) != ok {
			t.Errorf("class %c, %s %s: %v, want it allowed: %v", class, name, typ, err, ok)
		}
	}
	for _, class := range []byte{'B', 'C'} {
		f(true, class, "n", "UInt64")
		f(true, class, "n", "SimpleAggregateFunction(sum, UInt64)")
		f(false, class, "pid", "FixedString(16)")
		f(false, class, "pid", "String")
		f(false, class, "who", "FixedString(16)")
		f(false, class, "session", "String")
		f(false, class, "people", "AggregateFunction(uniq, FixedString(16))")
		f(false, class, "people", "AggregateFunction(uniqExact, String)")
		f(false, class, "people", "AggregateFunction(uniqCombined64, UInt64)")
		f(false, class, "x", "AggregateFunction(groupArray, String)")
		f(false, class, "x", "AggregateFunction(topK(5), String)")
		f(false, class, "x", "AggregateFunction(argMax, String, DateTime)")
		f(false, class, "x", "SimpleAggregateFunction(any, String)")
		f(false, class, "x", "SimpleAggregateFunction(groupUniqArrayArray, Array(String))")
		f(false, class, "x", "AggregateFunction(sum, UInt64)") // a number says as much
	}
	for _, typ := range []string{"String", "LowCardinality(String)", "Date", "DateTime('Asia/Shanghai')", "UInt8", "Int64", "Float64", "Enum8('a' = 1, 'b' = 2)", "SimpleAggregateFunction(sum, Float64)"} {
		f(true, 'B', "x", typ)
	}
	for _, typ := range []string{"Array(String)", "LowCardinality(FixedString(16))", "UUID", "UInt128", "UInt256", "IPv6", "Nullable(FixedString(16))", "Map(String, UInt64)",
		"JSON", "Tuple(UInt64, UInt64)", "Decimal(38, 0)", "SimpleAggregateFunction(sum, UInt128)", "SimpleAggregateFunction(max, UInt64)", "DateTime64(9)"} {
		f(false, 'B', "x", typ)
	}
	f(true, 'A', "pid", "FixedString(16)")
	f(true, 'A', "x", "AggregateFunction(uniq, String)")
	f(true, 0, "pid", "FixedString(16)") // a store is no aggregate
	for order, ok := range map[string]bool{"tenant, pid, item_id, day": true, "tenant, pid": true, "pid": true, "tenant, item_id": false, "tenant, pid_hash": false, "": false} {
		if err := Lint(&Table{Name: "t", Class: 'A', Order: order}); (err == nil) != ok {
			t.Errorf("class A sorted by %q: %v, want it allowed: %v", order, err, ok)
		}
	}
}

// Every table of the shipped policies passes, and each is looked at: spoiled, it does not.
func TestLintOfShipped(t *testing.T) {
	for _, name := range []string{"cn-edu", "starter"} {
		s := generate(t, shipped(t, name), Options{})
		for _, table := range s.Tables {
			spoiled := *table
			spoiled.Columns = append(slices.Clone(table.Columns), Column{Name: "people", Type: "AggregateFunction(uniq, FixedString(16))"})
			spoiled.Order = "tenant"
			if got := Lint(&spoiled); (got != nil) != (table.Class != 0) {
				t.Errorf("%s: %s of class %q, spoiled: %v", name, table.Name, table.Class, got)
			}
		}
	}
}

// What a policy declares and the schema cannot hold is an error that names it.
func TestGenerateRefuses(t *testing.T) {
	f := func(want string, change func(p *policy.Policy, o *Options)) {
		t.Helper()
		p, opt := shipped(t, "cn-edu"), Options{}
		change(p, &opt)
		_, err := Generate(p, opt)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error about %q", err, want)
		}
	}
	agg := func(p *policy.Policy, name string) *policy.Aggregate {
		for _, a := range p.Aggregates {
			if a.Name == name {
				return a
			}
		}
		t.Fatalf("no aggregate %s", name)
		return nil
	}
	f("agg_new", func(p *policy.Policy, _ *Options) { agg(p, "recs").Name = "agg_new" })
	f("class B", func(p *policy.Policy, _ *Options) { agg(p, "agg_item_day").Class = 'A' })
	f("writer rebuild", func(p *policy.Policy, _ *Options) { agg(p, "agg_item_day").Writers = []string{"view"} })
	f("a role", func(p *policy.Policy, _ *Options) { agg(p, "recs").Writers = []string{"view"} })
	f("outlives", func(p *policy.Policy, _ *Options) { agg(p, "agg_item_day").TTL *= 10 })
	f("needs a cluster", func(_ *policy.Policy, o *Options) { o.Sharded = true })
	f("engine family", func(_ *policy.Policy, o *Options) { o.Engine = "Log" })
}

func TestWindow(t *testing.T) {
	f := func(o Options, want int) {
		t.Helper()
		if err := o.defaults(); err != nil {
			t.Fatal(err)
		}
		if got := o.Window(); got != want {
			t.Errorf("%+v: %d, want %d", o, got, want)
		}
	}
	f(Options{}, 28800)
	f(Options{Partitions: 24, InsertsPerSecond: 0.2}, 34560)
	f(Options{Partitions: 1, InsertsPerSecond: 0.01}, 1000)
}
