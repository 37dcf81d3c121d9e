package schema_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/sinks/schema"
	"github.com/sluice-events/sluice/sinks/sinktest"
	"github.com/sluice-events/sluice/sinks/sinktest/chtest"
)

// recorder is a server whose statements are written down; from the broken-th on they fail.
type recorder struct {
	*db
	said   []string
	broken int
}

var errBroken = errors.New("the connection broke")

func (r *recorder) Exec(ctx context.Context, sql string) error {
	if r.broken > 0 && len(r.said) == r.broken {
		return errBroken
	}
	r.said = append(r.said, sql)
	return r.db.Exec(ctx, sql)
}

func (d *db) plan(t testing.TB, s *schema.Schema) *schema.Plan {
	t.Helper()
	st, err := schema.Read(context.Background(), d, d.name)
	if err != nil {
		t.Fatal(err)
	}
	return s.Plan(st)
}

// looks is every table and view as the server describes it.
func (d *db) looks(t testing.TB) []string {
	t.Helper()
	return d.rows(t, "SELECT create_table_query FROM system.tables WHERE database = '"+d.name+"' ORDER BY name")
}

// survey adds a purpose with a store of its own to the policy of the tests.
var survey = []string{"features:\n", "  survey: {bit: 5, clause: \"9\", basis: consent, refusable: true, pid: {epoch: 30d}, grain: 1d, store: ev_survey, keep: 90d, refused: drop}\nfeatures:\n",
	"expires: {improve: 365d,", "expires: {survey: 365d, improve: 365d,", "caps: {service: none,", "caps: {survey: none, service: none,",
	"events:\n", "events:\n  answer: {purposes: [survey], fields: {note: text}}\n"}

// less takes the aggregates away that persons and items make.
var less = []string{"  agg_pid_item_day: {class: A, from: personalize, ttl: 1000d, writers: [view], readers: [recommender]}\n", "",
	"  agg_item_day:     {class: B, from: personalize, ttl: 1000d, writers: [rebuild], readers: [recommender]}\n", "",
	"stores: [agg_pid_item_day, agg_item_day, agg_item_item]", "stores: [agg_item_item]"}

// A plan is all that Apply does: the printed steps, in their order, and one line of history.
// From an empty server, from revision to revision, and after any step at which it broke.
func TestPlanIsWhatApplyDoes(t *testing.T) {
	ctx := context.Background()
	e := chtest.Start(t)
	first := sinktest.Policy(t)
	next := sinktest.Policy(t, append([]string{"rev: 1", "rev: 2", "grain: 1m", "grain: 1h", "subject}, grain: 1s", "subject}, grain: 1m", "improve: province", "improve: city", "      word: {class: behavior, type: string}\n", "      fresh: {class: behavior, type: int}\n",
		"from: personalize, ttl: 1000d, writers: [rebuild]", "from: personalize, ttl: 100d, writers: [rebuild]"}, survey...)...)
	straight := connect(t, e, "straight", first)
	for _, p := range []*policy.Policy{first, next} {
		straight.applyAndCompare(t, p)
	}
	want := straight.looks(t)

	from := generate(t, "bent", first)
	to := generate(t, "bent", next)
	for broken := 1; ; broken++ {
		d := connect(t, e, "bent", first)
		d.exec(t, "DROP DATABASE IF EXISTS bent SYNC")
		if _, err := schema.Migrate(ctx, d, from); err != nil {
			t.Fatal(err)
		}
		r := &recorder{db: d, broken: broken}
		plan, err := schema.Migrate(ctx, r, to)
		if err == nil {
			if broken < 5 {
				t.Fatalf("a plan of %d steps shows nothing", len(plan.Steps))
			}
			break
		}
		if !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
		if _, err := schema.Migrate(ctx, d, to); err != nil {
			t.Fatalf("broken after %d steps, then: %v", broken, err)
		}
		got := strings.ReplaceAll(strings.Join(d.looks(t), "\n"), "bent", "straight")
		if diff := cmp.Diff(strings.Join(want, "\n"), got); diff != "" {
			t.Errorf("broken after %d steps, then migrated (-straight +bent):\n%s", broken, diff)
		}
	}
}

// applyAndCompare applies the plan that leads to a policy, holds what was done against what
// was printed, and does it again, which must change nothing.
func (d *db) applyAndCompare(t *testing.T, p *policy.Policy) {
	t.Helper()
	ctx := context.Background()
	s := generate(t, d.name, p)
	plan := d.plan(t, s)
	r := &recorder{db: d}
	if err := schema.Apply(ctx, r, s, plan); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, st := range plan.Steps {
		want = append(want, st.SQL)
		if !strings.Contains(plan.String(), st.SQL+";\n") {
			t.Errorf("not printed: %s", st.SQL)
		}
	}
	last := r.said[len(r.said)-1]
	if !strings.HasPrefix(last, "INSERT INTO "+d.name+".sluice_schema ") {
		t.Errorf("the last statement is %s", last)
	}
	if diff := cmp.Diff(want, r.said[:len(r.said)-1]); diff != "" {
		t.Errorf("(-planned +done):\n%s", diff)
	}

	looks := d.looks(t)
	if err := schema.Apply(ctx, d, s, plan); err != nil { // the same plan once more
		t.Error(err)
	}
	if diff := cmp.Diff(looks, d.looks(t)); diff != "" {
		t.Errorf("applying the plan again changed something:\n%s", diff)
	}
	r = &recorder{db: d}
	if _, err := schema.Migrate(ctx, r, s); err != nil || len(r.said) != 0 {
		t.Errorf("migrating again said %q, %v", r.said, err)
	}
}

