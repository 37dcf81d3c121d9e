package collector

import "github.com/valyala/fasthttp"

// Browsers let a page read our answers only with these headers. Without Retry-After being
// exposed a client that was told to wait comes back at once.

const allowedHeaders = "authorization, content-type, content-encoding, x-retry-count, x-write-key, anonymousid, sentat, " +
	"rsa-retry-attempt, rsa-retry-reason, rsa-since-first-attempt, rsa-since-last-attempt"

// allow marks the answer as readable by the origin.
func allow(ctx *fasthttp.RequestCtx, origin string) {
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderAccessControlAllowOrigin, origin)
	h.Set(fasthttp.HeaderAccessControlAllowCredentials, "true")
	h.Set(fasthttp.HeaderAccessControlExposeHeaders, "Retry-After")
	h.Set(fasthttp.HeaderVary, "Origin")
}

// preflight answers the question a browser asks before the request proper. It carries no
// write key unless that stands in the query, so an origin that some key allows will do;
// the request itself is then held against its own key.
func (c *Collector) preflight(ctx *fasthttp.RequestCtx) {
	origin := view(ctx.Request.Header.Peek(fasthttp.HeaderOrigin))
	ok := origin != "" && c.keys.allows(origin)
	if k := c.keys.find(view(ctx.QueryArgs().Peek("writeKey"))); k != nil && origin != "" {
		ok = k.allows(origin)
	}
	if !ok {
		c.sayRefused(ctx, &refusal{status: 403, why: refusedOrigin, code: "origin", offset: -1})
		return
	}
	allow(ctx, origin)
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderAccessControlAllowMethods, "GET, POST, OPTIONS")
	h.Set(fasthttp.HeaderAccessControlAllowHeaders, allowedHeaders)
	h.Set(fasthttp.HeaderAccessControlMaxAge, "86400")
	ctx.SetStatusCode(fasthttp.StatusNoContent)
}
