package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fingerprint is what the stores must be, whatever happened on the way: the rows without
// what belongs to the insert that brought them, which rows are of one person, and which of
// one session in which order. Pseudonyms themselves differ between installations, since each
// person's secret is drawn. Of ev_service the last weeks count: its rows expire after 30
// days, whenever a merge comes along.
func (n *node) fingerprint() string {
	n.t.Helper()
	const recent = "ts > now() - INTERVAL 25 DAY"
	var parts []string
	for store, where := range map[string]string{"ev_service": recent, "ev_analytics": "1", "ev_personalize": "1"} {
		for of, q := range map[string]string{
			"rows":     "SELECT cityHash64(tenant, ts, row_id, event, item_id, is_bot, page, policy_rev, toString(props)) AS h FROM %s WHERE %s",
			"people":   "SELECT cityHash64(arraySort(groupArray(row_id))) AS h FROM %s WHERE %s GROUP BY pid",
			"sessions": "SELECT cityHash64(arraySort(groupArray((seq, row_id)))) AS h FROM %s WHERE %s GROUP BY session",
		} {
			if store == "ev_service" {
				q = strings.NewReplacer("item_id, ", "", ", toString(props)", "").Replace(q)
			}
			parts = append(parts, fmt.Sprintf("SELECT '%s: %s' AS what, count() AS n, sum(h) AS sum FROM ("+q+")", store, of, store, where))
		}
	}
	parts = append(parts, `SELECT 'agg_pid_item_day: people' AS what, count() AS n, sum(h) AS sum FROM (
		SELECT cityHash64(arraySort(groupArray((item_id, day, total)))) AS h FROM (
			SELECT pid, item_id, day, sum(n) AS total FROM agg_pid_item_day GROUP BY pid, item_id, day) GROUP BY pid)`)
	return n.sql("SELECT * FROM (" + strings.Join(parts, " UNION ALL ") + ") ORDER BY what")
}

// kill -9 of the process and of the engine, ten times at random moments of a replay: the
// same account, rows and aggregates as an undisturbed run with the same keys.
func TestKill(t *testing.T) {
	onBrokers(t, func(t *testing.T, args ...string) {
		seed := uint64(time.Now().UnixNano())
		if s, err := strconv.ParseUint(os.Getenv("SLUICE_SEED"), 10, 64); err == nil {
			seed = s
		}
		t.Logf("seed %d (SLUICE_SEED repeats it)", seed)
		rnd := rand.New(rand.NewPCG(seed, 0))
		file, real := courseLog(t)
		rate := "4000" // events a second: the replay outlasts the kills
		if !real {
			rate = "320"
		}

		calm := newNode(t)
		calm.start()
		calm.must("replay", file, "--as", "moodle")
		want := calm.settled()
		wantRows := calm.fingerprint()
		calm.stop()

		n := newNode(t, args...)
		copyKeys(t, calm.dir, n.dir)
		n.start()
		done := make(chan error, 1)
		go func() {
			out, err := n.command("", "replay", file, "--as", "moodle", "--rate", rate)
			if err != nil {
				err = fmt.Errorf("%w: %s", err, tail(out, 2000))
			}
			done <- err
		}()
		n.wait(20*time.Second, "the replay's first events", func() bool { acc, _ := n.account(); return acc["accepted"] > 0 })
		for i := range 10 {
			time.Sleep(time.Duration(200+rnd.IntN(1200)) * time.Millisecond)
			if len(done) > 0 {
				t.Fatalf("the replay ended before kill %d: %v", i+1, <-done)
			}
			if i%3 == 1 { // the engine, as soon as there is one
				pid := 0
				n.wait(20*time.Second, "the engine's process", func() bool { pid = n.enginePID(); return pid > 0 })
				t.Logf("kill %d: engine", i+1)
				syscall.Kill(pid, syscall.SIGKILL)
				continue
			}
			t.Logf("kill %d: sluice up", i+1)
			n.kill()
			n.spawn()
			if rnd.IntN(2) == 0 { // sometimes before it is up again
				n.ready()
			}
		}
		n.ready()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		got := n.settled()
		if got["accepted"]-got["dropped: duplicate"] != want["accepted"] || got["stored"] != want["stored"] {
			t.Errorf("account %v, undisturbed %v", got, want)
		}
		if rows := n.fingerprint(); rows != wantRows {
			t.Errorf("rows:\n%s\nundisturbed:\n%s", rows, wantRows)
		}
		checkAggregate(t, n, file, "")
		t.Logf("%d acknowledged, %d of them sent again after a lost answer", got["accepted"], got["dropped: duplicate"])
	})
}

// copyKeys gives a new node the keys and settings of another, so that ids can be compared.
func copyKeys(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"keys", "secrets", "policies", "policy.yaml", "sluice.yaml"} {
		if out, err := exec.Command("cp", "-a", filepath.Join(from, name), to).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for _, name := range []string{"kafka", "clickhouse", "run"} {
		if err := os.MkdirAll(filepath.Join(to, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}
