package check

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-events/sluice/internal/feed"
)

// run calls a script and returns its output and exit status.
func run(t *testing.T, script string, args ...string) (string, int) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3: the check scripts were not tried")
	}
	out, err := exec.CommandContext(t.Context(), python, append([]string{script}, args...)...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	log = `Event.context,user,timecreated,Component,Event.name,Log,Action
Course: Hens,u1,2019-10-01T00:00:00,System,Course viewed,c,v
Course: Hens,u1,2019-10-01T23:59:59,System,Course viewed,c,v
"Forum: a	b, \ c",u1,2019-10-02T12:00:00,Forum,Post created,c,v
Course: Hens,u2,2019-10-02T12:00:00,System,Course viewed,c,v
Course: Hens,,2019-10-02T12:00:00,System,Course viewed,c,v
`
	pids = "u1\t0A0b\nu2\tff00\n"
	good = "0a0b\tCourse: Hens\t2026-12-08\t2\n0a0b\tForum: a\\tb, \\\\ c\t2026-12-09\t1\nff00\tCourse: Hens\t2026-12-09\t1\n"
)

func TestAggCount(t *testing.T) {
	f := func(pids, got, refused string, code int, words ...string) {
		t.Helper()
		args := []string{"--csv", file(t, "log.csv", log), "--pids", file(t, "pids", pids), "--got", file(t, "got", got), "--last-day", "2026-12-09"}
		if refused != "" {
			args = append(args, "--refused", file(t, "refused", refused))
		}
		out, c := run(t, "agg_count.py", args...)
		if c != code {
			t.Errorf("exit status %d, want %d:\n%s", c, code, out)
		}
		for _, w := range words {
			if !strings.Contains(out, w) {
				t.Errorf("no %q in:\n%s", w, out)
			}
		}
		if strings.Contains(out, "u1") || strings.Contains(out, "u2") {
			t.Errorf("a user was printed:\n%s", out)
		}
	}
	f(pids, good, "", 0, "keys compared 3, differences 0", "events counted 4 of 5")
	f(pids, strings.Replace(good, "\t2\n", "\t1\n", 1), "", 1, "differences 1", "counted 2, stored 1")
	f(pids, strings.Replace(good, "2026-12-08\t2", "2026-12-07\t2", 1), "", 1, "differences 2")
	f(pids, good+"0a0b\tCourse: Hens\t2026-12-08\t1\n", "", 1, "added up: 1", "stored 3")
	f(pids, "", "", 1, "differences 3")
	f(pids, good+"ee\tx\t2026-12-09\t1\n", "", 1, "differences 1")
	f(pids, strings.ToUpper(good[:4])+good[4:], "", 0)
	withoutU2 := good[:strings.Index(good, "ff00")]
	f(pids, withoutU2, "u2\n", 0, "keys compared 2, differences 0", "rows of the refused 0")
	f(pids, good, "u2\n", 1, "(refused)", "rows of the refused 1")
	f("u1\t0a0b\n", withoutU2, "u2\n", 0) // who refuses needs no pid
	f("u1\t0a0b\n", good, "", 2, "has none")
	f("u1\t0a0b\nu2\t0a0b\n", good, "", 2, "one pid for two users")
	f("u1\t0000\nu2\tff\n", good, "", 2, "line 1")
	f(pids, "0a0b\tx\t2026-12-09\n", "", 2, "3 columns")
	f(pids, "0a0b\tx\tday\t1\n", "", 2)
	if out, c := run(t, "agg_count.py", "--csv", "x"); c != 2 {
		t.Errorf("exit status %d without arguments:\n%s", c, out)
	}
}

const access = `192.0.2.1 - - [17/May/2015:23:30:00 +0000] "GET /a HTTP/1.1" 200 1 "https://A.example:8080/x" "Mozilla/5.0 (X11)"
192.0.2.1 - - [18/May/2015:00:30:00 +0000] "GET /b HTTP/1.1" 200 - "https://a.example/" "Googlebot/2.1"
192.0.2.1 - - [18/May/2015:01:30:00 +0000] "GET /b HTTP/1.1" 200 - "http://\xe4\xe5.example/" "-"
192.0.2.1 - - [18/May/2015:01:30:00 +0000] "-" 408 - "-" "-"

192.0.2.1 - - [18/May/2015:01:30:00 +0000] "GET /\"q\" HTTP/1.1" 200 5 "https://b.example/" "say \"hello\""
`

