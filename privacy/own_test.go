package privacy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/policy"
)

// What undeclared properties may not carry into a store, and what they may.
func TestWildcardHoldsNoIdentifier(t *testing.T) {
	b := newBench(t, "starter")
	p := b.person(AgeAdult, "analytics")
	flo := func(key string, f float64) event.Prop { return event.Prop{Key: key, Value: event.FloatValue(f)} }
	f := func(want string, dropped uint64, props ...event.Prop) {
		t.Helper()
		_, rows := b.run(event.Raw{Name: "e", Install: event.NewInstallID("20261125"), Props: props}, p)
		got := ""
		if rows["ev_analytics"] != nil {
			got = rows["ev_analytics"]["props"]
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if n := b.w.FieldsDropped["text"]; n != dropped {
			t.Errorf("%v: %d values counted as dropped, want %d", want, n, dropped)
		}
	}
	// kinds that only forbidding classes look for
	f(`{"a":"[mac]"}`, 0, str("a", "00:1A:2B:3C:4D:5E"))
	f(`{"a":"[bearer]"}`, 0, str("a", "Bearer abcDEF123456789xyz"))
	f(`{"a":"[imei]","b":"[imei]"}`, 0, str("a", "490154203237518"), num("b", 490154203237518))
	f(`{"a":"pwd=[password]"}`, 0, str("a", "pwd=hunter22"))

	// the subject's own ids; the bench's user is user-canary
	f("", 1, str("member", "user-canary"))
	f("", 1, str("member", " User-Canary "))
	f(`{"msg":"hello [id] bye [id]"}`, 0, str("msg", "hello user-canary bye USER-CANARY"))
	f("", 2, str("user-canary", "x"), str("by.user-canary", "x"))
	f("", 2, num("n", 20261125), flo("m", 20261125))
	f(`{"m":"no [id]"}`, 0, str("m", "no 20261125"))
	// an id between two parts of a number does not complete one
	f(`{"m":"x[id][mobile]"}`, 0, str("m", "xuser-canary13812345678"))

	// numbers written with a fraction or an exponent
	f(`{"a":"[mobile]","b":"[mobile]"}`, 0, flo("a", 13912345678.0), flo("b", 1.3912345678e10))
	f(`{"a":"[mobile]"}`, 0, str("a", "1.3912345678e10"))

	// exact places
	f("", 2, flo("where.0", 39.908722), flo("where.1", 116.397499))
	f("", 2, flo("track.3.0", 116.397), flo("track.3.1", 39.908))
	f("", 2, flo("at.x", 39.908722), flo("at.y", 116.397499))
	f("", 2, str("at.x", "39.908722"), str("at.y", "116.397499"))
	f("", 1, flo("position", 39.908722))

	// ordinary values
	f(`{"a":"lesson-01","b":42,"c":"2026-11-25","d":"1.2.3","e":12.345}`, 0,
		str("a", "lesson-01"), num("b", 42), str("c", "2026-11-25"), str("d", "1.2.3"), flo("e", 12.345))
	f(`{"position":3,"scores.0":0.875,"scores.1":0.1234,"box.x":12.5,"box.y":700.25}`, 0,
		num("position", 3), flo("scores.0", 0.875), flo("scores.1", 0.1234), flo("box.x", 12.5), flo("box.y", 700.25))
	f(`{"big":1e+21,"ms":1790000000000,"half":0.5}`, 0, flo("big", 1e21), num("ms", 1790000000000), flo("half", 0.5))
}

// The item and the event's name hold no id of the person either.
func TestItemAndNameHoldNoID(t *testing.T) {
	b := newBench(t, "starter")
	p := b.person(AgeAdult, "personalize")
	if _, rows := b.run(event.Raw{Name: "seen by user-canary", Props: []event.Prop{str("item_id", "user-canary"), str("sku", "s1")}}, p); rows["ev_personalize"]["item_id"] != "s1" ||
		rows["ev_personalize"]["event"] != "seen by [id]" {
		t.Errorf("%v", rows["ev_personalize"])
	}
}

// A declared text is searched for what no value may show, whatever its class lists.
func TestDeclaredTextLooksForForbiddenKinds(t *testing.T) {
	pl, _, err := compile(edited(t, "cn-edu", "detect: [cn_id, cn_mobile, bankcard, passport, plate, email, jwt, latlon]}", "detect: [plate]}"))
	if err != nil {
		t.Fatal(err)
	}
	texts := 0
	for _, e := range pl {
		for _, f := range e.fields {
			if f.scrub && f.field.Class.Name == "text" {
				texts++
				if got := f.detect.String(); got != "cn_id,cn_mobile,bankcard,passport,plate,email,jwt,bearer,mac,imei,face_image,password_field" {
					t.Errorf("%s: %s", f.name, got)
				}
			}
		}
	}
	if texts == 0 {
		t.Error("the policy has no text")
	}
}

func TestIdentifyingNamesAreNoWildcards(t *testing.T) {
	b := newBench(t, "starter")
	e, _ := b.p.Event("any")
	for _, path := range []string{"device_id", "deviceId", "DEVICE-ID", "udid", "session_id", "sid", "session", "sessionId", "idfa", "oaid", "gaid", "openid", "unionid",
		"dob", "dateOfBirth", "date_of_birth", "birth_date", "birthday", "api_key", "apiKey", "auth", "Authorization", "access_token", "refreshToken",
		"user.id", "a.session.id", "date.of_birth", "device.id", "pos.0", "coords.1", "coordinates.0", "latlng", "lnglat.0", "geo.0", "gps.0", "location.1"} {
		if r := b.p.Rule(e, path); r.Wild {
			t.Errorf("%s falls into the wildcard", path)
		}
	}
	for _, path := range []string{"lesson", "position", "order_id", "auto", "side", "user.plan", "obsession", "x", "a.b"} {
		if r := b.p.Rule(e, path); !r.Wild || r.Class.Do != policy.DoScrub {
			t.Errorf("%s does not fall into the wildcard", path)
		}
	}
}
