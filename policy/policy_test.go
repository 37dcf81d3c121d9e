package policy

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shipped reads one of the policies that ship with the project.
func shipped(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "deploy", "policies", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parsed(t testing.TB, name string) *Policy {
	t.Helper()
	p, err := Parse(name, shipped(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestShipped reads back what only the file can say.
func TestShipped(t *testing.T) {
	edu, starter := parsed(t, "cn-edu.yaml"), parsed(t, "starter.yaml")
	if edu.Rev != 3 || edu.Zone.String() != "Asia/Shanghai" || edu.Regime != PIPL || !edu.Residency.Deny || edu.KeepEmpty {
		t.Errorf("head: %+v", edu)
	}
	if !edu.Effective.Equal(time.Date(2026, 11, 30, 16, 0, 0, 0, time.UTC)) {
		t.Errorf("effective %v", edu.Effective)
	}
	if d := edu.Rights.Deadlines["delete"]; d.Ours != 24*time.Hour || d.Ceiling != "15wd" || d.Latest != 15*day {
		t.Errorf("deadline %+v", d)
	}
	if got := edu.Consent.Expires; got["survey"] != 180*day || got["media_meta"] != featureLife || got["improve"] != 365*day {
		t.Errorf("expires %v", got) // media_meta has no line in the file
	}
	improve, _ := edu.Purpose("improve")
	personalize, _ := edu.Purpose("personalize")
	if improve.DeleteRows != 24*time.Hour || personalize.DeleteTags != 24*time.Hour || personalize.WithLocation != LevelCell5 || !personalize.Lasting {
		t.Errorf("purposes: %+v %+v", improve, personalize)
	}
	if !starter.KeepEmpty || !starter.Consent.SignalsMayGrant || starter.Wildcard.MaxEventNames != 2000 || starter.Wild == nil {
		t.Errorf("starter: %+v", starter)
	}
	if edu.Wild != nil || len(edu.Order) != len(edu.Events) {
		t.Error("cn-edu takes no event it does not name")
	}
	if s := edu.Shares; len(s) != 1 || s[0].Expires.Format(time.DateOnly) != "2027-06-30" {
		t.Errorf("shares %+v", s)
	}
	if _, float := findType(edu, ColFloat64); float {
		t.Error("cn-edu has a float column") // a position could go into it
	}
	if edu.Hash == starter.Hash || edu.Hash == [32]byte{} {
		t.Error("the hash does not tell the files apart")
	}
}

func findType(p *Policy, typ ColumnType) (string, bool) {
	for _, s := range p.Stores {
		for _, c := range s.Columns {
			if c.Type == typ {
				return s.Name + "." + c.Name, true
			}
		}
	}
	return "", false
}

func TestWarnings(t *testing.T) {
	f := func(old, new, want string) {
		t.Helper()
		text := edit{base: "base.yaml", old: []string{old}, new: []string{new}}.apply(t, basePolicy(t, "base.yaml"))
		p, err := Parse("base.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Warnings) != 1 || p.Warnings[0].String() != want {
			t.Errorf("warnings:\n%v", p.Warnings)
		}
	}
	f("sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", `sha256: ""`,
		"base.yaml:4: source.sha256: is empty; bind the notice text by its SHA-256 before people rely on it")
	f("dur_ms: {class: behavior, type: duration_ms}", "name: behavior",
		"base.yaml:47: events.page_view.fields.name: its name is on the built-in list of what is never taken; is class behavior meant?")
	f("store: ev_security, keep", "store: ev_security, needs: item, keep",
		"base.yaml:48: events.login.purposes: security needs an item and this event names none: it never takes it; item: the field that is the item")
	f("analyst: {stores: [ev_analytics, agg_page_day]", "analyst: {stores: [ev_analytics]",
		"base.yaml:56: roles.analyst.stores: agg_page_day names this role as a reader; list it in stores, or take the role from its readers")
}

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.yaml")
	if _, err := Load(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(file, []byte("policy: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(file)
	var problems Problems
	if !errors.As(err, &problems) || !strings.HasPrefix(err.Error(), "p.yaml:1: policy: is not text") {
		t.Errorf("%v", err)
	}
	if p, err := Load(filepath.Join("..", "deploy", "policies", "starter.yaml")); err != nil || p.Name != "starter" {
		t.Errorf("%v", err)
	}
}

func TestSpans(t *testing.T) {
	f := func(s string, ceiling bool, want time.Duration) {
		t.Helper()
		got, ok := parseSpan(s, ceiling)
		if ok != (want > 0) || got != want {
			t.Errorf("%q: %v %t", s, got, ok)
		}
	}
	f("30d", false, 30*day)
	f("1h", false, time.Hour)
	f("60s", false, time.Minute)
	f("15wd", true, 15*day)
	f("1mo", true, 28*day)
	for _, bad := range []string{"", "d", "1", "0d", "-1d", "1.5h", "1w", "15wd", "1mo", "99999999d", "1d ", "１d"} {
		f(bad, false, 0)
	}
}

// TestProblemsEchoLittle: what a message repeats of the file is short and printable.
func TestProblemsEchoLittle(t *testing.T) {
	long := strings.Repeat("secret", 50)
	text := edit{base: "base.yaml", old: []string{"regime: gdpr", "timezone: UTC"}, new: []string{"regime: " + long, "timezone: \"a\\nb\"\n" + long + ": 1"}}.apply(t, basePolicy(t, "base.yaml"))
	_, problems := check(t, []byte(text))
	for _, p := range problems {
		if strings.Contains(p.String(), long[:maxEcho+6]) {
			t.Errorf("%s", p)
		}
	}
	if len(problems) == 0 {
		t.Error("it compiles")
	}
}
