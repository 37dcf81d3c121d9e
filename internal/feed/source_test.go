package feed

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func shanghai(t testing.TB) *time.Location {
	t.Helper()
	z, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// noon is midday in UTC on a fixed day: evening in Shanghai.
var noon = time.Date(2026, 12, 10, 12, 0, 0, 0, time.UTC)

func drain(t testing.TB, src Source, err error) []Message {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var all []Message
	for {
		var m Message
		switch err := src.Next(&m); err {
		case nil:
			all = append(all, m)
		case io.EOF:
			return all
		default:
			t.Fatal(err)
		}
	}
}

// real returns the folder with real input, or skips.
func real(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SLUICE_DATA")
	if dir == "" {
		t.Skip("SLUICE_DATA is not set: only the small input in testdata was read")
	}
	return dir
}

func TestCourseLog(t *testing.T) {
	opt := DefaultOptions(noon, shanghai(t))
	src, err := OpenMoodle([]string{"testdata/course.csv"}, opt)
	got := drain(t, src, err)
	rep := src.Report()
	if rep.Read != 6 || rep.People != 3 || rep.Unreadable != 2 || rep.Repaired != 1 {
		t.Errorf("read %d, people %d, unreadable %d, repaired %d", rep.Read, rep.People, rep.Unreadable, rep.Repaired)
	}
	if diff := cmp.Diff([]Place{{"course.csv", 5}, {"course.csv", 8}}, rep.Bad); diff != "" {
		t.Error("unreadable lines:", diff)
	}
	for i, m := range got {
		if i > 0 && m.Time.Before(got[i-1].Time) {
			t.Error("not in order of time at", i)
		}
		if yes, asked := m.Consent.Get("analytics"); !asked || !yes {
			t.Error("no grant at", i)
		}
	}
	first, last := got[0], got[len(got)-1]
	if want := time.Date(2026, 12, 9, 23, 59, 59, 0, opt.Zone); !last.Time.Equal(want) {
		t.Errorf("last event at %v, want %v", last.Time, want)
	}
	if want := time.Date(2026, 12, 5, 8, 0, 0, 0, opt.Zone); !first.Time.Equal(want) {
		t.Errorf("first event at %v, want %v", first.Time, want)
	}
	if first.Name != "Course viewed" || first.User != "u2" {
		t.Errorf("first event is %q of %q", first.Name, first.User)
	}
	var keys []string
	for _, p := range first.Props {
		keys = append(keys, p.Key+"="+p.Text())
	}
	if diff := cmp.Diff([]string{"item_id=Course: 7 : Birds, and bees", "component=System", "log=Course: 7", "action=Course_view"}, keys); diff != "" {
		t.Error(diff)
	}
}

// The same file on the same day gives the same ids, on another day others.
func TestCourseLogIDs(t *testing.T) {
	ids := func(now time.Time) map[string]bool {
		src, err := OpenMoodle([]string{"testdata/course.csv", "testdata/report.csv"}, DefaultOptions(now, time.UTC))
		m := map[string]bool{}
		for _, x := range drain(t, src, err) {
			m[x.ID] = true
		}
		return m
	}
	a, b, c := ids(noon), ids(noon.Add(time.Hour)), ids(noon.AddDate(0, 0, 1))
	if len(a) != 10 || !cmp.Equal(a, b) {
		t.Errorf("%d ids, stable %v", len(a), cmp.Equal(a, b))
	}
	for id := range c {
		if a[id] {
			t.Error("an id of another day came back")
		}
	}
}

func TestReportLog(t *testing.T) {
	src, err := OpenMoodle([]string{"testdata/report.csv"}, DefaultOptions(noon, time.UTC))
	got := drain(t, src, err)
	if len(got) != 4 || src.Report().Unreadable != 1 {
		t.Fatalf("%d events, %d unreadable", len(got), src.Report().Unreadable)
	}
	m := got[3]
	desc, _ := Find(m.Props, "description")
	if m.User != "41" || m.Client.IP != "10.0.0.7" || m.Name != "Log report viewed" ||
		desc.Text() != "The user with id '41' viewed the log report for the course with id '9'." {
		t.Errorf("got %+v", m)
	}
	for _, m := range got {
		for _, p := range m.Props {
			if p.Text() == "Ann Example" || p.Text() == "Bob Example" {
				t.Error("a name or another person came through as", p.Key)
			}
		}
	}
	if got[0].User != "" {
		t.Error("a user was found where the description names none")
	}
}

func TestNoCourseLog(t *testing.T) {
	for _, path := range []string{"testdata/access.log", "testdata/events.ndjson"} {
		if _, err := OpenMoodle([]string{path}, DefaultOptions(noon, time.UTC)); err == nil {
			t.Error("taken:", path)
		}
	}
}

func TestRefuse(t *testing.T) {
	opt := DefaultOptions(noon, time.UTC)
	opt.Refuse, opt.Seed = 1, 3
	src, err := OpenMoodle([]string{"testdata/course.csv"}, opt)
	for _, m := range drain(t, src, err) {
		if m.User == "" {
			continue // nobody who could refuse
		}
		if diff := cmp.Diff(All(opt.Purposes, false), m.Consent); diff != "" {
			t.Fatal(diff)
		}
	}
	if diff := cmp.Diff([]string{"u1", "u2", "u3"}, src.Report().Refused); diff != "" {
		t.Error(diff)
	}
	n := 0
	for i := range 10_000 {
		user := string(rune('a'+i%26)) + time.Duration(i).String()
		small, large := Refuses(user, 1, 0.3), Refuses(user, 1, 0.6)
		if small && !large {
			t.Fatal("who refuses at 0.3 does not at 0.6")
		}
		if small {
			n++
		}
	}
	if n < 2800 || n > 3200 { // 4 standard deviations
		t.Errorf("%d of 10000 refuse at 0.3", n)
	}
}

func TestAccessLog(t *testing.T) {
	opt := DefaultOptions(noon, time.UTC)
	opt.Purposes = []string{"analytics"}
	src, err := OpenApache([]string{"testdata/access.log"}, "https://site.example/", opt)
	got := drain(t, src, err)
	rep := src.Report()
	if diff := cmp.Diff([]Place{{"access.log", 3}, {"access.log", 6}, {"access.log", 7}, {"access.log", 8}}, rep.Bad); diff != "" {
		t.Error("unreadable lines:", diff)
	}
	type row struct{ Page, Ref, UA, IP, Size string }
	var rows []row
	for _, m := range got {
		size, _ := Find(m.Props, "bytes")
		rows = append(rows, row{m.Client.Page, m.Client.Ref, m.Client.UA, m.Client.IP, size.Text()})
		if m.User+m.Install != "" || m.Name != "page_view" {
			t.Error("an id or another name:", m.Name)
		}
		if diff := cmp.Diff(Choices{{"analytics", true}}, m.Consent); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff([]row{
		{"https://site.example/a?q=1", "https://other.example/x", "Mozilla/5.0 (X11)", "192.0.2.7", "120"},
		{"https://site.example/b", "", "agent \"quoted\" \\ end", "2001:db8::1", "0"},
		{"https://site.example/c", "http://\ufffd-\ufffd.example/", "", "", "5"},
		{"http://proxy.example/d", "", "é", "192.0.2.8", "1"},
	}, rows); diff != "" {
		t.Error(diff)
	}
	if y, m, d := rep.Last.Date(); y != 2026 || m != 12 || d != 9 {
		t.Error("last event on", rep.Last)
	}
	if Total(src) != 4 {
		t.Error("total", Total(src))
	}
	opt.NoConsent = true
	src, err = OpenApache([]string{"testdata/access.log"}, "site.example", opt)
	for _, m := range drain(t, src, err) {
		if !strings.HasPrefix(m.Client.Page, "https://site.example/") && m.Client.Page != "http://proxy.example/d" {
			t.Error("page:", m.Client.Page)
		}
		if m.Consent != nil {
			t.Error("consent although switched off")
		}
	}
}

func TestNDJSON(t *testing.T) {
	opt := DefaultOptions(noon, time.UTC)
	opt.KeepTimes = true
	src, err := OpenNDJSON([]string{"testdata/events.ndjson"}, opt)
	got := drain(t, src, err)
	rep := src.Report()
	if rep.Read != 4 || rep.Unreadable != 8 {
		t.Errorf("read %d, unreadable %d at %v", rep.Read, rep.Unreadable, rep.Bad)
	}
	want := []string{
		`{"event":"page_view","id":"a1","time":"2026-12-01T08:00:00.000Z","user_id":"u","install_id":"i","session":"s","consent":{"analytics":true,"location":false},"context":{"page":"https://x.example/p","ua":"UA","os":"Android","lat":38.04},"props":{"n":12345678901234567890,"o":{"a":[1,null]}},"type":"page"}`,
		`{"event":"min","id":"replay-f3af6d8f-0-2","props":{}}`,
		`{"event":"ms","id":"replay-f3af6d8f-0-3","time":"2026-12-01T00:00:00.001Z","props":{}}`,
		`{"event":"nulls","id":"replay-f3af6d8f-0-12","props":{"x":null}}`,
	}
	var lines []string
	for i := range got {
		lines = append(lines, string(Native.append(nil, &got[i])))
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	opt.KeepTimes = false
	src, err = OpenNDJSON([]string{"testdata/events.ndjson"}, opt)
	if m := drain(t, src, err)[0]; !m.Time.Equal(time.Date(2026, 12, 9, 8, 0, 0, 0, time.UTC)) {
		t.Error("shifted to", m.Time)
	}
}

func TestPackedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ndjson.gz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	io.WriteString(z, `{"event":"a"}`+"\n\n"+`{"event":"`+string(make([]byte, maxLine+10))+`"}`+"\n"+`{"event":"b"}`)
	z.Close()
	f.Close()
	src, err := OpenNDJSON([]string{path}, DefaultOptions(noon, time.UTC))
	got := drain(t, src, err)
	if len(got) != 2 || got[1].Name != "b" || src.Report().Unreadable != 1 || src.Report().Bad[0].Line != 3 {
		t.Errorf("%d events, report %+v", len(got), src.Report())
	}
}

func TestShift(t *testing.T) {
	f := func(zone, last, now, at, want string) {
		t.Helper()
		z, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		parse := func(s string) time.Time {
			v, err := time.ParseInLocation("2006-01-02T15:04:05", s, z)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		s := ShiftToYesterday(parse(last), parse(now), z)
		if got := s.Apply(parse(at)); !got.Equal(parse(want)) {
			t.Errorf("%s: %s became %v, want %s", zone, at, got, want)
		}
	}
	f("Asia/Shanghai", "2019-10-13T23:05:19", "2026-12-10T00:00:00", "2019-10-13T23:05:19", "2026-12-09T23:05:19")
	f("Asia/Shanghai", "2019-10-13T23:05:19", "2026-12-10T23:59:59", "2019-09-09T14:08:01", "2026-11-05T14:08:01")
	f("UTC", "2026-12-09T00:00:00", "2026-12-10T10:00:00", "2026-12-09T00:00:00", "2026-12-09T00:00:00") // nothing to do
	f("UTC", "2027-01-01T00:00:00", "2026-12-10T10:00:00", "2027-01-01T05:00:00", "2026-12-09T05:00:00") // back
	f("Europe/Berlin", "2026-10-20T12:00:00", "2026-10-27T10:00:00", "2026-10-19T12:30:00", "2026-10-25T12:30:00")
	f("America/Havana", "2026-01-09T12:00:00", "2026-03-10T10:00:00", "2026-01-08T00:30:00", "2026-03-08T01:30:00") // no 0:30 that day
}

// The published course: the counts its README states, and every day's whole traffic on one
// calendar day of the zone.
func TestRealCourse(t *testing.T) {
	zone := shanghai(t)
	src, err := OpenMoodle([]string{filepath.Join(real(t), "moodle-lacourse/events.csv.gz")}, DefaultOptions(noon, zone))
	got := drain(t, src, err)
	rep := src.Report()
	if len(got) != 74_394 || rep.Read != 74_394 || rep.People != 130 || rep.Unreadable != 0 || Total(src) != 74_394 {
		t.Errorf("%d events of %d people, %d unreadable", len(got), rep.People, rep.Unreadable)
	}
	if want := time.Date(2026, 12, 9, 23, 5, 19, 0, zone); !rep.Last.Equal(want) {
		t.Errorf("last event %v, want %v", rep.Last, want)
	}
	ids := map[string]bool{}
	days := map[int64]bool{}
	for _, m := range got {
		ids[m.ID] = true
		days[civilDay(m.Time, zone)] = true
	}
	if len(ids) != len(got) || len(days) != 35 {
		t.Errorf("%d ids, %d days", len(ids), len(days))
	}
}

func TestRealReports(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(real(t), "moodle-edify/*.csv.gz"))
	if err != nil || len(paths) != 9 {
		t.Fatal(len(paths), err)
	}
	src, err := OpenMoodle(paths, DefaultOptions(noon, time.UTC))
	got := drain(t, src, err)
	rep := src.Report()
	t.Logf("read %d, unreadable %d at %v, repaired %d, people %d, %v to %v", rep.Read, rep.Unreadable, rep.Bad, rep.Repaired, rep.People, rep.First, rep.Last)
	// three records are of the 29th of February 2018, a day that was not
	if rep.Unreadable != 3 || rep.Read+rep.Unreadable != 46_887 || len(got) != rep.Read {
		t.Errorf("read %d + unreadable %d", rep.Read, rep.Unreadable)
	}
}

func TestRealAccessLog(t *testing.T) {
	src, err := OpenApache([]string{filepath.Join(real(t), "apache-access-log/access.log.gz")}, "https://site.example", DefaultOptions(noon, time.UTC))
	got := drain(t, src, err)
	rep := src.Report()
	if len(got) != 8000 || rep.Unreadable != 0 || Total(src) != 8000 {
		t.Errorf("%d events, %d unreadable", len(got), rep.Unreadable)
	}
	if want := time.Date(2026, 12, 9, 4, 5, 59, 0, time.UTC); !rep.Last.Equal(want) {
		t.Errorf("last event %v, want %v", rep.Last, want)
	}
}
