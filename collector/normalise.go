package collector

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"math/bits"
	"strings"
	"unicode/utf8"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy/detect"
	"github.com/sluice-events/sluice/privacy/web"
)

// Bounds of what an event may carry, in bytes.
const (
	maxName  = 200 // of an event name: longer ones are cut
	maxID    = 512 // of a person's or a session's id: an event with a longer one is refused
	maxMsgID = 256 // of a message id: longer ones are replaced by their hash
	maxPart  = 128 // of one part of a device
	maxUA    = 512
	maxURL   = 2048
	maxUTM   = 256
)

// normaliser turns messages into event.Raw. It is part of a request and works for one
// message at a time; what it keeps of a message points into the request.
type normaliser struct {
	*request
	p      *plan
	e      *eventPlan
	m      *message
	at     point  // the event's position so far
	search string // the page's address as sent, for its campaign parameters
}

// normalise encodes every message that may be taken into r.out and lists the others.
func (r *request) normalise(p *plan) error {
	n := normaliser{request: r, p: p}
	for i := range r.msgs {
		why, err := n.message(&r.msgs[i])
		if err != nil {
			return err
		}
		if why == accepted {
			r.accepted++
			continue
		}
		r.rejected = append(r.rejected, rejection{r.msgs[i].index, why, r.msgs[i].field})
	}
	return nil
}

// message makes the cuts of one message and encodes it.
func (n *normaliser) message(m *message) (reason, error) {
	if m.reject != accepted {
		return m.reject, nil
	}
	m.name = strings.TrimSpace(m.name)
	if hasControl(m.name) {
		m.refuseField(reasonSchema, "event")
		return m.reject, nil
	}
	name := cutText(m.name, maxName)
	e, ok := n.p.pol.Event(name)
	if !ok {
		m.refuseField(reasonUndeclared, "event")
		return m.reject, nil
	}
	if field := badID(m); field != "" {
		m.refuseField(reasonSchema, field)
		return m.reject, nil
	}
	n.m, n.e, n.at, n.search = m, n.p.events[e], point{}, ""
	raw := &n.raw
	*raw = event.Raw{
		Tenant: n.client.key.Tenant, Type: m.typ, Name: name, MessageID: messageID(m.id),
		Received: n.client.received, PolicyRev: n.p.pol.Rev,
		User: event.NewUserID(strings.TrimSpace(m.user)), Install: event.NewInstallID(strings.TrimSpace(m.install)),
		Session: m.session, Props: n.keep[:0],
		Retry: m.retry || n.headers.retry || m.sent.set && n.client.received-m.sent.ms > oldSend,
	}
	raw.Time, raw.Clamped = eventTime(m, raw.Received, n.c.cfg.MaxClockAge)
	raw.Claims = n.claims(m, n.p)
	n.context(raw)
	for _, s := range [2]span{m.props, n.base.props} {
		for i := s.from; i < s.to; i++ {
			n.property(raw, &n.props[i])
		}
	}
	n.finishPlace(raw)
	n.finishCampaign(raw)
	if err := n.address(raw); err != nil {
		return 0, err
	}
	n.keep = raw.Props
	return n.encode(raw)
}

// encode appends the event to the request's output and chooses its lane.
func (n *normaliser) encode(raw *event.Raw) (reason, error) {
	from, room := len(n.out), cap(n.out)
	n.out = event.AppendRaw(n.out, raw)
	if !n.charge(cap(n.out) - room) {
		return 0, errBodyFull
	}
	if len(n.out)-from > encodedLimit(n.limit.event) {
		clear(n.out[from:])
		n.out = n.out[:from]
		return reasonTooLarge, nil
	}
	kind, canon := raw.Subject(n.buf[:0])
	n.buf = canon
	n.items = append(n.items, item{lane: n.c.laneOf(kind, canon), from: from, to: len(n.out)})
	return accepted, nil
}

