package collector

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/seal"
)

// Every path of the dialects that are spoken, with and without a slash at its end, and the
// kind of event it makes.
func TestEveryEndpoint(t *testing.T) {
	r := newRig(t, nil)
	for paths, want := range map[string]string{
		"/v1/identify /v1/i": "identify", "/v1/track /v1/t": "done", "/v1/page /v1/p": "page_view",
		"/v1/screen /v1/s": "screen_view", "/v1/group /v1/g": "group", "/v1/alias /v1/a": "alias",
	} {
		for _, path := range strings.Fields(paths) {
			for _, slash := range []string{"", "/"} {
				before := len(r.broker.records)
				r.do("POST", path+slash, header{"X-Write-Key": "start"}, []byte(`{"event":"done","userId":"A"}`)).want(t, 200, `{"success":true}`)
				raws := r.decode(r.broker.records[before].value)
				if len(raws) != 1 || raws[0].Name != want {
					t.Errorf("%s%s: %d events", path, slash, len(raws))
				}
			}
		}
	}
	for _, path := range []string{"/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"} {
		for _, slash := range []string{"", "/"} {
			before := r.metric("sent_events_total")
			r.do("POST", path+slash+"?writeKey=start", header{"Content-Type": "text/plain"}, []byte(`{"batch":[{"type":"track","event":"done","anonymousId":"a"},{"event":"done","anonymousId":"a"}]}`)).want(t, 200, `{"success":true}`)
			if n := r.metric("sent_events_total") - before; n != 1 { // the second names no type
				t.Errorf("%s%s: %v events", path, slash, n)
			}
		}
	}
	for _, path := range []string{"/pixel/v1/track", "/pixel/v1/page", "/i.gif"} {
		for _, slash := range []string{"", "/"} {
			before := r.metric("sent_events_total")
			a := r.do("GET", path+slash+"?writeKey=start&event=done&anonymousId=a", nil, nil)
			if n := r.metric("sent_events_total") - before; n != 1 || a.status != 200 || len(a.body) != 43 {
				t.Errorf("%s%s: %d, %v events", path, slash, a.status, n)
			}
		}
	}
	for _, path := range []string{"/v1/projects/start/settings", "/sourceConfig", "/v1/privacy", "/.well-known/gpc.json"} {
		for _, slash := range []string{"", "/"} {
			if a := r.do("GET", path+slash+"?writeKey=start", nil, nil); a.status != 200 || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s%s: %d %s", path, slash, a.status, a.body)
			}
		}
	}
}