// A purpose comes and goes again: its store is made, and later left to a person.
func TestStoreComesAndGoes(t *testing.T) {
	e := chtest.Start(t)
	old := sinktest.Policy(t)
	d := connect(t, e, "s", old)
	d.migrate(t, old)
	more := sinktest.Policy(t, append([]string{"rev: 1", "rev: 2"}, survey...)...)
	_, plan := d.migrate(t, more)
	if len(plan.Steps) != 1 || !strings.HasPrefix(plan.Steps[0].SQL, "CREATE TABLE IF NOT EXISTS s.ev_survey") || len(plan.Decisions) != 0 {
		t.Errorf("a new store:\n%s", plan)
	}
	d.exec(t, "INSERT INTO DB.ev_survey (tenant, ts, policy_rev, consent_rev) SELECT 't1', toDateTime('2026-11-20 00:00:00', 'Asia/Shanghai'), 2, 1")
	_, plan = d.migrate(t, sinktest.Policy(t, "rev: 1", "rev: 3"))
	if len(plan.Steps) != 0 || len(plan.Decisions) != 1 || plan.Decisions[0].Object != "ev_survey" || plan.Decisions[0].Blocking || !strings.Contains(plan.Decisions[0].What, "until they expire") {
		t.Errorf("a store that is no longer named:\n%s", plan)
	}
	if got := d.rows(t, "SELECT tenant FROM DB.ev_survey"); len(got) != 1 {
		t.Errorf("rows left: %q", got)
	}
	d.exec(t, plan.Decisions[0].Do) // what the plan tells a person to do works
	if again := d.plan(t, generate(t, "s", old)); len(again.Decisions) != 0 {
		t.Errorf("after the decision:\n%s", again)
	}
	d.exec(t, "CREATE TABLE DB.mine (x UInt8) ENGINE = MergeTree ORDER BY x")
	d.exec(t, "CREATE VIEW DB.view_of_mine AS SELECT x FROM s.mine")
	plan = d.plan(t, generate(t, "s", old))
	if len(plan.Steps) != 0 || len(plan.Decisions) != 2 || !strings.Contains(plan.Decisions[0].What, "no lifetime") || !strings.HasPrefix(plan.Decisions[1].Do, "DROP VIEW s.view_of_mine") {
		t.Errorf("tables of somebody else:\n%s", plan)
	}
}

// An aggregate that is no longer declared stops being filled; one that is new says from when
// it counts, and the way to fill it that the plan names is right.
func TestAggregateComesAndGoes(t *testing.T) {
	ctx := context.Background()
	e := chtest.Start(t)
	p := sinktest.Policy(t)
	d := connect(t, e, "a", p)
	d.migrate(t, p)
	m := sinktest.NewMaker(t, p)
	write := func() {
		t.Helper()
		if err := d.Write(ctx, m.Batch(t, "ev_personalize", visits("")[:50]...)); err != nil {
			t.Fatal(err)
		}
	}
	total := func() string { return d.rows(t, "SELECT toString(sum(n)) FROM DB.agg_pid_item_day")[0] }
	write()
	before := total()
	_, plan := d.migrate(t, sinktest.Policy(t, append([]string{"rev: 1", "rev: 2"}, less...)...))
	for _, want := range []string{"DROP VIEW IF EXISTS a.agg_pid_item_day_mv", "DROP VIEW IF EXISTS a.agg_pid_item_score"} {
		if !strings.Contains(plan.String(), want) {
			t.Errorf("the plan lacks %q:\n%s", want, plan)
		}
	}
	if len(plan.Steps) != 2 || plan.Err() != nil {
		t.Errorf("aggregates that are no longer named:\n%s", plan)
	}
	write()
	if got := total(); got != before || before == "0" {
		t.Errorf("an aggregate that nobody declares grew from %s to %s", before, got)
	}
	d.exec(t, "TRUNCATE TABLE DB.agg_pid_item_day")
	_, plan = d.migrate(t, sinktest.Policy(t, "rev: 1", "rev: 3"))
	var fill string
	for _, dec := range plan.Decisions {
		if _, sql, ok := strings.Cut(dec.Do, "inserted: "); ok && dec.Object == "agg_pid_item_day" && !dec.Blocking {
			fill = sql
		}
	}
	if fill == "" {
		t.Fatalf("nothing is said about the rows from before:\n%s", plan)
	}
	d.exec(t, fill)
	write()
	want := d.rows(t, "SELECT toString(count()) FROM DB.ev_personalize WHERE NOT is_bot")[0]
	if got := total(); got != want {
		t.Errorf("the aggregate counts %s events, want %s", got, want)
	}
}

