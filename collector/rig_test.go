package collector

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/sluice-events/sluice/deploy/policies"
	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/policy"
)

// noon is the instant at which the tests stand.
var noon = time.Date(2026, 12, 10, 2, 0, 0, 0, time.UTC)

// broker stands in for Kafka, the one thing of these tests that is not real: it keeps what
// it is given.
type broker struct {
	mu      sync.Mutex
	records []record
	err     error
	hold    chan struct{} // when set, Produce waits for it
	calls   int
}

type record struct {
	partition  int32
	key, value []byte
}

func (b *broker) Produce(ctx context.Context, partition int32, key, value []byte) error {
	b.mu.Lock()
	b.calls++
	hold := b.hold
	b.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	b.records = append(b.records, record{partition, bytes.Clone(key), bytes.Clone(value)})
	return nil
}

func (b *broker) fail(err error) { b.mu.Lock(); b.err = err; b.mu.Unlock() }

func (b *broker) block() (release func()) {
	ch := make(chan struct{})
	b.mu.Lock()
	b.hold = ch
	b.mu.Unlock()
	return func() {
		b.mu.Lock()
		b.hold = nil
		b.mu.Unlock()
		close(ch)
	}
}

func (b *broker) asked() int { b.mu.Lock(); defer b.mu.Unlock(); return b.calls }

func (b *broker) count() int { b.mu.Lock(); defer b.mu.Unlock(); return len(b.records) }

// lockedBuffer is a log that can be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *lockedBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// rig is a collector that listens, with a real keyring and a broker that remembers.
type rig struct {
	t      testing.TB
	c      *Collector
	url    string
	broker *broker
	ring   *seal.Ring
	opener *seal.Opener
	reg    *prometheus.Registry
	log    *lockedBuffer
	mu     sync.Mutex
	now    time.Time
	tenant *seal.Signer
	client *http.Client
}

func (r *rig) clock() time.Time        { r.mu.Lock(); defer r.mu.Unlock(); return r.now }
func (r *rig) advance(d time.Duration) { r.mu.Lock(); r.now = r.now.Add(d); r.mu.Unlock() }

// shipped parses a policy that sluice ships.
func shipped(t testing.TB, name string) *policy.Policy {
	t.Helper()
	b, err := policies.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse(name+".yaml", b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// keyFolder makes the keyring that all rigs of a run read: its files are slow to make.
var keyFolder = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "sluice-collector-keys"); err != nil {
		return "", err
	}
	folders = append(folders, dir)
	if err = seal.CreateRing(dir); err != nil {
		return "", err
	}
	ring, err := seal.OpenRing(dir, func() time.Time { return noon })
	if err != nil {
		return "", err
	}
	defer ring.Close()
	_, errRoute := ring.Route()
	_, errTenant := ring.Tenant("t1")
	err = errors.Join(errRoute, errTenant, ring.EnsureHours(noon), ring.EnsureBreakGlass(noon))
	today := int32(noon.Unix() / 86400)
	for day := today - 1; day <= today+2; day++ {
		_, e := ring.IPDay(day)
		err = errors.Join(err, e)
	}
	return dir, err
})

var folders []string

func TestMain(m *testing.M) {
	code := m.Run()
	for _, d := range folders {
		os.RemoveAll(d)
	}
	os.Exit(code)
}

// testConfig has one key for each tenant of the rig.
func testConfig() Config {
	cfg := DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	cfg.Keys = []WriteKey{
		{Key: "edu", Tenant: "t1", Origins: []string{"https://edu.example"}},
		{Key: "start", Tenant: "t2", Origins: []string{"*"}},
		{Key: "server", Tenant: "t1", Server: true},
		{Key: "lawless", Tenant: "t3"},
		{Key: "slow", Tenant: "t2", Quota: 2, Burst: 4, Origins: []string{"https://slow.example"}},
		{Key: "WK", Tenant: "t2", Origins: []string{"*"}},
		{Key: "WKWKWKWKWKWKWKWKWKWKWKWKWKW", Tenant: "t2", Origins: []string{"*"}},
	}
	return cfg
}

// newRig starts a collector: tenant t1 under cn-edu, t2 under starter, t3 under nothing.
func newRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	return newRigWith(t, change, nil)
}

// newRigWith is newRig with other parts.
func newRigWith(t testing.TB, change func(*Config), parts func(*Deps)) *rig {
	t.Helper()
	cfg := testConfig()
	if change != nil {
		change(&cfg)
	}
	r := &rig{t: t, broker: &broker{}, reg: prometheus.NewRegistry(), log: &lockedBuffer{}, now: noon}
	d := r.deps()
	if parts != nil {
		parts(&d)
	}
	c, err := New(cfg, d)
	if err != nil {
		t.Fatal(err)
	}
	addr, err := c.Start()
	if err != nil {
		t.Fatal(err)
	}
	r.c, r.url = c, "http://"+addr.String()
	tr := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	r.client = &http.Client{Transport: tr, Timeout: 20 * time.Second}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) deps() Deps {
	r.t.Helper()
	must := func(err error) {
		r.t.Helper()
		if err != nil {
			r.t.Fatal(err)
		}
	}
	dir, err := keyFolder()
	must(err)
	ring, err := seal.OpenRing(dir, r.clock)
	must(err)
	r.t.Cleanup(func() { ring.Close() })
	r.tenant, err = ring.Tenant("t1")
	must(err)
	pub, err := ring.Public()
	must(err)
	r.t.Cleanup(func() { pub.Close() })
	route, err := pub.Route()
	must(err)
	r.ring, r.opener = ring, seal.NewOpener(ring, 0)
	edu, starter := shipped(r.t, "cn-edu"), shipped(r.t, "starter")
	return Deps{
		Policy: func(tenant string) *policy.Policy {
			return map[string]*policy.Policy{"t1": edu, "t2": starter}[tenant]
		},
		Producer: r.broker, Sealer: seal.NewSealer(pub, r.clock), Route: route, Keys: pub,
		Addresses: seal.NewIPSealer(pub, r.clock), Clock: r.clock,
		Log: slog.New(slog.NewJSONHandler(r.log, nil)), Metrics: r.reg,
	}
}

