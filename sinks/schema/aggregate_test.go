package schema_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/sinks/schema"
	"github.com/sluice-events/sluice/sinks/sinktest"
	"github.com/sluice-events/sluice/sinks/sinktest/chtest"
)

// visits are page views of some people on a few days, some by robots; without leaves one
// person out.
func visits(without string) []sinktest.Event {
	r := rand.New(rand.NewPCG(5, 5))
	var out []sinktest.Event
	for i := range 600 {
		e := sinktest.Event{
			Person: fmt.Sprintf("person-%d", r.IntN(12)), Name: "page_view", Page: fmt.Sprintf("https://x.example/lesson/%c", 'a'+r.IntN(8)),
			Time: noon.AddDate(0, 0, -r.IntN(3)).Add(time.Duration(i) * time.Second), Bot: r.IntN(20) == 0,
			Props: map[string]string{"dur_ms": strconv.Itoa(r.IntN(1000))},
		}
		if e.Person != without {
			out = append(out, e)
		}
	}
	return append(out, sinktest.Event{Person: "lonely", Name: "page_view", Page: "https://x.example/lesson/z", Time: noon.AddDate(0, 0, -5)})
}

var days = []time.Time{noon, noon.AddDate(0, 0, -1), noon.AddDate(0, 0, -2), noon.AddDate(0, 0, -5)}

// everything is the content of all aggregates.
func (d *db) everything(t *testing.T) map[string][]string {
	t.Helper()
	return map[string][]string{
		"pid_item_day": d.rows(t, "SELECT tenant, hex(pid), item_id, toString(day), toString(sum(n)), toString(max(last)), toString(sum(dur)) FROM DB.agg_pid_item_day GROUP BY tenant, pid, item_id, day ORDER BY ALL"),
		"item_day":     d.rows(t, "SELECT tenant, item_id, toString(day), toString(n), toString(people) FROM DB.agg_item_day ORDER BY ALL"),
		"item_item":    d.rows(t, "SELECT tenant, item_a, item_b, toString(day), toString(people) FROM DB.agg_item_item ORDER BY ALL"),
		"base":         d.rows(t, "SELECT hex(pid), item_id, toString(ts), toString(dur_ms) FROM DB.ev_personalize ORDER BY ALL"),
	}
}

func (d *db) rebuild(t *testing.T, s *schema.Schema) {
	t.Helper()
	for _, day := range days {
		if err := schema.RebuildDay(context.Background(), d, s, day); err != nil {
			t.Fatal(err)
		}
	}
}

// An erased person must be gone from every aggregate: erasing and rebuilding gives the same
// as never having had the person.
func TestErasedPersonLeavesNoTrace(t *testing.T) {
	e := chtest.Start(t)
	p := sinktest.Policy(t)
	with := connect(t, e, "with_all", p)
	s, _ := with.migrate(t, p)
	pids := with.fill(t, p, visits(""))
	with.rebuild(t, s)
	full := with.everything(t)
	with.exec(t, "CREATE TABLE DB.erasure_set (batch UInt64, pid FixedString(16)) ENGINE = MergeTree ORDER BY batch")
	for i, gone := range []string{"person-3", "lonely"} {
		with.exec(t, fmt.Sprintf("INSERT INTO DB.erasure_set SELECT %d, unhex('%s')", i, pids[gone]))
		for _, table := range []string{"ev_personalize", "agg_pid_item_day", "recs"} {
			with.exec(t, fmt.Sprintf("ALTER TABLE DB.%s DELETE WHERE pid IN (SELECT pid FROM with_all.erasure_set WHERE batch = %d) SETTINGS mutations_sync = 2", table, i))
		}
		with.rebuild(t, s)
	}
	got := with.everything(t)

	other := connect(t, e, "without", p)
	so, _ := other.migrate(t, p)
	var events []sinktest.Event
	for _, v := range visits("person-3") {
		if v.Person != "lonely" {
			events = append(events, v)
		}
	}
	other.fill(t, p, events)
	other.rebuild(t, so)
	if diff := cmp.Diff(other.everything(t), got); diff != "" {
		t.Errorf("(-never had the person +erased):\n%s", diff)
	}
	for name, rows := range got {
		if len(rows) == 0 || cmp.Equal(rows, full[name]) {
			t.Errorf("%s: the person made no difference, so the test shows nothing", name)
		}
	}
	if left := with.rows(t, "SELECT name FROM system.tables WHERE database = 'with_all' AND name LIKE '%next'"); len(left) != 0 {
		t.Errorf("the rebuild left %q behind", left)
	}
}

