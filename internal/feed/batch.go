package feed

import (
	"bytes"
	"time"
)

// batch is the body of one request: events one after the other, without the frame around
// them, or one consent act. Its bytes are the same on every attempt.
type batch struct {
	buf    []byte // events joined by commas
	ends   []int  // where each event ends in buf; none for an act
	gpc    bool
	act    bool
	since  time.Time
	tries  int    // attempts so far
	packed []byte // the body, once made
}

func (b *batch) add(d Dialect, m *Message) {
	if len(b.ends) > 0 {
		b.buf = append(b.buf, ',')
	}
	b.buf = d.append(b.buf, m)
	b.ends = append(b.ends, len(b.buf))
}

// cutLast takes the last event, which starts after the comma at before, into a batch of
// its own.
func (b *batch) cutLast(before int) *batch {
	last := bytes.Clone(b.buf[before+1:])
	b.buf, b.ends = b.buf[:before], b.ends[:len(b.ends)-1]
	return &batch{buf: last, ends: []int{len(last)}, gpc: b.gpc, since: time.Now()}
}

// halves splits a batch of at least two events.
func (b *batch) halves() (first, second *batch) {
	k := len(b.ends) / 2
	cut := b.ends[k-1]
	ends := make([]int, 0, len(b.ends)-k)
	for _, e := range b.ends[k:] {
		ends = append(ends, e-cut-1)
	}
	first = &batch{buf: b.buf[:cut], ends: b.ends[:k], gpc: b.gpc, tries: b.tries}
	return first, &batch{buf: b.buf[cut+1:], ends: ends, gpc: b.gpc, tries: b.tries}
}

func (b *batch) events() int64 { return int64(len(b.ends)) }
