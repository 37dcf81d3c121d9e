package policy

import (
	"strings"
	"testing"
)

// show writes a rule in one word: what the property becomes.
func show(r Rule) string {
	switch {
	case r.Wild:
		return "*:" + r.Class.Name
	case r.Class == nil:
		return "drop"
	case r.Field == nil && r.Part == "":
		return r.Class.Name
	case r.Field == nil:
		return r.Class.Name + "/" + r.Part
	case r.Part == "":
		return r.Field.Name + ":" + r.Class.Name
	}
	return r.Field.Name + "/" + r.Part + ":" + r.Class.Name
}

func TestRule(t *testing.T) {
	edu, starter := parsed(t, "cn-edu.yaml"), parsed(t, "starter.yaml")
	f := func(p *Policy, event, path, want string) {
		t.Helper()
		e, ok := p.Event(event)
		if !ok {
			t.Fatalf("no event %s", event)
		}
		if got := show(p.Rule(e, path)); got != want {
			t.Errorf("%s %s: %s, want %s", event, path, got, want)
		}
	}
	// declared, former names, dotted names
	f(edu, "page_view", "page", "page:url")
	f(edu, "search", "q", "q:text")
	f(edu, "device_log", "exception.type", "exc_type:behavior")
	f(edu, "device_log", "service.version", "app_version:behavior")
	f(edu, "device_log", "http.response.status_code", "http.response.status_code:behavior")
	f(edu, "device_log", "db.statement", "drop")
	// parts of declared objects, nested and plain; unknown parts are dropped
	f(edu, "login", "device.os", "device/os:device_info")
	f(edu, "login", "device.osVersion", "device/osVersion:device_info")
	f(edu, "login", "os", "device/os:device_info")
	f(edu, "login", "device.fonts", "drop")
	f(edu, "login", "device_id.install_id", "device_id/install_id:device_id")
	f(edu, "login", "device_id.imei", "device_id/imei:device_immutable")
	f(edu, "login", "device_id.oaid", "device_id/oaid:ad_id")
	f(edu, "login", "device_id.model", "drop")
	f(edu, "login", "method.more", "drop")
	f(edu, "media_share", "kind", "media/kind:media_meta")
	f(edu, "media_share", "exif.GPSLatitude", "media/exif.GPSLatitude:media_meta")
	f(edu, "media_share", "media.exif.GPSLongitude", "media/exif.GPSLongitude:media_meta")
	f(edu, "media_share", "exif.BodySerialNumber", "drop")
	f(edu, "media_share", "media.exif.BodySerialNumber", "drop")
	f(edu, "media_share", "tagged.0", "comm_peer")
	f(edu, "geo_ping", "wifi.0.bssid", "wifi/0.bssid:wifi")
	f(edu, "geo_ping", "lat", "geo/lat:geo_point")
	f(edu, "geo_ping", "crs", "geo/crs:geo_point")
	f(edu, "geo_ping", "geo.longitude", "geo/longitude:geo_point")
	f(edu, "geo_ping", "location.crs", "geo/crs:geo_point")
	f(edu, "geo_ping", "location.floor", "drop")
	f(edu, "page_view", "lat", "drop") // the event declares no place
	f(edu, "optional_open", "form.birth", "form/birth:optional_sensitive")
	// names, any spelling, any segment; forbidding ones win
	for _, name := range []string{"id_no", "ID-No", "idno", "wx_nick", "wxNick", "手机", "a.b.Phone", "phone.home", "phone.0.kind"} {
		f(edu, "page_view", name, "identity_core")
	}
	f(edu, "page_view", "app_list.0", "app_list")
	f(edu, "page_view", "unionid", "identity_core")
	f(edu, "page_view", "openid", "device_id/openid")
	f(edu, "login", "openid", "device_id/openid:device_id")
	f(edu, "page_view", "token.lat", "credential")
	f(edu, "page_view", "lat.token", "credential")
	// names of the file, beside the built-in ones
	f(starter, "Order Done", "gclid", "ad_id")
	f(starter, "Order Done", "AdTrackingEnabled", "ad_id")
	// the wildcard, and what never reaches it
	f(starter, "Order Done", "total", "*:text")
	f(starter, "Order Done", "products.0.id", "*:text")
	f(starter, "Order Done", "products.0.name", "identity_core")
	f(starter, "Order Done", "latitude", "geo/latitude:geo_point")
	f(starter, "Order Done", "location", "geo/location:geo_point")
	f(starter, "Order Done", "location.0", "drop")
	f(starter, "Order Done", "utm_campaign", "campaign/name:campaign")
	f(starter, "Order Done", "user_id", "drop")
	f(starter, "Order Done", "ip", "drop")
	f(starter, "Order Done", "installId", "device_id/installId")
	f(starter, "Order Done", "device.battery", "drop")
	f(starter, "Order Done", "", "*:text")
	f(starter, "Order Done", "a..b", "*:text")
	f(starter, "Order Done", strings.Repeat("x", 500), "*:text")
	f(starter, "login", "total", "drop") // an entry of its own takes the event alone
	f(starter, "device_log", "http.response.status_code", "*:text")
	// an event nobody declared
	if got := show(edu.Rule(nil, "phone")); got != "identity_core" {
		t.Errorf("no event: %s", got)
	}
	if got := show(edu.Rule(nil, "page")); got != "drop" {
		t.Errorf("no event: %s", got)
	}
}

