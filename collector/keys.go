package collector

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// maxKey bounds a write key, in bytes.
const maxKey = 200

// key is a write key ready for use.
type key struct {
	WriteKey
	digest  [sha256.Size]byte
	origins map[string]bool
	any     bool // any origin
	quota   quota
}

// keyring finds write keys. Keys are looked up by a digest under a salt of this process,
// so the time a look-up takes tells nothing about how much of a guess was right.
type keyring struct {
	salt [16]byte
	keys map[[sha256.Size]byte]*key
	all  []*key
}

func newKeyring(list []WriteKey) *keyring {
	r := &keyring{keys: make(map[[sha256.Size]byte]*key, len(list))}
	rand.Read(r.salt[:])
	for _, w := range list {
		k := &key{WriteKey: w, digest: r.sum(w.Key), origins: make(map[string]bool)}
		for _, o := range w.Origins {
			k.any = k.any || o == "*"
			k.origins[o] = true
		}
		k.quota = newQuota(w.Quota, w.Burst)
		r.keys[k.digest] = k
		r.all = append(r.all, k)
	}
	return r
}

func (r *keyring) sum(s string) [sha256.Size]byte {
	var buf [16 + maxKey]byte
	b := append(append(buf[:0], r.salt[:]...), s...)
	return sha256.Sum256(b)
}

// find gives the key, nil for one that is not known.
func (r *keyring) find(s string) *key {
	if s == "" || len(s) > maxKey {
		return nil
	}
	sum := r.sum(s)
	k := r.keys[sum]
	if k == nil || subtle.ConstantTimeCompare(k.digest[:], sum[:]) != 1 {
		return nil
	}
	return k
}

// allows reports whether a browser's page of this origin may use the key.
func (k *key) allows(origin string) bool { return k.any || k.origins[origin] }

// allows reports whether some key may be used from this origin: all that a preflight can
// be asked, since it carries no key.
func (r *keyring) allows(origin string) bool {
	for _, k := range r.all {
		if k.allows(origin) {
			return true
		}
	}
	return false
}

// presented finds the write key in a request's headers or query, "" when there is none. A
// password behind the colon of Basic is of no interest.
func presented(ctx *fasthttp.RequestCtx) string {
	h := &ctx.Request.Header
	if k := h.Peek("X-Write-Key"); len(k) > 0 {
		return view(k)
	}
	if auth := view(h.Peek(fasthttp.HeaderAuthorization)); auth != "" {
		scheme, rest, _ := strings.Cut(auth, " ")
		rest = strings.TrimSpace(rest)
		switch {
		case strings.EqualFold(scheme, "Bearer"):
			return rest
		case strings.EqualFold(scheme, "Basic"):
			return basicUser(rest)
		}
	}
	q := ctx.QueryArgs()
	for _, name := range [...]string{"writeKey", "write_key", "k"} {
		if k := q.Peek(name); len(k) > 0 {
			return view(k)
		}
	}
	return ""
}

func basicUser(encoded string) string {
	if len(encoded) > 2*maxKey {
		return ""
	}
	b, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		if b, err = base64.RawStdEncoding.DecodeString(encoded); err != nil {
			return ""
		}
	}
	user, _, _ := strings.Cut(view(b), ":")
	return user
}

// quota is a bucket of events that fills at a steady rate. A request is let in while the
// bucket is not in debt and then charged in full, so that a batch larger than the burst
// can pass at all; the average holds. The zero quota lets everything in.
type quota struct {
	mu    *sync.Mutex
	rate  float64 // events a second
	burst float64
	level float64
	at    time.Time
}

func newQuota(rate float64, burst int) quota {
	b := float64(burst)
	if b == 0 {
		b = math.Max(rate, 1)
	}
	return quota{mu: new(sync.Mutex), rate: rate, burst: b, level: b}
}

// wait says how long until the key may send again, 0 when it may now.
func (q *quota) wait(now time.Time) time.Duration {
	if q.rate == 0 {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fill(now)
	if q.level > 0 {
		return 0
	}
	return time.Duration((1 - q.level) / q.rate * float64(time.Second))
}

// charge takes n events off.
func (q *quota) charge(now time.Time, n int) {
	if q.rate == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fill(now)
	q.level -= float64(n)
}

func (q *quota) fill(now time.Time) {
	if q.at.IsZero() {
		q.at = now
	}
	if d := now.Sub(q.at); d > 0 {
		q.level = math.Min(q.burst, q.level+d.Seconds()*q.rate)
		q.at = now
	}
}