func TestApacheCount(t *testing.T) {
	path := file(t, "access.log", access)
	want := "day:2026-12-08\t1\nday:2026-12-09\t3\ninfo:bots\t1\ninfo:no_user_agent\t1\ninfo:odd_referrers\t1\ninfo:shift_days\t4223\ninfo:with_referrer\t3\n" +
		"lines\t5\npage_views\t4\nreferrer_hosts\t2\nunreadable\t1\n"
	out, code := run(t, "apache_count.py", "--log", path, "--last-day", "2026-12-09")
	if code != 0 || out != want {
		t.Errorf("exit status %d, got\n%s", code, out)
	}
	if out, _ = run(t, "apache_count.py", "--log", path, "--last-day", "2026-12-09", "--zone", "Asia/Shanghai"); !strings.Contains(out, "day:2026-12-09\t4\n") {
		t.Errorf("in another zone:\n%s", out)
	}
	f := func(got string, code int) {
		t.Helper()
		if out, c := run(t, "apache_count.py", "--log", path, "--last-day", "2026-12-09", "--got", file(t, "got", got)); c != code {
			t.Errorf("exit status %d, want %d:\n%s", c, code, out)
		}
	}
	f(want, 0)
	f(strings.Replace(want, "info:bots\t1\n", "", 1), 0)
	f(strings.Replace(want, "page_views\t4", "page_views\t3", 1), 1)
	f(strings.Replace(want, "page_views\t4\n", "", 1), 1)
	f(want+"other\t1\n", 1)
	f("page_views\n", 2)
}

// The published course as a replay reads it, with every event counted as a store would,
// against the script's own count; and again with one event lost.
func TestRealCourse(t *testing.T) {
	dir := os.Getenv("SLUICE_DATA")
	if dir == "" {
		t.Skip("SLUICE_DATA is not set: only the small input of the tests was counted")
	}
	path := filepath.Join(dir, "moodle-lacourse/events.csv.gz")
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	opt := feed.DefaultOptions(time.Date(2026, 12, 10, 1, 0, 0, 0, zone), zone)
	opt.Refuse, opt.Seed = 0.5, 1
	src, err := feed.OpenMoodle([]string{path}, opt)
	if err != nil {
		t.Fatal(err)
	}
	pids, n := map[string]string{}, map[[3]string]int{}
	escape := strings.NewReplacer("\\", "\\\\", "\t", "\\t", "'", "\\'")
	for m := (feed.Message{}); src.Next(&m) == nil; {
		pid := fmt.Sprintf("%032x", 0xabc000+len(pids))
		if old, known := pids[m.User]; known {
			pid = old
		}
		pids[m.User] = pid
		if yes, _ := m.Consent.Get("personalize"); yes {
			item, _ := feed.Find(m.Props, "item_id")
			n[[3]string{pid, escape.Replace(item.Text()), m.Time.In(zone).Format("2006-01-02")}]++
		}
	}
	var pidFile, all, lost strings.Builder
	for user, pid := range pids {
		fmt.Fprintf(&pidFile, "%s\t%s\n", user, pid)
	}
	for k, v := range n {
		row := func(v int) string { return fmt.Sprintf("%s\t%s\t%s\t%d\n", k[0], k[1], k[2], v) }
		all.WriteString(row(v))
		if lost.Len() == 0 {
			v--
		}
		lost.WriteString(row(v))
	}
	refused := src.Report().Refused
	if len(refused) < 40 || len(refused) > 90 {
		t.Error("refused:", len(refused))
	}
	for want, got := range []string{all.String(), lost.String()} {
		out, code := run(t, "agg_count.py", "--csv", path, "--pids", file(t, "pids", pidFile.String()), "--got", file(t, "got", got),
			"--refused", file(t, "refused", strings.Join(refused, "\n")), "--last-day", "2026-12-09")
		if code != want || !strings.Contains(out, fmt.Sprintf("differences %d\n", want)) {
			t.Errorf("exit status %d, want %d:\n%s", code, want, out)
		}
		fmt.Fprint(t.Output(), out)
	}
}

// The published log, against numbers found by hand.
func TestRealAccessLog(t *testing.T) {
	dir := os.Getenv("SLUICE_DATA")
	if dir == "" {
		t.Skip("SLUICE_DATA is not set: only the small input of the tests was counted")
	}
	out, code := run(t, "apache_count.py", "--log", filepath.Join(dir, "apache-access-log/access.log.gz"), "--last-day", "2026-12-09")
	for _, line := range []string{"lines\t8000\n", "page_views\t8000\n", "unreadable\t0\n", "info:odd_referrers\t3\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("no %q", line)
		}
	}
	if code != 0 {
		t.Error("exit status", code)
	}
	fmt.Fprint(t.Output(), out)
}
