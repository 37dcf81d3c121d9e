package feed

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Dialect is the protocol events are sent in. Consent acts always go natively.
type Dialect uint8

const (
	Native  Dialect = iota // POST /v1/events, a JSON array
	Segment                // POST /v1/batch, tracks with context.consent.categoryPreferences
)

// path returns where batches go, and frame what stands around the events of one.
func (d Dialect) path() string {
	if d == Segment {
		return "/v1/batch"
	}
	return "/v1/events"
}

func (d Dialect) frame() (open, end string) {
	if d == Segment {
		return `{"batch":[`, `]}`
	}
	return "[", "]"
}

// category is the name under which Segment clients ask for a purpose; purposes not listed
// go by their own names.
func category(purpose string) string {
	switch purpose {
	case "analytics":
		return "Analytics"
	case "personalize":
		return "Personalization"
	case "diagnose":
		return "Diagnostics"
	}
	return purpose
}

// object writes the members of a JSON object, leaving out empty strings.
type object struct{ b []byte }

func (o *object) key(k string) {
	if c := o.b[len(o.b)-1]; c != '{' && c != '[' {
		o.b = append(o.b, ',')
	}
	o.b = append(appendQuoted(o.b, k), ':')
}

func (o *object) str(k, v string) {
	if v != "" {
		o.key(k)
		o.b = appendQuoted(o.b, v)
	}
}

func (o *object) time(k string, t time.Time) {
	if !t.IsZero() {
		o.key(k)
		o.b = t.UTC().AppendFormat(append(o.b, '"'), "2006-01-02T15:04:05.000Z")
		o.b = append(o.b, '"')
	}
}

func (o *object) open(k string) {
	o.key(k)
	o.b = append(o.b, '{')
}

func (o *object) close() { o.b = append(o.b, '}') }

func (o *object) props(ps []Prop) {
	for _, p := range ps {
		o.key(p.Key)
		o.b = p.appendValue(o.b)
	}
}

func (o *object) choices(c Choices, name func(string) string) {
	for _, a := range c {
		o.key(name(a.Name))
		o.b = strconv.AppendBool(o.b, a.Yes)
	}
}

func same(s string) string { return s }

// appendQuoted writes s as a JSON string; bytes that are no UTF-8 become U+FFFD.
func appendQuoted(b []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
			plain = false
			break
		}
	}
	if plain {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	b, _ = jsontext.AppendQuote(b, s) // its error only tells of replaced bytes
	return b
}

// append writes m as one event of the dialect.
func (d Dialect) append(b []byte, m *Message) []byte {
	o := object{append(b, '{')}
	if d == Segment {
		o.segment(m)
	} else {
		o.native(m)
	}
	return append(o.b, '}')
}

func (o *object) native(m *Message) {
	o.str("event", m.Name)
	o.str("id", m.ID)
	o.time("time", m.Time)
	o.str("user_id", m.User)
	o.str("install_id", m.Install)
	o.str("session", m.Session)
	if len(m.Consent) > 0 {
		o.open("consent")
		o.choices(m.Consent, same)
		o.close()
	}
	if m.Client != (Client{GPC: m.Client.GPC}) || len(m.Context) > 0 {
		o.open("context")
		o.str("page", m.Client.Page)
		o.str("referrer", m.Client.Ref)
		o.str("ua", m.Client.UA)
		o.str("ip", m.Client.IP)
		o.props(m.Context)
		o.close()
	}
	o.open("props")
	o.props(m.Props)
	o.close()
	o.props(m.Extra)
}

// segment writes what a server-side Segment library sends. Positions have no place in its
// context and go along as properties, as apps do it. Only timestamp is sent, and no sentAt:
// the collector then takes the time as it is and corrects no clock by it.
func (o *object) segment(m *Message) {
	o.str("type", "track")
	o.str("event", m.Name)
	o.str("messageId", m.ID)
	o.time("timestamp", m.Time)
	o.str("userId", m.User)
	o.str("anonymousId", m.Install)
	o.segmentContext(m)
	o.open("properties")
	o.props(m.Props)
	for _, p := range m.Context {
		if p.Key == "lat" || p.Key == "lon" || p.Key == "crs" {
			o.props([]Prop{p})
		}
	}
	o.close()
}

func (o *object) segmentContext(m *Message) {
	get := func(key string) string { p, _ := Find(m.Context, key); return p.Text() }
	o.open("context")
	o.str("userAgent", m.Client.UA)
	o.str("ip", m.Client.IP)
	o.str("sessionId", m.Session)
	o.str("locale", get("lang"))
	o.group("page", "url", m.Client.Page, "referrer", m.Client.Ref)
	o.group("os", "name", get("os"), "version", get("os_version"))
	o.group("device", "model", get("model"))
	if w, h, ok := strings.Cut(get("screen"), "x"); ok {
		wide, ok1 := digits(w)
		high, ok2 := digits(h)
		if ok1 && ok2 {
			o.open("screen")
			o.props([]Prop{Int("width", wide), Int("height", high)})
			o.close()
		}
	}
	if len(m.Consent) > 0 {
		o.open("consent")
		o.open("categoryPreferences")
		o.choices(m.Consent, category)
		o.close()
		o.close()
	}
	o.close()
}

// group writes an object of strings, or nothing if all of them are empty.
func (o *object) group(name string, pairs ...string) {
	for i := 1; i < len(pairs); i += 2 {
		if pairs[i] != "" {
			o.open(name)
			for j := 0; j < len(pairs); j += 2 {
				o.str(pairs[j], pairs[j+1])
			}
			o.close()
			return
		}
	}
}

// appendAct writes the body of POST /v1/consent.
func appendAct(b []byte, m *Message, token string) []byte {
	o := object{append(b, '{')}
	o.str("user_id", m.User)
	o.str("install_id", m.Install)
	o.str("token", token)
	if len(m.Consent) > 0 {
		o.open("purposes")
		o.choices(m.Consent, same)
		o.close()
	}
	if len(m.Act.Features) > 0 {
		o.open("features")
		o.choices(m.Act.Features, same)
		o.close()
	}
	if m.Act.PolicyRev > 0 {
		o.props([]Prop{Int("policy_rev", int64(m.Act.PolicyRev))})
	}
	o.str("method", m.Act.Method)
	o.time("time", m.Time)
	return append(o.b, '}')
}
