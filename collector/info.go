package collector

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"
)

// Answers to questions that SDKs and people ask before or beside sending events.

func infoRoutes() []route {
	return []route{
		{method: "GET", path: "/v1/privacy", handle: privacyContact},
		{method: "GET", path: "/.well-known/gpc.json", handle: gpcStatement},
	}
}

// known lets a question through: the key must exist and the origin be allowed. It writes
// the refusal itself.
func (c *Collector) known(ctx *fasthttp.RequestCtx, presented string) (*plan, *key) {
	r := &request{headers: readHeaders(&ctx.Request.Header)}
	p, err := c.admit(ctx, r, presented)
	if err != nil {
		c.sayRefused(ctx, c.refuse(err))
		return nil, nil
	}
	return p, r.client.key
}

// segmentSettings answers GET /v1/projects/{writeKey}/settings, without which the browser
// SDK does not start: one integration, ourselves, and no plan.
func segmentSettings(c *Collector, ctx *fasthttp.RequestCtx) {
	rest := strings.TrimPrefix(view(ctx.Path()), "/v1/projects/")
	presented, tail, _ := strings.Cut(rest, "/")
	if strings.TrimSuffix(tail, "/") != "settings" {
		sayJSON(ctx, fasthttp.StatusNotFound, []byte(`{"error":"not_found"}`))
		return
	}
	_, k := c.known(ctx, presented)
	if k == nil {
		return
	}
	b := append([]byte(nil), `{"integrations":{"Segment.io":{"apiKey":`...)
	b, _ = jsontext.AppendQuote(b, k.Key)
	b = append(b, `,"unbundledIntegrations":[],"addBundledMetadata":true,"maybeBundledConfigIds":{},"versionSettings":{"version":"4.4.7","componentTypes":["browser"]}}},`+
		`"plan":{"track":{"__default":{"enabled":true,"integrations":{}}},"identify":{"__default":{"enabled":true}},"group":{"__default":{"enabled":true}}},`+
		`"edgeFunction":{},"analyticsNextEnabled":true,"middlewareSettings":{},"enabledMiddleware":{},"metrics":{"sampleRate":0},"legacyVideoPluginsEnabled":false,"remotePlugins":[]}`...)
	sayJSON(ctx, fasthttp.StatusOK, b)
}

// rudderConfig answers GET /sourceConfig/?writeKey=: a source without destinations, and no
// statistics sent elsewhere.
func rudderConfig(c *Collector, ctx *fasthttp.RequestCtx) {
	_, k := c.known(ctx, presented(ctx))
	if k == nil {
		return
	}
	b := append([]byte(nil), `{"source":{"id":"sluice","name":"sluice","writeKey":`...)
	b, _ = jsontext.AppendQuote(b, k.Key)
	b = append(b, `,"config":{"statsCollection":{"errors":{"enabled":false},"metrics":{"enabled":false}}},"enabled":true,"workspaceId":"sluice","destinations":[],"dataplanes":{}},`+
		`"consentManagementMetadata":{"providers":[]}}`...)
	sayJSON(ctx, fasthttp.StatusOK, b)
}

// privacyContact answers GET /v1/privacy with whom to write to, as the policy names them.
func privacyContact(c *Collector, ctx *fasthttp.RequestCtx) {
	p, k := c.only(ctx)
	if k == nil {
		return
	}
	pol := p.pol
	b := append([]byte(nil), `{"policy":`...)
	quote := func(s string) { b, _ = jsontext.AppendQuote(b, s) }
	quote(pol.Name)
	b = append(b, `,"rev":`...)
	b = appendUint(b, pol.Rev)
	for _, f := range [...][2]string{{"handler", pol.Contact.Handler}, {"officer", pol.Contact.Officer}, {"notice", pol.Source.Title}} {
		b = append(append(append(b, `,"`...), f[0]...), `":`...)
		quote(f[1])
	}
	b = append(b, `,"channels":[`...)
	for i, ch := range pol.Contact.Channels {
		if i > 0 {
			b = append(b, ',')
		}
		quote(ch)
	}
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "max-age=300")
	sayJSON(ctx, fasthttp.StatusOK, append(b, `]}`...))
}

// gpcStatement answers GET /.well-known/gpc.json: that the signal is honoured, and since
// when (Global Privacy Control, section 4).
func gpcStatement(c *Collector, ctx *fasthttp.RequestCtx) {
	b := append([]byte(nil), `{"gpc":true`...)
	if p, _ := c.single(); p != nil && !p.pol.Effective.IsZero() {
		b = p.pol.Effective.UTC().AppendFormat(append(b, `,"lastUpdate":"`...), "2006-01-02")
		b = append(b, '"')
	}
	sayJSON(ctx, fasthttp.StatusOK, append(b, '}'))
}

// only finds whose policy a person asks about: that of the key they name, or, where one
// tenant alone is served, that one's.
func (c *Collector) only(ctx *fasthttp.RequestCtx) (*plan, *key) {
	if presented := presented(ctx); presented != "" {
		return c.known(ctx, presented)
	}
	if p, k := c.single(); p != nil {
		if origin := view(ctx.Request.Header.Peek(fasthttp.HeaderOrigin)); origin != "" && k.allows(origin) {
			allow(ctx, origin)
		}
		return p, k
	}
	c.sayRefused(ctx, &refusal{status: 401, why: refusedNoKey, code: "no_key", offset: -1})
	return nil, nil
}

// single is the policy of the one tenant there is; nil when there are several or none.
func (c *Collector) single() (*plan, *key) {
	var one *key
	for _, k := range c.keys.all {
		if one != nil && one.Tenant != k.Tenant {
			return nil, nil
		}
		one = k
	}
	if one == nil {
		return nil, nil
	}
	p, err := c.plans.of(one.Tenant)
	if err != nil || p == nil {
		return nil, nil
	}
	return p, one
}
