package privacy

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy/place"
)

// The clock and tenant of the fixtures: 2026-12-10 10:00 in Shanghai.
var testNow = time.Date(2026, 12, 10, 2, 0, 0, 0, time.UTC).UnixMilli()

const tenant = "t1"

// fixedKeys derives keys from names, so that a test can compute what it expects.
type fixedKeys struct{}

func (fixedKeys) Pid(tenant, purpose string, epoch int64) (seal.Key, error) {
	return seal.NewKey(seal.HMACSHA256, sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", tenant, purpose, epoch))), nil
}

func (fixedKeys) Batch(purpose string) (seal.Key, error) {
	return seal.NewKey(seal.HMACSHA256, sha256.Sum256([]byte("batch/"+purpose))), nil
}

// drawn gives every person a secret made from their canonical id.
type drawn struct{}

func (drawn) Draw(canon []byte, p *Person) error {
	p.Secret, p.HasSecret = sha256.Sum256(canon), true
	return nil
}

var hebei = place.Admin{Country: "CN", Province: "130000", City: "130100"}

func lookups() Lookups {
	return Lookups{
		Agent: func(ua string) Agent {
			return Agent{OS: "Android 14", Browser: "Chrome", Bot: strings.Contains(ua, "bot")}
		},
		OS:     func(name, version string) string { return name + " " + strings.Split(version, ".")[0] },
		Tier:   func(string) string { return "high" },
		Screen: func(w, h uint32) string { return "large" },
		Lang:   func(tag string) string { return strings.Split(tag, "-")[0] },
		Network: func(n netip.Prefix) place.Admin {
			if n.Contains(netip.MustParseAddr("203.0.113.1")) {
				return hebei
			}
			return place.Admin{}
		},
		City:   func(cell string) (place.Admin, bool) { return hebei, strings.HasPrefix(cell, "wwc") },
		Region: func(text string) (place.Admin, bool) { return hebei, strings.Contains(text, "石家庄") },
	}
}

type bench struct {
	t *testing.T
	p *policy.Policy
	w *Worker
	n int
}

func newBench(t *testing.T, name string) *bench {
	t.Helper()
	p, err := policy.Load("../deploy/policies/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return benchOf(t, p)
}

func benchOf(t *testing.T, p *policy.Policy) *bench {
	t.Helper()
	w, err := NewWorker(p, fixedKeys{}, drawn{}, lookups(), NewNames(p.Wildcard.MaxEventNames))
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, p: p, w: w}
}

// edited compiles a shipped policy with one text replaced.
func edited(t *testing.T, name, old, new string) *policy.Policy {
	t.Helper()
	text, err := os.ReadFile("../deploy/policies/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("%s has no %q", name, old)
	}
	p, err := policy.Parse(name, []byte(strings.Replace(string(text), old, new, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// mask turns purpose and feature names into bits.
func (b *bench) mask(names ...string) (m uint64) {
	for _, n := range names {
		if pu, ok := b.p.Purpose(n); ok {
			m |= pu.Mask()
		} else if f, ok := b.p.Feature(n); ok {
			m |= f.Mask()
		} else {
			b.t.Fatalf("no purpose or feature %q", n)
		}
	}
	return m
}

// person makes somebody who granted the named purposes a day ago.
func (b *bench) person(age Age, granted ...string) *Person {
	p := NewPerson(7)
	p.Age = age
	b.act(p, event.ActGrant, testNow-24*3600*1000, granted...)
	return p
}

var actPos = Position{}

func (b *bench) act(p *Person, kind event.ActKind, at int64, names ...string) {
	if len(names) == 0 {
		return
	}
	a := event.Act{Tenant: tenant, Install: event.NewInstallID("i"), Kind: kind, Bits: b.mask(names...), PolicyRev: b.p.Rev, Time: at, Received: at}
	p.Apply(&a, Position{Offset: p.Applied.Offset + 1}, b.p)
}

// run adds one event in a range of its own and gives the columns that hold something, by
// store, as "name=value" texts. A nil person means that no id came along.
func (b *bench) run(raw event.Raw, p *Person) (Verdict, map[string]map[string]string) {
	b.t.Helper()
	b.n++
	if err := b.w.Begin(Range{Incarnation: "inc", Topic: "raw", From: int64(b.n), To: int64(b.n) + 1}, testNow); err != nil {
		b.t.Fatal(err)
	}
	raw.Tenant = tenant
	if raw.Time == 0 {
		raw.Time = testNow
	}
	if raw.Received == 0 {
		raw.Received = testNow
	}
	if raw.MessageID == "" {
		raw.MessageID = fmt.Sprint("m", b.n)
	}
	sub := Subject{}
	if p != nil {
		raw.User = event.NewUserID("user-canary")
		sub.Kind, sub.Canon = raw.Subject(nil)
		sub.Person, sub.Session, sub.Seq = p, []byte("s1"), 3
	}
	v, err := b.w.Add(&raw, &sub)
	if err != nil {
		b.t.Fatal(err)
	}
	rows := make(map[string]map[string]string)
	for _, s := range b.p.Stores {
		c := b.w.Rows(s.Purpose.Index)
		if c.Rows() == 0 {
			continue
		}
		if c.Rows() != 1 {
			b.t.Fatalf("%s: %d rows of one event", s.Name, c.Rows())
		}
		rows[s.Name] = cells(c)
	}
	return v, rows
}

// cells reads the first row.
func cells(c *Clean) map[string]string {
	out := make(map[string]string)
	for i, col := range c.store.Columns {
		if !c.filled(i, 0) {
			continue
		}
		v := &c.cols[i]
		switch col.Type {
		case policy.ColString, policy.ColLowCard, policy.ColJSON:
			out[col.Name] = v.str[0]
		case policy.ColFixed16:
			out[col.Name] = fmt.Sprintf("%x", v.fixed[:16])
		case policy.ColUInt32:
			out[col.Name] = fmt.Sprint(v.u32[0])
		case policy.ColUInt64:
			out[col.Name] = fmt.Sprint(v.u64[0])
		case policy.ColInt64, policy.ColDecimal, policy.ColDateTime:
			out[col.Name] = fmt.Sprint(v.i64[0])
		case policy.ColFloat64:
			out[col.Name] = fmt.Sprint(v.f64[0])
		case policy.ColBool:
			out[col.Name] = fmt.Sprint(v.bit[0])
		case policy.ColEnum:
			out[col.Name] = col.Enum[enumAt(&col, v.enum[0])]
		}
	}
	return out
}

func enumAt(c *policy.Column, n int8) int {
	for i, v := range c.Numbers {
		if v == n {
			return i
		}
	}
	return 0
}