// context fills the slots that SDKs send beside the properties, where the event declares a
// field for them. The user agent goes along always: it also tells machines from people.
func (n *normaliser) context(raw *event.Raw) {
	c := &n.m.ctx
	raw.UserAgent = cutText(c.ua, maxUA)
	if raw.UserAgent == "" && !n.client.key.Server {
		raw.UserAgent = cutText(n.headers.ua, maxUA)
	}
	if n.e.device {
		d := &raw.Device
		d.OS, d.OSVersion = cutText(c.os, maxPart), cutText(c.osVersion, maxPart)
		d.Model, d.Lang = cutText(c.model, maxPart), cutText(c.lang, maxPart)
		d.Width, d.Height = c.width, c.height
		if d.Width == 0 {
			d.Width, d.Height = parseScreen(c.screen)
		}
	}
	if c.page != "" {
		n.page(raw, c.page)
	}
	if n.e.referrer && c.referrer != "" {
		raw.Referrer = cutURL(c.referrer)
	}
	if n.e.campaign {
		raw.Campaign = c.campaign
	}
	if n.e.place && c.point.any() {
		n.at = c.point
	}
	c.point = point{}
}

// page takes the address of the page, after what it says of a campaign was remembered.
func (n *normaliser) page(raw *event.Raw, address string) {
	if n.e.campaign {
		n.search = address
	}
	if n.e.page != nil {
		raw.Page = cutURL(address)
	}
}

// property judges one property by the policy and puts it where its class belongs.
func (n *normaliser) property(raw *event.Raw, p *prop) {
	switch {
	case p.from == setAside, p.from == fromTraits && raw.Type != event.Identify && raw.Type != event.Group,
		p.from == fromUserTraits && raw.Type != event.Identify:
		return
	}
	rule := n.p.pol.Rule(n.e.event, p.path)
	if p.from == fromContext && (rule.Field == nil || rule.Class == nil || rule.Class.Do == policy.DoForbid) {
		return // nobody asked for it
	}
	if rule.Class == nil {
		n.drop(raw, n.c.metrics.undecl)
		return
	}
	t := n.p.classes[rule.Class]
	ok := false
	switch t.action {
	case toProps:
		ok = n.keepValue(raw, &rule, p, &t)
	case toPage:
		ok = n.pageValue(raw, &rule, p)
	case toReferrer:
		raw.Referrer = cutURL(p.value.Str())
		ok = raw.Referrer != ""
	case toCampaign:
		ok = takeCampaign(&raw.Campaign, rule.Part, p.value.Str())
	case toDevice:
		ok = n.device(raw, rule.Part, p.value)
	case toPoint:
		ok = n.coordinate(rule.Part, p)
	case toAddress:
		ok = n.clientAddress(p.value)
	case toUser:
		ok = takeID(raw.User.IsZero(), p.value, func(id string) { raw.User = event.NewUserID(id) })
	case toInstall:
		ok = takeID(raw.Install.IsZero(), p.value, func(id string) { raw.Install = event.NewInstallID(id) })
	case toMedia:
		ok = n.media(raw, &rule, p.value)
	}
	if !ok {
		n.drop(raw, t.dropped)
	}
}

func (n *normaliser) drop(raw *event.Raw, counter interface{ Inc() }) {
	counter.Inc()
	if raw.Dropped < math.MaxUint16 {
		raw.Dropped++
	}
}

// keepValue lets a property through under its declared name, or under its path where the
// "*" field took it.
func (n *normaliser) keepValue(raw *event.Raw, rule *policy.Rule, p *prop, t *treatment) bool {
	if t.search {
		if hit := n.find(p.value); hit != 0 {
			n.drop(raw, n.p.hits[bits.TrailingZeros32(uint32(hit))])
			return true // dropped and counted under the class of the detector
		}
	}
	key := p.path
	if rule.Wild && hasControl(key) {
		return false // the client's text would become a name
	}
	if !rule.Wild {
		key = rule.Field.Name
		if rule.Part != "" {
			var err error
			if key, err = n.join(key, rule.Part); err != nil || key == "" {
				return false
			}
		}
	}
	v := p.value
	if v.Kind() == event.String && isURL(v.Str()) {
		clean, _ := web.StripQuery(v.Str())
		v = event.StringValue(clean)
	}
	raw.Props = append(raw.Props, event.Prop{Key: key, Value: v})
	return true
}

// find looks for what no value may show. Numbers are searched as text too.
func (n *normaliser) find(v event.Value) detect.Set {
	switch v.Kind() {
	case event.String:
		return detect.Find(v.Str(), n.p.forbidden)
	case event.Int, event.Float:
		n.buf = v.AppendText(n.buf[:0])
		return detect.FindNumber(view(n.buf), n.p.forbidden)
	}
	return 0
}

