package collector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sluice-events/sluice/event"
)

// Whatever holds a piece of a request shows none of it, however it is printed.
func TestNothingPrints(t *testing.T) {
	c := handler(t)
	r := c.acquire()
	defer c.release(r)
	r.body = []byte(`{"event":"canary","user_id":"canary","context":{"page":"/canary","ip":"203.0.113.77","lat":38.0428,"lon":114.5149},"props":{"canary":"canary"},"consent":{"canary":true}}`)
	r.client.addr = event.NewAddr(netip.MustParseAddr("203.0.113.77"))
	r.headers = headers{ua: "canary", origin: "canary", page: "canary"}
	r.key = "canary"
	r.scan.reset(r.body, r.limit.depth)
	if err := decodeNative(r); err != nil || len(r.msgs) != 1 || len(r.props) != 1 || len(r.choices) != 1 {
		t.Fatal(err, len(r.msgs), len(r.props), len(r.choices))
	}
	n := &normaliser{request: r, m: &r.msgs[0], at: r.msgs[0].ctx.point, search: "canary"}
	values := []any{
		r, *r, r.client, &r.client, r.headers, r.msgs, r.msgs[0], r.msgs[0].ctx, r.msgs[0].ctx.point, r.props, r.choices, n, *n,
		segmentDecoder{request: r, base: r.msgs[0]}, consentRequest{user: "canary", token: "canary"},
		&tokenClaims{RegisteredClaims: jwt.RegisteredClaims{Subject: "canary", ID: "canary"}}, &commit{body: []byte("canary")}, commit{body: []byte("canary")},
	}
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	text := slog.New(slog.NewTextHandler(&out, nil))
	for _, v := range values {
		for _, f := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, f, v)
		}
		js, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%T: %v", v, err)
		}
		out.Write(js)
		log.Info("x", "v", v)
		text.Info("x", "v", v)
	}
	for _, canary := range []string{"canary", "38.04", "114.5", "203.0.113", "cb00714d", fmt.Sprint(0xffffcb00714d), fmt.Sprintf("%x", "canary"), fmt.Sprint([]byte("canary"))} {
		if strings.Contains(out.String(), canary) {
			t.Errorf("%q shows in what was printed", canary)
		}
	}
}

//go:noinline
func stumble(a netip.Addr, lat float64) error {
	if a.IsValid() && lat > 0 {
		panic("canary")
	}
	return nil
}

// The log of a panic names places in the code. The words of arguments, which the runtime's
// own stack shows in hex, stay out.
func TestPanicShowsNoArguments(t *testing.T) {
	r := newRig(t, nil)
	a := netip.MustParseAddr("203.0.113.77")
	r.c.table.exact["/bug"] = []*route{{method: "POST", path: "/bug", ingest: &dialect{decode: func(*request) error { return stumble(a, 38.0428) }, answer: answerSegment}}}
	r.do("POST", "/bug", header{"X-Write-Key": "edu"}, []byte("canary")).want(t, 400, `{"error":"unprocessable"}`)
	log := r.log.String()
	if !strings.Contains(log, "stumble:") || !strings.Contains(log, "take:") {
		t.Errorf("the log does not say where: %s", log)
	}
	for _, word := range []string{"canary", "cb00714d", "0x", "404305"} {
		if strings.Contains(log, word) {
			t.Errorf("%q shows in %s", word, log)
		}
	}
}
