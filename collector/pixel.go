package collector

import (
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/sluice-events/sluice/event"
)

// Pixels carry one event in a query string. Such addresses are written down by every proxy
// on the way, so positions are refused here (see normaliser.coordinate).

// decodePixel reads GET /i.gif?k=write key&e=event&u=page&r=referrer&id=message
// id&t=time&uid=user&iid=installation&s=session; any other parameter is a property.
func decodePixel(r *request) error {
	m, err := r.addMessage()
	if err != nil {
		return err
	}
	for k, v := range r.query.All() {
		name, value := view(k), view(v)
		switch name {
		case "k", "writeKey", "write_key":
			r.key = value
		case "e":
			m.name = value
		case "u":
			m.ctx.page = value
		case "r":
			m.ctx.referrer = value
		case "id":
			m.id = value
		case "t":
			m.time = parseStamp(event.StringValue(value))
		case "uid":
			m.user = value
		case "iid":
			m.install = value
		case "s":
			m.session = value
		default:
			if err := r.queryProp(name, value); err != nil {
				return err
			}
		}
	}
	if m.name == "" {
		m.name = "page_view"
	}
	m.typ = typeOfName(m.name)
	r.finishPixel(m)
	return nil
}

// decodeRudderPixel reads the same from RudderStack's GET /pixel/v1/{track,page}, where
// parameters bear the names of the JSON they stand for: event, properties.x, context.page.url.
func decodeRudderPixel(typ string) func(*request) error {
	return func(r *request) error {
		m, err := r.addMessage()
		if err != nil {
			return err
		}
		for k, v := range r.query.All() {
			if err := r.rudderParam(m, view(k), view(v)); err != nil {
				return err
			}
		}
		r.finishPixel(m)
		d := segmentDecoder{request: r, typ: typ}
		d.finish(m, typ)
		return nil
	}
}

func (r *request) rudderParam(m *message, name, value string) error {
	switch name {
	case "writeKey":
		r.key = value
	case "event":
		m.name = value
	case "messageId":
		m.id = value
	case "userId":
		m.user = value
	case "anonymousId":
		m.install = value
	case "timestamp":
		m.time = parseStamp(event.StringValue(value))
	case "originalTimestamp":
		m.original = parseStamp(event.StringValue(value))
	case "sentAt":
		m.sent = parseStamp(event.StringValue(value))
	case "context.page.url":
		m.ctx.page = value
	case "context.page.referrer":
		m.ctx.referrer = value
	case "context.userAgent":
		m.ctx.ua = value
	case "context.locale":
		m.ctx.lang = value
	default:
		if path, ok := strings.CutPrefix(name, "properties."); ok {
			return r.queryProp(path, value)
		}
	}
	return nil
}

func (r *request) queryProp(path, value string) error {
	if path == "" || len(path) > maxPath {
		r.c.metrics.undecl.Inc()
		return nil
	}
	return r.addProp(prop{path: path, value: event.StringValue(value), from: fromProps})
}

// finishPixel fills in what a page with a picture does not say itself.
func (r *request) finishPixel(m *message) {
	m.props.to = len(r.props)
	if m.ctx.page == "" {
		m.ctx.page = r.headers.page
	}
	if m.ctx.lang == "" {
		m.ctx.lang, _, _ = strings.Cut(r.headers.lang, ",")
	}
	if len(r.props) > r.limit.props {
		m.refuse(reasonTooLarge)
	}
}

// query is the parsed query of a pixel.
type query = fasthttp.Args
