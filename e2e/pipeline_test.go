package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A first start makes everything, the demo day goes through the front door, answers come
// out of ClickHouse, and a second start goes on from there.
func TestDemoDay(t *testing.T) {
	onBrokers(t, func(t *testing.T, args ...string) {
		n := newNode(t, append(args, "--demo")...)
		n.start()
		n.wait(90*time.Second, "through with the demo", func() bool { return strings.Contains(n.out.String(), "open http://") })
		out := n.out.String()
		for _, want := range []string{"the account closes", "rows per store", "top 10 items", "lesson-"} {
			if !strings.Contains(out, want) {
				t.Errorf("the output has no %q:\n%s", want, out)
			}
		}
		acc := n.settled()
		if acc["accepted"] < 20_000 || acc["ev_service"] != acc["stored"] || acc["ev_analytics"] == 0 || acc["ev_analytics"] >= acc["ev_service"] {
			t.Errorf("account: %v", acc)
		}
		if got := n.sql("SELECT count() FROM ev_personalize WHERE item_id = ''"); got != "0" {
			t.Errorf("%s rows of personalize name no item", got)
		}
		if out := n.must("doctor"); !strings.Contains(out, "from the front door to its row") {
			t.Error(out)
		}
		before := n.sql("SELECT count(), sum(cityHash64(row_id)) FROM ev_service")
		n.stop()
		n.start()
		n.wait(60*time.Second, "through with the second start", func() bool { return strings.Contains(n.out.String(), "stored already") })
		if after := n.sql("SELECT count(), sum(cityHash64(row_id)) FROM ev_service"); after != before {
			t.Errorf("a restart changed the store: %s, before %s", after, before)
		}
	})
}

