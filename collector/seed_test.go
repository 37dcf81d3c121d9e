package collector

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// These are the collector's share of the requirements taken from the notice; the names are
// those of the specification.

func TestR01NoPolicyNoIntake(t *testing.T) {
	r := newRig(t, nil)
	r.native("lawless", `[{"event":"page_view"}]`).want(t, 403, `{"error":"no_policy"}`)
	if n := r.broker.count(); n != 0 {
		t.Errorf("%d messages", n)
	}
	if n := r.metric("refused_total", "reason=no_policy"); n != 1 {
		t.Errorf("refused %v", n)
	}
	if n := r.metric("received_events_total"); n != 0 {
		t.Errorf("received %v", n)
	}
}

func TestR02Identity(t *testing.T) {
	r := newRig(t, nil)
	r.native("edu", `[{"event":"page_view","user_id":"A","props":{"page":"https://x/a","name":"王小明","id_no":"11010519491231002X","phone":"13812345678","face":"<jpeg>","wx_nick":"cnry1","avatar":"https://x/cnry2"}}]`).
		want(t, 200, `{"accepted":1,"rejected":[]}`)
	raw := r.only()
	if raw.Page != "https://x/a" || len(raw.Props) != 0 || raw.Dropped != 6 {
		t.Errorf("page %q, %d properties, %d dropped", raw.Page, len(raw.Props), raw.Dropped)
	}
	if n := r.metric("fields_dropped_total", "class=identity_core"); n != 6 {
		t.Errorf("dropped %v", n)
	}
	r.absent("王小明", "11010519491231002X", "13812345678", "<jpeg>", "cnry1", "cnry2")
}

func TestR02InValues(t *testing.T) {
	r := newRig(t, nil)
	r.native("edu", `[{"event":"risk_signal","user_id":"A","props":{"rule":"13812345678"}},{"event":"risk_signal","user_id":"A","props":{"rule":13812345678}}]`)
	raws, _ := r.sealed()
	for i := range raws {
		if len(raws[i].Props) != 0 {
			t.Errorf("event %d kept %d properties", i, len(raws[i].Props))
		}
	}
	if n := r.metric("fields_dropped_total", "class=identity_core"); len(raws) != 2 || n != 2 {
		t.Errorf("%d events, dropped %v", len(raws), n)
	}
	r.absent("13812345678")
	// Texts are scrubbed by the enricher: the collector leaves them sealed as they are.
	q := "加我13812345678,订单2026112313812345678"
	s := newRig(t, nil)
	s.native("edu", `[{"event":"search","user_id":"A","props":{"q":"`+q+`","hits":3}}]`)
	raw := s.only()
	if d := cmp.Diff(map[string]string{"q": q, "hits": "3"}, props(&raw)); d != "" {
		t.Error(d)
	}
}

func TestR05Address(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	post := func(forwarded, event string) {
		r.do("POST", "/v1/events", header{"X-Write-Key": "edu", "X-Forwarded-For": forwarded}, []byte(`[{"event":"`+event+`","user_id":"A","props":{"ok":true}}]`))
	}
	post("198.51.100.9, 203.0.113.77", "login") // the last hop is what our proxy saw
	post("203.0.113.77", "login")
	post("2001:db8:1234:5678::9", "login")
	post("203.0.113.77", "search")
	raws, _ := r.sealed()
	if len(raws) != 4 {
		t.Fatalf("%d events", len(raws))
	}
	for i, want := range []string{"203.0.113.0/24", "203.0.113.0/24", "2001:db8:1234::/48", "203.0.113.0/24"} {
		if got := raws[i].Net.String(); got != want {
			t.Errorf("event %d: net %s, want %s", i, got, want)
		}
	}
	if raws[0].IPMac == ([16]byte{}) || raws[0].IPMac != raws[1].IPMac || raws[0].IPMac == raws[2].IPMac {
		t.Error("the MAC of a day must be there, the same for one address and another for another")
	}
	if raws[3].IPMac != ([16]byte{}) || raws[3].IPSealed != nil {
		t.Error("search declares no address, but MAC or sealed copy went along")
	}
	glass, err := r.ring.BreakGlass()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"203.0.113.77", "203.0.113.77", "2001:db8:1234:5678::9"} {
		ip, err := glass.Open(raws[i].IPSealed)
		if err != nil {
			t.Fatal(err)
		}
		if ip.Reveal().Unmap().String() != want {
			t.Errorf("event %d: the sealed copy is another address", i)
		}
	}
	full := netip.MustParseAddr("203.0.113.77").As4()
	r.absent("203.0.113.77", "5678::9", string(full[:]))
}

func TestR05SpoofedForward(t *testing.T) {
	r := newRig(t, nil) // nobody is trusted
	r.do("POST", "/v1/events", header{"X-Write-Key": "edu", "X-Forwarded-For": "203.0.113.77"}, []byte(`[{"event":"login","user_id":"A","context":{"ip":"203.0.113.78"},"props":{"ip":"203.0.113.79"}}]`))
	raw := r.only()
	if got := raw.Net.String(); got != "127.0.0.0/24" {
		t.Errorf("net %s, want the connection's", got)
	}
	r.absent("203.0.113")
}

