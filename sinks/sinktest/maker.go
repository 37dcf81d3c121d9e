package sinktest

import (
	"crypto/sha256"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy"
	"github.com/sluice-events/sluice/privacy/place"
	"github.com/sluice-events/sluice/sinks"
)

// Event is what somebody did. The person is an adult who agreed to everything.
type Event struct {
	Person string
	Name   string
	Time   time.Time
	Page   string // address of the page
	Props  map[string]string
	Bot    bool
}

// Maker makes clean batches the only way there is: by running a privacy.Worker, with keys
// and secrets that are the same in every run.
type Maker struct {
	policy *policy.Policy
	worker *privacy.Worker
	next   int64
}

// NewMaker makes a maker for the events of a policy.
func NewMaker(t testing.TB, p *policy.Policy) *Maker {
	t.Helper()
	w, err := privacy.NewWorker(p, keys{}, secrets{}, lookups(), privacy.NewNames(1000))
	if err != nil {
		t.Fatal(err)
	}
	return &Maker{policy: p, worker: w}
}

// Batch runs the events and gives the rows of one store, with an id and a token that no
// other batch of this maker has. The batch holds until the next call.
func (m *Maker) Batch(t testing.TB, store string, events ...Event) sinks.Batch {
	t.Helper()
	from := m.next
	m.next += int64(len(events)) + 1
	r := privacy.Range{Incarnation: "test", Topic: "raw", From: from, To: m.next}
	if err := m.worker.Begin(r, time.Now().UnixMilli()); err != nil {
		t.Fatal(err)
	}
	for i := range events {
		m.add(t, &events[i], from+int64(i))
	}
	for _, st := range m.policy.Stores {
		if st.Name == store {
			i := st.Purpose.Index
			return sinks.Batch{Token: "test:raw:0:" + strconv.FormatInt(from, 10) + ":" + store, ID: m.worker.Batch(i), Rows: m.worker.Rows(i), Attempt: 1}
		}
	}
	t.Fatalf("the policy has no store %s", store)
	return sinks.Batch{}
}

func (m *Maker) add(t testing.TB, e *Event, n int64) {
	t.Helper()
	at := e.Time.UnixMilli()
	raw := &event.Raw{
		Tenant: "t1", Name: e.Name, MessageID: strconv.FormatInt(n, 10), Time: at, Received: at, PolicyRev: m.policy.Rev,
		User: event.NewUserID(e.Person), Session: "s-" + e.Person, UserAgent: "agent", Page: e.Page, Claims: event.Claims{Granted: ^uint64(0)},
	}
	if e.Bot {
		raw.UserAgent = "robot"
	}
	for k, v := range e.Props {
		raw.Props = append(raw.Props, event.Prop{Key: k, Value: event.StringValue(v)})
	}
	kind, canon := raw.Subject(nil)
	sub := &privacy.Subject{Kind: kind, Canon: canon, Person: m.person(canon), Session: []byte(raw.Session), Seq: uint32(n)}
	if v, err := m.worker.Add(raw, sub); err != nil {
		t.Fatal(err)
	} else if v.Stores == 0 {
		t.Fatalf("an event %s of the test got no row: %v", e.Name, v.Reason)
	}
}

func (m *Maker) person(canon []byte) *privacy.Person {
	p := privacy.NewPerson(0)
	p.Age, p.Rev, p.HasSecret, p.Secret = privacy.AgeAdult, 1, true, sha256.Sum256(canon)
	for _, pu := range m.policy.Purposes {
		p.Grants = append(p.Grants, privacy.Grant{Bit: pu.Bit, State: privacy.Granted, Since: 1})
	}
	return p
}

// keys are derived from their names.
type keys struct{}

func (keys) Pid(tenant, purpose string, epoch int64) (seal.Key, error) {
	return seal.NewKey(seal.HMACSHA256, sha256.Sum256([]byte("pid "+tenant+" "+purpose+" "+strconv.FormatInt(epoch, 10)))), nil
}

func (keys) Batch(purpose string) (seal.Key, error) {
	return seal.NewKey(seal.HMACSHA256, sha256.Sum256([]byte("batch "+purpose))), nil
}

// secrets has nothing to draw: every person of the tests has one.
type secrets struct{}

func (secrets) Draw([]byte, *privacy.Person) error { return nil }

func lookups() privacy.Lookups {
	same := func(s string) string { return s }
	return privacy.Lookups{
		Agent: func(ua string) privacy.Agent {
			return privacy.Agent{OS: "Linux", Browser: "Firefox", Bot: ua == "robot"}
		},
		OS:      func(name, _ string) string { return name },
		Tier:    same,
		Screen:  func(uint32, uint32) string { return "" },
		Lang:    same,
		Network: func(netip.Prefix) place.Admin { return place.Admin{} },
		City:    func(string) (place.Admin, bool) { return place.Admin{}, false },
		Region:  func(string) (place.Admin, bool) { return place.Admin{}, false },
	}
}
