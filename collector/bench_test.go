package collector

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/valyala/fasthttp"
)

// nativeEvent and segmentEvent are about 1 KB of JSON each, with some 30 fields.
func nativeEvent(i int) string {
	return fmt.Sprintf(`{"event":"lesson_play","id":"0197b1c2-8a44-7c1e-9f3a-%012d","time":1796867995123,"user_id":"u-%07d","install_id":"9b2f6e0c-5f0d-4c4a-8d53-%012d","session":"s-1795450507609",`+
		`"consent":{"improve":true,"personalize":true,"location":true},`+
		`"context":{"page":"https://edu.example/course/42/lesson/%d?from=home&utm_source=wechat&utm_medium=social","referrer":"https://www.baidu.com/s?wd=course","ua":"Mozilla/5.0 (Linux; Android 14; ALN-AL10) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.6478.110 Mobile Safari/537.36",`+
		`"os":"Android","os_version":"14.0.2","model":"ALN-AL10","screen":"1080x2400","lang":"zh-CN","lat":38.047036,"lon":114.480838,"crs":"gcj02"},`+
		`"props":{"item_id":"lesson-%d","pos_ms":%d,"speed":1.25,"quality":"720p","muted":false,"fullscreen":true,"chapter":"third chapter of the book","teacher":"t-17","grade":7,"subject":"physics","buffered_ms":5120,"bitrate":1800,"volume":0.8,"source":"recommendation"}}`,
		i, i%50_000, i%50_000, i%77, i%77, i*13%600_000)
}

func segmentEvent(i int) string {
	return fmt.Sprintf(`{"timestamp":"2026-12-10T01:59:58.517Z","integrations":{"Segment.io":true},"anonymousId":"0df87fa8-a953-438e-8793-%012d","event":"Lesson Started","type":"track","userId":"u-%07d","messageId":"ajs-next-1795450108646-a953a38e-0793-4910-8683-%012d",`+
		`"context":{"campaign":{"medium":"social","name":"spring","source":"wechat"},"library":{"name":"analytics.js","version":"npm:next-1.84.3"},"locale":"zh-CN","page":{"path":"/course/42","referrer":"https://www.baidu.com/s?wd=x","search":"?utm_source=wechat&utm_medium=social&utm_campaign=spring","title":"Course","url":"https://edu.example/course/42?utm_source=wechat&utm_medium=social&utm_campaign=spring"},"timezone":"Asia/Shanghai","userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36","consent":{"categoryPreferences":{"Analytics":true,"Personalization":false}}},`+
		`"properties":{"course_id":"c1","lesson":%d,"position":12.5,"auto":false,"subject":"physics","teacher":"t-17","grade":7},"sentAt":"2026-12-10T01:59:58.573Z"}`, i%50_000, i%50_000, i, i%77)
}

func body(n int, one func(int) string, open, end string) []byte {
	list := make([]string, n)
	for i := range list {
		list[i] = one(i)
	}
	return []byte(open + strings.Join(list, ",") + end)
}

// sink takes everything at once.
type sink struct{}

func (sink) Produce(context.Context, int32, []byte, []byte) error { return nil }

// handler gives a collector that does not listen; its lanes run.
func handler(t testing.TB) *Collector {
	t.Helper()
	r := &rig{t: t, broker: &broker{}, now: noon, log: &lockedBuffer{}}
	d := r.deps()
	d.Producer, d.Metrics = sink{}, nil
	c, err := New(testConfig(), d)
	if err != nil {
		t.Fatal(err)
	}
	c.lanes.start()
	t.Cleanup(func() { c.lanes.stop(context.Background()) })
	return c
}

// call prepares a request and gives a function that serves it.
func call(c *Collector, path, key string, b []byte) func() int {
	var req fasthttp.Request
	req.Header.SetMethod("POST")
	req.SetRequestURI(path)
	req.Header.Set("X-Write-Key", key)
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)")
	var ctx fasthttp.RequestCtx
	ctx.Init(&req, &net.TCPAddr{IP: net.IPv4(203, 0, 113, 77), Port: 1}, nil)
	return func() int {
		ctx.Response.Reset()
		ctx.Request.SetBody(b)
		c.serve(&ctx)
		return ctx.Response.StatusCode()
	}
}

func cpu() int64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkHandler is the whole way of a request without network and broker: parse, cut,
// encode, compress, seal. Figures are for an event; cpu-ns counts the lanes too.
func BenchmarkHandler(b *testing.B) {
	for _, v := range []struct {
		name, path, key, open, end string
		one                        func(int) string
	}{
		{"native", "/v1/events", "edu", "[", "]", nativeEvent},
		{"segment", "/v1/batch", "start", `{"batch":[`, `],"sentAt":"2026-12-10T01:59:59Z"}`, segmentEvent},
	} {
		for _, n := range []int{1, 20} {
			b.Run(filepath.Join(v.name, fmt.Sprint(n)), func(b *testing.B) {
				c := handler(b)
				payload := body(n, v.one, v.open, v.end)
				b.SetBytes(int64(len(payload)))
				b.ReportAllocs()
				start := cpu()
				b.RunParallel(func(pb *testing.PB) {
					do := call(c, v.path, v.key, payload)
					for pb.Next() {
						if s := do(); s != 200 {
							b.Errorf("status %d", s)
							return
						}
					}
				})
				events := float64(b.N * n)
				b.ReportMetric(float64(cpu()-start)/events, "cpu-ns/event")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/events, "ns/event")
			})
		}
	}
}

// BenchmarkDecode is the dialects alone, one event.
func BenchmarkDecode(b *testing.B) {
	c := handler(b)
	for _, v := range []struct {
		name   string
		decode func(*request) error
		body   string
	}{{"native", decodeNative, nativeEvent(1)}, {"segment", decodeSegment("track"), segmentEvent(1)}} {
		b.Run(v.name, func(b *testing.B) {
			b.SetBytes(int64(len(v.body)))
			b.ReportAllocs()
			for b.Loop() {
				r := c.acquire()
				r.body = append(r.body[:0], v.body...)
				r.scan.reset(r.body, r.limit.depth)
				if err := v.decode(r); err != nil || len(r.msgs) != 1 {
					b.Fatal(err)
				}
				c.release(r)
			}
		})
	}
}
