package privacy

import (
	"time"

	"github.com/sluice-events/sluice/policy"
)

const dayMS = 24 * 3600 * 1000

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// zoneCache remembers the span in which a zone's offset does not change, since asking the
// time package for every event costs more than a pseudonym.
type zoneCache struct {
	from, to int64 // Unix ms, [from, to)
	offset   int64 // ms east of UTC
}

// offset gives the policy zone's offset from UTC at a moment, in ms.
func (w *Worker) offset(ms int64) int64 {
	z := &w.zone
	if ms >= z.from && ms < z.to {
		return z.offset
	}
	t := time.UnixMilli(ms).In(w.pol.Zone)
	_, off := t.Zone()
	start, end := t.ZoneBounds()
	z.offset, z.from, z.to = int64(off)*1000, minMS, maxMS
	if !start.IsZero() {
		z.from = start.UnixMilli()
	}
	if !end.IsZero() {
		z.to = end.UnixMilli()
	}
	return z.offset
}

const (
	minMS = -1 << 62
	maxMS = 1 << 62
)

// localDay numbers the day of a moment in the policy's zone; day 0 is 1970-01-01 there.
func (w *Worker) localDay(ms int64) int64 { return floorDiv(ms+w.offset(ms), dayMS) }

// grain cuts a moment to a purpose's grain and gives Unix seconds. Days begin at the
// zone's midnight, also on a day on which the clocks change; where they skip midnight, at
// the change.
func (w *Worker) grain(ms int64, pu *policy.Purpose) int64 {
	g := pu.Grain.Milliseconds()
	if g >= dayMS {
		off := w.offset(ms)
		midnight := floorDiv(ms+off, g) * g // as the clocks on the wall count
		return (midnight - w.offset(midnight-off)) / 1000
	}
	return floorDiv(ms, max(g, 1000)) * max(g, 1000) / 1000
}
