package enricher

import (
	"encoding/binary"
	"hash/maphash"
)

// sessions numbers the events of each person's sessions. A client that names its session
// is believed; for the others a session ends after gap of silence, by event time.
type sessions struct {
	gap   int64 // ms
	limit int
	seed  maphash.Seed
	open  map[uint64]*session
}

type session struct {
	start, last int64 // event times, Unix ms
	seq         uint32
}

func newSessions(gap int64, limit int) *sessions {
	return &sessions{gap: gap, limit: limit, seed: maphash.MakeSeed(), open: make(map[uint64]*session)}
}

// next places an event in its session: the session's id, appended to dst, and the event's
// number within it, from 1. canon is the person's canonical id, client the session id the
// client sent, "" for none.
func (s *sessions) next(dst, canon []byte, client string, at int64) ([]byte, uint32) {
	var h maphash.Hash
	h.SetSeed(s.seed)
	h.Write(canon)
	h.WriteByte(0)
	h.WriteString(client)
	key := h.Sum64()
	se := s.open[key]
	if se == nil {
		if len(s.open) >= s.limit {
			s.evict()
		}
		se = &session{start: at, last: at}
		s.open[key] = se
	} else if client == "" && (at-se.last > s.gap || se.start-at > s.gap) {
		*se = session{start: at, last: at}
	}
	se.seq++
	se.last = max(se.last, at)
	if client != "" {
		return append(append(dst, "client\x00"...), client...), se.seq
	}
	dst = append(dst, "cut\x00"...)
	return binary.BigEndian.AppendUint64(dst, uint64(se.start)), se.seq
}

// evict forgets the half of the sessions that were quiet longest, roughly: those whose last
// event lies before the middle of all.
func (s *sessions) evict() {
	var lo, hi int64
	for _, se := range s.open {
		if lo == 0 || se.last < lo {
			lo = se.last
		}
		hi = max(hi, se.last)
	}
	mid := lo + (hi-lo)/2
	for k, se := range s.open {
		if se.last <= mid {
			delete(s.open, k)
		}
	}
}
