package privacy

import (
	"net/netip"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-events/sluice/event"
)

func str(k, v string) event.Prop       { return event.Prop{Key: k, Value: event.StringValue(v)} }
func num(k string, v int64) event.Prop { return event.Prop{Key: k, Value: event.IntValue(v)} }
func boo(k string, v bool) event.Prop  { return event.Prop{Key: k, Value: event.BoolValue(v)} }

var testNet = netip.MustParsePrefix("203.0.113.0/24")

const installUUID = "0b9e1f52-7c1d-4b39-9f3e-2f7f4a6b8c11"

// shown keeps the columns that say something of the event and joins them; common columns
// and the ids are looked at elsewhere.
func shown(rows map[string]map[string]string) string {
	skip := map[string]bool{"tenant": true, "ts": true, "row_id": true, "session": true, "seq": true, "batch": true, "event": true,
		"src": true, "policy_rev": true, "consent_rev": true, "pid": true, "dev": true, "ip_mac": true, "item_id": true, "geo_level": true}
	var stores []string
	for name, row := range rows {
		var cols []string
		for k, v := range row {
			if !skip[k] {
				cols = append(cols, k+"="+v)
			}
		}
		if row["pid"] == "" {
			cols = append(cols, "no pid")
		}
		sort.Strings(cols)
		stores = append(stores, strings.TrimPrefix(name, "ev_")+"{"+strings.Join(cols, " ")+"}")
	}
	sort.Strings(stores)
	return strings.Join(stores, " ")
}