// checkAggregate compares agg_pid_item_day with a count made by an independent script from
// the file itself, through `sluice pid`.
func checkAggregate(t *testing.T, n *node, file, refusers string) {
	t.Helper()
	dir := t.TempDir()
	pids, agg := filepath.Join(dir, "pids.tsv"), filepath.Join(dir, "agg.tsv")
	users, err := exec.Command("python3", "check/users.py", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	out, err := n.command(string(users), "pid", "--purpose", "personalize", "--stdin")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	write(t, pids, out)
	write(t, agg, n.sql("SELECT lower(hex(pid)), item_id, day, sum(n) FROM agg_pid_item_day GROUP BY pid, item_id, day FORMAT TabSeparated")+"\n")
	lastDay := n.lastDay()
	args := []string{"check/agg_count.py", "--csv", file, "--pids", pids, "--got", agg, "--last-day", lastDay}
	if refusers != "" {
		args = append(args, "--refused", refusers)
	}
	res, err := exec.Command("python3", args...).CombinedOutput()
	t.Logf("independent count: %s", strings.TrimSpace(string(res)))
	if err != nil {
		t.Errorf("the aggregate differs from the independent count: %v", err)
	}
}

// lastDay is the day a replay ended on: yesterday, when it ran.
func (n *node) lastDay() string {
	n.t.Helper()
	day, now := n.sql("SELECT toDate(max(ts)) FROM ev_service"), time.Now().UTC()
	// The replay may have run before this midnight.
	if day != now.AddDate(0, 0, -1).Format(time.DateOnly) && day != now.Add(-10*time.Minute).AddDate(0, 0, -1).Format(time.DateOnly) {
		n.t.Errorf("the last event is of %s, not of yesterday", day)
	}
	return day
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Every event of a course log under the newcomer's policy, everybody consenting: all of
// them are accepted and stored, and the aggregate equals an independent count.
func TestCourseLog(t *testing.T) {
	onBrokers(t, func(t *testing.T, args ...string) {
		file, real := courseLog(t)
		n := newNode(t, args...)
		n.start()
		out := n.must("replay", file, "--as", "moodle")
		acc := n.settled()
		if real && (acc["accepted"] != 74_394 || acc["stored"] != 74_394) {
			t.Errorf("account: %v\n%s", acc, out)
		}
		for _, store := range []string{"ev_service", "ev_analytics", "ev_personalize"} {
			if acc[store] != acc["accepted"] {
				t.Errorf("%s has %d of %d", store, acc[store], acc["accepted"])
			}
		}
		checkAggregate(t, n, file, "")
	})
}

// The same with half of the people refusing: those leave rows in service alone.
func TestCourseLogHalfRefuses(t *testing.T) {
	file, _ := courseLog(t)
	n := newNode(t)
	n.start()
	refusers := filepath.Join(t.TempDir(), "refusers.txt")
	n.must("replay", file, "--as", "moodle", "--refuse", "0.5", "--refusers", refusers)
	acc := n.settled()
	if acc["ev_service"] != acc["accepted"] || acc["ev_personalize"] == 0 || acc["ev_personalize"] >= acc["accepted"] || acc["ev_analytics"] != acc["ev_personalize"] {
		t.Errorf("account: %v", acc)
	}
	checkAggregate(t, n, file, refusers)
	ids, err := os.ReadFile(refusers)
	if err != nil || len(ids) == 0 {
		t.Fatalf("no refusers: %v", err)
	}
	for _, purpose := range []string{"personalize", "analytics"} {
		out, err := n.command(string(ids), "pid", "--purpose", purpose, "--stdin")
		if err != nil {
			t.Fatal(out)
		}
		if out != "" {
			t.Errorf("%d people who refused have a pseudonym for %s", strings.Count(out, "\n"), purpose)
		}
	}
	if got := n.sql("SELECT uniq(pid) FROM ev_personalize"); got == "0" {
		t.Error("nobody is left")
	}
}

// A web server's log: nobody has an id, so rows carry no pseudonym; bots, channels and
// countries are told apart.
func TestAccessLog(t *testing.T) {
	file, real := accessLog(t)
	n := newNode(t)
	n.start()
	n.must("replay", file, "--as", "apache", "--host", "semicomplete.com")
	acc := n.settled()
	if real && acc["accepted"] != 8000 || acc["stored"] != acc["accepted"] {
		t.Errorf("account: %v", acc)
	}
	if got := n.sql("SELECT countIf(pid != toFixedString('', 16)), countIf(session != toFixedString('', 16)), countIf(consent_rev != 18446744073709551615) FROM ev_analytics"); got != "0\t0\t0" {
		t.Errorf("rows with a pseudonym, a session, or a consent of somebody: %s", got)
	}
	for what, q := range map[string]string{
		"bots":      "SELECT countIf(is_bot) > 0 AND countIf(NOT is_bot) > 0 FROM ev_analytics",
		"channels":  "SELECT uniqExact(ref_channel) >= 3 FROM ev_analytics",
		"countries": "SELECT uniqExact(geo) >= 3 FROM ev_analytics",
		"pages":     "SELECT countIf(page = '') = 0 FROM ev_analytics",
	} {
		if got := n.sql(q); got != "1" {
			t.Errorf("%s: not told apart", what)
		}
	}
	table := n.sql("SELECT multiIf(ref_channel = '', 'direct', ref_channel) AS channel, countIf(NOT is_bot) AS views, countIf(is_bot), countIf(campaign_source != '') FROM ev_analytics GROUP BY 1 ORDER BY 2 DESC")
	if want := "internal\t3777\t285\t0\ndirect\t1934\t1286\t118\nsearch\t478\t3\t0\nother\t232\t3\t0\nsocial\t2\t0\t0"; real && table != want {
		t.Errorf("the README's table is now\n%s\nwant\n%s", table, want)
	}
	if got := n.sql("SELECT countIf(campaign_source = 'feedburner' AND campaign_medium = 'feed') FROM ev_analytics"); real && got != "118" {
		t.Errorf("%s views of the campaign, want 118", got)
	}
	got := filepath.Join(t.TempDir(), "got.tsv")
	lastDay := n.lastDay()
	write(t, got, n.sql(`SELECT 'page_views', count() FROM ev_analytics UNION ALL
		SELECT 'lines', count() FROM ev_service UNION ALL SELECT 'unreadable', 0 UNION ALL
		SELECT 'referrer_hosts', uniqExact(ref_host) FROM ev_analytics WHERE ref_host != '' UNION ALL
		SELECT concat('day:', toString(toDate(ts))), count() FROM ev_analytics GROUP BY toDate(ts)`)+"\n")
	out, err := exec.Command("python3", "check/apache_count.py", "--log", file, "--last-day", lastDay, "--got", got).CombinedOutput()
	t.Logf("independent count: %s", out)
	if err != nil {
		t.Errorf("the rows differ from the independent count: %v", err)
	}
}

// SIGTERM in the middle of a replay: what was acknowledged is stored by the next start at
// the latest, and the client that went on trying finishes.
func TestTermDrains(t *testing.T) {
	onBrokers(t, func(t *testing.T, args ...string) {
		n := newNode(t, args...)
		n.start()
		file, _ := courseLog(t)
		done := make(chan error, 1)
		go func() {
			out, err := n.command("", "replay", file, "--as", "moodle", "--rate", "12000")
			if err != nil {
				err = fmt.Errorf("%w: %s", err, tail(out, 2000))
			}
			done <- err
		}()
		for range 3 {
			time.Sleep(1200 * time.Millisecond)
			n.stop()
			n.start()
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		acc := n.settled()
		if acc["stored"]+acc["dropped: duplicate"] != acc["accepted"] {
			t.Errorf("account: %v", acc)
		}
		checkAggregate(t, n, file, "")
	})
}
