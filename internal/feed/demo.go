package feed

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// DemoConfig describes the simulated school day.
type DemoConfig struct {
	Seed     uint64
	Zone     *time.Location // the policy's
	Now      time.Time      // the day simulated is the one before
	Pupils   int
	Teachers int
	Events   int     // about as many, duplicates not counted
	Agents   []Agent // user agents to draw from; nil = BuiltinAgents
	Purposes DemoPurposes
	Acts     bool // send consent acts as well; without them the events' own signals say it
	Rev      int  // of the policy, for the acts
}

// DemoPurposes are the names by which the policy knows what people are asked for.
type DemoPurposes struct{ Analytics, Personalize, Diagnose, Location string }

// StarterPurposes are those of the starter policy, SchoolPurposes those of cn-edu.
func StarterPurposes() DemoPurposes {
	return DemoPurposes{"analytics", "personalize", "diagnose", "location"}
}

func SchoolPurposes() DemoPurposes {
	return DemoPurposes{"improve", "personalize", "diagnose", "location"}
}

// DefaultDemo is a school of 200 pupils and 12 teachers under the starter policy.
func DefaultDemo(now time.Time, zone *time.Location) DemoConfig {
	return DemoConfig{Seed: 1, Zone: zone, Now: now, Pupils: 200, Teachers: 12, Events: 25_000, Purposes: StarterPurposes(), Acts: true}
}

// Group is how a person answers when asked for consent.
type Group uint8

const (
	GrantsAll Group = iota
	RefusesAll
	AnalyticsOnly
	PersonalizeOnly
	GrantsAtNoon // refuses in the morning
	Withdraws    // at three in the afternoon
	SendsGPC     // grants all; the browser sends Sec-GPC
	NeverAsked
	groups
)

func (g Group) String() string {
	return [groups]string{"grants all", "refuses all", "analytics only", "personalization only",
		"refuses, grants at noon", "grants, then withdraws", "grants, sends GPC", "never asked"}[g]
}

// shares of the groups in percent.
func (g Group) share() int { return [groups]int{44, 12, 12, 8, 8, 6, 5, 5}[g] }

// Mix says what a simulated day consists of. Events is all of them: people's, crawlers'
// and duplicates.
type Mix struct {
	Events     int
	Names      map[string]int
	People     map[Group]int
	ByGroup    map[Group]int  // events
	Crawlers   int            // events of crawlers
	Duplicates int            // sent a second time under the same id
	Late       int            // sent hours after they happened
	Positions  map[string]int // events with a position, by coordinate system
	Forbidden  int            // events with a field that no policy takes
	Acts       int
}

// Day is a simulated day: a Source, in the order of delivery.
type Day struct {
	list
	Mix Mix
}

// Demo simulates yesterday at a school. The same configuration gives the same day, byte
// for byte. Every name, number and address in it is made up; the networks are real ones of
// the cities they stand for, the hosts in them drawn at random.
func Demo(cfg DemoConfig) (*Day, error) {
	if cfg.Pupils < 1 || cfg.Teachers < 0 || cfg.Events < cfg.Pupils || cfg.Zone == nil {
		return nil, errors.New("feed: a school day needs pupils, a zone and at least one event for each pupil")
	}
	if cfg.Agents == nil {
		cfg.Agents = BuiltinAgents()
	}
	s := newSchool(cfg)
	s.visits(cfg.Events * 3 / 100)
	for i := range s.people {
		s.session(&s.people[i])
	}
	weights := make([]float64, len(s.people))
	for i, p := range s.people {
		weights[i] = p.activity
	}
	pick := newDraw(weights)
	for len(s.out) < cfg.Events {
		s.session(&s.people[pick.one(s.rnd)])
	}
	s.repeat()
	if cfg.Acts {
		s.acts()
	}
	return s.finish(), nil
}

// sent is a message and the moment it leaves the device.
type sent struct {
	m     Message
	leave time.Time
	who   *person // nil: a crawler
	kind  string  // "", late, twice
}

// school is a day in the making.
type school struct {
	cfg     DemoConfig
	rnd     *rand.Rand
	start   time.Time // local midnight
	end     time.Time // the last millisecond of the day
	people  []person
	lessons draw
	agents  [forms]draw
	ua      [forms][]Agent
	hours   draw
	out     []sent
	mix     Mix
}

