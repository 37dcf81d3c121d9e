package feed

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Message is one event, or one consent act, on its way to a collector. Its slices belong
// to the source; they are valid until the next call of Source.Next and must not be changed.
type Message struct {
	Name    string    // of the event
	ID      string    // stable over retries and over runs on the same day
	Time    time.Time // when it happened
	Lane    string    // whose order is to be kept; empty = User, else Install, else ID
	User    string
	Install string
	Session string
	Client  Client
	Consent Choices // the person's answers; nil = never asked
	Context []Prop  // os, os_version, model, screen, lang, lat, lon, crs: keys of the native protocol's context
	Props   []Prop
	Extra   []Prop // further members of a native event, sent only natively
	Act     *Act   // not nil: a consent act, and Name, Props and Context do not count
}

// Client is what a browser's request would have carried.
type Client struct {
	UA, Page, Ref string
	IP            string // the end user's address; collectors believe it from server keys only
	GPC           bool   // Sec-GPC: 1
}

// Act is what a consent act carries beyond the message's Consent, which holds its purposes.
type Act struct {
	Features  Choices // location, media_meta
	PolicyRev int
	Method    string // dialog, settings, …
}

// Choice is one answer to a purpose or feature of the policy.
type Choice struct {
	Name string
	Yes  bool
}

// Choices are a person's answers in the order they are sent.
type Choices []Choice

// Get returns the answer for name; asked is false when there is none.
func (c Choices) Get(name string) (yes, asked bool) {
	for _, a := range c {
		if a.Name == name {
			return a.Yes, true
		}
	}
	return false, false
}

// All answers every name with yes.
func All(names []string, yes bool) Choices {
	c := make(Choices, len(names))
	for i, n := range names {
		c[i] = Choice{n, yes}
	}
	return c
}

type kind uint8

const (
	kindString kind = iota
	kindInt
	kindFloat
	kindBool
	kindJSON
)

// Prop is one named value. Make it with Str, Int, Float, Bool or JSON.
type Prop struct {
	Key  string
	kind kind
	s    string
	n    int64
	f    float64
}

func Str(key, v string) Prop                 { return Prop{Key: key, s: v} }
func Int(key string, v int64) Prop           { return Prop{Key: key, kind: kindInt, n: v} }
func Float(key string, v float64) Prop       { return Prop{Key: key, kind: kindFloat, f: v} }
func JSON(key string, v jsontext.Value) Prop { return Prop{Key: key, kind: kindJSON, s: string(v)} }

// Bool makes a boolean property.
func Bool(key string, v bool) Prop {
	p := Prop{Key: key, kind: kindBool}
	if v {
		p.n = 1
	}
	return p
}

// Text returns the value as text: strings as they are, anything else as JSON.
func (p Prop) Text() string {
	if p.kind == kindString || p.kind == kindJSON {
		return p.s
	}
	return string(p.appendValue(nil))
}

func (p Prop) appendValue(b []byte) []byte {
	switch p.kind {
	case kindInt:
		return strconv.AppendInt(b, p.n, 10)
	case kindFloat:
		return strconv.AppendFloat(b, p.f, 'f', -1, 64)
	case kindBool:
		return strconv.AppendBool(b, p.n != 0)
	case kindJSON:
		return append(b, p.s...)
	}
	return appendQuoted(b, p.s)
}

// Find returns the property called key.
func Find(props []Prop, key string) (Prop, bool) {
	for _, p := range props {
		if p.Key == key {
			return p, true
		}
	}
	return Prop{}, false
}

func (m *Message) lane() string {
	switch {
	case m.Lane != "":
		return m.Lane
	case m.User != "":
		return m.User
	case m.Install != "":
		return m.Install
	}
	return m.ID
}
