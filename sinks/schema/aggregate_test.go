package schema_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
	ctx := context.Background()
	e := chtest.Start(t)
	p := sinktest.Policy(t)
	fill := func(name, without string) (*db, *schema.Schema) {
		d := connect(t, e, name, p)
		s, _ := d.migrate(t, p)
		if err := d.Write(ctx, sinktest.NewMaker(t, p).Batch(t, "ev_personalize", visits(without)...)); err != nil {
			t.Fatal(err)
		}
		d.rebuild(t, s)
		return d, s
	}
	with, s := fill("with_all", "")
	full := with.everything(t)
	for _, gone := range []string{"person-3", "lonely"} {
		pid := personPid(t, with, p.Name, gone, e)
		with.exec(t, "CREATE TABLE IF NOT EXISTS DB.erasure_set (batch UInt64, pid FixedString(16)) ENGINE = MergeTree ORDER BY batch")
		with.exec(t, "TRUNCATE TABLE DB.erasure_set")
		with.exec(t, "INSERT INTO DB.erasure_set SELECT 1, unhex('"+pid+"')")
		for _, table := range []string{"ev_personalize", "agg_pid_item_day", "recs"} {
			with.exec(t, "ALTER TABLE DB."+table+" DELETE WHERE pid IN (SELECT pid FROM DB.erasure_set WHERE batch = 1) SETTINGS mutations_sync = 2")
		}
		with.rebuild(t, s)
	}
	got := with.everything(t)

	other := connect(t, e, "without", p)
	other.migrate(t, p)
	var events []sinktest.Event
	for _, v := range visits("person-3") {
		if v.Person != "lonely" {
			events = append(events, v)
		}
	}
	if err := other.Write(ctx, sinktest.NewMaker(t, p).Batch(t, "ev_personalize", events...)); err != nil {
		t.Fatal(err)
	}
	so := generate(t, "without", p)
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

// personPid finds somebody's pseudonym by what nobody else did: it writes one event of the
// person into a database of its own.
func personPid(t *testing.T, d *db, _, person string, e *chtest.Engine) string {
	t.Helper()
	p := sinktest.Policy(t)
	probe := connect(t, e, "probe_"+strings.ReplaceAll(person, "-", "_"), p)
	probe.migrate(t, p)
	b := sinktest.NewMaker(t, p).Batch(t, "ev_personalize", sinktest.Event{Person: person, Name: "page_view", Page: "https://x.example/x", Time: noon})
	if err := probe.Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	pid := probe.rows(t, "SELECT hex(pid) FROM DB.ev_personalize")[0]
	if n := d.rows(t, "SELECT toString(count()) FROM DB.ev_personalize WHERE pid = unhex('"+pid+"')"); n[0] == "0" {
		t.Fatalf("%s has no rows", person)
	}
	return pid
}

// The aggregates against the same sums made here.
func TestAggregatesAreRight(t *testing.T) {
	ctx := context.Background()
	e := chtest.Start(t)
	p := sinktest.Policy(t)
	d := connect(t, e, "agg", p)
	s, _ := d.migrate(t, p)
	events := visits("")
	if err := d.Write(ctx, sinktest.NewMaker(t, p).Batch(t, "ev_personalize", events...)); err != nil {
		t.Fatal(err)
	}
	d.rebuild(t, s)
	d.rebuild(t, s) // again: nothing may be counted twice

	day := func(v sinktest.Event) string { return v.Time.In(p.Zone).Format(time.DateOnly) }
	item := func(v sinktest.Event) string { return strings.TrimPrefix(v.Page, "https://x.example") }
	n, people := map[string]int{}, map[string]map[string]bool{}
	seen := map[string]map[string]bool{} // person and day -> items
	for _, v := range events {
		if v.Bot {
			continue
		}
		k := item(v) + " " + day(v)
		n[k]++
		add(people, k, v.Person)
		add(seen, v.Person+" "+day(v), item(v))
	}
	var popular, pairs []string
	for k, c := range n {
		popular = append(popular, fmt.Sprintf("%s %d %d", k, c, len(people[k])))
	}
	both := map[string]int{}
	for who, items := range seen {
		_, on, _ := strings.Cut(who, " ")
		for a := range items {
			for b := range items {
				if a != b {
					both[a+" "+b+" "+on]++
				}
			}
		}
	}
	for k, c := range both {
		pairs = append(pairs, fmt.Sprintf("%s %d", k, c))
	}
	sort.Strings(popular)
	sort.Strings(pairs)
	got := d.rows(t, "SELECT item_id, toString(day), toString(n), toString(people) FROM DB.agg_item_day")
	sort.Strings(got)
	if diff := cmp.Diff(popular, got); diff != "" {
		t.Errorf("agg_item_day (-want +got):\n%s", diff)
	}
	got = d.rows(t, "SELECT item_a, item_b, toString(day), toString(people) FROM DB.agg_item_item")
	sort.Strings(got)
	if diff := cmp.Diff(pairs, got); diff != "" {
		t.Errorf("agg_item_item (-want +got):\n%s", diff)
	}

	// decay: half after each half-life
	want := 0.0
	asOf := noon.AddDate(0, 0, 4)
	for k, c := range n {
		_, on, _ := strings.Cut(k, " ")
		at, err := time.Parse(time.DateOnly, on)
		if err != nil {
			t.Fatal(err)
		}
		age := math.Round(asOf.Truncate(24*time.Hour).Sub(at).Hours() / 24)
		want += float64(c) * math.Exp2(-age/7)
	}
	score := d.rows(t, "SELECT toString(sum(score)), toString(sum(events)) FROM DB.agg_pid_item_score(as_of = '"+asOf.Format(time.DateOnly)+"', half_life = 7)")
	var sum float64
	var all int
	if _, err := fmt.Sscan(score[0], &sum, &all); err != nil || math.Abs(sum-want) > 1e-6*want {
		t.Errorf("scores sum to %q, want %f", score, want)
	}
	if got := d.rows(t, "SELECT toString(count()) FROM DB.agg_pid_item_score(as_of = '2026-11-01', half_life = 7)"); got[0] != "0" {
		t.Errorf("%s scores before anything happened", got[0])
	}
}

func add(m map[string]map[string]bool, k, v string) {
	if m[k] == nil {
		m[k] = map[string]bool{}
	}
	m[k][v] = true
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
	if err := schema.RebuildDay(context.Background(), d, s, noon); err != nil {
		t.Fatal(err)
	}
	got := d.rows(t, "SELECT toString(count()), toString(min(toUInt32(item_a))), toString(max(people)) FROM DB.agg_item_item")
	if got[0] != "2450 450 1" {
		t.Errorf("pairs, lowest item, people: %s; want 2450 of the latest 50 items", got[0])
	}
}
