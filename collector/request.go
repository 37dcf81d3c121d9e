package collector

import (
	"io"
	"sync"
	"unsafe"

	"github.com/sluice-events/sluice/event"
)

// request is everything one HTTP request needs between its first byte and its answer. It
// is pooled; all strings of its messages point into body or scan.text.
type request struct {
	unprintable
	c     *Collector
	limit limits

	body    []byte // as sent, after inflation
	wire    []byte // as sent, when that was compressed
	charged int    // bytes taken from the in-flight budget

	scan      scanner
	paths     []byte // joined paths of nested properties
	pathBytes int    // in blocks of paths that are full
	msgs      []message
	props     []prop
	choices   []choice
	base      base   // what a batch says beside its items
	listed    int64  // bytes of the items of a batch
	key       string // write key that stood in the body
	query     *query // of a pixel

	out     []byte // encoded events and acts
	items   []item
	pending []*commit
	raw     event.Raw    // the event being made, reused
	keep    []event.Prop // its properties
	buf     []byte       // scratch

	client  client
	headers headers

	accepted int
	rejected []rejection
}

// item is one encoded event or act in request.out.
type item struct {
	lane     int
	from, to int
	act      bool
}

// rejection tells a client which of its events were not taken.
type rejection struct {
	index  int
	reason reason
	field  string // as in message
}

// limits are the bounds a decoder needs.
type limits struct {
	depth, events, event, props int
	paths                       int   // bytes of joined paths, all together
	merged                      int64 // bytes of what stands beside a batch, times its items
}

// maxPath bounds one joined property path, in bytes. Without it a long key around many
// short ones would multiply in memory.
const maxPath = 200

// maxMerged bounds, in bodies of the largest size, what a batch's own context and
// properties come to once they are merged into every item. Without it one body could make
// thousands of events that are each as large as itself.
const maxMerged = 8

func newPool(c *Collector) *sync.Pool {
	return &sync.Pool{New: func() any { return &request{c: c} }}
}

func (c *Collector) acquire() *request {
	r := c.pool.Get().(*request)
	r.limit = limits{
		depth: c.cfg.MaxDepth, events: c.cfg.MaxEvents, event: c.cfg.MaxEvent,
		props: c.cfg.MaxProperties, paths: 2 * c.cfg.MaxBody, merged: maxMerged * int64(c.cfg.MaxBody),
	}
	return r
}

// kept is how much memory of one buffer a pooled request may hold on to.
const kept = 64 << 10

// release wipes what the client sent and gives the request back.
func (c *Collector) release(r *request) {
	r.scan.release()
	r.body = wipe(r.body)
	r.wire = wipe(r.wire)
	r.paths = wipe(r.paths)
	r.out = wipe(r.out)
	r.buf = wipe(r.buf)
	if cap(r.scan.text) > kept {
		r.scan.text = nil
	}
	r.msgs = wipeAll(r.msgs)
	r.props = wipeAll(r.props)
	r.choices = wipeAll(r.choices)
	r.keep = wipeAll(r.keep)
	r.items = r.items[:0]
	r.rejected = r.rejected[:0]
	r.raw = event.Raw{}
	r.client, r.headers, r.key, r.accepted, r.pathBytes, r.listed = client{}, headers{}, "", 0, 0, 0
	r.base, r.query = base{}, nil
	c.inFlight.give(r.charged)
	r.charged = 0
	c.pool.Put(r)
}

// wipe clears what is in use: buffers only grow within a request, so nothing lies beyond.
func wipe(b []byte) []byte {
	clear(b)
	if cap(b) > kept {
		return nil
	}
	return b[:0]
}

func wipeAll[T any](s []T) []T {
	clear(s)
	if cap(s)*int(unsafe.Sizeof(*new(T))) > kept {
		return nil
	}
	return s[:0]
}

// refuse marks a message as not to be taken; the first reason stands.
func (m *message) refuse(why reason) {
	if m.reject == accepted {
		m.reject = why
	}
}

// refuseField is refuse for what one key of the native schema made unusable.
func (m *message) refuseField(why reason, field string) {
	if m.reject == accepted {
		m.reject, m.field = why, field
	}
}

// shape refuses a document of the wrong kind: with what is wrong with it as JSON, or, when
// nothing is, as not what the dialect sends.
func (r *request) shape() error {
	if len(r.body) == 0 {
		return &syntaxError{code: codeEmpty}
	}
	if err := r.scan.skip(); err != nil {
		return err
	}
	return r.scan.fail(codeShape)
}

// stamp reads a time.
func (r *request) stamp() (stamp, error) {
	if k := r.scan.kind(); k == '{' || k == '[' {
		return stamp{bad: true}, r.scan.skip()
	}
	v, err := r.scan.scalar()
	return parseStamp(v), err
}

// end makes sure that nothing follows the document.
func (r *request) end() error {
	if _, err := r.scan.dec.ReadToken(); err != io.EOF {
		if err != nil {
			return r.scan.explain(err)
		}
		return r.scan.fail(codeSyntax)
	}
	return nil
}