func TestServerKeySaysTheAddress(t *testing.T) {
	r := newRig(t, nil)
	r.do("POST", "/v1/batch", header{"X-Write-Key": "server"}, []byte(`{"batch":[{"type":"track","event":"login","userId":"A","context":{"ip":"203.0.113.77"}},{"type":"track","event":"login","userId":"A"}]}`))
	raws, _ := r.sealed()
	if len(raws) != 2 {
		t.Fatalf("%d events", len(raws))
	}
	if got := raws[0].Net.String(); got != "203.0.113.0/24" || raws[0].IPSealed == nil {
		t.Errorf("net %s", got)
	}
	if raws[1].Net.IsValid() || raws[1].IPSealed != nil || raws[1].UserAgent != "" {
		t.Error("the server's own address or agent was taken for its user's")
	}
}

func TestR06DeviceIDs(t *testing.T) {
	r := newRig(t, nil)
	r.native("edu", `[{"event":"login","props":{"device_id":{"install_id":"cnry3","imei":"867530900000009","oaid":"cnry4"}}}]`)
	raw := r.only()
	if raw.Install.IsZero() || len(raw.Props) != 0 || raw.Dropped != 2 {
		t.Errorf("install missing %v, %d properties, %d dropped", raw.Install.IsZero(), len(raw.Props), raw.Dropped)
	}
	for class, n := range map[string]float64{"device_immutable": 1, "ad_id": 1} {
		if got := r.metric("fields_dropped_total", "class="+class); got != n {
			t.Errorf("%s: %v", class, got)
		}
	}
	r.absent("867530900000009", "cnry4")
}

func TestR07AppList(t *testing.T) {
	r := newRig(t, nil)
	r.native("edu", `[{"event":"page_view","user_id":"A","props":{"page":"/a","app_list":["com.cnry.app"]}}]`)
	if raw := r.only(); len(raw.Props) != 0 {
		t.Errorf("%d properties", len(raw.Props))
	}
	if got := r.metric("fields_dropped_total", "class=app_list"); got != 1 {
		t.Errorf("dropped %v", got)
	}
	r.absent("com.cnry.app")
}

func TestR08Peer(t *testing.T) {
	r := newRig(t, nil)
	r.native("edu", `[{"event":"msg_sent","user_id":"A","props":{"channel":"im","peer":"cnry5","text":"cnry6"}}]`)
	raw := r.only()
	if d := cmp.Diff(map[string]string{"channel": "im"}, props(&raw)); d != "" {
		t.Error(d)
	}
	r.absent("cnry5", "cnry6")
}

func TestR09Media(t *testing.T) {
	r := newRig(t, nil)
	r.native("edu", `[{"event":"media_share","user_id":"A","props":{"kind":"image","size":3481234,"taken":"2026-11-20T14:03:22+08:00","exif":{"GPSLatitude":38.0428,"GPSLongitude":114.5149,"BodySerialNumber":"cnry7"}}}]`)
	raw := r.only()
	if d := cmp.Diff(map[string]string{"media.kind": "image", "media.size": "1-5MB", "media.taken": "2026-11"}, props(&raw)); d != "" {
		t.Error(d)
	}
	if raw.Place.Cell != "wwc2m" || raw.Place.CityOnly {
		t.Errorf("place %+v", raw.Place)
	}
	r.absent("cnry7", "38.0428", "14:03:22", "3481234")
}

func TestR10Position(t *testing.T) {
	for _, c := range []struct {
		name, body string
		cell       string
		cityOnly   bool
	}{
		{"gcj02", `{"event":"geo_ping","user_id":"A","props":{"lat":38.047036,"lon":114.480838,"crs":"gcj02"}}`, "wwc2k", false},
		{"wgs84", `{"event":"geo_ping","user_id":"A","props":{"lat":38.0428,"lon":114.5149,"crs":"wgs84"}}`, "wwc2m", false},
		{"context", `{"event":"geo_ping","user_id":"A","context":{"lat":38.047036,"lon":114.480838,"crs":"gcj02"}}`, "wwc2k", false},
		{"object", `{"event":"geo_ping","user_id":"A","props":{"geo":{"lat":38.047036,"lon":114.480838,"crs":"gcj02"}}}`, "wwc2k", false},
		{"as text", `{"event":"geo_ping","user_id":"A","props":{"lat":"38.047036","lon":"114.480838","crs":"gcj02"}}`, "wwc2k", false},
		{"no system", `{"event":"geo_ping","user_id":"A","props":{"lat":38.047036,"lon":114.480838}}`, "wwc2m", true},
		{"unknown system", `{"event":"geo_ping","user_id":"A","props":{"lat":38.047036,"lon":114.480838,"crs":"mars"}}`, "", false},
		{"half", `{"event":"geo_ping","user_id":"A","props":{"lat":38.047036}}`, "", false},
		{"not on earth", `{"event":"geo_ping","user_id":"A","props":{"lat":380.47036,"lon":114.480838,"crs":"gcj02"}}`, "", false},
		{"event without place", `{"event":"login","user_id":"A","context":{"lat":38.047036,"lon":114.480838},"props":{"lat":38.047036,"lon":114.480838}}`, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.native("edu", c.body).want(t, 200, `{"accepted":1,"rejected":[]}`)
			raw := r.only()
			if raw.Place.Cell != c.cell || raw.Place.CityOnly != c.cityOnly {
				t.Errorf("place %+v, want %s %v", raw.Place, c.cell, c.cityOnly)
			}
			if len(raw.Props) != 0 {
				t.Errorf("%d properties are left", len(raw.Props))
			}
			r.absent("38.047", "114.48", "38.0428", "114.5149", "380.47")
			r.absentFloats(38.047036, 114.480838, 38.0428, 114.5149, 38.0463, 114.4747)
		})
	}
}

