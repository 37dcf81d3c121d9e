package collector

import (
	"strings"

	"github.com/sluice-events/sluice/event"
)

// sluice's own protocol: POST /v1/events with one event, an array of events, one event a
// line, or an envelope {"write_key", "sent_at", "events": […]}.

func nativeRoutes() []route {
	return []route{
		{method: "POST", path: "/v1/events", ingest: &dialect{decode: decodeNative, answer: answerNative}},
		{method: "GET", path: "/i.gif", ingest: &dialect{decode: decodePixel, pixel: true}},
		{method: "POST", path: "/v1/consent", handle: handleConsent},
	}
}

func decodeNative(r *request) error {
	if r.scan.kind() == '[' {
		if err := r.list(r.nativeEvent); err != nil {
			return err
		}
		return r.end()
	}
	envelope, err := r.nativeObjects()
	if err != nil && !envelope {
		return r.nativeLines(err)
	}
	return err
}

// nativeObjects reads an envelope, or events one after the other.
func (r *request) nativeObjects() (envelope bool, err error) {
	if r.scan.kind() != '{' {
		return false, r.shape()
	}
	var b message
	if envelope, err = r.nativeOuter(&b); err != nil {
		return envelope, err
	}
	if envelope {
		if err := b.flaw.fault(); err != nil { // it would be every event's
			return true, err
		}
		if err := r.splitBase(&b); err != nil {
			return true, err
		}
		for i := range r.msgs {
			m := &r.msgs[i]
			m.ctx.merge(&b.ctx)
			m.broken = m.broken || b.broken
			if !m.sent.set && !m.sent.bad {
				m.sent = b.sent
			}
		}
		return true, r.end()
	}
	for r.scan.kind() == '{' { // one event a line
		if err := r.nativeEvent(); err != nil {
			return false, err
		}
	}
	return false, r.end()
}

// nativeOuter reads the first object of a body, which is an envelope or an event; only its
// keys tell. What it holds is gathered in b, and becomes a message for an event.
func (r *request) nativeOuter(b *message) (envelope bool, err error) {
	err = r.object(b, func(key string) (err error) {
		switch {
		case key == "events" && r.scan.kind() == '[':
			envelope = true
			return r.list(r.nativeEvent)
		case key == "write_key":
			r.key, err = r.scan.label()
			return err
		}
		return r.nativeMember(b, key)
	})
	if err != nil || envelope {
		return envelope, err
	}
	m, err := r.addMessage()
	if err != nil {
		return false, err
	}
	b.index = m.index
	*m = *b
	r.finishNative(m)
	return false, nil
}

// nativeEvent reads one event.
func (r *request) nativeEvent() error {
	m, err := r.addMessage()
	if err != nil {
		return err
	}
	if err := r.object(m, func(key string) error { return r.nativeMember(m, key) }); err != nil {
		return err
	}
	r.finishNative(m)
	return nil
}

func (r *request) finishNative(m *message) {
	m.name = strings.TrimSpace(m.name)
	switch {
	case r.oversized(m):
		m.refuse(reasonTooLarge)
	case m.name == "":
		m.refuseField(reasonSchema, "event")
	}
	m.typ = typeOfName(m.name)
}

// typeOfName tells the kind of call by the names the other dialects use.
func typeOfName(name string) event.Type {
	switch name {
	case "page_view":
		return event.Page
	case "screen_view":
		return event.Screen
	case "identify":
		return event.Identify
	case "group":
		return event.Group
	case "alias":
		return event.Alias
	case "device_log":
		return event.Log
	}
	return event.Track
}

// nativeMember reads the value of one key of an event.
func (r *request) nativeMember(m *message, key string) (err error) {
	switch key {
	case "event":
		m.name, err = r.scan.label()
	case "id":
		m.id, err = r.scan.label()
	case "time":
		m.time, err = r.stamp()
	case "sent_at":
		m.sent, err = r.stamp()
	case "user_id":
		m.user, err = r.scan.label()
	case "install_id":
		m.install, err = r.scan.label()
	case "session":
		m.session, err = r.scan.label()
	case "attempt":
		var n string
		n, err = r.scan.label()
		m.retry = n != "" && n != "0"
	case "consent":
		return r.nativeConsent(m)
	case "context":
		return r.nativeContext(m)
	case "props":
		return r.objectOrSkip("", fromProps)
	default:
		return r.scan.skip()
	}
	return err
}

func (r *request) nativeContext(m *message) error {
	c := &m.ctx
	_, err := r.scan.object(func(key string) (err error) {
		switch key {
		case "page":
			c.page, err = r.scan.label()
		case "referrer":
			c.referrer, err = r.scan.label()
		case "ua":
			c.ua, err = r.scan.label()
		case "os":
			c.os, err = r.scan.label()
		case "os_version":
			c.osVersion, err = r.scan.label()
		case "model":
			c.model, err = r.scan.label()
		case "screen":
			c.screen, err = r.scan.label()
		case "lang":
			c.lang, err = r.scan.label()
		case "ip":
			c.ip, err = r.scan.label()
		case "lat":
			return r.coordinate(&c.point, latitude)
		case "lon":
			return r.coordinate(&c.point, longitude)
		case "crs":
			return r.coordinate(&c.point, system)
		default:
			return r.flattenMember("", key, fromContext)
		}
		return err
	})
	return err
}
