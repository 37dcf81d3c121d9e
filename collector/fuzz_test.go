package collector

import (
	"bytes"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/sluice-events/sluice/event"
)

// fuzzDecoder runs a decoder on any bytes, which prepare puts where it looks for them, and
// the cuts behind it, and holds what comes out against what must be true of every request.
func fuzzDecoder(f *testing.F, prepare func(*request, []byte), decode func(*request) error, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	c := handler(f)
	key := c.keys.find("start")
	p, err := c.plans.of(key.Tenant)
	if err != nil || p == nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > c.cfg.MaxBody {
			return
		}
		r := c.acquire()
		defer c.release(r)
		prepare(r, b)
		r.client.key, r.client.received = key, noon.UnixMilli()
		r.client.addr = event.NewAddr(netip.MustParseAddr("203.0.113.77"))
		r.scan.reset(r.body, r.limit.depth)
		if err := decode(r); err != nil {
			if e := c.refuse(err); e.status != 400 && e.status != 413 {
				t.Fatalf("status %d", e.status)
			}
			return
		}
		if err := r.normalise(p); err != nil {
			t.Fatal(err)
		}
		if r.accepted+len(r.rejected) != len(r.msgs) || len(r.items) != r.accepted {
			t.Fatalf("%d messages, %d accepted, %d rejected, %d items", len(r.msgs), r.accepted, len(r.rejected), len(r.items))
		}
		for _, it := range r.items {
			if n := it.to - it.from; n <= 0 || n > encodedLimit(c.cfg.MaxEvent) {
				t.Fatalf("an item of %d bytes", n)
			}
		}
		cutsHold(t, p, r.out)
	})
}

// cutsHold decodes encoded events and checks what no event may show, whatever came in.
func cutsHold(t *testing.T, p *plan, out []byte) {
	t.Helper()
	var b event.Batch
	if err := b.Add(out, 0); err != nil {
		t.Fatal(err)
	}
	b.Link()
	for i := range b.Raws {
		raw := &b.Raws[i]
		switch {
		case strings.ContainsAny(raw.Page, "?#"), strings.ContainsAny(raw.Referrer, "?#"):
			t.Fatal("an address kept its query")
		case raw.Claims.Granted&raw.Claims.Refused != 0, (raw.Claims.Granted|raw.Claims.Refused)&^p.refusable != 0:
			t.Fatalf("claims %+v", raw.Claims)
		case len(raw.Place.Cell) > 5:
			t.Fatalf("a cell of %d characters", len(raw.Place.Cell))
		case raw.Net.IsValid() && raw.Net.String() != "203.0.113.0/24":
			t.Fatalf("network of %d bits", raw.Net.Bits())
		case raw.Time > raw.Received, raw.MessageID == "":
			t.Fatalf("time %d after received, id of %d bytes", raw.Time-raw.Received, len(raw.MessageID))
		}
	}
}

// inBody and inQuery are where a decoder finds its input.
func inBody(r *request, b []byte) { r.body = append(r.body[:0], b...) }

func inQuery(r *request, b []byte) {
	r.headers.query, r.query = true, new(query)
	r.query.ParseBytes(b)
}

func FuzzSegment(f *testing.F) {
	fuzzDecoder(f, inBody, decodeSegment(""), segmentEvent(1), `{"batch":[`+segmentEvent(2)+`,{"type":"page","context":{"consent":{"categoryPreferences":{"Analytics":true}}}}],"context":{"location":{"latitude":1,"longitude":2}},"sentAt":1}`,
		`{"type":"identify","traits":{"a":[1,{"b":null}]},"context":{"traits":{"a":1}}}`, `{"batch":[{"type":"page","userId":"A","properties":{"a":1}},7,[],{"type":"screen"}],"context":{"consentManagement":{"allowedConsentIds":["a"],"deniedConsentIds":[1]}}}`, `{"batch":{}}`, `[`, "")
}

