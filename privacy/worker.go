package privacy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy/place"
	"github.com/sluice-events/sluice/privacy/web"
)

// ErrNoRecord: the ledger has no secret for this person, so there is no lasting pseudonym.
var ErrNoRecord = errors.New("privacy: no lasting pseudonym for this person")

// Agent is what a user agent string says, made coarse.
type Agent struct {
	OS, Browser string
	Bot         bool
}

// Lookups are the tables the stages ask. Each must be set, pure and safe for concurrent use.
type Lookups struct {
	Agent   func(ua string) Agent
	OS      func(name, version string) string
	Tier    func(model string) string
	Screen  func(width, height uint32) string
	Lang    func(tag string) string
	Network func(netip.Prefix) place.Admin
	City    func(cell string) (place.Admin, bool)
	Region  func(text string) (place.Admin, bool)
}

// Worker runs the stages over the events of one raw partition. It is not safe for
// concurrent use. Begin starts a range of offsets; what Add then leaves in the rows holds
// until the next Begin.
type Worker struct {
	pol     *policy.Policy
	look    Lookups
	keys    Keys
	secrets Secrets
	names   *Names

	plans map[string]*eventPlan
	wild  *eventPlan

	// read off the policy once
	routes      *web.Routes
	deviceRules map[string]string
	locationBit uint64
	locationOff map[string]string
	featureBit  map[string]uint64
	noGuardian  []bool
	minorDenied []bool
	regionLevel place.Level

	// FieldsDropped counts values that were refused, by class, since the last Begin.
	FieldsDropped map[string]uint64

	// of the range at hand
	now   int64
	clean []Clean
	batch []ID
	arena []byte

	// of the event at hand
	name     string
	cur      coarse
	own      ownIDs
	row      row
	vals     []value
	withheld []Reason

	macs    map[macKey]*seal.MAC
	zone    zoneCache
	msg     []byte
	json    []byte
	scratch []byte
}

// Range names a range of raw offsets [From, To): what the ids of its batches are made of.
type Range struct {
	Incarnation string // of the topic
	Topic       string
	Partition   int32
	From, To    int64
}

// Verdict is what became of one event.
type Verdict struct {
	Reason Reason // Kept when at least one store got a row
	Stores uint64 // purposes by index that got a row
	Name   string // the event's declared name, or "other": for the account
	Shown  string // the event's name as the stores hold it
}

// NewWorker makes a worker for a policy. names may be shared by several workers.
func NewWorker(p *policy.Policy, keys Keys, secrets Secrets, look Lookups, names *Names) (*Worker, error) {
	w := &Worker{pol: p, look: look, keys: keys, secrets: secrets, names: names,
		macs: make(map[macKey]*seal.MAC), FieldsDropped: make(map[string]uint64),
		featureBit: make(map[string]uint64), withheld: make([]Reason, len(p.Purposes)),
		noGuardian: make([]bool, len(p.Purposes)), minorDenied: make([]bool, len(p.Purposes)),
		clean: make([]Clean, len(p.Purposes)), batch: make([]ID, len(p.Purposes)), regionLevel: place.City}
	var err error
	if w.plans, w.wild, err = compile(p); err != nil {
		return nil, err
	}
	for _, s := range p.Stores {
		w.clean[s.Purpose.Index] = Clean{store: s, cols: make([]column, len(s.Columns))}
	}
	return w, w.readPolicy()
}

// readPolicy keeps what the stages ask of the policy for every event.
func (w *Worker) readPolicy() (err error) {
	p := w.pol
	for _, f := range p.Features {
		w.featureBit[f.Name] = f.Mask()
		if f.Name == "location" {
			w.locationBit, w.locationOff = f.Mask(), f.Off
		}
	}
	for _, pu := range p.Purposes {
		for _, s := range p.Minors.NoGuardian {
			w.noGuardian[pu.Index] = w.noGuardian[pu.Index] || s == pu.Store
		}
		for _, d := range p.Minors.Deny {
			w.minorDenied[pu.Index] = w.minorDenied[pu.Index] || d == pu.Name
		}
	}
	var routes []string
	if c := p.Classes["url"]; c != nil {
		routes = c.Routes
	}
	if w.routes, err = web.NewRoutes(routes); err != nil {
		return fmt.Errorf("privacy: %w", err)
	}
	if c := p.Classes["device_info"]; c != nil {
		w.deviceRules = c.Rules
	}
	if c := p.Classes["region_given"]; c != nil {
		if l, err := place.ParseLevel(c.Rules["region"]); err == nil {
			w.regionLevel = l
		}
	}
	return nil
}

