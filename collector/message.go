package collector

import "github.com/sluice-events/sluice/event"

// message is one event as a dialect understood it and before any rule was applied. It
// holds everything the client said, so it never leaves the request that made it.
type message struct {
	unprintable
	typ     event.Type
	name    string
	id      string
	user    string
	install string
	session string

	time     stamp // when it happened, by the client's clock
	original stamp // the same, where a dialect has both; wins over time
	sent     stamp // when it was sent, by the client's clock
	retry    bool

	ctx     clientContext
	props   span // of request.props
	choices span // of request.choices: consent signals of this message
	broken  bool // a consent signal that does not parse

	index  int    // place in the request, for the reject list
	size   int64  // bytes as sent
	reject reason // set when the dialect's own rules refuse it
	field  string // the key of the native schema that made it refused, "" = none or several
	flaw   syntaxError
}

// span is a range of one of the request's slices.
type span struct{ from, to int }

// clientContext is what SDKs send beside an event without being asked. A field of it is
// taken only where the policy declares one for the event.
type clientContext struct {
	unprintable
	page, referrer string
	ua, lang       string
	os, osVersion  string
	model, screen  string
	width, height  uint32
	ip             string // said by the client; counts only for keys of servers
	campaign       event.Campaign
	point          point
}

// merge fills what c lacks from the batch's context.
func (c *clientContext) merge(b *clientContext) {
	fill := func(dst *string, src string) {
		if *dst == "" {
			*dst = src
		}
	}
	fill(&c.page, b.page)
	fill(&c.referrer, b.referrer)
	fill(&c.ua, b.ua)
	fill(&c.lang, b.lang)
	if c.os == "" && c.osVersion == "" {
		c.os, c.osVersion = b.os, b.osVersion
	}
	fill(&c.model, b.model)
	if c.screen == "" && c.width == 0 && c.height == 0 {
		c.screen, c.width, c.height = b.screen, b.width, b.height
	}
	fill(&c.ip, b.ip)
	if c.campaign == (event.Campaign{}) {
		c.campaign = b.campaign
	}
	if !c.point.any() {
		c.point = b.point
	}
}

// origin says where a property stood, which decides how it is judged.
type origin uint8

const (
	fromProps      origin = iota
	fromContext           // taken where declared, else left out without a count
	fromTraits            // attributes of the person or group: taken from identify and group
	fromUserTraits        // attributes of the person sent along: taken from identify alone
	setAside              // said better elsewhere in the same message
)

// prop is one property before any rule.
type prop struct {
	unprintable
	path  string
	value event.Value
	from  origin
}

// choice is one answer of a consent signal, by the name its source uses.
type choice struct {
	unprintable
	source signal
	name   string
	yes    bool
}

// signal is where a consent choice came from.
type signal uint8

const (
	signalNative signal = iota
	signalSegment
	signalRudder
)

// stamp is a time as the client wrote it.
type stamp struct {
	ms  int64
	set bool
	bad bool // something stood there, but not a time
}
