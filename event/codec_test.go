package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var exportAll = cmp.Exporter(func(reflect.Type) bool { return true })

func sample() Raw {
	return Raw{
		Tenant: "t1", Type: Page, Name: "page_view", MessageID: "m-1", Time: 1796867995123, Received: 1796867996000, PolicyRev: 3,
		User: NewUserID("u-canary"), Install: NewInstallID("i-canary"), Session: "s", UserAgent: "Mozilla/5.0",
		Net: netip.MustParsePrefix("203.0.113.0/24"), IPMac: [16]byte{1, 2}, IPSealed: []byte{9, 9},
		Place: Place{Cell: "wwc2k", CityOnly: true}, Device: Device{OS: "Android", OSVersion: "14", Model: "ALN", Lang: "zh-CN", Width: 1080, Height: 2400},
		Page: "/a", Referrer: "https://b.example/", Campaign: Campaign{"s", "m", "n", "t", "c"},
		Claims: Claims{Granted: 1 << 40, Refused: 5, Unreadable: true}, Retry: true, Clamped: true, Dropped: 7,
		Props: []Prop{{"a", IntValue(-3)}, {"b.c", FloatValue(2.5)}, {"d", StringValue("")}, {"e", BoolValue(false)}, {"f", Value{}}, {"g", StringValue(strings.Repeat("x", 300))}},
	}
}

func TestCodecRoundTrip(t *testing.T) {
	a, v6 := sample(), sample()
	v6.Net, v6.Props = netip.MustParsePrefix("2001:db8:1234::/48"), nil
	mapped := Raw{Name: "n", Net: netip.MustParsePrefix("0.0.0.0/0")}
	act := Act{Tenant: "t1", User: NewUserID("u"), Install: NewInstallID("i"), Kind: ActWithdraw, Actor: ActorGuardian, Bits: 1 << 17, PolicyRev: 3, TextHash: "h", Lang: "zh", Method: "dialog", Time: 5, Received: 6, Expiry: 7, Verified: true, Age: "lt14"}
	body := AppendRaw(nil, &a)
	body = AppendAct(body, &act)
	body = AppendRaw(body, &v6)
	body = AppendRaw(body, &mapped)
	var b Batch
	for range 2 { // the second round reuses the memory
		b.Reset()
		if err := b.Add(body, 42); err != nil {
			t.Fatal(err)
		}
		b.Link()
		want := []Raw{a, v6, mapped}
		for i := range want {
			got := b.Raws[i]
			if len(got.Props) == 0 {
				got.Props = nil
			}
			if d := cmp.Diff(want[i], got, exportAll, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
				t.Errorf("event %d: %s", i, d)
			}
		}
		if d := cmp.Diff(act, b.Acts[0], exportAll); d != "" {
			t.Error(d)
		}
		if it := b.Items[1]; !it.Act || it.Offset != 42 || it.Index != 1 {
			t.Errorf("second item = %+v", it)
		}
	}
}

// A body cut anywhere must be refused whole or decode to whole items, never panic.
func TestCodecTruncated(t *testing.T) {
	a := sample()
	body := AppendRaw(nil, &a)
	for n := 1; n < len(body); n++ {
		var b Batch
		if err := b.Add(body[:n], 0); err == nil {
			t.Fatalf("body cut at %d of %d was accepted", n, len(body))
		}
		if len(b.Items)+len(b.Raws) != 0 {
			t.Fatalf("a refused body left items behind")
		}
	}
}

func FuzzDecode(f *testing.F) {
	a := sample()
	f.Add(AppendRaw(nil, &a))
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, body []byte) {
		var b Batch
		if b.Add(body, 1) != nil {
			return
		}
		b.Link()
		var again []byte
		for i := range b.Raws {
			again = AppendRaw(again, &b.Raws[i])
		}
		var c Batch
		if err := c.Add(again, 1); err != nil || len(c.Raws) != len(b.Raws) {
			t.Fatalf("what was decoded does not encode: %v", err)
		}
	})
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	a := sample()
	var body []byte
	for range 50 {
		body = AppendRaw(body, &a)
	}
	var b Batch
	run := func() {
		b.Reset()
		if err := b.Add(body, 0); err != nil {
			t.Fatal(err)
		}
		b.Link()
	}
	run()
	if n := testing.AllocsPerRun(50, run); n > 0 {
		t.Errorf("decoding 50 events allocates %v times", n)
	}
}

// Nothing that holds a person may show them, however it is printed.
func TestNothingPrints(t *testing.T) {
	r := sample()
	r.Props = []Prop{{"k", StringValue("v-canary")}}
	act := Act{User: NewUserID("u-canary")}
	wrap := struct {
		R *Raw
		A *Act
		U UserID
		I InstallID
		N Addr
		V Value
	}{&r, &act, r.User, r.Install, NewAddr(netip.MustParseAddr("203.0.113.77")), r.Props[0].Value}
	var out bytes.Buffer
	for _, f := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, f, wrap.U)
		fmt.Fprintf(&out, f, wrap.R)
		fmt.Fprintf(&out, f, r)
		fmt.Fprintf(&out, f, wrap)
		fmt.Fprintf(&out, f, r.Props)
		fmt.Fprintf(&out, f, wrap.V)
		fmt.Fprintf(&out, f, []any{wrap.A, wrap.I, wrap.N})
	}
	js, err := json.Marshal(wrap)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(js)
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("x", "u", wrap.U, "r", wrap.R, "w", wrap, "n", wrap.N, "v", wrap.V)
	for _, canary := range []string{"canary", "203.0.113.77", fmt.Sprintf("%x", "u-canary")} {
		if strings.Contains(out.String(), canary) {
			t.Errorf("%q shows in what was printed", canary)
		}
	}
}

func TestSubject(t *testing.T) {
	f := func(user, install, want string, kind SubjectKind) {
		t.Helper()
		k, got := Canonical(nil, "t1", NewUserID(user), NewInstallID(install))
		if k != kind || string(got) != want {
			t.Errorf("Canonical(%q, %q) = %v %q", user, install, k, got)
		}
	}
	f(" u1 ", "i1", "t1\x00user\x00u1", KindUser)
	f(" ", "i1", "t1\x00install\x00i1", KindInstall)
	f("", "", "", KindNone)
}
