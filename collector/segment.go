package collector

import (
	"slices"
	"strings"

	"github.com/sluice-events/sluice/event"
)

// The Segment HTTP API, which RudderStack speaks too: one call an endpoint, or a batch of
// calls whose batch-level context merges into the items. https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/

func segmentRoutes() []route {
	var routes []route
	for path, typ := range map[string]string{
		"/v1/identify": "identify", "/v1/i": "identify", "/v1/track": "track", "/v1/t": "track",
		"/v1/page": "page", "/v1/p": "page", "/v1/screen": "screen", "/v1/s": "screen",
		"/v1/group": "group", "/v1/g": "group", "/v1/alias": "alias", "/v1/a": "alias",
		"/v1/batch": "", "/v1/b": "", "/v1/import": "", "/beacon/v1/batch": "",
	} {
		routes = append(routes, route{method: "POST", path: path, ingest: &dialect{decode: decodeSegment(typ), answer: answerSegment}})
	}
	for path, typ := range map[string]string{"/pixel/v1/track": "track", "/pixel/v1/page": "page"} {
		routes = append(routes, route{method: "GET", path: path, ingest: &dialect{decode: decodeRudderPixel(typ), pixel: true}})
	}
	return append(routes,
		route{method: "GET", path: "/v1/projects/", prefix: true, handle: segmentSettings},
		route{method: "GET", path: "/sourceConfig", handle: rudderConfig})
}

// segmentDecoder reads one body.
type segmentDecoder struct {
	*request
	typ   string  // of the endpoint; "" = each item names its own
	base  message // what stands beside "batch", or the only call
	batch bool
}

func decodeSegment(typ string) func(*request) error {
	return func(r *request) error {
		d := segmentDecoder{request: r, typ: typ}
		return d.decode()
	}
}

func (d *segmentDecoder) decode() error {
	if d.scan.kind() != '{' {
		return d.shape()
	}
	typ := d.typ
	err := d.object(&d.base, func(key string) error {
		if key == "batch" && d.scan.kind() == '[' {
			d.batch = true
			return d.list(d.item)
		}
		return d.member(&d.base, key, &typ)
	})
	if err != nil {
		return err
	}
	if err := d.end(); err != nil {
		return err
	}
	if d.batch {
		if err := d.base.flaw.fault(); err != nil { // it would be every event's
			return err
		}
		if err := d.splitBase(&d.base); err != nil {
			return err
		}
		d.mergeBase()
		return nil
	}
	m, err := d.addMessage()
	if err != nil {
		return err
	}
	d.base.index = m.index
	*m = d.base
	d.finish(m, typ)
	return nil
}

// item reads one call of a batch.
func (d *segmentDecoder) item() error {
	m, err := d.addMessage()
	if err != nil {
		return err
	}
	typ := d.typ
	if err := d.object(m, func(key string) error { return d.member(m, key, &typ) }); err != nil {
		return err
	}
	d.finish(m, typ)
	return nil
}

// member reads the value of one key of a call.
func (d *segmentDecoder) member(m *message, key string, typ *string) (err error) {
	switch key {
	case "type":
		var s string
		if s, err = d.scan.label(); d.typ == "" {
			*typ = s
		}
	case "event":
		m.name, err = d.scan.label()
	case "name":
		err = d.flatten("page_name", fromProps)
	case "category":
		err = d.flatten("category", fromContext)
	case "messageId":
		m.id, err = d.scan.label()
	case "userId":
		m.user, err = d.scan.label()
	case "anonymousId":
		m.install, err = d.scan.label()
	case "groupId":
		err = d.flatten("group_id", fromProps)
	case "timestamp":
		m.time, err = d.stamp()
	case "originalTimestamp":
		m.original, err = d.stamp()
	case "sentAt":
		m.sent, err = d.stamp()
	case "writeKey":
		var s string
		if s, err = d.scan.label(); m == &d.base {
			d.key = s
		}
	case "properties":
		err = d.objectOrSkip("", fromProps)
	case "traits":
		err = d.objectOrSkip("", fromTraits)
	case "context":
		err = d.context(m)
	default: // previousId, integrations, channel, version, receivedAt, _metadata …
		err = d.scan.skip()
	}
	return err
}

// finish applies the rules of the API once all of a call is read.
func (d *segmentDecoder) finish(m *message, typ string) {
	if d.oversized(m) {
		m.refuse(reasonTooLarge)
	}
	if m.reject != accepted {
		return
	}
	switch strings.ToLower(typ) {
	case "track":
		m.typ = event.Track
		if strings.TrimSpace(m.name) == "" {
			m.refuse(reasonSchema)
		}
	case "page":
		m.typ, m.name = event.Page, "page_view"
		d.pageProps(m)
	case "screen":
		m.typ, m.name = event.Screen, "screen_view"
		d.screenName(m)
	case "identify":
		m.typ, m.name = event.Identify, "identify"
		d.identifyTraits(m)
	case "group":
		m.typ, m.name = event.Group, "group"
	case "alias":
		m.typ, m.name = event.Alias, "alias"
	default:
		m.refuse(reasonSchema)
	}
	if m.user == "" && m.install == "" && !d.batch { // a batch may name them for all
		m.refuse(reasonSchema)
	}
}

// pageProps sorts what an SDK puts into the properties of a page call by itself: the
// address and its pieces count as context, so that no query string gets into a wildcard.
func (d *segmentDecoder) pageProps(m *message) {
	for i := m.props.from; i < m.props.to; i++ {
		p := &d.props[i]
		switch p.path {
		case "url":
			if m.ctx.page == "" {
				m.ctx.page = p.value.Str()
			}
		case "referrer":
			if m.ctx.referrer == "" {
				m.ctx.referrer = referrer(p.value.Str())
			}
		case "path", "search", "title", "hash", "name", "keywords", "tab_url", "initial_referrer",
			"initial_referring_domain", "referring_domain":
		default:
			continue
		}
		p.from = fromContext
	}
}

// identifyTraits lets the traits of the call stand for those of its context.
func (d *segmentDecoder) identifyTraits(m *message) {
	all := d.props[m.props.from:m.props.to]
	own := slices.ContainsFunc(all, func(p prop) bool { return p.from == fromTraits })
	for i := range all {
		if own && all[i].from == fromUserTraits {
			all[i].from = setAside
		}
	}
}

// screenName gives the name of a screen call its own property name.
func (d *segmentDecoder) screenName(m *message) {
	for i := m.props.from; i < m.props.to; i++ {
		if d.props[i].path == "page_name" {
			d.props[i].path = "screen_name"
		}
	}
}

// referrer undoes RudderStack's word for "none".
func referrer(s string) string {
	if s == "$direct" {
		return ""
	}
	return s
}

// mergeBase fills the items from what stood beside the batch; the item wins, except that a
// consent signal of the batch holds for every item beside the item's own.
func (d *segmentDecoder) mergeBase() {
	b := &d.base
	for i := range d.msgs {
		m := &d.msgs[i]
		m.ctx.merge(&b.ctx)
		if m.user == "" {
			m.user = b.user
		}
		if m.install == "" {
			m.install = b.install
		}
		if !m.sent.set && !m.sent.bad {
			m.sent = b.sent
		}
		m.broken = m.broken || b.broken
		if m.user == "" && m.install == "" {
			m.refuse(reasonSchema)
		}
	}
}
