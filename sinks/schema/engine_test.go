package schema_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/sinks/clickhouse"
	"github.com/sluice-events/sluice/sinks/schema"
	"github.com/sluice-events/sluice/sinks/sinktest"
	"github.com/sluice-events/sluice/sinks/sinktest/chtest"
)

func TestMain(m *testing.M) { os.Exit(chtest.Main(m)) }

// db is one database on a test's engine.
type db struct {
	*clickhouse.Sink
	name string
}

func connect(t testing.TB, e *chtest.Engine, name string, p *policy.Policy) *db {
	t.Helper()
	s, err := clickhouse.Open(context.Background(), clickhouse.Config{Addr: []string{e.Addr()}, User: chtest.User, Password: chtest.Password, Database: name}, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &db{s, name}
}

func generate(t testing.TB, name string, p *policy.Policy) *schema.Schema {
	t.Helper()
	s, err := schema.Generate(p, schema.Options{Database: name})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (d *db) migrate(t testing.TB, p *policy.Policy) (*schema.Schema, *schema.Plan) {
	t.Helper()
	s := generate(t, d.name, p)
	plan, err := schema.Migrate(context.Background(), d, s)
	if err != nil {
		t.Fatalf("%v\n%s", err, plan)
	}
	return s, plan
}

func (d *db) exec(t testing.TB, sql string) {
	t.Helper()
	if err := d.Exec(context.Background(), strings.ReplaceAll(sql, "DB.", d.name+".")); err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
}

func (d *db) rows(t testing.TB, sql string) []string {
	t.Helper()
	rows, err := d.Strings(context.Background(), strings.ReplaceAll(sql, "DB.", d.name+"."), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = strings.Join(r, " ")
	}
	return out
}

func shippedPolicy(t testing.TB, name string) *policy.Policy {
	t.Helper()
	p, err := policy.Load(filepath.Join(chtest.Root(t), "deploy", "policies", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What was created must be found again: a second look at the server plans nothing. This
// holds the generator's spelling against the server's.
func TestSecondPlanIsEmpty(t *testing.T) {
	e := chtest.Start(t)
	f := func(name string, p *policy.Policy, opt schema.Options) {
		t.Helper()
		d := connect(t, e, name, p)
		opt.Database = name
		s, err := schema.Generate(p, opt)
		if err != nil {
			t.Fatal(err)
		}
		if plan, err := schema.Migrate(context.Background(), d, s); err != nil {
			t.Fatalf("%v\n%s", err, plan)
		}
		st, err := schema.Read(context.Background(), d, name)
		if err != nil {
			t.Fatal(err)
		}
		if len(st.Tables) != len(s.Tables)+len(s.Views) {
			t.Errorf("%s: %d tables and views, want %d", name, len(st.Tables), len(s.Tables)+len(s.Views))
		}
		if again := s.Plan(st); len(again.Steps) != 0 || len(again.Decisions) != 0 {
			t.Errorf("%s: the second plan is not empty:\n%s", name, again)
		}
		history := d.rows(t, "SELECT policy, toString(rev), toString(steps > 0) FROM DB.sluice_schema")
		if len(history) != 1 || !strings.HasPrefix(history[0], p.Name+" ") || !strings.HasSuffix(history[0], " 1") {
			t.Errorf("%s: history %q", name, history)
		}
		if _, err := schema.Migrate(context.Background(), d, s); err != nil {
			t.Error(err)
		}
		if got := d.rows(t, "SELECT policy FROM DB.sluice_schema"); len(got) != 1 {
			t.Errorf("%s: applying the same schema again wrote history: %q", name, got)
		}
	}
	f("cn_edu", shippedPolicy(t, "cn-edu"), schema.Options{})
	f("starter", shippedPolicy(t, "starter"), schema.Options{})
	f("plain", shippedPolicy(t, "cn-edu"), schema.Options{Plain: true, WholeParts: true})
	f("map", sinktest.Policy(t, "column_type: json", "column_type: map"), schema.Options{Partitions: 12})
}

// A new revision of the policy over a server that holds rows of the old one.
func TestMigration(t *testing.T) {
	ctx := context.Background()
	e := chtest.Start(t)
	old := sinktest.Policy(t)
	d := connect(t, e, "m", old)
	d.migrate(t, old)
	if err := d.Write(ctx, sinktest.NewMaker(t, old).Batch(t, "ev_improve", event(noon, "red"))); err != nil {
		t.Fatal(err)
	}

	revised := sinktest.Policy(t, "rev: 1", "rev: 2",
		`      word: {class: behavior, type: string}`, "      word: {class: behavior, type: string, desc: \"it's a word\"}\n      fresh: {class: behavior, type: decimal}",
		`[red, green, "it's"]`, `[red, green, "it's", blue]`,
		"improve: province", "improve: city",
		"store: ev_improve, keep: 1000d", "store: ev_improve, keep: 900d",
		"grain: 1m", "grain: 1s")
	_, plan := d.migrate(t, revised)
	if len(plan.Decisions) != 0 {
		t.Errorf("decisions:\n%s", plan)
	}
	want := []string{"ADD COLUMN IF NOT EXISTS `fresh` Decimal(18, 4)", "'blue' = 4", "COMMENT COLUMN `word` 'it\\'s a word'", "geo_level <= 'city'",
		"DROP CONSTRAINT IF EXISTS grain", "MODIFY TTL ts + toIntervalDay(900)", "MODIFY COMMENT"}
	for _, w := range want {
		if !strings.Contains(plan.String(), w) {
			t.Errorf("the plan lacks %q:\n%s", w, plan)
		}
	}
	if len(plan.Steps) != 7 {
		t.Errorf("%d steps, want 7:\n%s", len(plan.Steps), plan)
	}
	m := sinktest.NewMaker(t, revised)
	fresh := event(noon.Add(13*time.Second), "blue")
	fresh.Props["fresh"] = "2.5"
	m.Batch(t, "ev_improve", event(noon, "red")) // the ids of the first batch are taken
	if err := d.Write(ctx, m.Batch(t, "ev_improve", fresh)); err != nil {
		t.Fatal(err)
	}
	got := d.rows(t, "SELECT toString(pick), toString(fresh), toString(policy_rev) FROM DB.ev_improve ORDER BY ts")
	if strings.Join(got, "; ") != "red 0 1; blue 2.5 2" {
		t.Errorf("rows: %q", got)
	}
	if again := d.plan(t, generate(t, "m", revised)); len(again.Steps) != 0 {
		t.Errorf("the second plan is not empty:\n%s", again)
	}
	if got := d.rows(t, "SELECT toString(rev) FROM DB.sluice_schema ORDER BY rev"); strings.Join(got, " ") != "1 2" {
		t.Errorf("history: %q", got)
	}
}

// Changes that would lose or bend data are for a person; nothing is applied then.
func TestDecisions(t *testing.T) {
	ctx := context.Background()
	e := chtest.Start(t)
	old := sinktest.Policy(t)
	d := connect(t, e, "dec", old)
	d.migrate(t, old)
	f := func(what string, blocking bool, object string, change ...string) {
		t.Helper()
		p := sinktest.Policy(t, append([]string{"rev: 1", "rev: 2"}, change...)...)
		s := generate(t, "dec", p)
		plan := d.plan(t, s)
		found := false
		for _, dec := range plan.Decisions {
			found = found || dec.Object == object && dec.Blocking == blocking
		}
		if !found {
			t.Errorf("%s: no decision about %s:\n%s", what, object, plan)
		}
		if (plan.Err() != nil) != blocking {
			t.Errorf("%s: %v", what, plan.Err())
		}
		if strings.Contains(plan.String(), "-- DECIDE") != blocking {
			t.Errorf("%s: printed as\n%s", what, plan)
		}
		for _, step := range plan.Steps {
			if strings.Contains(step.SQL, "DROP COLUMN") || strings.Contains(step.SQL, "DROP TABLE") {
				t.Errorf("%s: a step drops: %s", what, step.SQL)
			}
		}
		before := d.looks(t)
		if err := schema.Apply(ctx, d, s, plan); (err != nil) != blocking {
			t.Errorf("%s: apply: %v", what, err)
		}
		if after := d.looks(t); blocking && strings.Join(before, "\n") != strings.Join(after, "\n") {
			t.Errorf("%s: something was applied", what)
		}
	}
	f("enum order", true, "ev_improve.pick", `[red, green, "it's"]`, `[green, red, "it's"]`)
	f("enum value gone", true, "ev_improve.pick", `[red, green, "it's"]`, `[red, green]`)
	f("text to number", true, "ev_improve.word", "word: {class: behavior, type: string}", "word: {class: behavior, type: int}")
	f("float to int", true, "ev_improve.real", "real: {class: behavior, type: float}", "real: {class: behavior, type: int}")
	f("other zone", true, "ev_improve.ts", "timezone: Asia/Shanghai", "timezone: UTC")
	f("JSON to Map", true, "ev_improve.props", "column_type: json", "column_type: map")
	f("field gone", false, "ev_improve.word", "      word: {class: behavior, type: string}\n", "")
	f("store renamed", false, "ev_improve", "store: ev_improve", "store: ev_better")
}

// A table under one of our names that is not ours is left alone, and nothing else is done.
func TestForeignTable(t *testing.T) {
	ctx := context.Background()
	e := chtest.Start(t)
	old := sinktest.Policy(t)
	for _, engine := range []string{"ENGINE = Log", "ENGINE = MergeTree ORDER BY tenant", "ENGINE = MergeTree PARTITION BY tenant ORDER BY (tenant, pid, ts)"} {
		other := connect(t, e, "dec2", old)
		other.exec(t, "DROP DATABASE IF EXISTS dec2 SYNC")
		other.exec(t, "CREATE DATABASE dec2")
		other.exec(t, "CREATE TABLE DB.ev_improve (tenant String, pid FixedString(16), ts DateTime) "+engine)
		s := generate(t, "dec2", old)
		plan := other.plan(t, s)
		if err := schema.Apply(ctx, other, s, plan); err == nil || plan.Err() == nil || plan.Decisions[0].Object != "ev_improve" {
			t.Errorf("%s: %v\n%s", engine, err, plan)
		}
		if got := other.rows(t, "SELECT name FROM system.tables WHERE database = 'dec2'"); len(got) != 1 {
			t.Errorf("%s: something was applied: %q", engine, got)
		}
	}
}

var noon = time.Date(2026, 11, 20, 4, 0, 0, 0, time.UTC)

func event(at time.Time, pick string) sinktest.Event {
	return sinktest.Event{Person: "p", Name: "typed", Time: at, Props: map[string]string{"pick": pick}}
}

// The store is the last guard: each wrong row is refused, each right one taken.
func TestGuards(t *testing.T) {
	e := chtest.Start(t)
	p := shippedPolicy(t, "cn-edu")
	d := connect(t, e, "g", p)
	d.migrate(t, p)
	f := func(ok bool, store, columns, values string) {
		t.Helper()
		err := d.Exec(context.Background(), fmt.Sprintf("INSERT INTO g.%s (%s) SELECT %s", store, columns, values))
		if (err == nil) != ok {
			t.Errorf("%s (%s) %s: %v, want it taken: %v", store, columns, values, err, ok)
		}
		if err != nil && !strings.Contains(err.Error(), "469") {
			t.Errorf("%s: refused for another reason: %v", store, err)
		}
	}
	const minute, second, midnight = "toDateTime('2026-11-20 10:01:00', 'Asia/Shanghai')", "toDateTime('2026-11-20 10:01:13', 'Asia/Shanghai')", "toDateTime('2026-11-20 00:00:00', 'Asia/Shanghai')"
	f(true, "ev_improve", "ts, policy_rev, consent_rev, geo, geo_level", minute+", 3, 1, '130000', 'province'")
	f(false, "ev_improve", "ts, policy_rev, consent_rev", minute+", 0, 1")
	f(false, "ev_improve", "ts, policy_rev, consent_rev", minute+", 3, 0")
	f(false, "ev_improve", "ts, policy_rev, consent_rev", second+", 3, 1")
	f(false, "ev_improve", "ts, policy_rev, consent_rev, geo, geo_level", minute+", 3, 1, '130100', 'city'")
	f(false, "ev_improve", "ts, policy_rev, consent_rev, geo, geo_level", minute+", 3, 1, 'wwc2kabc', 'province'")
	f(true, "ev_service", "ts, policy_rev", minute+", 3")
	f(false, "ev_service", "ts, policy_rev", minute+", 0")
	f(true, "ev_security", "ts, policy_rev, geo, geo_level", second+", 3, 'CN', 'country'")
	f(false, "ev_security", "ts, policy_rev, geo, geo_level", second+", 3, '130100', 'city'")
	f(true, "ev_personalize", "ts, policy_rev, consent_rev, geo, geo_level", minute+", 3, 1, 'wwc2k', 'cell5'")
	f(false, "ev_personalize", "ts, policy_rev, consent_rev, geo, geo_level", minute+", 3, 1, 'wwc2k1', 'cell6'")
	f(true, "ev_survey", "ts, policy_rev, consent_rev", midnight+", 3, 1")
	f(false, "ev_survey", "ts, policy_rev, consent_rev", minute+", 3, 1")
	f(false, "ev_survey", "ts, policy_rev, consent_rev", midnight+" + 3600, 3, 1")
	f(true, "attr_preference", "ts, policy_rev", midnight+", 3")
}

// Rows go when their time has come, those of the same month that are younger stay.
func TestLifetime(t *testing.T) {
	e := chtest.Start(t)
	p := sinktest.Policy(t, "store: ev_service, keep: 1000d", "store: ev_service, keep: 30d")
	d := connect(t, e, "l", p)
	d.migrate(t, p)
	d.exec(t, "SYSTEM STOP MERGES DB.ev_service")
	d.exec(t, "INSERT INTO DB.ev_service (tenant, ts, policy_rev) SELECT 'old', now() - INTERVAL 31 DAY, 1")
	d.exec(t, "INSERT INTO DB.ev_service (tenant, ts, policy_rev) SELECT 'young', now() - INTERVAL 29 DAY, 1")
	d.exec(t, "SYSTEM START MERGES DB.ev_service")
	d.exec(t, "OPTIMIZE TABLE DB.ev_service FINAL")
	if got := d.rows(t, "SELECT tenant FROM DB.ev_service"); strings.Join(got, " ") != "young" {
		t.Errorf("rows left: %q, want the young one", got)
	}
}
