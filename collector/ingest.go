package collector

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/sluice-events/sluice/event"
)

// serve is the way of every request. Nothing a client sends may end the process: a bug met
// on the way refuses that one request.
func (c *Collector) serve(ctx *fasthttp.RequestCtx) {
	defer func() {
		if p := recover(); p != nil {
			c.metrics.failed(errPanic)
			c.log.Error("request handler panicked", "at", where())
			ctx.Response.Reset()
			c.sayRefused(ctx, &refusal{status: 400, why: refusedInternal, code: codePanic, offset: -1})
		}
	}()
	method, path := view(ctx.Method()), view(ctx.Path())
	route, known := c.table.find(method, path)
	switch {
	case method == fasthttp.MethodOptions && known:
		c.preflight(ctx)
	case route == nil && known:
		sayJSON(ctx, fasthttp.StatusMethodNotAllowed, []byte(`{"error":"method"}`))
	case route == nil:
		sayJSON(ctx, fasthttp.StatusNotFound, []byte(`{"error":"not_found"}`))
	case route.handle != nil:
		route.handle(c, ctx)
	case route.ingest.pixel:
		c.pixel(ctx, route.ingest)
	default:
		c.post(ctx, route.ingest)
	}
}

// where names the functions and lines that led to a panic. A stack as the runtime prints
// it also shows the words of the arguments, and an address or a coordinate is such a word.
func where() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	var b strings.Builder
	for {
		f, more := frames.Next()
		fmt.Fprintf(&b, "%s:%d ", f.Function, f.Line)
		if !more {
			return strings.TrimSpace(b.String())
		}
	}
}

// post takes a body of events.
func (c *Collector) post(ctx *fasthttp.RequestCtx, d *dialect) {
	r := c.acquire()
	defer c.release(r)
	if err := c.take(ctx, d, r); err != nil {
		r.drain(ctx)
		c.sayRefused(ctx, c.refuse(err))
		return
	}
	sayJSON(ctx, fasthttp.StatusOK, d.answer(r))
}

// pixel takes one event out of the query. Whatever happens the answer is the picture; what
// was wrong is counted.
func (c *Collector) pixel(ctx *fasthttp.RequestCtx, d *dialect) {
	r := c.acquire()
	defer c.release(r)
	if err := c.take(ctx, d, r); err != nil {
		c.metrics.refused[c.refuse(err).why].Inc()
		ctx.Response.Reset()
	}
	sayPixel(ctx)
}

// take is the whole way of a request's events: let in, read, decode, cut, commit.
func (c *Collector) take(ctx *fasthttp.RequestCtx, d *dialect, r *request) error {
	r.headers = readHeaders(&ctx.Request.Header)
	r.client.received = c.clock().UnixMilli()
	r.client.addr = event.NewAddr(c.peer(ctx))
	var p *plan
	var err error
	if k := presented(ctx); k != "" {
		if p, err = c.admit(ctx, r, k); err != nil {
			return err
		}
	}
	if d.pixel {
		r.headers.query = true
		r.query = ctx.QueryArgs()
		r.headers.page = view(ctx.Request.Header.Peek(fasthttp.HeaderReferer))
		r.headers.lang = view(ctx.Request.Header.Peek(fasthttp.HeaderAcceptLanguage))
	} else if err := r.read(ctx); err != nil {
		return err
	}
	r.scan.reset(r.body, r.limit.depth)
	if err := d.decode(r); err != nil {
		return err
	}
	if p == nil {
		if p, err = c.admit(ctx, r, r.key); err != nil {
			return err
		}
	}
	r.client.key.quota.charge(c.clock(), len(r.msgs))
	if err := r.normalise(p); err != nil {
		return err
	}
	if err := c.commitItems(r); err != nil {
		return err
	}
	c.account(r)
	return nil
}

// account counts the events of a request once it is settled what became of each: a request
// that was refused, by Kafka too, comes again and counts then.
func (c *Collector) account(r *request) {
	c.metrics.received.Add(float64(len(r.msgs)))
	c.metrics.sent.Add(float64(r.accepted))
	for _, x := range r.rejected {
		c.metrics.discarded[x.reason].Inc()
	}
}

// admit checks write key, origin, policy and quota, in this order, and marks the answer as
// readable by the page that asked.
func (c *Collector) admit(ctx *fasthttp.RequestCtx, r *request, presented string) (*plan, error) {
	k := c.keys.find(presented)
	origin := r.headers.origin
	if k == nil {
		if origin != "" && c.keys.allows(origin) {
			allow(ctx, origin)
		}
		if presented == "" {
			return nil, &refusal{status: 401, why: refusedNoKey, code: "no_key", offset: -1}
		}
		return nil, &refusal{status: 401, why: refusedUnknownKey, code: "unknown_key", offset: -1}
	}
	if origin != "" {
		if !k.allows(origin) {
			return nil, &refusal{status: 403, why: refusedOrigin, code: "origin", offset: -1}
		}
		allow(ctx, origin)
	}
	p, err := c.plans.of(k.Tenant)
	if err != nil {
		c.metrics.failed(errPolicy)
		c.log.Error("policy cannot be used", "tenant", k.Tenant)
	}
	if p == nil {
		return nil, &refusal{status: 403, why: refusedNoPolicy, code: "no_policy", offset: -1}
	}
	if wait := k.quota.wait(c.clock()); wait > 0 {
		return nil, &refusal{status: 429, why: refusedQuota, code: "quota", offset: -1, retry: wait}
	}
	r.client.key = k
	return p, nil
}