func FuzzNative(f *testing.F) {
	fuzzDecoder(f, inBody, decodeNative, nativeEvent(1), `[`+nativeEvent(1)+`,{},1]`, nativeEvent(1)+"\n"+nativeEvent(2), nativeEvent(1)+"\n{\n"+nativeEvent(2)+"\n7", "x\n"+`{"event":"\ud800","props":{"a":1e999,"b\u0000":"\u0000"}}`+"\n"+`{"event":"e"}`, `{"events":[`+nativeEvent(3)+`],"write_key":"k","consent":{"analytics":false}}`,
		`{"event":"geo","props":{"lat":1,"lon":"2","crs":"bd09","media":{"exif":{"GPSLatitude":1}}}}`, `{"events":[],"events":[]}`, "\x00", "")
}

func FuzzConsent(f *testing.F) {
	for _, s := range []string{`{"user_id":"A","purposes":{"improve":true},"features":{"location":false},"time":1,"expires":"x","token":"a.b.c","policy_rev":3}`, `{"purposes":[]}`, `{"purposes":{"a":1}}`, `{`, "null"} {
		f.Add([]byte(s))
	}
	c := handler(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > c.cfg.MaxBody {
			return
		}
		r := c.acquire()
		defer c.release(r)
		r.body = append(r.body[:0], b...)
		r.scan.reset(r.body, r.limit.depth)
		q, err := r.readConsent()
		if err != nil {
			if e := c.refuse(err); e.status != 400 {
				t.Fatalf("status %d", e.status)
			}
			return
		}
		// Every choice that was read is a bool that stands in the body.
		for _, ch := range r.choices {
			word := "false"
			if ch.yes {
				word = "true"
			}
			if !bytes.Contains(b, []byte(word)) {
				t.Fatalf("a %s that nobody said, broken %v", word, q.broken)
			}
		}
	})
}

// FuzzConsentSignals reads any text where the dialects have their consent objects: what
// does not parse is refused as unreadable, and nothing is granted that was not said.
func FuzzConsentSignals(f *testing.F) {
	for _, s := range []string{`{"categoryPreferences":{"Analytics":true,"b":false}}`, `{"allowedConsentIds":["Analytics"],"deniedConsentIds":["Analytics"],"provider":"x"}`,
		` {"analytics":true,"location":false}`, `null`, `"granted"`, `{"categoryPreferences":1}`, `[]`, `{"analytics":1}`} {
		f.Add([]byte(s))
	}
	c := handler(f)
	p, err := c.plans.of("t2")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > c.cfg.MaxBody {
			return
		}
		for _, read := range []func(*request, *message) error{(*request).nativeConsent, (*request).segmentConsent, (*request).rudderConsent} {
			r := c.acquire()
			inBody(r, b)
			r.scan.reset(r.body, r.limit.depth)
			var m message
			if err := read(r, &m); err != nil {
				if e := c.refuse(err); e.status != 400 {
					t.Fatalf("status %d", e.status)
				}
				c.release(r)
				continue
			}
			m.choices = span{0, len(r.choices)}
			got := r.claims(&m, p)
			if got.Granted != 0 && !bytes.Contains(b, []byte("true")) && !bytes.Contains(b, []byte("llowedConsentIds")) && !bytes.Contains(b, []byte(`\u`)) {
				t.Fatalf("%#x was granted and nobody said so", got.Granted)
			}
			if text := bytes.TrimLeft(b, " \t\r\n"); len(text) > 0 && text[0] != '{' && !m.broken {
				t.Fatal("what is no object counts as read")
			}
			c.release(r)
		}
	})
}

func FuzzPixel(f *testing.F) {
	fuzzDecoder(f, inQuery, decodePixel, "k=edu&e=page_view&u=https%3A%2F%2Fx%2Fa%3Ft%3D1&r=%2F%3F&id=m&t=1&uid=u&iid=i&s=s&x=y", "e=geo&lat=1&lon=2&crs=gcj02", "&&=&%zz", "")
}

func FuzzRudderPixel(f *testing.F) {
	fuzzDecoder(f, inQuery, decodeRudderPixel("track"), "writeKey=k&event=e&anonymousId=a&messageId=m&timestamp=2026-12-10T01:59:58Z&originalTimestamp=1&sentAt=x&properties.a.b=1&context.page.url=https%3A%2F%2Fx%2F%3Fq&context.locale=de",
		"properties.=1&properties.lat=38.04", "userId=&event=%00", "")
}

