package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// fingerprint is what a store must be, whatever happened on the way: the rows without what
// belongs to the insert that brought them. Of ev_service the last weeks, since its rows
// expire after 30 days, whenever a merge comes along.
func (n *node) fingerprint() string {
	n.t.Helper()
	return n.sql(`SELECT 'ev_service', count(), uniqExact(row_id), sum(cityHash64(tenant, ts, pid, row_id, event, is_bot, page, policy_rev)) FROM ev_service WHERE ts > now() - INTERVAL 25 DAY
		UNION ALL SELECT 'ev_analytics', count(), uniqExact(row_id), sum(cityHash64(tenant, ts, row_id, event, item_id, toString(props))) FROM ev_analytics
		UNION ALL SELECT 'ev_personalize', count(), uniqExact(row_id), sum(cityHash64(tenant, ts, row_id, event, item_id, toString(props))) FROM ev_personalize
		UNION ALL SELECT 'agg_pid_item_day', toUInt64(sum(n)), uniqExact(pid, item_id, day), sum(cityHash64(item_id, day, total)) FROM (SELECT pid, item_id, day, sum(n) AS n, n AS total FROM agg_pid_item_day GROUP BY pid, item_id, day)
		ORDER BY 1`)
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
		for i := range 10 {
			time.Sleep(time.Duration(200+rnd.IntN(1200)) * time.Millisecond)
			if len(done) > 0 {
				t.Fatalf("the replay ended before kill %d: %v", i+1, <-done)
			}
			if rnd.IntN(3) == 0 {
				if pid := n.enginePID(); pid > 0 {
					t.Logf("kill %d: engine", i+1)
					syscall.Kill(pid, syscall.SIGKILL)
				}
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
