package collector

import (
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/sluice-events/sluice/event"
)

// consentRequest is the body of POST /v1/consent: what one person said yes and no to.
type consentRequest struct {
	unprintable
	user, install, token string
	yes, no              uint64 // bits, once the policy is known
	rev                  uint32
	textHash, lang       string
	method               string
	time, expires        stamp
	guardian             bool // an act of the guardian, not of the person
	broken               bool
}

// handleConsent takes acts of consent. A grant for a user id needs the tenant's token,
// unless the policy lets signals grant; a refusal or withdrawal needs none and is taken
// even when the grant beside it is not.
func handleConsent(c *Collector, ctx *fasthttp.RequestCtx) {
	r := c.acquire()
	defer c.release(r)
	next, err := c.consent(ctx, r)
	if err != nil {
		r.drain(ctx)
		c.sayRefused(ctx, c.refuse(err))
		return
	}
	b := append(make([]byte, 0, 80), `{"accepted":1,"next_ask":"`...)
	b = next.UTC().AppendFormat(b, time.RFC3339)
	sayJSON(ctx, fasthttp.StatusOK, append(b, `"}`...))
}

func (c *Collector) consent(ctx *fasthttp.RequestCtx, r *request) (next time.Time, err error) {
	r.headers = readHeaders(&ctx.Request.Header)
	r.client.received = c.clock().UnixMilli()
	var p *plan
	if k := presented(ctx); k != "" {
		if p, err = c.admit(ctx, r, k); err != nil {
			return next, err
		}
	}
	if err := r.read(ctx); err != nil {
		return next, err
	}
	r.scan.reset(r.body, r.limit.depth)
	q, err := r.readConsent()
	if err != nil {
		return next, err
	}
	if p == nil {
		if p, err = c.admit(ctx, r, r.key); err != nil {
			return next, err
		}
	}
	r.client.key.quota.charge(c.clock(), 1)
	for _, ch := range r.choices {
		if ch.yes {
			q.yes |= p.named[ch.name]
		} else {
			q.no |= p.named[ch.name]
		}
	}
	q.yes &^= q.no
	if q.broken || q.yes|q.no == 0 || q.user == "" && q.install == "" && q.token == "" || len(q.user) > maxID || len(q.install) > maxID {
		return next, &refusal{status: 400, why: refusedMalformed, code: codeShape, offset: -1}
	}
	return c.nextAsk(p, &q), c.act(p, r, &q)
}

// act checks the token and commits the acts.
func (c *Collector) act(p *plan, r *request, q *consentRequest) error {
	var claims *tokenClaims
	var denied error
	if q.token != "" {
		claims, denied = c.tokens.check(r.client.key.Tenant, q.token, actOf(q), q.user)
		if denied == nil {
			defer claims.release()
			q.user = claims.Subject
		}
	}
	if denied == nil && claims == nil && (q.guardian || q.user != "" && q.yes != 0 && !p.pol.Consent.SignalsMayGrant) {
		denied = &refusal{status: 403, why: refusedToken, code: "token_missing", offset: -1}
	}
	if denied != nil {
		// Whoever it is, narrowing is always allowed; a guardian's no counts as the child's.
		q.yes, q.guardian = 0, false
	}
	c.encodeActs(p, r, q, claims)
	if err := c.commitItems(r); err != nil {
		return err
	}
	if claims != nil {
		claims.use()
	}
	c.metrics.acts.Add(float64(len(r.items)))
	return denied
}

// encodeActs makes an act for the user and one for the installation, where both are named,
// each in the partition of its subject.
func (c *Collector) encodeActs(p *plan, r *request, q *consentRequest, claims *tokenClaims) {
	m := message{time: q.time}
	at, _ := eventTime(&m, r.client.received, c.cfg.MaxClockAge)
	a := event.Act{
		Tenant: r.client.key.Tenant, Actor: event.ActorSelf, PolicyRev: p.pol.Rev,
		TextHash: cutText(q.textHash, maxPart), Lang: cutText(q.lang, maxPart), Method: q.method,
		Time: at, Received: r.client.received,
	}
	if q.rev != 0 {
		a.PolicyRev = q.rev
	}
	if q.guardian {
		a.Actor = event.ActorGuardian
	}
	if q.expires.set && q.expires.ms > a.Received {
		a.Expiry = q.expires.ms
	}
	for _, s := range []struct {
		user    event.UserID
		install event.InstallID
	}{{user: event.NewUserID(strings.TrimSpace(q.user))}, {install: event.NewInstallID(strings.TrimSpace(q.install))}} {
		if s.user.IsZero() && s.install.IsZero() {
			continue
		}
		a.User, a.Install = s.user, s.install
		a.Verified, a.Age = false, ""
		if claims != nil && !s.user.IsZero() {
			a.Verified, a.Age = true, claims.Age
		}
		for _, k := range []struct {
			kind event.ActKind
			bits uint64
		}{{event.ActGrant, q.yes}, {event.ActRefuse, q.no}} {
			if k.bits == 0 {
				continue
			}
			a.Kind, a.Bits = k.kind, k.bits
			from := len(r.out)
			r.out = event.AppendAct(r.out, &a)
			kind, canon := a.Subject(r.buf[:0])
			r.buf = canon
			r.items = append(r.items, item{lane: c.laneOf(kind, canon), from: from, to: len(r.out), act: true})
		}
	}
}

// nextAsk is when the person may be asked again: after a refusal the policy's silence,
// else when the first of the grants ends.
func (c *Collector) nextAsk(p *plan, q *consentRequest) time.Time {
	now := c.clock()
	rules := &p.pol.Consent
	if q.no != 0 {
		return now.Add(rules.ReaskAfter)
	}
	first := time.Duration(0)
	for name, life := range rules.Expires {
		if p.named[name]&q.yes != 0 && (first == 0 || life < first) {
			first = life
		}
	}
	if first == 0 {
		first = rules.ReaskAfter
	}
	return now.Add(first)
}

// readConsent decodes the body; the names go to r.choices.
func (r *request) readConsent() (q consentRequest, err error) {
	if r.scan.kind() != '{' {
		return q, r.shape()
	}
	_, err = r.scan.object(func(key string) (err error) {
		switch key {
		case "write_key":
			r.key, err = r.scan.label()
		case "user_id":
			q.user, err = r.scan.label()
		case "install_id":
			q.install, err = r.scan.label()
		case "token":
			q.token, err = r.scan.label()
		case "purposes", "features":
			var m message
			err = r.nativeConsent(&m)
			q.broken = q.broken || m.broken
		case "policy_rev":
			var s string
			s, err = r.scan.label()
			q.rev = parseRev(s)
		case "text_hash":
			q.textHash, err = r.scan.label()
		case "lang":
			q.lang, err = r.scan.label()
		case "method":
			var s string
			s, err = r.scan.label()
			q.method = knownMethod(s)
		case "actor":
			var s string
			s, err = r.scan.label()
			q.guardian = s == "guardian"
		case "time":
			q.time, err = r.stamp()
		case "expires":
			q.expires, err = r.stamp()
		default:
			err = r.scan.skip()
		}
		return err
	})
	if err == nil {
		err = r.end()
	}
	if err == nil {
		err = r.scan.flaw.fault()
	}
	return q, err
}

func parseRev(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// knownMethod keeps the ways a person can act.
func knownMethod(s string) string {
	switch s {
	case "dialog", "settings", "os_permission", "signal", "import":
		return s
	}
	return ""
}