// FuzzHeaders sends any header lines with a good body: the answer is always one of the
// table's, and no value of a header comes back.
func FuzzHeaders(f *testing.F) {
	for _, s := range []string{"X-Write-Key: edu", "Authorization: Basic ZWR1Og==", "Authorization: Basic %%%", "Authorization: Bearer edu\r\nOrigin: https://edu.example", "X-Forwarded-For: 203.0.113.77, [2001:db8::1]:80, x\r\nX-Write-Key: edu",
		"X-Write-Key: edu\r\nContent-Encoding: zstd", "X-Write-Key: edu\r\nX-Retry-Count: 3\r\nSec-GPC: 1\r\nDNT: 1", "Cookie: a=b", "Authorization:"} {
		f.Add([]byte(s), "k=edu")
	}
	c := handler(f)
	c.cfg.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("203.0.113.0/24")}
	f.Fuzz(func(t *testing.T, lines []byte, queryString string) {
		var ctx fasthttp.RequestCtx
		ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, nil)
		ctx.Request.Header.SetMethod("POST")
		ctx.Request.SetRequestURI("/v1/events")
		ctx.Request.URI().SetQueryString(queryString)
		for _, line := range bytes.Split(lines, []byte("\r\n")) {
			name, value, _ := strings.Cut(string(line), ":")
			if !strings.EqualFold(name, "Content-Length") { // fasthttp's own business
				ctx.Request.Header.Add(name, strings.TrimSpace(value))
			}
		}
		ctx.Request.SetBodyString(pageView)
		c.serve(&ctx)
		switch s := ctx.Response.StatusCode(); s {
		case 200, 400, 401, 403, 413:
		default:
			t.Fatalf("status %d", s)
		}
		if b := ctx.Response.Body(); bytes.Contains(b, []byte("unprocessable")) || ctx.Response.StatusCode() != 200 && len(b) > 64 {
			t.Fatalf("%s", b)
		}
		if a := c.peer(&ctx); !a.IsValid() || a.Zone() != "" || a.Is4In6() {
			t.Fatal("a sender without a plain address")
		}
	})
}

// FuzzInflate reads any bytes under any declared coding: never more than the limit comes
// out, and what was charged is given back.
func FuzzInflate(f *testing.F) {
	for _, s := range []string{pageView, "\x1f\x8b\x08\x00", "\x28\xb5\x2f\xfd\x04\x00", "\x78\x9c\x03\x00", "\x1b\x00", ""} {
		for _, coding := range []string{"", "gzip", "zstd", "br", "deflate"} {
			f.Add([]byte(s), coding)
		}
	}
	c := handler(f)
	c.cfg.MaxBody = 64 << 10
	f.Fuzz(func(t *testing.T, b []byte, declared string) {
		var ctx fasthttp.RequestCtx
		ctx.Request.Header.Set("Content-Encoding", declared)
		ctx.Request.SetBody(b)
		r := c.acquire()
		err := r.read(&ctx)
		if err == nil && len(r.body) > c.cfg.MaxBody {
			t.Fatalf("%d bytes", len(r.body))
		}
		if err != nil {
			if e := c.refuse(err); e.status != 400 && e.status != 413 {
				t.Fatalf("status %d", e.status)
			}
		}
		c.release(r)
		if n := c.inFlight.used.Load(); n != 0 {
			t.Fatalf("%d bytes are still charged", n)
		}
	})
}

// FuzzToken reads any text as a tenant's token. None was signed, so none is good.
func FuzzToken(f *testing.F) {
	for _, s := range []string{"", "a.b.c", "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJBIn0.", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJBIn0.", "..", strings.Repeat(".", 1000)} {
		f.Add(s)
	}
	c := handler(f)
	f.Fuzz(func(t *testing.T, raw string) {
		claims, err := c.tokens.check("t1", raw, "consent", "")
		if claims != nil || err == nil {
			t.Fatal("a token that nobody signed is good")
		}
		if e := c.refuse(err); e.status != 403 {
			t.Fatalf("status %d", e.status)
		}
	})
}