func TestR11WiFi(t *testing.T) {
	r := newRig(t, nil)
	r.native("edu", `[{"event":"geo_ping","user_id":"A","props":{"wifi":[{"bssid":"a4:2b:b0:c1:d2:e3","ssid":"cnry8"}]}}]`)
	if raw := r.only(); len(raw.Props) != 0 {
		t.Errorf("%d properties", len(raw.Props))
	}
	r.absent("a4:2b:b0", "cnry8")
}

func TestR14Sensitive(t *testing.T) {
	r := newRig(t, nil)
	r.native("edu", `[{"event":"optional_open","user_id":"A","props":{"svc":"gjj","form":{"gender":"F","birth":"2001-01-01","ethnic":"cnry9"}}}]`)
	raw := r.only()
	if d := cmp.Diff(map[string]string{"svc": "gjj"}, props(&raw)); d != "" {
		t.Error(d)
	}
	r.absent("cnry9", "2001-01-01")
}

func TestR15UndeclaredEvent(t *testing.T) {
	r := newRig(t, nil)
	r.native("edu", `[{"event":"delivery_apply","user_id":"A","props":{"addr":"cnry10"}}]`).
		want(t, 200, `{"accepted":0,"rejected":[{"index":0,"reason":"undeclared_event","field":"event"}]}`)
	r.do("POST", "/v1/track", header{"X-Write-Key": "edu"}, []byte(`{"event":"delivery_apply","userId":"A","properties":{"addr":"cnry10"}}`)).
		want(t, 200, `{"success":true}`)
	if n := r.broker.count(); n != 0 {
		t.Errorf("%d messages", n)
	}
	if n := r.metric("discarded_events_total", "reason=undeclared_event"); n != 2 {
		t.Errorf("discarded %v", n)
	}
	r.absent("cnry10")
}

func TestR42QueryStrings(t *testing.T) {
	r := newRig(t, nil)
	r.native("edu", `[{"event":"page_view","user_id":"A","props":{"page":"https://u:cnry15@x/cb?token=cnry11#cnry12","ref":"https://www.baidu.com/s?wd=cnry14"}},
		{"event":"page_view","user_id":"A","context":{"page":"/cb?token=cnry11#cnry12","referrer":"https://www.baidu.com/s?wd=cnry14"}}]`)
	raws, _ := r.sealed()
	if len(raws) != 2 {
		t.Fatalf("%d events", len(raws))
	}
	for i, want := range []string{"https://x/cb", "/cb"} {
		if raws[i].Page != want || raws[i].Referrer != "https://www.baidu.com/s" {
			t.Errorf("event %d: page %q, referrer %q", i, raws[i].Page, raws[i].Referrer)
		}
	}
	r.absent("cnry11", "cnry12", "cnry14", "cnry15")
}

// A stock SDK repeats the address in the properties of a page call and in the context; the
// wildcard of the starter policy must not take any piece of it in.
func TestR42Wildcard(t *testing.T) {
	r := newRig(t, nil)
	r.do("POST", "/v1/page", header{"X-Write-Key": "start"}, []byte(`{"anonymousId":"a1","name":"Home","properties":{"url":"https://x/p?token=cnry11","search":"?token=cnry11","path":"/p","referrer":"https://y/?q=cnry14","title":"T","link":"https://z/?k=cnry16"},
		"context":{"page":{"url":"https://x/p?token=cnry11&utm_source=w%20x&utm_campaign=spring","search":"?token=cnry11"},"timezone":"Asia/Shanghai"}}`)).want(t, 200, `{"success":true}`)
	raw := r.only()
	if raw.Page != "https://x/p" || raw.Referrer != "https://y/" || raw.Campaign.Source != "w x" || raw.Campaign.Name != "spring" {
		t.Errorf("page %q, referrer %q, campaign %+v", raw.Page, raw.Referrer, raw.Campaign)
	}
	if d := cmp.Diff(map[string]string{"page_name": "Home", "link": "https://z/"}, props(&raw)); d != "" {
		t.Error(d)
	}
	r.absent("cnry")
}
