package collector

import (
	"bytes"
	"testing"
)

// fuzzDecoder runs a decoder on any bytes, and the cuts behind it, and holds it against
// what must be true of every body.
func fuzzDecoder(f *testing.F, decode func(*request) error, seeds ...string) {
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
		r.body = append(r.body[:0], b...)
		r.client.key, r.client.received = key, noon.UnixMilli()
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
	})
}

func FuzzSegment(f *testing.F) {
	fuzzDecoder(f, decodeSegment(""), segmentEvent(1), `{"batch":[`+segmentEvent(2)+`,{"type":"page","context":{"consent":{"categoryPreferences":{"Analytics":true}}}}],"context":{"location":{"latitude":1,"longitude":2}},"sentAt":1}`,
		`{"type":"identify","traits":{"a":[1,{"b":null}]},"context":{"traits":{"a":1}}}`, `{"batch":{}}`, `[`, "")
}

func FuzzNative(f *testing.F) {
	fuzzDecoder(f, decodeNative, nativeEvent(1), `[`+nativeEvent(1)+`,{},1]`, nativeEvent(1)+"\n"+nativeEvent(2), `{"events":[`+nativeEvent(3)+`],"write_key":"k","consent":{"analytics":false}}`,
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
