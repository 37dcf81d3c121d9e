package seal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// noon is the instant at which most tests stand.
var noon = time.Date(2026, 12, 10, 2, 0, 0, 0, time.UTC)

// testClock is a clock that a test moves by hand.
type testClock struct{ at atomic.Int64 }

func clockAt(t time.Time) *testClock {
	c := &testClock{}
	c.set(t)
	return c
}

func (c *testClock) set(t time.Time)         { c.at.Store(t.UnixNano()) }
func (c *testClock) advance(d time.Duration) { c.at.Add(int64(d)) }
func (c *testClock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }

// emptyRing makes a keyring without keys.
func emptyRing(t testing.TB, c *testClock) (*Ring, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	if err := CreateRing(dir); err != nil {
		t.Fatal(err)
	}
	r, err := OpenRing(dir, c.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, dir
}

// hourRing makes a keyring with the keys of the clock's hour and four more: each
// file is flushed to disk, which takes its time.
func hourRing(t testing.TB, c *testClock) (*Ring, string) {
	t.Helper()
	r, dir := emptyRing(t, c)
	if err := r.ensureHours(HourOf(c.now()), 4); err != nil {
		t.Fatal(err)
	}
	return r, dir
}

// longRing makes a keyring with all hour keys that are published ahead.
func longRing(t testing.TB, c *testClock) (*Ring, string) {
	t.Helper()
	r, dir := emptyRing(t, c)
	if err := r.EnsureHours(c.now()); err != nil {
		t.Fatal(err)
	}
	return r, dir
}

func publicOfRing(t testing.TB, dir string) *PublicKeys {
	t.Helper()
	p, err := OpenPublic(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func sealerOf(t testing.TB, dir string, c *testClock) *Sealer {
	t.Helper()
	s := NewSealer(publicOfRing(t, dir), c.now)
	t.Cleanup(s.Close)
	return s
}

func mustSeal(t testing.TB, s *Sealer, body []byte, events uint32, partition int32) []byte {
	t.Helper()
	blob, err := s.Seal(nil, body, events, partition)
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

// events writes n bytes of events as a collector sees them.
func events(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"page_view", "lesson_play", "search", "login"}
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, `{"event":%q,"tenant":"t1","policy_rev":3,"message_id":"%08x%016x","user_id":"u%d","install_id":"%016x%016x","time":%d,"page":"/course/%d/lesson/%d","dur_ms":%d,"device":{"os":"Android 1%d","model":"M%d"},"consent":{"rev":%d,"bits":%d}}`+"\n",
			names[r.IntN(4)], r.Uint32(), r.Uint64(), r.IntN(100000), r.Uint64(), r.Uint64(), 1790000000000+r.IntN(1e6),
			r.IntN(50), r.IntN(400), r.IntN(60000), r.IntN(5), r.IntN(40), r.IntN(9), r.IntN(255))
	}
	return b.Bytes()[:n]
}

// copyTree copies a folder as an operator would.
func copyTree(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(to, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(p, 0o700)
		}
		return os.Chmod(p, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
