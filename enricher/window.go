package enricher

import "hash/maphash"

// window remembers the message ids of the last minutes of a partition, so that a client
// which sends again after a lost answer does not show twice. Whether an id counts as seen
// depends on the two receive times alone and not on how long the entry happened to stay,
// so a rebuilt window decides as the lost one did.
type window struct {
	span  int64 // ms
	limit int
	seeds [2]maphash.Seed
	seen  map[[2]uint64]int64 // -> received, Unix ms
	order []windowEntry
	head  int
}

type windowEntry struct {
	key      [2]uint64
	received int64
}

func newWindow(span int64, limit int) *window {
	return &window{span: span, limit: limit, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		seen: make(map[[2]uint64]int64)}
}

// add notes a message and reports whether its id was received before within the span.
func (w *window) add(tenant, id string, received int64) (duplicate bool) {
	key := w.key(tenant, id)
	if at, ok := w.seen[key]; ok && received-at <= w.span {
		return true
	}
	w.seen[key] = received
	w.order = append(w.order, windowEntry{key, received})
	w.evict(received)
	return false
}

func (w *window) key(tenant, id string) (k [2]uint64) {
	for i := range k {
		var h maphash.Hash
		h.SetSeed(w.seeds[i])
		h.WriteString(tenant)
		h.WriteByte(0)
		h.WriteString(id)
		k[i] = h.Sum64()
	}
	return k
}

// evict lets go of entries beyond the span, and of the oldest beyond the limit: the bound
// on memory is then also the bound on what is recognised.
func (w *window) evict(now int64) {
	for w.head < len(w.order) {
		e := w.order[w.head]
		if now-e.received <= 2*w.span && len(w.order)-w.head <= w.limit {
			break
		}
		if w.seen[e.key] == e.received {
			delete(w.seen, e.key)
		}
		w.head++
	}
	if w.head > len(w.order)/2 && w.head > 1024 {
		w.order = w.order[:copy(w.order, w.order[w.head:])]
		w.head = 0
	}
}