// fill writes the events in one batch and gives everybody's pseudonym, in hex.
func (d *db) fill(t *testing.T, p *policy.Policy, events []sinktest.Event) map[string]string {
	t.Helper()
	b := sinktest.NewMaker(t, p).Batch(t, "ev_personalize", events...)
	if b.Rows.Rows() != len(events) {
		t.Fatalf("%d events made %d rows", len(events), b.Rows.Rows())
	}
	pids := make(map[string]string)
	for i, v := range events {
		pids[v.Person] = strings.ToUpper(hex.EncodeToString(b.Rows.Fixed(policy.CPid)[16*i : 16*i+16]))
	}
	if err := d.Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	return pids
}

// counted is what the aggregates must say of some events, counted one by one.
type counted struct {
	person  map[[3]string]*did // person, item, day
	people  map[[2]string]map[string]bool
	visits  map[[2]string]int // item, day
	baskets map[[2]string]map[string]bool
}

type did struct {
	n, dur int
	last   time.Time
}

func count(t *testing.T, p *policy.Policy, events []sinktest.Event) *counted {
	t.Helper()
	c := &counted{map[[3]string]*did{}, map[[2]string]map[string]bool{}, map[[2]string]int{}, map[[2]string]map[string]bool{}}
	for _, v := range events {
		if v.Bot {
			continue
		}
		day, item := v.Time.In(p.Zone).Format(time.DateOnly), strings.TrimPrefix(v.Page, "https://x.example")
		d := c.person[[3]string{v.Person, item, day}]
		if d == nil {
			d = new(did)
			c.person[[3]string{v.Person, item, day}] = d
		}
		d.n++
		if ms, ok := v.Props["dur_ms"]; ok {
			n, err := strconv.Atoi(ms)
			if err != nil {
				t.Fatal(err)
			}
			d.dur += n
		}
		if v.Time.After(d.last) {
			d.last = v.Time
		}
		c.visits[[2]string{item, day}]++
		add(c.people, [2]string{item, day}, v.Person)
		add(c.baskets, [2]string{v.Person, day}, item)
	}
	return c
}

func add(m map[[2]string]map[string]bool, k [2]string, v string) {
	if m[k] == nil {
		m[k] = map[string]bool{}
	}
	m[k][v] = true
}

// same compares rows in any order.
func same(t *testing.T, name string, want, got []string) {
	t.Helper()
	sort.Strings(want)
	sort.Strings(got)
	if len(want) == 0 {
		t.Errorf("%s: nothing to compare", name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-counted here +aggregate):\n%s", name, diff)
	}
}

