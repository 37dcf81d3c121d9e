package feed

import (
	"crypto/sha256"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func day(t testing.TB, seed uint64, change func(*DemoConfig)) *Day {
	t.Helper()
	cfg := DefaultDemo(noon, shanghai(t))
	cfg.Seed = seed
	if change != nil {
		change(&cfg)
	}
	d, err := Demo(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func digest(d *Day) [32]byte {
	var b []byte
	for i := range d.msgs {
		if m := &d.msgs[i]; m.Act != nil {
			b = appendAct(b, m, "")
		} else {
			b = Native.append(b, m)
		}
	}
	return sha256.Sum256(b)
}

func TestDemoIsDeterministic(t *testing.T) {
	a, b, c := day(t, 1, nil), day(t, 1, nil), day(t, 2, nil)
	if digest(a) != digest(b) {
		t.Error("the same seed gave another day")
	}
	if digest(a) == digest(c) {
		t.Error("another seed gave the same day")
	}
	if diff := cmp.Diff(a.Mix, b.Mix); diff != "" {
		t.Error(diff)
	}
}

func TestDemoMix(t *testing.T) {
	for seed := range uint64(5) {
		d := day(t, seed, nil)
		x := d.Mix
		if seed == 1 {
			t.Logf("%+v", x)
		}
		within := func(what string, got, least, most int) {
			t.Helper()
			if got < least || got > most {
				t.Errorf("seed %d: %s %d, not in [%d, %d]", seed, what, got, least, most)
			}
		}
		within("events", x.Events, 25_000, 26_000)
		within("crawlers", x.Crawlers, 750, 750)
		within("duplicates", x.Duplicates, 150, 400)
		within("late", x.Late, 100, 1500)
		within("forbidden", x.Forbidden, 80, 260)
		within("positions gcj02", x.Positions["gcj02"], 150, 3000)
		within("positions wgs84", x.Positions["wgs84"], 100, 2000)
		within("acts", x.Acts, 400, 850)
		for name, least := range map[string]int{"page_view": 8000, "lesson_play": 6000, "search": 800, "login": 400, "device_log": 500} {
			within(name, x.Names[name], least, 16_000)
		}
		if len(x.Names) != 5 {
			t.Error("other events:", x.Names)
		}
		all := 0
		for g := range groups {
			within("people: "+g.String(), x.People[g], 212*g.share()/100-1, 212*g.share()/100+1)
			within("events: "+g.String(), x.ByGroup[g], 200, 16_000)
			all += x.People[g]
		}
		if all != 212 {
			t.Error("people", all)
		}
	}
}

func BenchmarkDemo(b *testing.B) {
	for b.Loop() {
		day(b, 1, nil)
	}
}

func TestDemoTimes(t *testing.T) {
	zone := shanghai(t)
	d := day(t, 1, nil)
	start := time.Date(2026, 12, 9, 0, 0, 0, 0, zone)
	var hours [24]int
	for _, m := range d.msgs {
		if m.Time.Before(start) || !m.Time.Before(start.AddDate(0, 0, 1)) {
			t.Fatal("an event of another day:", m.Time)
		}
		hours[m.Time.In(zone).Hour()]++
	}
	if hours[10] < 10*hours[4]+100 || hours[20] < hours[23] || hours[13] > hours[10] {
		t.Error("no school day:", hours)
	}
	at := map[string]time.Time{}
	late := 0
	for _, m := range d.msgs { // in order of delivery
		if m.Time.Before(at[m.Lane].Add(-2 * time.Hour)) {
			late++
		}
		if m.Time.After(at[m.Lane]) {
			at[m.Lane] = m.Time
		}
	}
	if late == 0 {
		t.Error("nothing is delivered late")
	}
}

// What events claim of a person fits the group, hour by hour, and an act precedes every
// device's first event unless the person was never asked.
func TestDemoConsent(t *testing.T) {
	cfg := DefaultDemo(noon, shanghai(t))
	d := day(t, 3, nil)
	s := newSchool(DemoConfig{Seed: 3, Zone: cfg.Zone, Now: cfg.Now, Pupils: cfg.Pupils, Teachers: cfg.Teachers, Agents: BuiltinAgents(), Purposes: cfg.Purposes})
	group := map[string]person{}
	for _, p := range s.people {
		group[p.id] = p
	}
	acted := map[string]bool{}
	for _, m := range d.msgs {
		p, ok := group[m.Lane]
		if m.Lane == "crawler" {
			if m.Consent != nil || m.User+m.Install != "" {
				t.Fatal("a crawler with consent or an id")
			}
			continue
		} else if !ok {
			t.Fatal("nobody's event")
		}
		if m.Client.GPC != (p.group == SendsGPC) {
			t.Fatal("GPC does not fit")
		}
		if m.Act != nil {
			acted[m.Install] = true
			continue
		}
		if acted[m.Install] == (p.group == NeverAsked) {
			t.Fatal("act and group do not fit:", p.group)
		}
		analytics, asked := m.Consent.Get("analytics")
		personalize, _ := m.Consent.Get("personalize")
		h := m.Time.In(cfg.Zone).Hour()
		want := map[Group][3]bool{GrantsAll: {true, true, true}, RefusesAll: {true, false, false}, AnalyticsOnly: {true, true, false}, PersonalizeOnly: {true, false, true},
			GrantsAtNoon: {true, h > 12, h > 12}, Withdraws: {true, h < 15, h < 15}, SendsGPC: {true, true, true}, NeverAsked: {}}[p.group]
		if got := [3]bool{asked, analytics, personalize}; got != want && h != 12 && h != 15 {
			t.Fatalf("%v at %d: %v", p.group, h, got)
		}
	}
}

func TestDemoOfAnotherPolicy(t *testing.T) {
	d := day(t, 1, func(c *DemoConfig) { c.Purposes, c.Acts = SchoolPurposes(), false })
	if d.Mix.Acts != 0 {
		t.Error("acts although switched off")
	}
	for _, m := range d.msgs {
		if _, asked := m.Consent.Get("improve"); m.Consent != nil && !asked {
			t.Fatal("the policy's names are not used")
		}
	}
}

// Popular lessons are popular, so that a top ten looks like one.
func TestDemoPopularity(t *testing.T) {
	n := map[string]int{}
	for _, m := range day(t, 1, nil).msgs {
		if m.Name == "lesson_play" {
			item, _ := Find(m.Props, "item_id")
			n[item.Text()]++
		}
	}
	if len(n) != lessonCount || n["lesson-01"] < 2*n["lesson-05"] || n["lesson-05"] < 2*n["lesson-30"] {
		t.Errorf("%d lessons: 1st %d, 5th %d, 30th %d", len(n), n["lesson-01"], n["lesson-05"], n["lesson-30"])
	}
}

func TestDemoNetworks(t *testing.T) {
	var all []netip.Prefix
	for _, c := range networks() {
		all = append(all, netip.MustParsePrefix(c.network))
	}
	all = append(all, netip.MustParsePrefix(schoolNetwork))
	for _, m := range day(t, 1, nil).msgs {
		if m.Act != nil {
			continue
		}
		a, err := netip.ParseAddr(m.Client.IP)
		if err != nil || !slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Contains(a) }) {
			t.Fatal("an address outside the list")
		}
	}
}

func TestDemoConfig(t *testing.T) {
	for _, spoil := range []func(*DemoConfig){
		func(c *DemoConfig) { c.Pupils = 0 }, func(c *DemoConfig) { c.Events = 10 }, func(c *DemoConfig) { c.Zone = nil },
	} {
		c := DefaultDemo(noon, time.UTC)
		if spoil(&c); !fails(Demo(c)) {
			t.Error("taken")
		}
	}
	small := day(t, 1, func(c *DemoConfig) { c.Pupils, c.Teachers, c.Events = 1, 0, 1 })
	if small.Mix.Events == 0 {
		t.Error("a school of one pupil is empty")
	}
}

func fails[T any](_ T, err error) bool { return err != nil }

func TestReadAgents(t *testing.T) {
	f := func(in string, want ...Agent) {
		t.Helper()
		got, err := ReadAgents(strings.NewReader(in))
		if (err != nil) != (len(want) == 0) {
			t.Error(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	f("# a list\n0.5\tMozilla/5.0 (A)\nMozilla/5.0 (B)\t2\n\n3 Mozilla/5.0 (C)\nMozilla/5.0 (D) e\r\n", Agent{"Mozilla/5.0 (A)", .5}, Agent{"Mozilla/5.0 (B)", 2}, Agent{"Mozilla/5.0 (C)", 3}, Agent{"Mozilla/5.0 (D) e", 1})
	f(`{"userAgent":"Mozilla/5.0 (J)","weight":0.25}`+"\n{broken\nNaN\tx\n-1\tx\n+Inf\tx\n", Agent{"Mozilla/5.0 (J)", .25})
	f("")
	f("# nothing\n")
	for _, a := range BuiltinAgents() {
		name, version := osOf(a.UA)
		if name == "Linux" || version == "" {
			t.Error("no system in a built-in agent")
		}
	}
	if formOf(BuiltinAgents()[0].UA) != phone || formOf(BuiltinAgents()[4].UA) != tablet || formOf(BuiltinAgents()[6].UA) != desktop {
		t.Error("forms")
	}
}

// The list fetched at set-up, if it is there.
func TestFetchedAgents(t *testing.T) {
	f, err := os.Open(filepath.Join("..", "..", ".deps", "ua", "agents.txt"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no .deps/ua/agents.txt: only the built-in list was used")
	} else if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := ReadAgents(f)
	if err != nil || len(all) < 100 {
		t.Fatal(len(all), err)
	}
	for _, a := range all {
		if !strings.Contains(a.UA, "/") {
			t.Fatal("a line that is no user agent")
		}
	}
	d := day(t, 1, func(c *DemoConfig) { c.Agents = all })
	seen := map[string]bool{}
	for _, m := range d.msgs {
		seen[m.Client.UA] = true
	}
	if len(seen) < 50 { // a few of them make up most of the weight
		t.Error("user agents used:", len(seen))
	}
}
