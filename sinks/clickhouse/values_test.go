package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/sinks/schema"
	"github.com/sluice-events/sluice/sinks/sinktest"
	"github.com/sluice-events/sluice/sinks/sinktest/chtest"
)

func store(t testing.TB, p *policy.Policy, name string) *policy.Store {
	t.Helper()
	for _, s := range p.Stores {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("the policy has no store %s", name)
	return nil
}

// The block of this package and the columns of the driver must leave the same rows, in
// every store of every policy, and in a Map as in a JSON column.
func TestBlockAgainstDriver(t *testing.T) {
	e := chtest.Start(t)
	f := func(db string, p *policy.Policy) {
		t.Helper()
		ctx := context.Background()
		s := open(t, e, p, func(c *Config) { c.Database = db })
		sc, err := schema.Generate(p, schema.Options{Database: db})
		if err != nil {
			t.Fatal(err)
		}
		if plan, err := schema.Migrate(ctx, s, sc); err != nil {
			t.Fatalf("%v\n%s", err, plan)
		}
		for i, st := range p.Stores {
			l, err := s.layout(st)
			if err != nil {
				t.Fatal(err)
			}
			a, b := [16]byte{byte(i), 1}, [16]byte{byte(i), 2}
			if err := s.send(ctx, l, some(st, 700, 3, a), "block", mark{a, 700}); err != nil {
				t.Errorf("%s.%s: %v", db, st.Name, err)
				continue
			}
			if _, _, err := s.insertColumns(ctx, l, some(st, 700, 3, b), s.settings("driver")); err != nil {
				t.Errorf("%s.%s: %v", db, st.Name, err)
				continue
			}
			names := []string{"count()"}
			for _, c := range sc.Tables[i].Columns {
				if c.Name != "batch" && c.Default != "EPHEMERAL" {
					names = append(names, fmt.Sprintf("groupBitXor(cityHash64(row_id, toString(`%s`)))", c.Name))
				}
			}
			rows, err := s.Strings(ctx, "SELECT "+strings.Join(names, ", ")+" FROM "+s.ref(st.Name)+" GROUP BY batch", nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) != 2 {
				t.Fatalf("%s.%s: %d batches, want 2", db, st.Name, len(rows))
			}
			if diff := cmp.Diff(rows[0], rows[1]); diff != "" {
				t.Errorf("%s.%s:\n%s", db, st.Name, diff)
			}
		}
	}
	f("a", shipped(t, "cn-edu"))
	f("b", shipped(t, "starter"))
	f("c", sinktest.Policy(t))
	f("d", sinktest.Policy(t, "column_type: json", "column_type: map"))
}

// Every type, from the event to what a query gives back.
func TestValues(t *testing.T) {
	at := time.Date(2026, 11, 20, 4, 0, 0, 0, time.UTC)
	e := chtest.Start(t)
	f := func(db string, p *policy.Policy, props string) {
		t.Helper()
		ctx := context.Background()
		s := open(t, e, p, func(c *Config) { c.Database = db })
		sc, err := schema.Generate(p, schema.Options{Database: db})
		if err != nil {
			t.Fatal(err)
		}
		if plan, err := schema.Migrate(ctx, s, sc); err != nil {
			t.Fatalf("%v\n%s", err, plan)
		}
		word := "tab\t back\\slash \n\n 'quote' 中文"
		b := sinktest.NewMaker(t, p).Batch(t, "ev_improve", sinktest.Event{Person: "p", Name: "typed", Time: at, Props: map[string]string{
			"word": word, "pick": "it's", "yes": "true", "whole": "-7", "count": "18446744073709", "real": "2.5", "price": "-19.95",
			"at": "2026-11-20T04:00:01Z", "note": "call 13812345678", "deep.er": `x"y`,
		}}, sinktest.Event{Person: "p", Name: "typed", Time: at.Add(time.Minute)})
		if err := s.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
		got, err := s.Query(ctx, "SELECT tenant, ts, event, src, is_bot, word, pick, yes, whole, count, real, toString(price), at, note, geo, geo_level, toString(props), length(pid) FROM "+
			s.ref("ev_improve")+" WHERE tenant = {t:String} ORDER BY ts", map[string]string{"t": "t1"}, 0)
		if err != nil {
			t.Fatal(err)
		}
		zone := p.Zone
		want := [][]any{
			{"t1", at.In(zone), "typed", "observed", false, word, "it's", true, int64(-7), uint64(18446744073709), 2.5, "-19.95", at.Add(time.Second).In(zone), "call [mobile]", "", "none", props, uint64(16)},
			{"t1", at.Add(time.Minute).In(zone), "typed", "observed", false, "", "", false, int64(0), uint64(0), 0.0, "0", time.Unix(0, 0).In(zone), "", "", "none", "{}", uint64(16)},
		}
		if diff := cmp.Diff(want, got.Rows); diff != "" {
			t.Errorf("%s (-want +got):\n%s", db, diff)
		}
	}
	f("j", sinktest.Policy(t), `{"deep":{"er":"x\"y"}}`)
	f("m", sinktest.Policy(t, "column_type: json", "column_type: map"), `{'deep.er':'x"y'}`)
}

// A query stops at its limit, and a parameter is a value, never a part of the statement.
func TestQuery(t *testing.T) {
	e := chtest.Start(t)
	s := open(t, e, sinktest.Policy(t))
	ctx := context.Background()
	got, err := s.Query(ctx, "SELECT number, toString(number) AS s FROM numbers(1000)", nil, 3)
	if err != nil || len(got.Rows) != 3 || got.Rows[2][0] != uint64(2) || got.Columns[1] != "s" {
		t.Errorf("%v, %v", got, err)
	}
	evil := "x' OR 1 = 1 -- \\ \t\n"
	rows, err := s.Strings(ctx, "SELECT {v:String}", map[string]string{"v": evil})
	if err != nil || rows[0][0] != evil {
		t.Errorf("%q, %v", rows, err)
	}
	if _, err := s.Strings(ctx, "SELECT a secret FROM nowhere", nil); err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "nowhere") {
		t.Errorf("%v: want an error without the statement", err)
	}
}
