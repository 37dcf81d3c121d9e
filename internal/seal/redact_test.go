package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
)

// TestKeysDoNotShow prints, logs and marshals everything that holds a key, also
// as a field of another struct, where fmt does not ask its methods.
func TestKeysDoNotShow(t *testing.T) {
	c := clockAt(noon)
	r, dir := emptyRing(t, c)
	everyKey(t, r)
	p := publicOfRing(t, dir)
	day, err := p.IPDay(20797)
	if err != nil {
		t.Fatal(err)
	}
	var secret [KeySize]byte
	copy(secret[:], "\xd3\x5e\x91 secret of the keyring \xf0\x0f\xa7")
	key := NewKey(HMACSHA256, secret)
	mac, err := NewMAC(key)
	if err != nil {
		t.Fatal(err)
	}
	var pid [16]byte
	mac.Sum128(&pid, []byte("t1"))
	signer := &Signer{seed: NewKey(Ed25519, secret)}
	box, err := newGuarded(&secret)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddr("203.0.113.77")
	ip := IP{hidden: hide(&addr)}
	route := NewRouteKey([16]byte(secret[:16]))
	kek := &KEK{box: box}
	sealer, ips := NewSealer(p, c.now), NewIPSealer(p, c.now)
	defer sealer.Close()
	defer ips.Close()
	mustSeal(t, sealer, []byte("b"), 1, 0)
	r.keys["probe"], r.hours[HourKeyID{1, 2}] = key, key
	glass, err := r.BreakGlass()
	if err != nil {
		t.Fatal(err)
	}
	defer glass.Close()

	forms := formsOf(secret[:], secret[:16], pid[:])
	for i := range 2 { // as netip.Addr and RouteKey hold them
		forms = append(forms, fmt.Sprint(binary.LittleEndian.Uint64(secret[8*i:])))
	}
	forms = append(forms, fmt.Sprint(binary.BigEndian.Uint64(append(make([]byte, 2), "\xff\xff\xcb\x00\x71\x4d"...))))
	forms = append(forms, addr.String(), fmt.Sprint(addr.As4())[1:12])
	day.use(HMACSHA256, func(b *[KeySize]byte) error { forms = append(forms, formsOf(b[:])...); return nil })

	f := func(what string, values ...any) {
		t.Helper()
		for _, v := range values {
			for verb, out := range shown(v) {
				for _, s := range forms {
					if strings.Contains(strings.ToLower(out), strings.ToLower(s)) {
						t.Errorf("%s as %s shows what it holds", what, verb)
					}
				}
			}
		}
	}
	f("Key", key, &key, struct{ k Key }{key}, struct{ K Key }{key}, []Key{key}, map[string]any{"k": key})
	f("MAC", mac, struct{ m *MAC }{mac}, struct{ m MAC }{*mac}, struct{ M any }{mac})
	f("RouteKey", route, struct{ k RouteKey }{route}, struct{ K RouteKey }{route})
	f("KEK", kek, struct{ k *KEK }{kek}, struct{ b *guarded }{box})
	f("Signer", signer, *signer, struct{ s Signer }{*signer})
	f("IP", ip, &ip, struct{ a IP }{ip}, struct{ A IP }{ip})
	f("Ring", r, struct{ r *Ring }{r}, struct{ R any }{r})
	f("PublicKeys", p, struct{ p *PublicKeys }{p})
	f("Sealer", sealer, ips, struct{ s *Sealer }{sealer})
	f("Opener", NewOpener(r, 0), struct{ O any }{NewOpener(r, 0)})
	f("BreakGlass", glass)
	for _, v := range []any{key, mac, route, kek, signer, ip, r, p, sealer, ips, NewOpener(r, 0), glass} {
		if got := fmt.Sprintf("%+v", v); got != mark {
			t.Errorf("%T shows itself as %q", v, got)
		}
		if b, err := json.Marshal(v); err != nil || string(b) != `"`+mark+`"` {
			t.Errorf("%T marshals as %s, %v", v, b, err)
		}
	}

	// The test can fail: a plain array in a struct does show.
	leaky := struct{ b [KeySize]byte }{secret}
	found := false
	for _, out := range shown(leaky) {
		for _, s := range forms {
			found = found || strings.Contains(strings.ToLower(out), strings.ToLower(s))
		}
	}
	if !found {
		t.Error("a key that does show was not found")
	}
}

// formsOf gives the ways in which bytes may turn up: eight of them are enough.
func formsOf(all ...[]byte) []string {
	var forms []string
	for _, b := range all {
		list := fmt.Sprint(b[:8])
		forms = append(forms,
			string(b[:8]), hex.EncodeToString(b[:8]), fmt.Sprintf("% x", b[:8]),
			list[1:len(list)-1], strings.ReplaceAll(list[1:len(list)-1], " ", ", "),
			base64.StdEncoding.EncodeToString(b[:6]),
			strings.Trim(fmt.Sprintf("%#v", b[:8]), "[]byte{}"))
	}
	return forms
}

func shown(v any) map[string]string {
	out := make(map[string]string)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d"} {
		out[verb] = fmt.Sprintf(verb, v)
	}
	out["error"] = fmt.Errorf("wrapped: %v", v).Error()
	if b, err := json.Marshal(v); err == nil {
		out["json"] = string(b)
	}
	var text, js bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("m", "v", v)
	slog.New(slog.NewJSONHandler(&js, nil)).Info("m", "v", v)
	out["slog text"], out["slog json"] = text.String(), js.String()
	return out
}