// Begin empties the rows and starts a range. now is the time of processing in Unix ms; a
// replay of the same range must pass the same.
func (w *Worker) Begin(r Range, now int64) error {
	w.now = now
	w.arena = w.arena[:0]
	clear(w.FieldsDropped)
	for i := range w.clean {
		w.clean[i].reset()
	}
	for _, pu := range w.pol.Purposes {
		if !pu.Declared {
			continue
		}
		id, err := BatchID(w.keys, pu.Name, r)
		if err != nil {
			return err
		}
		w.batch[pu.Index] = id
	}
	return nil
}

// BatchID is the id of the insert that brings a range's rows into the store of a purpose;
// the account has a key of its own, under the name "account".
func BatchID(keys Keys, purpose string, r Range) (ID, error) {
	key, err := keys.Batch(purpose)
	if err != nil {
		return ID{}, fmt.Errorf("privacy: batch key of %s: %w", purpose, err)
	}
	mac, err := seal.NewMAC(key)
	if err != nil {
		return ID{}, err
	}
	msg := append(append(append(append([]byte(nil), r.Incarnation...), 0), r.Topic...), 0)
	msg = binary.BigEndian.AppendUint32(msg, uint32(r.Partition))
	msg = binary.BigEndian.AppendUint64(msg, uint64(r.From))
	msg = binary.BigEndian.AppendUint64(msg, uint64(r.To))
	var id ID
	mac.Sum128(&id, msg)
	return id, nil
}

func (c *Clean) reset() {
	c.rows = 0
	for i := range c.cols {
		col := &c.cols[i]
		clear(col.str)
		*col = column{str: col.str[:0], fixed: col.fixed[:0], u32: col.u32[:0], u64: col.u64[:0],
			i64: col.i64[:0], f64: col.f64[:0], bit: col.bit[:0], enum: col.enum[:0]}
	}
}

// Add runs one event through the stages. An error means keys or secrets were not to be had:
// the range must be given up and tried again, since rows of it may be missing.
func (w *Worker) Add(raw *event.Raw, sub *Subject) (Verdict, error) {
	for i := range w.withheld {
		w.withheld[i] = Kept
	}
	w.own = idsOf(raw)
	plan := w.plans[raw.Name]
	var v Verdict
	if plan != nil {
		w.name, v.Name = plan.event.Name, plan.event.Name
	} else {
		if plan = w.wild; plan == nil {
			return Verdict{Name: otherName, Shown: otherName, Reason: UndeclaredEvent}, nil
		}
		v.Name = otherName
		w.name = w.names.take(w.scrubText(raw.Name, plan.scrubber, maxName))
	}
	v.Shown = w.name
	d := w.decide(raw, sub, plan)
	if d.allowed != 0 {
		c, ok := w.coarsen(d)
		if !ok {
			v.Reason = Schema
			return v, nil
		}
		done, err := w.pseudonymize(c)
		if err != nil {
			return v, err
		}
		v.Stores = done.Stores
	}
	if v.Stores == 0 {
		v.Reason = w.why(plan)
	}
	return v, nil
}

// maxName bounds an event name, in runes.
const maxName = 100

// why picks the reason under which an event without rows counts: the first purpose's, but
// a missing item only if nothing else stood in the way.
func (w *Worker) why(plan *eventPlan) Reason {
	reason := NoItem
	for _, pp := range plan.purposes {
		if r := w.withheld[pp.purpose.Index]; r != Kept && r != NoItem {
			return r
		}
	}
	return reason
}

// Withheld tells why purpose number i got no row of the last event added; Kept when it got
// one or the event does not name it.
func (w *Worker) Withheld(i int) Reason { return w.withheld[i] }

// Rows gives the rows of the purpose with number i; empty ones too.
func (w *Worker) Rows(i int) *Clean { return &w.clean[i] }

// Batch is the batch id of the rows of the purpose with number i.
func (w *Worker) Batch(i int) ID { return w.batch[i] }