// The decision table of the education policy: what each kind of person's event leaves.
// Cells need a cell map, which this version does not have, so personalize holds the city
// where the table of the specification says cell5.
func TestDecisionTable(t *testing.T) {
	b := newBench(t, "cn-edu")
	all := []string{"improve", "personalize", "survey", "diagnose", "preference"}
	people := map[string]*Person{
		"A":  b.person(AgeAdult, append(all, "location", "media_meta")...),
		"B":  b.person(AgeAdult, "improve", "survey", "diagnose", "preference", "location", "media_meta"),
		"B2": b.person(AgeAdult),
		"C":  b.person(AgeUnder14),
		"C2": b.person(AgeUnder14, append(all, "location", "media_meta")...),
		"D":  b.person(AgeUnknown),
		"F":  b.person(AgeAdult, all...),
	}
	people["C2"].Guardian = testNow + 1000
	b.act(people["B"], event.ActRefuse, testNow-1000, "personalize")
	b.act(people["B2"], event.ActRefuse, testNow-1000, "improve", "personalize", "survey", "diagnose")

	events := map[string]event.Raw{
		"page_view":     {Page: "https://x.example/lesson/77?a=1", Referrer: "https://www.baidu.com/s", UserAgent: "ua", Props: []event.Prop{num("dur_ms", 1200)}},
		"lesson_play":   {UserAgent: "ua", Net: testNet, Place: event.Place{Cell: "wwc2k"}, Props: []event.Prop{str("item_id", "l1"), num("pos_ms", 5)}},
		"search":        {Props: []event.Prop{str("q", "加我13812345678"), num("hits", 3)}},
		"login":         {UserAgent: "ua", Net: testNet, IPMac: [16]byte{1}, Install: event.NewInstallID(installUUID), Props: []event.Prop{boo("ok", true), str("method", "sms")}},
		"risk_signal":   {Net: testNet, IPMac: [16]byte{1}, Install: event.NewInstallID(installUUID), Props: []event.Prop{str("rule", "r7")}},
		"geo_ping":      {Place: event.Place{Cell: "wwc2k"}},
		"media_share":   {Place: event.Place{Cell: "wwc2m"}, Props: []event.Prop{str("media.kind", "image"), str("media.size", "1-5MB"), str("media.taken", "2026-11")}},
		"msg_sent":      {Props: []event.Prop{str("channel", "im")}},
		"optional_open": {Props: []event.Prop{str("svc", "gjj")}},
		"set_pref":      {Props: []event.Prop{str("lang", "zh"), str("region", "石家庄市长安区中山路1号")}},
		"survey_answer": {Props: []event.Prop{str("survey_id", "s1"), num("score", 4), str("note", "ok")}},
		"device_log":    {UserAgent: "ua", Props: []event.Prop{str("severity", "error"), str("logger", "net"), str("body", "b"), num("http.response.status_code", 503)}},
	}
	const device, page = "device_os=Android 14 device_ua=Chrome", "dur_ms=1200 page=/lesson/:id ref_channel=search ref_host=www.baidu.com"
	ip := "ip_net=203.0.113.0/24"
	want := map[string]map[string]string{
		"page_view": {
			"A":  "improve{" + device + " " + page + "} personalize{" + device + " " + page + "} service{" + device + " page=/lesson/:id}",
			"B":  "improve{" + device + " " + page + "} service{" + device + " page=/lesson/:id}",
			"B2": "service{" + device + " page=/lesson/:id}",
			"C":  "service{" + device + " no pid page=/lesson/:id}",
			"C2": "improve{" + device + " " + page + "} personalize{" + device + " " + page + "} service{" + device + " page=/lesson/:id}",
			"D":  "service{" + device + " no pid page=/lesson/:id}",
			"F":  "improve{" + device + " " + page + "} personalize{" + device + " " + page + "} service{" + device + " page=/lesson/:id}",
		},
		"lesson_play": {
			"A":  "improve{" + device + " geo=130000 pos_ms=5} personalize{" + device + " geo=130100 pos_ms=5}",
			"B":  "improve{" + device + " geo=130000 pos_ms=5}",
			"C2": "improve{" + device + " geo=130000 pos_ms=5} personalize{" + device + " geo=130100 pos_ms=5}",
			"F":  "improve{" + device + " pos_ms=5} personalize{" + device + " pos_ms=5}",
		},
		"search": {
			"A": "improve{hits=3 q=加我[mobile]} personalize{hits=3 q=加我[mobile]}", "B": "improve{hits=3 q=加我[mobile]}",
			"C2": "improve{hits=3 q=加我[mobile]} personalize{hits=3 q=加我[mobile]}", "F": "improve{hits=3 q=加我[mobile]} personalize{hits=3 q=加我[mobile]}",
		},
		"login": {
			"A": "security{" + device + " geo=CN " + ip + " method=sms ok=true} service{method=sms ok=true}", "B": "same as A", "B2": "same as A", "C2": "same as A", "F": "same as A",
			"C": "security{" + device + " geo=CN " + ip + " method=sms no pid ok=true} service{method=sms no pid ok=true}", "D": "same as C",
		},
		"risk_signal": {
			"A": "security{geo=CN " + ip + " rule=r7}", "B": "same as A", "B2": "same as A", "C2": "same as A", "F": "same as A",
			"C": "security{geo=CN " + ip + " no pid rule=r7}", "D": "same as C",
		},
		"geo_ping": {"A": "personalize{geo=130100}", "C2": "personalize{geo=130100}"},
		"media_share": {
			"A": "personalize{geo=130100 media_kind=image media_size=1-5MB media_taken=2026-11} service{media_kind=image media_size=1-5MB media_taken=2026-11}",
			"B": "service{media_kind=image media_size=1-5MB media_taken=2026-11}", "C2": "same as A",
		},
		"msg_sent":      {"A": "service{channel=im}", "B": "same as A", "B2": "same as A", "C2": "same as A", "F": "same as A", "C": "service{channel=im no pid}", "D": "same as C"},
		"optional_open": {"A": "service{svc=gjj}", "B": "same as A", "B2": "same as A", "C2": "same as A", "F": "same as A", "C": "service{no pid svc=gjj}", "D": "same as C"},
		"set_pref":      {"A": "attr_preference{lang=zh region=130100}", "B": "same as A", "B2": "same as A", "C2": "same as A", "F": "same as A"},
		"survey_answer": {"A": "survey{note=ok score=4 survey_id=s1}", "B": "same as A", "F": "same as A"},
		"device_log":    {"A": "device_log{body=b " + device + " http_response_status_code=503 logger=net severity=error}", "B": "same as A", "C2": "same as A", "F": "same as A"},
	}
	for name, raw := range events {
		for who, person := range people {
			w := want[name][who]
			if base, ok := strings.CutPrefix(w, "same as "); ok {
				w = want[name][base]
			}
			raw.Name = name
			v, rows := b.run(raw, person)
			if d := cmp.Diff(w, shown(rows)); d != "" {
				t.Errorf("%s of %s (-want +got): %s", name, who, d)
			}
			if (v.Reason == Kept) != (w != "") {
				t.Errorf("%s of %s: reason %v with rows %q", name, who, v.Reason, w)
			}
		}
	}
}
