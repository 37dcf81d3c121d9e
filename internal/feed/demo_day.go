package feed

import (
	"fmt"
	"time"
)

const (
	lessonCount = 60
	courseCount = 12
	school0     = "https://school.example"
)

// visit is one person at one device for some minutes.
type visit struct {
	s       *school
	p       *person
	dev     *device
	form    form
	at      time.Time
	late    time.Duration // how much later than they happen the events leave
	known   bool          // signed in
	session string
	address string
	ref     string
}

// session plays one visit of p: often a login, then pages, lessons, searches.
func (s *school) session(p *person) {
	hour := s.hours.one(s.rnd)
	v := &visit{s: s, p: p, session: s.uuid(), address: p.address,
		at: s.start.Add(time.Duration(hour)*time.Hour + time.Duration(s.rnd.IntN(3600_000))*time.Millisecond)}
	atSchool := hour >= 8 && hour < 17
	v.form = form(newDraw([]float64{5, 2, 3}).one(s.rnd))
	if atSchool && !p.teacher {
		v.form = form(newDraw([]float64{1, 4, 6}).one(s.rnd))
	}
	if atSchool && v.form != phone {
		v.address = s.hostIn(schoolNetwork)
	}
	if v.form == phone && s.chance(0.06) {
		v.late = time.Duration(2+s.rnd.IntN(5)) * time.Hour // no network
	}
	v.dev, v.known = &p.devices[v.form], s.chance(0.6)
	v.ref = []string{"", "", "https://www.baidu.com/link?url=school", "https://cn.bing.com/search?q=school", "https://mp.weixin.qq.com/"}[s.rnd.IntN(5)]
	if !v.known {
		for range 1 + s.rnd.IntN(3) {
			v.page(school0 + "/?utm_source=weixin&utm_medium=social")
		}
		v.login()
	}
	for n := 4 + s.rnd.IntN(16); n > 0 && !v.at.After(s.end); n-- {
		v.step()
	}
}

func (v *visit) step() {
	switch x := v.s.rnd.Float64(); {
	case x < 0.22:
		v.page(fmt.Sprintf("%s/course/%d", school0, 1+v.s.rnd.IntN(courseCount)))
	case x < 0.30:
		v.search()
	case x < 0.35:
		v.log()
	default:
		v.lesson()
	}
}

// lesson opens a lesson and, mostly, plays it.
func (v *visit) lesson() {
	k := v.s.lessons.one(v.s.rnd) + 1
	v.page(fmt.Sprintf("%s/lesson/%d", school0, k))
	pos := int64(0)
	for n := v.s.rnd.IntN(4); n > 0; n-- {
		pos += int64(10_000 + v.s.rnd.IntN(170_000))
		v.emit("lesson_play", 45, Str("item_id", fmt.Sprintf("lesson-%02d", k)), Int("pos_ms", pos))
	}
}

func (v *visit) page(url string) {
	m := v.emit("page_view", 25, Int("dur_ms", int64(1500+v.s.rnd.IntN(90_000))))
	if m == nil {
		return
	}
	m.Client.Page, m.Client.Ref = url, v.ref
	v.ref = url
}

func (v *visit) login() {
	methods := []string{"password", "sms", "wechat", "qr"}
	ok := v.s.chance(0.93)
	v.known = true // the attempt names the user as well
	v.emit("login", 8, Bool("ok", ok), Str("method", methods[v.s.rnd.IntN(len(methods))]))
	if !ok {
		v.emit("login", 8, Bool("ok", true), Str("method", "sms"))
	}
}

func (v *visit) search() {
	words := []string{"一元二次方程", "光合作用", "古诗词", "牛顿第二定律", "英语听力", "二次函数", "化学方程式", "地理 洋流", "历史 唐朝", "photosynthesis"}
	q := words[v.s.rnd.IntN(len(words))]
	if v.s.chance(0.02) {
		q += " 加我13800000000" // people do write such things
	}
	v.emit("search", 15, Str("q", q), Int("hits", int64(v.s.rnd.IntN(80))))
}

func (v *visit) log() {
	severity := []string{"debug", "info", "info", "warn", "error", "error", "fatal"}[v.s.rnd.IntN(7)]
	body := []string{"request timed out after 3000 ms", "video decoder restarted", "cache miss", "login of 13800000000 failed",
		"position 38.0428,114.5149 not accepted", "disk nearly full"}[v.s.rnd.IntN(6)]
	props := []Prop{Str("severity", severity), Str("logger", "net.http"), Str("body", body), Str("app_version", []string{"4.2.1", "4.2.0", "4.1.7"}[v.s.rnd.IntN(3)])}
	if severity == "error" || severity == "fatal" {
		props = append(props, Str("exc_type", []string{"java.io.IOException", "NullPointerException", "TimeoutError"}[v.s.rnd.IntN(3)]))
	}
	v.emit("device_log", 3, props...)
}

