package seal

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func glassRing(t testing.TB, c *testClock) (*Ring, string) {
	t.Helper()
	r, dir := emptyRing(t, c)
	if err := r.EnsureBreakGlass(c.now()); err != nil {
		t.Fatal(err)
	}
	return r, dir
}

func TestIP(t *testing.T) {
	c := clockAt(noon)
	r, dir := glassRing(t, c)
	s := NewIPSealer(publicOfRing(t, dir), c.now)
	defer s.Close()
	b, err := r.BreakGlass()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	f := func(in, want string) {
		t.Helper()
		sealed, err := s.Seal([]byte("dst"), netip.MustParseAddr(in))
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) != 3+SealedIPSize || SealedIPSize > 100 {
			t.Fatalf("%d bytes", len(sealed)-3)
		}
		ip, err := b.Open(sealed[3:])
		if err != nil || ip.Reveal() != netip.MustParseAddr(want) {
			t.Errorf("%s: %v", in, err)
		}
	}
	f("203.0.113.77", "203.0.113.77")
	f("::ffff:203.0.113.77", "203.0.113.77")
	f("2001:db8:1234:5678::9", "2001:db8:1234:5678::9")
	f("fe80::1%eth0", "fe80::1")
	if out, err := s.Seal([]byte("dst"), netip.Addr{}); err == nil || string(out) != "dst" {
		t.Error("no address was sealed")
	}
	if (IP{}).Reveal().IsValid() {
		t.Error("a zero IP is an address")
	}
}

// TestIPShowsNoOrder: nothing in two sealed addresses of one process and hour
// tells which came first, nor that they are the same address.
func TestIPShowsNoOrder(t *testing.T) {
	c := clockAt(noon)
	_, dir := glassRing(t, c)
	s := NewIPSealer(publicOfRing(t, dir), c.now)
	defer s.Close()
	rising := 0
	var last []byte
	for i := range 400 {
		sealed, err := s.Seal(nil, netip.MustParseAddr("203.0.113.77"))
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			if !bytes.Equal(sealed[:8+EncSize], last[:8+EncSize]) {
				t.Fatal("an encapsulation for each address")
			}
			if bytes.Equal(sealed[ipHead:], last[ipHead:]) {
				t.Fatal("the same address is sealed alike")
			}
			if bytes.Compare(sealed, last) > 0 {
				rising++
			}
		}
		last = sealed
	}
	if rising < 120 || rising > 280 { // 8 standard deviations from one half
		t.Errorf("%d of 399 in rising order", rising)
	}
}

func TestIPEveryByteCounts(t *testing.T) {
	c := clockAt(noon)
	r, dir := glassRing(t, c)
	s := NewIPSealer(publicOfRing(t, dir), c.now)
	defer s.Close()
	b, err := r.BreakGlass()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	sealed, err := s.Seal(nil, netip.MustParseAddr("203.0.113.77"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1 << (i % 8)
		if ip, err := b.Open(bad); err == nil || ip.Reveal().IsValid() {
			t.Errorf("byte %d changed: it opened", i)
		}
		if _, err := b.Open(sealed[:i]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
}

// TestBreakGlassOffline: the pair of a month, its private half moved away.
func TestBreakGlassOffline(t *testing.T) {
	c := clockAt(time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC))
	r, dir := glassRing(t, c)
	glass := filepath.Join(dir, dirGlass)
	if _, err := os.Stat(filepath.Join(glass, "README")); err != nil {
		t.Error("the folder does not say that it belongs offline")
	}
	if got := readNames(t, glass); len(got) != 3 || got[0] != "2026-12.key" || got[1] != "2027-01.key" {
		t.Errorf("%v", got)
	}
	offline := filepath.Join(t.TempDir(), "officers")
	copyTree(t, glass, offline)
	for _, n := range readNames(t, glass) {
		if err := os.Remove(filepath.Join(glass, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.EnsureBreakGlass(c.now()); err != nil {
		t.Fatal(err)
	}
	if got := readNames(t, glass); len(got) != 0 {
		t.Errorf("made again: %v", got)
	}
	s := NewIPSealer(publicOfRing(t, dir), c.now)
	defer s.Close()
	december, err := s.Seal(nil, netip.MustParseAddr("203.0.113.77"))
	if err != nil {
		t.Fatal(err)
	}
	c.advance(time.Hour)
	january, err := s.Seal(nil, netip.MustParseAddr("203.0.113.78"))
	if err != nil {
		t.Fatal(err)
	}
	here, err := OpenBreakGlass(glass)
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	away, err := OpenBreakGlass(offline)
	if err != nil {
		t.Fatal(err)
	}
	defer away.Close()
	if _, err := here.Open(december); !errors.Is(err, ErrKeyExpired) {
		t.Errorf("without the private half: %v", err)
	}
	for i, sealed := range [][]byte{december, january} {
		if ip, err := away.Open(sealed); err != nil || ip.Reveal().As4()[3] != byte(77+i) {
			t.Errorf("with the officers' keys: %v", err)
		}
	}
	if err := os.Remove(filepath.Join(offline, "2026-12.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := away.Open(december); !errors.Is(err, ErrKeyExpired) {
		t.Errorf("after the month's key was destroyed: %v", err)
	}
	c.advance(60 * 24 * time.Hour)
	if out, err := s.Seal(nil, netip.MustParseAddr("203.0.113.77")); !errors.Is(err, ErrNoPublicKey) || len(out) != 0 {
		t.Errorf("a month without a key: %v", err)
	}
	if err := r.DestroyBreakGlass(MonthOf(noon)); err != nil {
		t.Fatal(err)
	}
	if _, err := publicOfRing(t, dir).PublicMonth(MonthOf(noon)); !errors.Is(err, ErrNoPublicKey) {
		t.Errorf("a destroyed month: %v", err)
	}
}
