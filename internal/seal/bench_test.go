package seal

import (
	"fmt"
	"net/netip"
	"testing"
)

// TestAllocations pins what the hot paths cost beyond the growth of dst.
func TestAllocations(t *testing.T) {
	c := clockAt(noon)
	r, dir := emptyRing(t, c)
	everyKey(t, r)
	s, o := sealerOf(t, dir, c), NewOpener(r, 0)
	ips := NewIPSealer(publicOfRing(t, dir), c.now)
	defer ips.Close()
	k := kekOf(t, r, 0)
	mac, err := NewMAC(NewKey(HMACSHA256, [KeySize]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	route := NewRouteKey([16]byte{1})
	body, ad, id := events(50_000), []byte("raw/1/55/2"), []byte("t1\x00user\x00u1")
	addr := netip.MustParseAddr("203.0.113.77")
	blob, one, record, ip, got := make([]byte, 0, 1<<17), make([]byte, 0, 1<<17), make([]byte, 0, 1024), make([]byte, 0, 128), make([]byte, 0, 1<<17)
	var pid [16]byte
	f := func(what string, run func() error) {
		t.Helper()
		if err := run(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		n := testing.AllocsPerRun(200, func() {
			if err := run(); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
	f("Seal", func() (err error) { blob, err = s.Seal(blob[:0], body, 140, 3); return })
	f("Open", func() (err error) { got, _, err = o.Open(got[:0], blob); return })
	f("SealOne", func() (err error) { one, err = s.SealOne(one[:0], body[:400], ad); return })
	f("OpenOne", func() (err error) { got, _, err = o.OpenOne(got[:0], one, ad); return })
	f("ParseHeader", func() (err error) { _, err = ParseHeader(blob); return })
	f("SealRecord", func() (err error) { record, err = SealRecord(record[:0], k, ad, body[:300]); return })
	f("OpenRecord", func() (err error) { got, err = OpenRecord(got[:0], k, ad, record); return })
	f("IPSealer.Seal", func() (err error) { ip, err = ips.Seal(ip[:0], addr); return })
	f("MAC.Sum128", func() error { mac.Sum128(&pid, id, ad); return nil })
	f("Bucket", func() error { Bucket(route, id); return nil })
}

func BenchmarkSeal(b *testing.B) {
	c := clockAt(noon)
	_, dir := hourRing(b, c)
	s := sealerOf(b, dir, c)
	for _, n := range []int{1_000, 50_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			body := events(n)
			var blob []byte
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				blob, _ = s.Seal(blob[:0], body, 1, 0)
			}
			b.ReportMetric(float64(n)/float64(len(blob)), "ratio")
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	c := clockAt(noon)
	r, dir := hourRing(b, c)
	s, o := sealerOf(b, dir, c), NewOpener(r, 0)
	for _, n := range []int{1_000, 50_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			blob := mustSeal(b, s, events(n), 1, 0)
			var got []byte
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if got, _, err = o.Open(got[:0], blob); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAgree is what the first blob of a process and hour costs beyond the
// others, on either side.
func BenchmarkAgree(b *testing.B) {
	c := clockAt(noon)
	r, dir := hourRing(b, c)
	p, err := publicOfRing(b, dir).PublicHour(HourOf(noon))
	if err != nil {
		b.Fatal(err)
	}
	var enc [EncSize]byte
	b.Run("encapsulate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := newSession(p.ID.Hour, p.ID.Hour, p.ID.Suffix, p.Key, rawAgreement(p.ID))
			if err != nil {
				b.Fatal(err)
			}
			enc = s.enc
		}
	})
	b.Run("decapsulate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Decapsulate(p.ID, enc); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	r, _ := emptyRing(b, clockAt(noon))
	k := kekOf(b, r, 0)
	plain, ad := events(300), []byte("0123456789abcdef0003")
	var sealed, got []byte
	b.ReportAllocs()
	for b.Loop() {
		sealed, _ = SealRecord(sealed[:0], k, ad, plain)
		got, _ = OpenRecord(got[:0], k, ad, sealed)
	}
	if len(got) != len(plain) {
		b.Fatal("the record did not open")
	}
}

func BenchmarkMAC(b *testing.B) {
	m, err := NewMAC(NewKey(HMACSHA256, [KeySize]byte{1}))
	if err != nil {
		b.Fatal(err)
	}
	message := []byte("sluice.pid.v1\x00t1\x00improve\x00user\x00\x00\x00\x00\x02u1234567")
	var pid [16]byte
	b.ReportAllocs()
	for b.Loop() {
		m.Sum128(&pid, message)
	}
}

func BenchmarkSealIP(b *testing.B) {
	c := clockAt(noon)
	_, dir := glassRing(b, c)
	s := NewIPSealer(publicOfRing(b, dir), c.now)
	defer s.Close()
	addr := netip.MustParseAddr("203.0.113.77")
	var sealed []byte
	b.ReportAllocs()
	for b.Loop() {
		sealed, _ = s.Seal(sealed[:0], addr)
	}
}

func BenchmarkBucket(b *testing.B) {
	k := NewRouteKey([16]byte{1})
	id := []byte("t1\x00user\x00u1234567")
	b.ReportAllocs()
	for b.Loop() {
		Bucket(k, id)
	}
}
