package collector

import (
	"strconv"
	"time"

	"github.com/sluice-events/sluice/event"
)

// Bounds of a client's clock, in ms.
const (
	clockSlack = 60_000      // an event this far ahead is not worth a mark
	oldSend    = 10 * 60_000 // what was sent this long ago is a repeated attempt
)

// parseStamp reads RFC 3339, or a number of Unix milliseconds, as text or number.
func parseStamp(v event.Value) stamp {
	switch v.Kind() {
	case event.Null:
		return stamp{}
	case event.Int:
		return stampOf(v.Int())
	case event.Float:
		return stampOf(int64(v.Float()))
	case event.String:
		s := v.Str()
		if s == "" {
			return stamp{}
		}
		if t, err := time.Parse(time.RFC3339, s); err == nil {
			return stampOf(t.UnixMilli())
		}
		if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
			return stampOf(ms)
		}
	}
	return stamp{bad: true}
}

// stampOf takes Unix milliseconds; years before 1970 or beyond 9999 are no time of an event.
func stampOf(ms int64) stamp {
	const year10000 = 253_402_300_800_000
	if ms <= 0 || ms >= year10000 {
		return stamp{bad: true}
	}
	return stamp{ms: ms, set: true}
}

// eventTime settles when an event happened. With both of the client's times the offset of
// its clock cancels out: received − (sent − original), as the Segment protocol has it.
// What lies ahead of received, is older than maxAge or cannot be read becomes received.
func eventTime(m *message, received int64, maxAge time.Duration) (ms int64, clamped bool) {
	at := m.original
	if !at.set {
		at = m.time
	}
	switch {
	case at.bad, m.original.bad:
		return received, true
	case !at.set:
		return received, false
	}
	ms = at.ms
	if m.sent.set {
		ms = received - (m.sent.ms - at.ms)
	}
	switch {
	case ms > received+clockSlack, ms < received-maxAge.Milliseconds():
		return received, true
	case ms > received:
		return received, false
	}
	return ms, false
}

// localDay numbers the days of a zone from 1970-01-01.
func localDay(ms int64, zone *time.Location) int32 {
	t := time.UnixMilli(ms)
	if zone != nil {
		t = t.In(zone)
	}
	_, offset := t.Zone()
	return int32((t.Unix() + int64(offset)) / 86400)
}
