package privacy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-events/sluice/event"
)

// What the starter policy does with events nobody declared: the first rows a newcomer sees.
func TestStarterWildcard(t *testing.T) {
	b := newBench(t, "starter")
	flo := event.Prop{Key: "total", Value: event.FloatValue(12.5)}
	order := event.Raw{Name: "Order Done", UserAgent: "ua", Page: "https://x.example/", Props: []event.Prop{flo, str("coupon", "X1")}}

	_, rows := b.run(order, b.person(AgeUnknown))
	if d := cmp.Diff("service{device_os=Android 14 device_ua=Chrome page=/}", shown(rows)); d != "" {
		t.Error("never asked:", d)
	}
	if rows["ev_service"]["event"] != "Order Done" {
		t.Errorf("event = %q", rows["ev_service"]["event"])
	}
	_, rows = b.run(order, b.person(AgeUnknown, "analytics", "personalize"))
	if rows["ev_analytics"]["props"] != `{"total":12.5,"coupon":"X1"}` || rows["ev_personalize"] != nil {
		t.Errorf("granted, without an item: %v", rows)
	}
	order.Props = append(order.Props, str("product_id", "p7"))
	if _, rows = b.run(order, b.person(AgeUnknown, "personalize")); rows["ev_personalize"]["item_id"] != "p7" || rows["ev_analytics"] != nil {
		t.Errorf("granted personalize, with an item: %v", rows)
	}
	if rows["ev_service"]["item_id"] != "" {
		t.Error("service holds the item, though the policy lets it hold page and device alone")
	}

	p := b.person(AgeUnknown, "analytics")
	f := func(want string, props ...event.Prop) {
		t.Helper()
		_, rows := b.run(event.Raw{Name: "e", Props: props}, p)
		if d := cmp.Diff(want, rows["ev_analytics"]["props"]); d != "" {
			t.Error(d)
		}
	}
	f(`{"x":"[mobile]"}`, num("x", 13812345678))
	f(`{"n":3,"ok":true}`, num("n", 3), boo("ok", true))
	f("", str("13812345678", "x"))
	f(`{"note":"call [mobile]"}`, str("note", "call 13812345678"))
	f(`{"a.b.c.d":1}`, num("a.b.c.d", 1), num("a.b.c.d.e", 1))
	f(`{"q":"say \"hi\"\n"}`, str("q", "say \"hi\"\n"))
	var many []event.Prop
	for i := range 100 {
		many = append(many, num(fmt.Sprintf("k%c%c", 'a'+i/26, 'a'+i%26), 1))
	}
	_, rows = b.run(event.Raw{Name: "e", Props: many}, p)
	if n := strings.Count(rows["ev_analytics"]["props"], ":"); n != 64 {
		t.Errorf("%d keys kept, the limit is 64", n)
	}
	if n := b.w.FieldsDropped["text"]; n != 36 {
		t.Errorf("%d keys counted as dropped, want 36", n)
	}

	_, rows = b.run(event.Raw{Name: "call 13812345678"}, p)
	if got := rows["ev_service"]["event"]; got != "call [mobile]" {
		t.Errorf("event name = %q", got)
	}
}

func TestEventNamesAreBounded(t *testing.T) {
	b := newBench(t, "starter")
	p := b.person(AgeUnknown)
	var rows map[string]map[string]string
	for i := range 2001 {
		_, rows = b.run(event.Raw{Name: fmt.Sprintf("name %c%c%c", 'a'+i/676, 'a'+i/26%26, 'a'+i%26)}, p)
	}
	if got := rows["ev_service"]["event"]; got != "other" {
		t.Errorf("name number 2001 = %q", got)
	}
	if _, rows = b.run(event.Raw{Name: "name aaa"}, p); rows["ev_service"]["event"] != "name aaa" {
		t.Errorf("a known name = %q", rows["ev_service"]["event"])
	}
}

// A message without any id has the consent of the message alone.
func TestKindNone(t *testing.T) {
	b := newBench(t, "starter")
	raw := event.Raw{Name: "page_view", Page: "/a", Claims: event.Claims{Granted: b.mask("analytics")}}
	_, rows := b.run(raw, nil)
	if rows["ev_analytics"]["consent_rev"] != fmt.Sprint(selfGranted) || rows["ev_analytics"]["pid"] != "" || rows["ev_analytics"]["session"] != "" {
		t.Errorf("with a grant: %v", rows["ev_analytics"])
	}
	raw.Claims = event.Claims{}
	if _, rows = b.run(raw, nil); len(rows) != 1 || rows["ev_service"] == nil {
		t.Errorf("without a grant: %v", rows)
	}
	raw.Claims = event.Claims{Granted: b.mask("analytics"), Unreadable: true}
	if _, rows = b.run(raw, nil); len(rows) != 1 {
		t.Errorf("with an unreadable consent object: %v", rows)
	}
	cn := newBench(t, "cn-edu")
	raw.Claims = event.Claims{Granted: ^uint64(0)}
	if _, rows = cn.run(raw, nil); len(rows) != 1 || rows["ev_service"]["pid"] != "" {
		t.Errorf("under cn-edu a message cannot grant: %v", rows)
	}
}
