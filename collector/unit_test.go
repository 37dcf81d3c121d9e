package collector

import (
	"strings"
	"testing"
	"time"

	"github.com/sluice-events/sluice/event"
)

func TestEventTime(t *testing.T) {
	const day = 24 * time.Hour
	at := func(d time.Duration) stamp { return stampOf(noon.Add(d).UnixMilli()) }
	for _, c := range []struct {
		name    string
		m       message
		want    time.Duration // from received
		clamped bool
	}{
		{"nothing", message{}, 0, false},
		{"time alone", message{time: at(-time.Hour)}, -time.Hour, false},
		{"clock a day fast", message{time: at(day - time.Minute), sent: at(day)}, -time.Minute, false},
		{"clock a year slow", message{time: at(-366*day - time.Minute), sent: at(-366 * day)}, -time.Minute, false},
		{"original before time", message{original: at(-2 * time.Minute), time: at(-time.Minute), sent: at(0)}, -2 * time.Minute, false},
		{"a little ahead", message{time: at(time.Second)}, 0, false},
		{"far ahead", message{time: at(time.Hour)}, 0, true},
		{"2100", message{time: stampOf(4_102_444_800_000)}, 0, true},
		{"1970", message{time: stampOf(1)}, 0, true},
		{"399 days", message{time: at(-399 * day)}, -399 * day, false},
		{"401 days", message{time: at(-401 * day)}, 0, true},
		{"unreadable", message{time: parseStamp(event.StringValue("yesterday"))}, 0, true},
		{"a bool", message{time: parseStamp(event.BoolValue(true))}, 0, true},
		{"sent unreadable", message{time: at(-time.Hour), sent: stamp{bad: true}}, -time.Hour, false},
		{"sent before it happened", message{time: at(0), sent: at(-time.Hour)}, 0, true},
	} {
		ms, clamped := eventTime(&c.m, noon.UnixMilli(), 400*day)
		if got := time.Duration(ms-noon.UnixMilli()) * time.Millisecond; got != c.want || clamped != c.clamped {
			t.Errorf("%s: %v %v, want %v %v", c.name, got, clamped, c.want, c.clamped)
		}
	}
}

func TestParseStamp(t *testing.T) {
	f := func(v event.Value, want int64) {
		t.Helper()
		if got := parseStamp(v); got.ms != want || got.set != (want != 0) {
			t.Errorf("%d %v, want %d", got.ms, got.set, want)
		}
	}
	f(event.StringValue("2026-12-10T02:00:00Z"), noon.UnixMilli())
	f(event.StringValue("2026-12-10T10:00:00.000+08:00"), noon.UnixMilli())
	f(event.StringValue("1796868000000"), noon.UnixMilli())
	f(event.IntValue(1796868000000), noon.UnixMilli())
	f(event.FloatValue(1796868000000), noon.UnixMilli())
	f(event.StringValue(""), 0)
	f(event.StringValue("10.12.2026"), 0)
	f(event.IntValue(-1), 0)
	f(event.IntValue(1<<62), 0)
	f(event.FloatValue(1e300), 0)
}

func TestLocalDay(t *testing.T) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 12, 9, 16, 0, 0, 0, time.UTC).UnixMilli() // midnight there
	if a, b := localDay(at-1, shanghai), localDay(at, shanghai); b != a+1 || b != int32(noon.Unix()/86400) {
		t.Errorf("days %d, %d", a, b)
	}
	if a := localDay(at, time.UTC); a != int32(noon.Unix()/86400)-1 {
		t.Errorf("day %d", a)
	}
}

