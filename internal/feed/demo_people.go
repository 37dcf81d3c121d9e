package feed

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"time"
)

// person is a pupil or teacher of the demo school.
type person struct {
	id       string
	teacher  bool
	group    Group
	located  bool // switched location on, where the group asks for it
	home     city
	address  string // of the home network
	devices  [forms]device
	changes  time.Time // when the answer changes, in the groups whose answer does
	activity float64
	before   Choices
	after    Choices
}

type device struct {
	install string
	ua      string
	context []Prop
}

func (p *person) answer(t time.Time) Choices {
	if p.changes.IsZero() || t.Before(p.changes) {
		return p.before
	}
	return p.after
}

// enrol makes the people. Groups are dealt out by their shares, so that every seed has
// some of each.
func (s *school) enrol() {
	n := s.cfg.Pupils + s.cfg.Teachers
	cities := make([]float64, 0, len(networks()))
	for _, c := range networks() {
		cities = append(cities, c.weight)
	}
	where := newDraw(cities)
	deal := make([]Group, 0, n)
	for g, upto := Group(0), 0; g < groups; g++ {
		upto += g.share()
		for len(deal) < n*upto/100 {
			deal = append(deal, g)
		}
	}
	s.rnd.Shuffle(n, func(i, j int) { deal[i], deal[j] = deal[j], deal[i] })
	for i := range n {
		p := person{id: fmt.Sprintf("pupil-%04d", i+1), group: deal[i], home: networks()[where.one(s.rnd)]}
		if i >= s.cfg.Pupils {
			p.id, p.teacher = fmt.Sprintf("teacher-%03d", i+1-s.cfg.Pupils), true
		}
		p.located, p.address = s.chance(0.5), s.host(p.home)
		p.activity = math.Exp(0.6 * s.rnd.NormFloat64())
		for f := range forms {
			p.devices[f] = s.device(f)
		}
		s.decide(&p)
		s.people = append(s.people, p)
	}
}

// decide writes down the person's answers before and after a change of mind.
func (s *school) decide(p *person) {
	u := s.cfg.Purposes
	answers := func(analytics, personalize, diagnose, location bool) Choices {
		return Choices{{u.Analytics, analytics}, {u.Personalize, personalize}, {u.Diagnose, diagnose}, {u.Location, location}}
	}
	at := func(hour int) time.Time {
		return s.start.Add(time.Duration(hour)*time.Hour + time.Duration(s.rnd.IntN(900))*time.Second)
	}
	all, none := answers(true, true, true, p.located), answers(false, false, false, false)
	switch p.group {
	case GrantsAll, SendsGPC:
		p.before = all
	case RefusesAll:
		p.before = none
	case AnalyticsOnly:
		p.before = answers(true, false, false, false)
	case PersonalizeOnly:
		p.before = answers(false, true, false, false)
	case GrantsAtNoon:
		p.before, p.after, p.changes = none, all, at(12)
	case Withdraws:
		p.before, p.after, p.changes = all, none, at(15)
	}
}

func (s *school) device(f form) device {
	d := device{install: s.uuid(), ua: s.ua[f][s.agents[f].one(s.rnd)].UA}
	name, version := osOf(d.ua)
	screens := [forms][]string{{"1080x2400", "1440x3200", "390x844"}, {"1600x2560", "810x1080"}, {"1920x1080", "1366x768", "2560x1440"}}[f]
	d.context = []Prop{Str("os", name), Str("screen", screens[s.rnd.IntN(len(screens))])}
	d.context = appendFilled(d.context, "os_version", version)
	if models := []string{"ALN-AL10", "V2227A", "2201123C", "SM-X200"}; name == "Android" {
		d.context = append(d.context, Str("model", models[s.rnd.IntN(len(models))]))
	}
	lang := "zh-CN"
	if s.chance(0.05) {
		lang = "en-US"
	}
	d.context = append(d.context, Str("lang", lang))
	return d
}

// city is a place with a network whose addresses databases put there, and the middle of
// the place in degrees (WGS-84).
type city struct {
	name     string
	network  string
	weight   float64
	lat, lon float64
}

// networks lists public address ranges of Chinese cities. Where they lie was checked
// against DB-IP City Lite (https://db-ip.com, CC BY 4.0).
func networks() []city {
	return []city{
		{"Shijiazhuang", "120.0.0.0/14", 56, 38.0428, 114.5149},
		{"Baoding", "124.237.240.0/20", 8, 38.8739, 115.4646},
		{"Handan", "124.237.0.0/19", 6, 36.6256, 114.5391},
		{"Tangshan", "124.238.0.0/19", 6, 39.6309, 118.1802},
		{"Chengde", "101.72.0.0/14", 4, 40.9510, 117.9634},
		{"Beijing", "59.192.0.0/10", 8, 39.9042, 116.4074},
		{"Tianjin", "117.10.0.0/15", 5, 39.0842, 117.2009},
		{"Shanghai", "114.80.0.0/14", 4, 31.2304, 121.4737},
		{"Chengdu", "171.208.0.0/14", 3, 30.5728, 104.0668},
	}
}

// schoolNetwork is where the school's own connection comes out.
const schoolNetwork = "27.184.18.0/24"

func (s *school) host(c city) string { return s.hostIn(c.network) }

func (s *school) hostIn(network string) string {
	p := netip.MustParsePrefix(network)
	a := p.Addr().As4()
	free := 32 - p.Bits()
	n := binary.BigEndian.Uint32(a[:]) + 1 + s.rnd.Uint32N(1<<free-2)
	binary.BigEndian.PutUint32(a[:], n)
	return netip.AddrFrom4(a).String()
}