// sealed opens everything the broker has and decodes it.
func (r *rig) sealed() (raws []event.Raw, acts []event.Act) {
	r.t.Helper()
	r.broker.mu.Lock()
	defer r.broker.mu.Unlock()
	for i, rec := range r.broker.records {
		body, h, err := r.opener.Open(nil, rec.value)
		if err != nil {
			r.t.Fatalf("record %d: %v", i, err)
		}
		var b event.Batch
		if err := b.Add(body, int64(i)); err != nil {
			r.t.Fatal(err)
		}
		b.Link()
		if int(h.Events) != len(b.Raws) || h.Partition != rec.partition {
			r.t.Errorf("record %d: header says %d events of partition %d, body has %d, written to %d", i, h.Events, h.Partition, len(b.Raws), rec.partition)
		}
		if len(rec.key) != 16 {
			r.t.Errorf("record %d: key of %d bytes", i, len(rec.key))
		}
		raws, acts = append(raws, b.Raws...), append(acts, b.Acts...)
	}
	return raws, acts
}

// only gives the one event that must be there.
func (r *rig) only() event.Raw {
	r.t.Helper()
	raws, _ := r.sealed()
	if len(raws) != 1 {
		r.t.Fatalf("%d events were sealed, want 1", len(raws))
	}
	return raws[0]
}

// opened is every sealed body in clear, one after the other.
func (r *rig) opened() []byte {
	var all []byte
	r.broker.mu.Lock()
	defer r.broker.mu.Unlock()
	for _, rec := range r.broker.records {
		body, _, err := r.opener.Open(nil, rec.value)
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, body...)
	}
	return all
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

type header map[string]string

// do sends one request.
func (r *rig) do(method, path string, h header, body []byte) reply {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+path, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for k, v := range h {
		req.Header.Set(k, v)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

// native posts to /v1/events with a key.
func (r *rig) native(key, body string) reply {
	r.t.Helper()
	return r.do("POST", "/v1/events", header{"X-Write-Key": key}, []byte(body))
}

func (a reply) want(t testing.TB, status int, body string) {
	t.Helper()
	if a.status != status || a.body != body {
		t.Errorf("answer %d %s, want %d %s", a.status, a.body, status, body)
	}
}

// metric gives one sample; labels are "name=value". A series nobody touched is 0.
func (r *rig) metric(name string, labels ...string) float64 {
	r.t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "sluice_collector_"+name {
			continue
		}
		for _, m := range f.Metric {
			if hasLabels(m, labels) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

func hasLabels(m *dto.Metric, want []string) bool {
	var got []string
	for _, l := range m.Label {
		got = append(got, l.GetName()+"="+l.GetValue())
	}
	return strings.Join(got, ",") == strings.Join(want, ",")
}

// exposition is all metrics as text.
func (r *rig) exposition() string {
	families, err := r.reg.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}

// absent fails when one of the texts shows in what was sealed, logged, counted or answered.
func (r *rig) absent(canaries ...string) {
	r.t.Helper()
	places := map[string]string{"sealed bodies": string(r.opened()), "log": r.log.String(), "metrics": r.exposition()}
	for _, c := range canaries {
		for where, text := range places {
			if strings.Contains(text, c) {
				r.t.Errorf("%q shows in the %s", c, where)
			}
		}
	}
}

func props(raw *event.Raw) map[string]string {
	m := make(map[string]string)
	for _, p := range raw.Props {
		m[p.Key] = string(p.Value.AppendText(nil))
	}
	return m
}

// dial opens a bare connection.
func (r *rig) dial() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// absentFloats fails when a number stands in a sealed body as eight bytes, or as its
// integer in any unit a programmer might choose.
func (r *rig) absentFloats(values ...float64) {
	r.t.Helper()
	body := r.opened()
	for _, v := range values {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], math.Float64bits(v))
		if bytes.Contains(body, b[:]) {
			r.t.Errorf("a coordinate stands in a sealed body")
		}
	}
}

// decode opens one blob.
func (r *rig) decode(blob []byte) []event.Raw {
	r.t.Helper()
	body, _, err := r.opener.Open(nil, blob)
	if err != nil {
		r.t.Fatal(err)
	}
	var b event.Batch
	if err := b.Add(body, 0); err != nil {
		r.t.Fatal(err)
	}
	b.Link()
	return b.Raws
}