// An aggregate changes what it is made from: the view is changed in place and follows.
func TestAggregateChangesItsSource(t *testing.T) {
	ctx := context.Background()
	e := chtest.Start(t)
	old := sinktest.Policy(t)
	d := connect(t, e, "v", old)
	d.migrate(t, old)
	p := sinktest.Policy(t, "rev: 1", "rev: 2", "agg_pid_item_day: {class: A, from: personalize", "agg_pid_item_day: {class: A, from: service")
	_, plan := d.migrate(t, p)
	if !strings.Contains(plan.String(), "MODIFY QUERY SELECT") || strings.Contains(plan.String(), "DROP") {
		t.Errorf("the plan:\n%s", plan)
	}
	m := sinktest.NewMaker(t, p)
	for _, store := range []string{"ev_service", "ev_personalize"} {
		if err := d.Write(ctx, m.Batch(t, store, visits("")...)); err != nil {
			t.Fatal(err)
		}
	}
	want := d.rows(t, "SELECT toString(count()) FROM DB.ev_service WHERE NOT is_bot")[0]
	if got := d.rows(t, "SELECT toString(sum(n)) FROM DB.agg_pid_item_day")[0]; got != want {
		t.Errorf("the aggregate counts %s events, want the %s of ev_service alone", got, want)
	}
	if again := d.plan(t, generate(t, "v", p)); len(again.Steps) != 0 {
		t.Errorf("the second plan:\n%s", again)
	}
}

// A shorter lifetime takes the rows that are already there too; a longer one keeps them; an
// account-long one has none.
func TestLifetimeChanges(t *testing.T) {
	e := chtest.Start(t)
	keep := func(days string) *policy.Policy {
		return sinktest.Policy(t, "store: ev_service, keep: 1000d", "store: ev_service, keep: "+days, "from: personalize, ttl: 1000d, writers: [rebuild]", "from: personalize, ttl: 60d, writers: [rebuild]")
	}
	d := connect(t, e, "ttl", keep("100d"))
	d.migrate(t, keep("100d"))
	for _, age := range []string{"10", "50", "90", "150"} {
		d.exec(t, "INSERT INTO DB.ev_service (tenant, ts, policy_rev) SELECT '"+age+"', now() - INTERVAL "+age+" DAY, 1")
		d.exec(t, "INSERT INTO DB.agg_item_day (item_id, day, n) SELECT '"+age+"', today() - "+age+", 1")
		d.exec(t, "INSERT INTO DB.recs (pid, made) SELECT 'p"+age+"', now() - INTERVAL "+age+" DAY")
	}
	f := func(store, column, want string) {
		t.Helper()
		d.exec(t, "OPTIMIZE TABLE DB."+store+" FINAL")
		if got := strings.Join(d.rows(t, "SELECT toString("+column+") FROM DB."+store+" ORDER BY toUInt32OrZero(toString("+column+")), 1"), " "); got != want {
			t.Errorf("%s holds the rows of %q days ago, want %q", store, got, want)
		}
	}
	f("ev_service", "tenant", "10 50 90")
	f("agg_item_day", "item_id", "10 50")
	f("recs", "toStringCutToZero(pid)", "p10")
	_, plan := d.migrate(t, keep("1000d"))
	if !strings.Contains(plan.String(), "MODIFY TTL ts + toIntervalDay(1000)") {
		t.Errorf("the plan:\n%s", plan)
	}
	f("ev_service", "tenant", "10 50 90")
	d.migrate(t, keep("60d"))
	f("ev_service", "tenant", "10 50")
}

// An hour is an hour of UTC, also where the clock's hours begin at another minute.
func TestHourInHalfHourZone(t *testing.T) {
	e := chtest.Start(t)
	p := sinktest.Policy(t, "timezone: Asia/Shanghai", "timezone: Asia/Kolkata", "grain: 1m", "grain: 1h")
	d := connect(t, e, "h", p)
	d.migrate(t, p)
	if err := d.Write(context.Background(), sinktest.NewMaker(t, p).Batch(t, "ev_improve", event(noon.Add(13*60e9), "red"))); err != nil {
		t.Error(err)
	}
	if got := d.rows(t, "SELECT toString(toUnixTimestamp(ts) % 3600) FROM DB.ev_improve"); len(got) != 1 || got[0] != "0" {
		t.Errorf("rows: %q", got)
	}
	for _, minute := range []string{"30", "15", "59"} {
		if err := d.Exec(context.Background(), "INSERT INTO h.ev_improve (ts, policy_rev, consent_rev) SELECT toDateTime('2026-11-20 04:"+minute+":00', 'UTC'), 1, 1"); err == nil || !strings.Contains(err.Error(), "469") {
			t.Errorf("minute %s: %v, want it refused", minute, err)
		}
	}
}