func TestMedia(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(sizeBucket(event.IntValue(3481234)), "1-5MB")
	f(sizeBucket(event.IntValue(0)), "0-1MB")
	f(sizeBucket(event.StringValue("6000000")), "5-20MB")
	f(sizeBucket(event.FloatValue(1e12)), "100MB+")
	f(sizeBucket(event.IntValue(-1)), "")
	f(sizeBucket(event.StringValue("large")), "")
	f(sizeBucket(event.BoolValue(true)), "")
	f(monthOf("2026-11-20T14:03:22+08:00"), "2026-11")
	f(monthOf("2026:11:20 14:03:22"), "2026-11")
	f(monthOf("2026-13-01"), "")
	f(monthOf("20261120"), "")
	f(monthOf("canary canary"), "")
	f(mediaKind("Image"), "image")
	f(mediaKind("IMG_2041.jpg"), "")
}

func TestConfigValidate(t *testing.T) {
	f := func(want string, change func(*Config)) {
		t.Helper()
		cfg := testConfig()
		change(&cfg)
		err := cfg.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Error("the error shows a key")
		}
	}
	f("", func(*Config) {})
	f("partitions", func(c *Config) { c.Partitions = 0 })
	f("read_timeout", func(c *Config) { c.ReadTimeout = 0 })
	f("max_event", func(c *Config) { c.MaxEvent = c.MaxBody + 1 })
	f("max_commit", func(c *Config) { c.MaxCommit = 1000 })
	f("max_buffered", func(c *Config) { c.MaxBuffered = c.MaxCommit - 1 })
	f("max_in_flight", func(c *Config) { c.MaxInFlight = c.MaxBody })
	f("keys[0]", func(c *Config) { c.Keys[0].Key = "" })
	f("same key", func(c *Config) { c.Keys[1].Key = c.Keys[0].Key })
	f("tenant", func(c *Config) { c.Keys[0].Tenant = "" })
	f("printable", func(c *Config) { c.Keys[0].Key = "canary canary" })
	f("origins[0]", func(c *Config) { c.Keys[0].Origins = []string{"edu.example"} })
	f("negative", func(c *Config) { c.Keys[0].Quota = -1 })
}

func TestNewNeedsItsParts(t *testing.T) {
	if _, err := New(testConfig(), Deps{}); err == nil {
		t.Error("a collector without a broker and keys was built")
	}
}

// What decoding and cutting a one-kilobyte event may allocate. Decoding alone does not.
func TestDecodeAllocations(t *testing.T) {
	c := handler(t)
	for _, v := range []struct {
		name   string
		decode func(*request) error
		body   string
	}{{"native", decodeNative, nativeEvent(1)}, {"segment", decodeSegment("track"), segmentEvent(1)}} {
		r := c.acquire()
		run := func() {
			r.msgs, r.props, r.choices, r.paths = r.msgs[:0], r.props[:0], r.choices[:0], r.paths[:0]
			r.scan.reset(r.body, r.limit.depth)
			if err := v.decode(r); err != nil || len(r.msgs) != 1 || r.msgs[0].reject != accepted {
				t.Fatal(err)
			}
		}
		r.body = []byte(v.body)
		run()
		if n := testing.AllocsPerRun(200, run); n > 0 {
			t.Errorf("decoding %s allocates %v times", v.name, n)
		}
		c.release(r)
	}
}

func TestHandlerAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector sync.Pool drops what it is given now and then: the budgets hold without it")
	}
	c := handler(t)
	for _, v := range []struct {
		name, path, key, open, end string
		one                        func(int) string
		budget                     float64
	}{
		{"native", "/v1/events", "edu", "[", "]", nativeEvent, 4},
		{"segment", "/v1/batch", "start", `{"batch":[`, `]}`, segmentEvent, 8},
	} {
		const n = 20
		do := call(c, v.path, v.key, body(n, v.one, v.open, v.end))
		do()
		got := testing.AllocsPerRun(100, func() {
			if s := do(); s != 200 {
				t.Fatal(s)
			}
		}) / n
		if got > v.budget {
			t.Errorf("%s: %.1f allocations an event, budget %v", v.name, got, v.budget)
		}
		t.Logf("%s: %.2f allocations an event, commit and answer included", v.name, got)
	}
}
