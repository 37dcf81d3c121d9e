package privacy

import (
	"bytes"
	"math"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/privacy/detect"
)

// wildProps writes the undeclared properties of an event as one JSON object: strings and
// numbers searched by the detectors, keys too, within the policy's limits. What does not
// fit is dropped and counted.
func (w *Worker) wildProps(raw *event.Raw, pl *eventPlan) string {
	out := append(w.json[:0], '{')
	keys := 0
	for i := range raw.Props {
		p := &raw.Props[i]
		if _, declared := pl.slots[p.Key]; declared || p.Value.Kind() == event.Null {
			continue
		}
		if keys >= w.pol.Wildcard.MaxKeys || strings.Count(p.Key, ".") >= w.pol.Wildcard.MaxDepth ||
			detect.Find(p.Key, pl.scrubber) != 0 || w.own.inKey(p.Key) || w.own.is(p.Value) || isCoordinate(raw.Props, i) {
			w.FieldsDropped[pl.event.WildText.Name]++
			continue
		}
		if keys > 0 {
			out = append(out, ',')
		}
		keys++
		out, _ = jsontext.AppendQuote(out, p.Key)
		out = append(out, ':')
		out = w.appendJSON(out, p.Value, pl)
	}
	w.json = out
	if keys == 0 {
		return ""
	}
	return w.keep(append(w.room(), append(out, '}')...))
}

func (w *Worker) appendJSON(out []byte, v event.Value, pl *eventPlan) []byte {
	switch v.Kind() {
	case event.Bool:
		return v.AppendText(out)
	case event.Int, event.Float:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return append(out, "null"...)
		}
		w.scratch = appendNumber(w.scratch[:0], v)
		if !hasDigits(w.scratch, 7) || detect.Find(string(w.scratch), pl.scrubber) == 0 && !w.own.in(string(w.scratch)) {
			return v.AppendText(out)
		}
	}
	out, _ = jsontext.AppendQuote(out, w.scrubValue(v, pl.scrubber, pl.wildMax))
	return out
}

// hasDigits reports a number long enough to be an identifier.
func hasDigits(b []byte, n int) bool {
	return len(b)-bytes.Count(b, []byte{'.'}) >= n
}

// Names bounds how many undeclared event names a store gets to see; a later one becomes
// "other". It is shared by all workers of a process and safe for concurrent use.
type Names struct {
	mu    sync.RWMutex
	limit int
	seen  map[string]string
}

// NewNames bounds the names to limit.
func NewNames(limit int) *Names { return &Names{limit: limit, seen: make(map[string]string)} }

// otherName stands for the names beyond the limit.
const otherName = "other"

func (n *Names) take(name string) string {
	n.mu.RLock()
	s, ok := n.seen[name]
	n.mu.RUnlock()
	if ok {
		return s
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if s, ok = n.seen[name]; ok {
		return s
	}
	if len(n.seen) >= n.limit {
		return otherName
	}
	s = strings.Clone(name)
	n.seen[s] = s
	return s
}