// emit lets a moment of up to pause seconds pass and records an event, or nothing once
// the day is over. The result may be completed until the next emit.
func (v *visit) emit(name string, pause int, props ...Prop) *Message {
	s := v.s
	v.at = v.at.Add(time.Duration(1000+s.rnd.IntN(pause*2000)) * time.Millisecond)
	if v.at.After(s.end) {
		return nil
	}
	m := Message{Name: name, ID: s.uuid(), Time: v.at, Lane: v.p.id, Install: v.dev.install, Session: v.session,
		Consent: v.p.answer(v.at), Context: v.dev.context, Props: props}
	m.Client = Client{UA: v.dev.ua, IP: v.address, GPC: v.p.group == SendsGPC}
	if v.known {
		m.User = v.p.id
	}
	if name == "lesson_play" {
		v.position(&m)
	}
	if s.chance(0.006) {
		all := forbidden()
		m.Props = append(m.Props, all[s.rnd.IntN(len(all))])
	}
	o := sent{m: m, leave: v.at.Add(v.late), who: v.p}
	if v.late > 0 {
		o.kind = "late"
		if o.leave.After(s.end) {
			o.leave = s.end
		}
	}
	s.out = append(s.out, o)
	return &s.out[len(s.out)-1].m
}

// position adds where a phone or tablet says it is: often for people who switched
// location on, now and then for others, whose app asked the system without their word.
func (v *visit) position(m *Message) {
	share := 0.05
	if on, _ := v.p.answer(v.at).Get(v.s.cfg.Purposes.Location); on {
		share = 0.5
	}
	if v.form == desktop || !v.s.chance(share) {
		return
	}
	crs := "wgs84"
	if v.s.chance(0.6) {
		crs = "gcj02" // what map services in China hand to apps
	}
	near := func(deg float64) float64 {
		return float64(int64((deg+0.04*(v.s.rnd.Float64()-0.5))*1e6)) / 1e6
	}
	// the context is shared by all events of the device
	m.Context = append(m.Context[:len(m.Context):len(m.Context)],
		Float("lat", near(v.p.home.lat)), Float("lon", near(v.p.home.lon)), Str("crs", crs))
}

// forbidden are fields that careless pages send and no policy takes. None of the values
// belongs to anybody: the number is not assigned, the id is the one textbooks show.
func forbidden() []Prop {
	return []Prop{Str("phone", "13800000000"), Str("id_no", "11010519491231002X"), Str("email", "nobody@example.invalid"),
		Str("imei", "867530900000009"), Str("birthday", "2012-02-30"), Str("advertisingId", "00000000-0000-0000-0000-000000000000")}
}

// visits adds n page views of crawlers, which have no id and are asked nothing.
func (s *school) visits(n int) {
	all := crawlers()
	var w []float64
	for _, a := range all {
		w = append(w, a.Weight)
	}
	pick := newDraw(w)
	for i := range n {
		k := pick.one(s.rnd)
		at := s.start.Add(time.Duration(s.rnd.Int64N(int64(s.end.Sub(s.start)))))
		m := Message{Name: "page_view", ID: s.uuid(), Time: at, Lane: "crawler"}
		m.Client = Client{UA: all[k].UA, IP: s.hostIn("59.192.0.0/10"), Page: fmt.Sprintf("%s/lesson/%d", school0, 1+i%lessonCount)}
		s.out = append(s.out, sent{m: m, leave: at})
	}
}

// acts lets every person who was asked say so once on each device, before its first
// event, and again when the answer changes.
func (s *school) acts() {
	first := map[*device]time.Time{}
	for _, o := range s.out {
		if o.who == nil {
			continue
		}
		for f := range o.who.devices {
			d := &o.who.devices[f]
			if t, ok := first[d]; d.install == o.m.Install && (!ok || o.m.Time.Before(t)) {
				first[d] = o.m.Time
			}
		}
	}
	for i := range s.people {
		p := &s.people[i]
		for f := range p.devices {
			at, used := first[&p.devices[f]]
			if !used || p.group == NeverAsked {
				continue
			}
			if at = at.Add(-2 * time.Second); at.Before(s.start) {
				at = s.start
			}
			s.act(p, &p.devices[f], at, "dialog")
			if at.Before(p.changes) {
				s.act(p, &p.devices[f], p.changes, "settings")
			}
		}
	}
}

func (s *school) act(p *person, d *device, at time.Time, method string) {
	m := Message{Time: at, Lane: p.id, User: p.id, Install: d.install, Act: &Act{PolicyRev: s.cfg.Rev, Method: method}}
	m.Client.GPC = p.group == SendsGPC
	for _, c := range p.answer(at) {
		if c.Name == s.cfg.Purposes.Location {
			m.Act.Features = append(m.Act.Features, c)
		} else {
			m.Consent = append(m.Consent, c)
		}
	}
	s.out = append(s.out, sent{m: m, leave: at, who: p})
}