// The aggregates against the same counts made here.
func TestAggregatesAreRight(t *testing.T) {
	e := chtest.Start(t)
	p := sinktest.Policy(t)
	d := connect(t, e, "agg", p)
	s, _ := d.migrate(t, p)
	events := visits("")
	pids := d.fill(t, p, events)
	d.rebuild(t, s)
	d.rebuild(t, s) // again: nothing may be counted twice
	c := count(t, p, events)

	var want []string
	for k, x := range c.person {
		want = append(want, fmt.Sprint(pids[k[0]], " ", k[1], " ", k[2], " ", x.n, " ", x.dur, " ", x.last.Unix()))
	}
	same(t, "agg_pid_item_day", want, d.rows(t, "SELECT hex(pid), item_id, toString(day), toString(sum(n)), toString(sum(dur)), toString(toUnixTimestamp(max(last))) FROM DB.agg_pid_item_day GROUP BY tenant, pid, item_id, day"))

	want = nil
	for k, n := range c.visits {
		want = append(want, fmt.Sprint(k[0], " ", k[1], " ", n, " ", len(c.people[k])))
	}
	same(t, "agg_item_day", want, d.rows(t, "SELECT item_id, toString(day), toString(n), toString(people) FROM DB.agg_item_day"))

	both := map[string]int{}
	for who, items := range c.baskets {
		for a := range items {
			for b := range items {
				if a != b {
					both[a+" "+b+" "+who[1]]++
				}
			}
		}
	}
	want = nil
	for k, n := range both {
		want = append(want, fmt.Sprint(k, " ", n))
	}
	same(t, "agg_item_item", want, d.rows(t, "SELECT item_a, item_b, toString(day), toString(people) FROM DB.agg_item_item"))
}

// Decay: what somebody did counts half after each half-life, and not at all before it
// happened. Every score against one made here.
func TestDecay(t *testing.T) {
	e := chtest.Start(t)
	p := sinktest.Policy(t)
	d := connect(t, e, "decay", p)
	d.migrate(t, p)
	events := visits("")
	pids := d.fill(t, p, events)
	c := count(t, p, events)
	f := func(asOf string, halfLife float64) {
		t.Helper()
		at, err := time.Parse(time.DateOnly, asOf)
		if err != nil {
			t.Fatal(err)
		}
		scores, seen := map[string]float64{}, map[string]int{}
		for k, x := range c.person {
			day, err := time.Parse(time.DateOnly, k[2])
			if err != nil {
				t.Fatal(err)
			}
			if age := at.Sub(day).Hours() / 24; age >= 0 {
				scores[pids[k[0]]+" "+k[1]] += float64(x.n) * math.Pow(0.5, age/halfLife)
				seen[pids[k[0]]+" "+k[1]] += x.n
			}
		}
		rows := d.rows(t, fmt.Sprintf("SELECT hex(pid), item_id, toString(events), toString(score) FROM DB.agg_pid_item_score(as_of = '%s', half_life = %g)", asOf, halfLife))
		if len(rows) != len(scores) {
			t.Errorf("as of %s: %d scores, want %d", asOf, len(rows), len(scores))
		}
		for _, r := range rows {
			var pid, item string
			var n int
			var score float64
			if _, err := fmt.Sscan(r, &pid, &item, &n, &score); err != nil {
				t.Fatal(err)
			}
			if want := scores[pid+" "+item]; math.Abs(score-want) > 1e-9*want || n != seen[pid+" "+item] {
				t.Errorf("as of %s, half-life %g, %s: %g of %d events, want %g of %d", asOf, halfLife, item, score, n, want, seen[pid+" "+item])
			}
		}
	}
	f("2026-11-20", 7)
	f("2026-11-24", 7)
	f("2026-11-24", 1.5)
	f("2026-12-20", 14)
	f("2026-11-19", 7) // what happened on the 20th is not known yet
	f("2026-11-01", 7)
}

// Where tables are replicated the day is computed in a plain table: a copy of the live one
// would claim its place in the keeper. Nothing of the rebuild goes to the whole cluster.
func TestRebuildOnACluster(t *testing.T) {
	s, err := schema.Generate(sinktest.Policy(t), schema.Options{Database: "c", Engine: schema.Replicated, Cluster: "main", Sharded: true})
	if err != nil {
		t.Fatal(err)
	}
	r := &script{}
	if err := schema.RebuildDay(context.Background(), r, s, time.Now()); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(r.said, "\n")
	for _, never := range []string{"Replicated", "ON CLUSTER", "Distributed", " c.ev_personalize "} {
		if strings.Contains(all, never) {
			t.Errorf("the rebuild says %q:\n%s", never, all)
		}
	}
	for _, want := range []string{"CREATE TABLE IF NOT EXISTS c.agg_item_day_local_next", "FROM c.ev_personalize_local", "REPLACE PARTITION", "FROM c.agg_item_item_local_next", "DROP TABLE IF EXISTS c.agg_item_item_local_next SYNC"} {
		if !strings.Contains(all, want) {
			t.Errorf("the rebuild lacks %q:\n%s", want, all)
		}
	}
}