// Names of the native protocol that stand for the calls of other dialects.
func TestNativeTypes(t *testing.T) {
	for name, want := range map[string]event.Type{"page_view": event.Page, "screen_view": event.Screen, "identify": event.Identify,
		"group": event.Group, "alias": event.Alias, "device_log": event.Log, "anything": event.Track} {
		if got := typeOfName(name); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

// Properties that have a slot of their own go there and nowhere else.
func TestPropertiesWithASlot(t *testing.T) {
	r := newRig(t, nil)
	r.native("start", `{"event":"e","props":{"campaign":{"source":"s","name":"n","term":"t","content":"13812345678"},"utm_medium":"m",
		"device":{"os":"iOS","os_version":"17.1","model":"X","lang":"de","screen":"10x20","ua":"U","nobody":"canary"},
		"page":"/a?canary","ref":"https://y/?canary","geo":"38.047036, 114.480838","uid":"canary"}}`).want(t, 200, `{"accepted":1,"rejected":[]}`)
	raw := r.only()
	if d := cmp.Diff(event.Campaign{Source: "s", Medium: "m", Name: "n", Term: "t"}, raw.Campaign); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(event.Device{OS: "iOS", OSVersion: "17.1", Model: "X", Lang: "de", Width: 10, Height: 20}, raw.Device); d != "" {
		t.Error(d)
	}
	if raw.UserAgent != "U" || raw.Page != "/a" || raw.Referrer != "https://y/" || raw.Place.Cell != "wwc2m" || !raw.Place.CityOnly || !raw.User.IsZero() {
		t.Errorf("ua %q, page %q, referrer %q, place %+v, user known %v", raw.UserAgent, raw.Page, raw.Referrer, raw.Place, !raw.User.IsZero())
	}
	if len(raw.Props) != 0 || raw.Dropped != 3 { // the detector's hit, an unknown part of the device, an id where none is declared
		t.Errorf("%d properties, %d dropped", len(raw.Props), raw.Dropped)
	}
	r.absent("canary", "38.047", "13812345678")
	r.absentFloats(38.047036, 114.480838)
}

// Ids and names are bounded: an id is refused when it is too long, since a cut one would be
// another person's.
func TestBoundsOfNames(t *testing.T) {
	r := newRig(t, nil)
	long := strings.Repeat("ü", 400)
	for _, field := range []string{"user_id", "install_id", "session"} {
		r.native("start", `{"event":"e","`+field+`":"`+long+`"}`).want(t, 200, `{"accepted":0,"rejected":[{"index":0,"reason":"schema","field":"`+field+`"}]}`)
	}
	r.native("start", `{"event":"`+long+`","id":"`+long+`","props":{"`+long+`":1,"install_id":"`+long+`","deep":{"`+long[:390]+`":1},"list":[[1]]}}`).want(t, 200, `{"accepted":1,"rejected":[]}`)
	raw := r.only()
	if raw.Name != long[:maxName] || len(raw.MessageID) != 64 || !raw.Install.IsZero() {
		t.Errorf("name of %d bytes, message id of %d", len(raw.Name), len(raw.MessageID))
	}
	if d := cmp.Diff(map[string]string{"list.0.0": "1"}, props(&raw)); d != "" {
		t.Error(d)
	}
	if n := r.metric("fields_dropped_total", "class=undeclared"); n != 2 {
		t.Errorf("dropped %v", n)
	}
}

// A coordinate of a photo never comes from a query, and half a text is no position.
func TestOddPositions(t *testing.T) {
	for _, body := range []string{`{"geo":"38.047036"}`, `{"geo":"38.047036,x"}`, `{"geo":{"lat":true,"lon":1}}`, `{"geo":{"lat":[38.047036],"lon":1}}`} {
		r := newRig(t, nil)
		r.native("start", `{"event":"e","props":`+body+`}`).want(t, 200, `{"accepted":1,"rejected":[]}`)
		if raw := r.only(); raw.Place.Cell != "" || len(raw.Props) != 0 {
			t.Errorf("%s: place %+v, %d properties", body, raw.Place, len(raw.Props))
		}
		r.absent("38.047")
	}
}

func TestHopsOfProxies(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if a, ok := parseAddr(text); ok != (want != "") || ok && a.String() != want {
			t.Errorf("%q: %v %v", text, a, ok)
		}
	}
	f("203.0.113.77", "203.0.113.77")
	f(" 203.0.113.77:8080 ", "203.0.113.77")
	f("[2001:db8::1]:443", "2001:db8::1")
	f("[2001:db8::1]", "2001:db8::1")
	f("::ffff:203.0.113.77", "203.0.113.77")
	f("fe80::1%eth0", "fe80::1")
	f("unknown", "")
	f("", "")
	p := &plan{v4: 24, v6: 48}
	if p.network(netip.Addr{}).IsValid() {
		t.Error("no address has a network")
	}
}

// noKeys is a key service that is away.
type noKeys struct{ Keys }

func (noKeys) IPDay(int32) (seal.Key, error) { return seal.Key{}, errors.New("away") }

// noSealer has run out of public keys.
type noSealer struct{ Sealer }

func (noSealer) Seal(dst, _ []byte, _ uint32, _ int32) ([]byte, error) {
	return dst, errors.New("no key")
}

// Without keys nothing is written unsealed and nobody is told that it was taken.
func TestWithoutKeys(t *testing.T) {
	for name, take := range map[string]func(*Deps){
		"sealer": func(d *Deps) { d.Sealer = noSealer{d.Sealer} },
		"day":    func(d *Deps) { d.Keys = noKeys{d.Keys} },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRigWith(t, nil, take)
			a := r.native("edu", `{"event":"login","user_id":"A","props":{"ok":true}}`)
			if a.status != 503 || a.header.Get("Retry-After") != "2" {
				t.Errorf("%d %s, Retry-After %q", a.status, a.body, a.header.Get("Retry-After"))
			}
			if n := r.broker.asked(); n != 0 {
				t.Errorf("the broker was asked %d times", n)
			}
			if n := r.metric("received_events_total") + r.metric("sent_events_total"); n != 0 {
				t.Errorf("%v events are counted", n)
			}
			if n := r.metric("errors_total", "kind=seal") + r.metric("errors_total", "kind=keys"); n != 1 {
				t.Errorf("%v errors", n)
			}
		})
	}
}

// What waited behind a message that failed shares its answer, in order and at once.
func TestFailureIsShared(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Partitions = 1 })
	release := r.broker.block()
	answers := make(chan reply, 5)
	go func() { answers <- r.native("edu", pageView) }()
	for r.broker.asked() == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 4 {
		go func() { answers <- r.native("edu", pageView) }()
	}
	l := r.c.lanes.all[0]
	waiting := func() (n uint32) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, c := range l.waiting {
			n += c.events
		}
		return n
	}
	for waiting() < 4 {
		time.Sleep(time.Millisecond)
	}
	r.broker.fail(fmt.Errorf("away: %w", ErrNotStored))
	release()
	for range 5 {
		if a := <-answers; a.status != 503 || a.header.Get("Retry-After") == "" {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if n := r.broker.asked(); n != 1 {
		t.Errorf("the broker was asked %d times", n)
	}
	if got := r.c.lanes.room.used.Load(); got != 0 {
		t.Errorf("%d bytes are still counted as buffered", got)
	}
}

// A request that comes while the lanes are stopping is told to come again.
func TestStopping(t *testing.T) {
	r := newRig(t, nil)
	if err := r.c.lanes.stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	a := r.native("edu", pageView)
	if a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Where one tenant alone is served, people need no key to find out whom to write to.
func TestOneTenant(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Keys = c.Keys[:1] })
	a := r.do("GET", "/v1/privacy", header{"Origin": "https://edu.example"}, nil)
	if a.status != 200 || !strings.HasPrefix(a.body, `{"policy":"cn-edu"`) || a.header.Get("Access-Control-Allow-Origin") != "https://edu.example" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.do("GET", "/v1/privacy", header{"Origin": "https://evil.example"}, nil); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("a foreign page may read it")
	}
	if a := r.do("GET", "/.well-known/gpc.json", nil, nil); a.status != 200 || !strings.HasPrefix(a.body, `{"gpc":true`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}