func newSchool(cfg DemoConfig) *school {
	y, m, d := cfg.Now.In(cfg.Zone).Date()
	s := &school{cfg: cfg, rnd: rand.New(rand.NewPCG(cfg.Seed, 0x5c4001)),
		start: time.Date(y, m, d-1, 0, 0, 0, 0, cfg.Zone), end: time.Date(y, m, d, 0, 0, 0, 0, cfg.Zone).Add(-time.Millisecond)}
	s.mix = Mix{Names: map[string]int{}, People: map[Group]int{}, ByGroup: map[Group]int{}, Positions: map[string]int{}}
	s.lessons = zipf(lessonCount, 1.05)
	s.hours = newDraw([]float64{.1, 0, 0, 0, 0, .1, 1, 4, 9, 10, 10, 8, 6, 4, 8, 9, 7, 4, 4, 7, 8, 5, 2, .5})
	for _, list := range [][]Agent{cfg.Agents, BuiltinAgents()} { // the second fills forms the first has none of
		var have [forms]bool
		for f := range s.ua {
			have[f] = len(s.ua[f]) > 0
		}
		for _, a := range list {
			if f := formOf(a.UA); !have[f] {
				s.ua[f] = append(s.ua[f], a)
			}
		}
	}
	for f := range s.ua {
		var w []float64
		for _, a := range s.ua[f] {
			w = append(w, a.Weight)
		}
		s.agents[f] = newDraw(w)
	}
	s.enrol()
	return s
}

// repeat sends one event in a hundred again, as a client does whose answer got lost.
func (s *school) repeat() {
	for i := range len(s.out) {
		if o := s.out[i]; o.who != nil && s.chance(0.01) {
			o.leave, o.kind = o.leave.Add(time.Duration(1+s.rnd.IntN(60))*time.Second), "twice"
			s.out = append(s.out, o)
		}
	}
}

func (s *school) finish() *Day {
	s.out = ordered(s.out, func(o *sent) time.Time { return o.leave })
	d := &Day{Mix: s.mix}
	d.msgs = make([]Message, 0, len(s.out))
	never := map[string]bool{}
	for _, f := range forbidden() {
		never[f.Key] = true
	}
	for i := range s.out {
		d.msgs = append(d.msgs, s.out[i].m)
		d.count(&s.out[i], never)
	}
	for _, p := range s.people {
		d.Mix.People[p.group]++
	}
	d.report.People = len(s.people)
	return d
}

func (d *Day) count(o *sent, never map[string]bool) {
	x := &d.Mix
	if o.m.Act != nil {
		x.Acts++
		return
	}
	x.Events++
	x.Names[o.m.Name]++
	d.report.seen(o.m.Time)
	if o.who == nil {
		x.Crawlers++
		return
	}
	x.ByGroup[o.who.group]++
	switch o.kind {
	case "late":
		x.Late++
	case "twice":
		x.Duplicates++
	}
	if crs, ok := Find(o.m.Context, "crs"); ok {
		x.Positions[crs.Text()]++
	}
	if slices.ContainsFunc(o.m.Props, func(p Prop) bool { return never[p.Key] }) {
		x.Forbidden++
	}
}

func (s *school) chance(p float64) bool { return s.rnd.Float64() < p }

// uuid makes a random UUID, version 4 (RFC 9562, 5.4).
func (s *school) uuid() string {
	a, b := s.rnd.Uint64()&^0xf000|0x4000, s.rnd.Uint64()&^(3<<62)|1<<63
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&(1<<48-1))
}

// draw picks indexes by weight.
type draw []float64 // running sums

func newDraw(weights []float64) draw {
	d := make(draw, len(weights))
	var sum float64
	for i, w := range weights {
		sum += w
		d[i] = sum
	}
	return d
}

// zipf weighs the k-th of n by 1/k^s.
func zipf(n int, s float64) draw {
	w := make([]float64, n)
	for i := range w {
		w[i] = 1 / math.Pow(float64(i+1), s)
	}
	return newDraw(w)
}

func (d draw) one(r *rand.Rand) int {
	x := r.Float64() * d[len(d)-1]
	i, _ := slices.BinarySearchFunc(d, x, func(sum, x float64) int {
		if sum <= x {
			return -1
		}
		return cmp.Compare(sum, x)
	})
	return min(i, len(d)-1)
}