// script is a server that says yes to everything.
type script struct{ said []string }

func (s *script) Exec(_ context.Context, sql string) error { s.said = append(s.said, sql); return nil }
func (s *script) Strings(context.Context, string, map[string]string) ([][]string, error) {
	return [][]string{{"1"}}, nil
}

// One person's score must be read by the key, not by going through everybody.
func TestScoreIsReadByKey(t *testing.T) {
	e := chtest.Start(t)
	p := sinktest.Policy(t)
	d := connect(t, e, "key", p)
	d.migrate(t, p)
	d.exec(t, "INSERT INTO DB.agg_pid_item_day SELECT 't1', toFixedString(MD5(toString(intDiv(number, 20))), 16), toString(number % 20), '2026-11-20', 1, now(), 0 FROM numbers(400000)")
	plan := strings.Join(d.rows(t, "EXPLAIN indexes = 1 SELECT item_id, score FROM DB.agg_pid_item_score(as_of = '2026-11-20', half_life = 7) WHERE tenant = 't1' AND pid = toFixedString(MD5('77'), 16)"), "\n")
	if !strings.Contains(plan, "pid") || !strings.Contains(plan, "Granules: 1/") && !strings.Contains(plan, "Granules: 2/") {
		t.Errorf("the key is not used:\n%s", plan)
	}
}

// A person with more items than the bound weighs no more than the bound.
func TestPairsAreBounded(t *testing.T) {
	e := chtest.Start(t)
	p := sinktest.Policy(t)
	d := connect(t, e, "pairs", p)
	s, _ := d.migrate(t, p)
	d.exec(t, "INSERT INTO DB.ev_personalize (tenant, pid, ts, item_id, policy_rev, consent_rev) SELECT 't1', toFixedString('p', 16), toDateTime('2026-11-20 01:00:00', 'Asia/Shanghai') + number, toString(number), 1, 1 FROM numbers(500)")
	// Those without a pseudonym are nobody in particular, and robots nobody at all.
	d.exec(t, "INSERT INTO DB.ev_personalize (tenant, ts, item_id, policy_rev, consent_rev) SELECT 't1', toDateTime('2026-11-20 01:00:00', 'Asia/Shanghai'), toString(number), 1, 1 FROM numbers(5)")
	d.exec(t, "INSERT INTO DB.ev_personalize (tenant, pid, ts, item_id, is_bot, policy_rev, consent_rev) SELECT 't1', toFixedString('r', 16), toDateTime('2026-11-20 01:00:00', 'Asia/Shanghai'), toString(number), true, 1, 1 FROM numbers(5)")
	if err := schema.RebuildDay(context.Background(), d, s, noon); err != nil {
		t.Fatal(err)
	}
	got := d.rows(t, "SELECT toString(count()), toString(min(toUInt32(item_a))), toString(max(people)) FROM DB.agg_item_item")
	if got[0] != "2450 450 1" {
		t.Errorf("pairs, lowest item, people: %s; want 2450 of the latest 50 items", got[0])
	}
	for _, agg := range []string{"agg_item_day", "agg_pid_item_day"} {
		if got := d.rows(t, "SELECT toString(count()), toString(sum(n)) FROM DB."+agg); got[0] != "500 500" {
			t.Errorf("%s: rows and events: %s, want the 500 of the person", agg, got[0])
		}
	}
}