// pageValue takes an address from a property. Only the first field of class url has a slot
// of its own; others stay properties, without their query.
func (n *normaliser) pageValue(raw *event.Raw, rule *policy.Rule, p *prop) bool {
	s := p.value.Str()
	if s == "" || rule.Field == nil || rule.Part != "" {
		return false
	}
	if rule.Field != n.e.page {
		raw.Props = append(raw.Props, event.Prop{Key: rule.Field.Name, Value: event.StringValue(cutURL(s))})
		return true
	}
	n.page(raw, s)
	return true
}

// coordinate takes a part of a position. Query strings are no place for one: addresses are
// written down by every proxy on the way.
func (n *normaliser) coordinate(part string, p *prop) bool {
	if n.headers.query {
		return false
	}
	if part == "" {
		part = lastSegment(p.path)
		if p.value.Kind() == event.String && strings.ContainsRune(p.value.Str(), ',') {
			return n.at.take(pair, p.value)
		}
	}
	c := coordinateOf(fold(lastSegment(part)))
	if c == notCoordinate {
		// "src" tells how a position was found: nothing to keep, nothing to complain about.
		return fold(lastSegment(part)) == "src"
	}
	return n.at.take(c, p.value)
}

func (n *normaliser) finishPlace(raw *event.Raw) {
	if !n.at.any() {
		return
	}
	place, ok := n.at.cut(&n.p.pol.Location)
	if !ok {
		n.drop(raw, n.c.metrics.undecl)
		return
	}
	raw.Place = place
}

// finishCampaign completes the campaign from the page's address and looks for what no
// value may show.
func (n *normaliser) finishCampaign(raw *event.Raw) {
	if !n.e.campaign {
		return
	}
	g := &raw.Campaign
	if *g == (event.Campaign{}) && n.search != "" {
		*g = event.Campaign(web.CampaignOf(n.search))
	}
	for _, part := range [...]*string{&g.Source, &g.Medium, &g.Name, &g.Term, &g.Content} {
		if *part == "" {
			continue
		}
		*part = cutText(*part, maxUTM)
		if hit := detect.Find(*part, n.p.forbidden); hit != 0 {
			n.drop(raw, n.p.hits[bits.TrailingZeros32(uint32(hit))])
			*part = ""
		}
	}
}

// takeID fills an id that the dialect's own field left empty.
func takeID(empty bool, v event.Value, set func(string)) bool {
	id := strings.TrimSpace(v.Str())
	if v.Kind() == event.Int {
		id = string(v.AppendText(nil))
	}
	if id == "" || len(id) > maxID {
		return false
	}
	if empty {
		set(id)
	}
	return true
}

func takeCampaign(c *event.Campaign, part, v string) bool {
	switch fold(part) {
	case "source", "utmsource":
		c.Source = v
	case "medium", "utmmedium":
		c.Medium = v
	case "name", "utmcampaign", "campaign":
		c.Name = v
	case "term", "utmterm":
		c.Term = v
	case "content", "utmcontent":
		c.Content = v
	default:
		return false
	}
	return true
}

// messageID keeps the client's id, makes one where there is none, and bounds its length.
func messageID(id string) string {
	switch {
	case id == "":
		var b [16]byte
		rand.Read(b[:])
		return hex.EncodeToString(b[:])
	case len(id) > maxMsgID:
		sum := sha256.Sum256([]byte(id))
		return hex.EncodeToString(sum[:])
	}
	return id
}

// cutText bounds a text at a rune's border.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func cutURL(s string) string {
	clean, _ := web.StripQuery(strings.TrimSpace(s))
	return cutText(clean, maxURL)
}

// isURL reports an absolute address, whose query must not travel.
func isURL(s string) bool {
	i := strings.Index(s, "://")
	return i > 0 && i < 12 && strings.IndexByte(s[:i], ' ') < 0
}

func lastSegment(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// fold brings a name into the form names are compared in.
func fold(s string) string {
	plain := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '_' || c == '-' || c >= 'A' && c <= 'Z' {
			plain = false
		}
	}
	if plain {
		return s
	}
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s))
}