// A class that the file leaves out still guards its names: it forbids.
func TestRuleMissingClass(t *testing.T) {
	p, err := Parse("base.yaml", []byte(basePolicy(t, "base.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	e, _ := p.Event("page_view")
	for path, want := range map[string]string{"password": "credential", "imei": "device_immutable", "uid": "user_id", "gender": "optional_sensitive"} {
		r := p.Rule(e, path)
		if show(r) != want || r.Class.Do != DoForbid || !r.Class.Built {
			t.Errorf("%s: %s", path, show(r))
		}
	}
}

func TestRuleDoesNotAllocate(t *testing.T) {
	p := parsed(t, "starter.yaml")
	e, _ := p.Event("Order Done")
	login, _ := p.Event("login")
	paths := []string{"page", "device.os", "Phone_Number", "products.0.price", "a.b.c.d.e", "latitude", "手机", strings.Repeat("long", 60)}
	var sink Rule
	n := testing.AllocsPerRun(100, func() {
		for _, path := range paths {
			sink = p.Rule(e, path)
			sink = p.Rule(login, path)
			sink = p.Rule(nil, path)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
	_ = sink
}

func BenchmarkRule(b *testing.B) {
	p := parsed(b, "starter.yaml")
	e, _ := p.Event("Order Done")
	for _, path := range []string{"page", "device.os", "phone", "products.0.price"} {
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Rule(e, path)
			}
		})
	}
}

func TestLookups(t *testing.T) {
	p := parsed(t, "cn-edu.yaml")
	if got := p.ConsentMask(); got != 1<<2|1<<4|1<<5|1<<7 {
		t.Errorf("consent mask %b", got)
	}
	if got := strings.Join(p.ForbidDetectors(), " "); got != "cn_id cn_mobile bankcard passport email jwt bearer mac imei face_image password_field" {
		t.Errorf("detectors: %s", got)
	}
	for kind, want := range map[string]string{"cn_mobile": "identity_core", "jwt": "credential", "imei": "device_immutable", "latlon": ""} {
		if got := p.ClassOfDetector(kind); got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
	if promo, ok := p.Purpose("promo"); !ok || promo.Declared {
		t.Error("promo is a reserved purpose")
	}
	if _, ok := p.Event("delivery_apply"); ok {
		t.Error("an undeclared event is found")
	}
	if sec, _ := p.Purpose("security"); !sec.Country || sec.Cap != LevelCountry {
		t.Error("security takes its country always")
	}
}

func TestSignals(t *testing.T) {
	f := func(p *Policy, table, key string, refuses, grants uint64) {
		t.Helper()
		r, g := p.SignalBits(table, key)
		if r != refuses || g != grants {
			t.Errorf("%s %s %s: refuses %b grants %b", p.Name, table, key, r, g)
		}
	}
	bit := func(p *Policy, names ...string) (m uint64) {
		for _, n := range names {
			if q, ok := p.Purpose(n); ok {
				m |= q.Mask()
			} else if q, ok := p.Feature(n); ok {
				m |= q.Mask()
			} else {
				t.Fatalf("%s: neither purpose nor feature", n)
			}
		}
		return m
	}
	edu, starter := parsed(t, "cn-edu.yaml"), parsed(t, "starter.yaml")
	f(edu, SignalSegment, "improve", bit(edu, "improve"), bit(edu, "improve"))
	f(edu, SignalSegment, "service", 0, 0)
	f(edu, SignalRudder, "security", 0, 0)
	f(edu, SignalConsentMode, "functionality_storage", bit(edu, "preference"), bit(edu, "preference"))
	f(edu, SignalConsentMode, "security_storage", 0, 0)
	f(edu, SignalTCF, "1", edu.ConsentMask(), 0)
	f(edu, SignalTCF, "6", bit(edu, "personalize"), bit(edu, "personalize"))
	f(edu, SignalTCF, "9", bit(edu, "improve"), bit(edu, "improve"))
	f(edu, SignalTCF, "special_1", bit(edu, "location"), bit(edu, "location"))
	f(starter, SignalSegment, "Functional", bit(starter, "personalize"), bit(starter, "personalize"))
	f(starter, SignalSegment, "analytics", 0, 0) // the file's table stands alone
	f(starter, SignalRudder, "Diagnostics", bit(starter, "diagnose"), bit(starter, "diagnose"))
	f(starter, SignalTCF, "1", starter.ConsentMask(), 0)
	f(starter, SignalConsentMode, "functionality_storage", 0, 0)
	f(starter, "nobody", "1", 0, 0)
	if s := edu.Consent.Signals; s.GPCMask != 0 || strings.Join(s.GPCRefuses, " ") != "share:* promo" || !s.DNTAsGPC {
		t.Errorf("gpc: %v %b", s.GPCRefuses, s.GPCMask) // promo is reserved: it has no grants to refuse
	}
	if s := starter.Consent.Signals; s.GPP["tcfeuv2"] != "as_tcf" || s.GPP["usnat"] != "as_gpc" {
		t.Errorf("gpp: %v", s.GPP)
	}
}
