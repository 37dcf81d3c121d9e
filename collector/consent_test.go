package collector

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/seal"
)

// token signs claims with the tenant's key.
func (r *rig) token(signer *seal.Signer, head string, claims map[string]any) string {
	r.t.Helper()
	c, err := json.Marshal(claims)
	if err != nil {
		r.t.Fatal(err)
	}
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(head)) + "." + enc.EncodeToString(c)
	sig, err := signer.Sign([]byte(text))
	if err != nil {
		r.t.Fatal(err)
	}
	return text + "." + enc.EncodeToString(sig)
}

const edDSA = `{"alg":"EdDSA","typ":"JWT"}`

func good() map[string]any {
	return map[string]any{"sub": "A", "aud": "t1", "act": "consent", "age": "adult", "exp": noon.Add(time.Hour).Unix(), "jti": "j1"}
}

func with(key string, value any) map[string]any {
	c := good()
	if value == nil {
		delete(c, key)
	} else {
		c[key] = value
	}
	return c
}

func (r *rig) consent(key string, body map[string]any) reply {
	r.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.do("POST", "/v1/consent", header{"X-Write-Key": key}, b)
}

// act writes down an act for comparison; ids in clear, this is a test.
func act(a event.Act) string {
	kind := [...]string{"", "grant", "refuse", "withdraw"}[a.Kind]
	actor := [...]string{"", "self", "guardian", "tenant"}[a.Actor]
	verified := ""
	if a.Verified {
		verified = " verified " + a.Age
	}
	return strings.TrimSpace(kind + " " + actor + " " + a.User.Reveal() + "/" + a.Install.Reveal() + verified)
}

func TestConsentActs(t *testing.T) {
	r := newRig(t, nil)
	a := r.consent("edu", map[string]any{"user_id": "A", "install_id": "i1", "token": r.token(r.tenant, edDSA, good()),
		"purposes": map[string]any{"improve": true, "personalize": false, "promo": true, "service": false}, "features": map[string]any{"location": true},
		"policy_rev": 3, "text_hash": "h", "lang": "zh", "method": "dialog", "time": "2026-12-10T01:59:00Z", "expires": "2027-12-10T00:00:00Z"})
	a.want(t, 200, `{"accepted":1,"next_ask":"2027-03-10T02:00:00Z"}`) // 90 days after the refusal
	_, acts := r.sealed()
	var got []string
	for _, x := range acts {
		got = append(got, act(x))
		if x.Tenant != "t1" || x.PolicyRev != 3 || x.TextHash != "h" || x.Lang != "zh" || x.Method != "dialog" ||
			x.Time != noon.Add(-time.Minute).UnixMilli() || x.Received != noon.UnixMilli() || x.Expiry == 0 {
			t.Errorf("%s: %d %q %q %q", act(x), x.PolicyRev, x.TextHash, x.Lang, x.Method)
		}
		const improve, personalize, location = 1 << 2, 1 << 4, 1 << 16
		if want := map[event.ActKind]uint64{event.ActGrant: improve | location, event.ActRefuse: personalize}[x.Kind]; x.Bits != want {
			t.Errorf("%s: bits %#x, want %#x", act(x), x.Bits, want)
		}
	}
	want := map[string]bool{"grant self A/ verified adult": true, "refuse self A/ verified adult": true, "grant self /i1": true, "refuse self /i1": true}
	seen := map[string]bool{}
	for _, g := range got {
		seen[g] = true
	}
	if d := cmp.Diff(want, seen); d != "" || len(got) != 4 {
		t.Errorf("%d acts: %s", len(got), d)
	}
	if n := r.metric("acts_total"); n != 4 {
		t.Errorf("acts_total %v", n)
	}
	if n := r.metric("sent_events_total"); n != 0 {
		t.Errorf("acts count as %v events", n)
	}
}

// A grant for a user id needs a token that is right in every respect.
func TestConsentTokens(t *testing.T) {
	other := func(r *rig) *seal.Signer {
		s, err := r.ring.Tenant("t9")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []struct {
		name, code string
		token      func(*rig) string
	}{
		{"none", "token_missing", func(*rig) string { return "" }},
		{"garbage", "token_invalid", func(*rig) string { return "a.b.c" }},
		{"another tenant's key", "token_invalid", func(r *rig) string { return r.token(other(r), edDSA, good()) }},
		{"alg none", "token_invalid", func(r *rig) string { return r.token(r.tenant, `{"alg":"none"}`, good()) }},
		{"alg HS256", "token_invalid", func(r *rig) string { return r.token(r.tenant, `{"alg":"HS256"}`, good()) }},
		{"another audience", "token_invalid", func(r *rig) string { return r.token(r.tenant, edDSA, with("aud", "t2")) }},
		{"no audience", "token_invalid", func(r *rig) string { return r.token(r.tenant, edDSA, with("aud", nil)) }},
		{"another user", "token_subject", func(r *rig) string { return r.token(r.tenant, edDSA, with("sub", "B")) }},
		{"no user", "token_subject", func(r *rig) string { return r.token(r.tenant, edDSA, with("sub", nil)) }},
		{"another act", "token_act", func(r *rig) string { return r.token(r.tenant, edDSA, with("act", "delete")) }},
		{"expired", "token_expired", func(r *rig) string { return r.token(r.tenant, edDSA, with("exp", noon.Add(-time.Hour).Unix())) }},
		{"no end", "token_invalid", func(r *rig) string { return r.token(r.tenant, edDSA, with("exp", nil)) }},
		{"too long", "token_invalid", func(r *rig) string { return r.token(r.tenant, edDSA, with("exp", noon.Add(48*time.Hour).Unix())) }},
		{"no id", "token_invalid", func(r *rig) string { return r.token(r.tenant, edDSA, with("jti", nil)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			body := map[string]any{"user_id": "A", "purposes": map[string]any{"improve": true}}
			if tok := c.token(r); tok != "" {
				body["token"] = tok
			}
			r.consent("edu", body).want(t, 403, `{"error":"`+c.code+`"}`)
			if _, acts := r.sealed(); len(acts) != 0 {
				t.Errorf("%d acts of a forged grant", len(acts))
			}
			// The refusal beside a grant that fails is taken all the same.
			body["purposes"] = map[string]any{"improve": true, "personalize": false}
			r.consent("edu", body).want(t, 403, `{"error":"`+c.code+`"}`)
			_, acts := r.sealed()
			if len(acts) != 1 || act(acts[0]) != "refuse self A/" {
				t.Errorf("%d acts", len(acts))
			}
			if n := r.metric("refused_total", "reason=token"); n != 2 {
				t.Errorf("refused %v", n)
			}
		})
	}
}

func TestConsentTokenOnce(t *testing.T) {
	r := newRig(t, nil)
	body := map[string]any{"user_id": "A", "token": r.token(r.tenant, edDSA, good()), "purposes": map[string]any{"improve": true}}
	r.broker.fail(ErrNotStored)
	r.consent("edu", body).want(t, 503, `{"error":"broker"}`)
	r.broker.fail(nil)
	r.advance(time.Second)
	// The act was not stored, so the token is still good: once.
	if a := r.consent("edu", body); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	r.consent("edu", body).want(t, 403, `{"error":"token_used"}`)
	if _, acts := r.sealed(); len(acts) != 1 {
		t.Errorf("%d acts", len(acts))
	}
}

func TestConsentTokensAreBounded(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxTokens = 3 })
	send := func(jti string) reply {
		return r.consent("edu", map[string]any{"token": r.token(r.tenant, edDSA, with("jti", jti)), "purposes": map[string]any{"improve": true}})
	}
	for _, j := range []string{"a", "b", "c"} {
		if a := send(j); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if a := send("d"); a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	r.advance(2 * time.Hour)
	if a := send("a"); a.status != 403 || a.body != `{"error":"token_expired"}` {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestConsentWithoutToken(t *testing.T) {
	r := newRig(t, nil)
	for _, c := range []struct {
		key  string
		body map[string]any
		want []string
		code int
	}{
		{"edu", map[string]any{"user_id": "A", "purposes": map[string]any{"improve": false}}, []string{"refuse self A/"}, 200},
		{"edu", map[string]any{"install_id": "i1", "purposes": map[string]any{"improve": true}}, []string{"grant self /i1"}, 200},
		{"start", map[string]any{"user_id": "A", "purposes": map[string]any{"analytics": true}}, []string{"grant self A/"}, 200}, // signals may grant
		{"edu", map[string]any{"install_id": "i1", "actor": "guardian", "purposes": map[string]any{"improve": true}}, nil, 403},
		{"edu", map[string]any{"user_id": "A", "purposes": map[string]any{"improve": "yes"}}, nil, 400},
		{"edu", map[string]any{"user_id": "A", "purposes": map[string]any{"nobody": false}}, nil, 400},
		{"edu", map[string]any{"purposes": map[string]any{"improve": false}}, nil, 400},
	} {
		r.broker.mu.Lock()
		r.broker.records = nil
		r.broker.mu.Unlock()
		if a := r.consent(c.key, c.body); a.status != c.code {
			t.Errorf("%v: %d %s, want %d", c.body, a.status, a.body, c.code)
		}
		_, acts := r.sealed()
		var got []string
		for _, x := range acts {
			got = append(got, act(x))
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%v: %s", c.body, d)
		}
	}
}

func TestGuardianToken(t *testing.T) {
	r := newRig(t, nil)
	a := r.consent("edu", map[string]any{"user_id": "A", "actor": "guardian", "purposes": map[string]any{"improve": true},
		"token": r.token(r.tenant, edDSA, map[string]any{"sub": "A", "aud": "t1", "act": "guardian_consent", "age": "lt14", "exp": noon.Add(time.Hour).Unix(), "jti": "g"})})
	if a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if _, acts := r.sealed(); len(acts) != 1 || act(acts[0]) != "grant guardian A/ verified lt14" {
		t.Errorf("%d acts", len(acts))
	}
}

// Signals as stock tools write them, and what is made of them.
func TestClaims(t *testing.T) {
	const analytics, personalize, diagnose, location = 1 << 2, 1 << 4, 1 << 7, 1 << 16
	for _, c := range []struct {
		name, path, body string
		h                header
		granted, refused uint64
		unreadable       bool
	}{
		{"nothing said", "/v1/track", `{"userId":"A","event":"e"}`, nil, 0, 0, false},
		{"segment", "/v1/track", `{"userId":"A","event":"e","context":{"consent":{"categoryPreferences":{"Analytics":true,"Personalization":false}}}}`, nil, analytics, personalize, false},
		{"all must say yes", "/v1/track", `{"userId":"A","event":"e","context":{"consent":{"categoryPreferences":{"Analytics":true,"Performance":false}}}}`, nil, 0, analytics, false},
		{"unknown category", "/v1/track", `{"userId":"A","event":"e","context":{"consent":{"categoryPreferences":{"Cookies":true}}}}`, nil, 0, 0, false},
		{"segment, not a bool", "/v1/track", `{"userId":"A","event":"e","context":{"consent":{"categoryPreferences":{"Analytics":"true"}}}}`, nil, 0, 0, true},
		{"segment, empty object", "/v1/track", `{"userId":"A","event":"e","context":{"consent":{}}}`, nil, 0, 0, true},
		{"segment, null", "/v1/track", `{"userId":"A","event":"e","context":{"consent":null}}`, nil, 0, 0, true},
		{"segment, text", "/v1/track", `{"userId":"A","event":"e","context":{"consent":"granted"}}`, nil, 0, 0, true},
		{"rudder, denied wins", "/v1/track", `{"userId":"A","event":"e","context":{"consentManagement":{"provider":"custom","allowedConsentIds":["Analytics","Functional"],"deniedConsentIds":["Functional","Diagnostics"]}}}`, nil, analytics, personalize | diagnose, false},
		{"rudder, not a list", "/v1/track", `{"userId":"A","event":"e","context":{"consentManagement":{"allowedConsentIds":"Analytics"}}}`, nil, 0, 0, true},
		{"rudder, numbers", "/v1/track", `{"userId":"A","event":"e","context":{"consentManagement":{"allowedConsentIds":[1]}}}`, nil, 0, 0, true},
		{"batch narrows its items", "/v1/batch", `{"batch":[{"type":"track","userId":"A","event":"e","context":{"consent":{"categoryPreferences":{"Analytics":true}}}}],"context":{"consent":{"categoryPreferences":{"Analytics":false}}}}`, nil, 0, analytics, false},
		{"batch unreadable", "/v1/batch", `{"batch":[{"type":"track","userId":"A","event":"e"}],"context":{"consent":1}}`, nil, 0, 0, true},
		{"native", "/v1/events", `{"event":"e","consent":{"analytics":true,"personalize":false,"location":true}}`, nil, analytics | location, personalize, false},
		{"native, no signal reaches these", "/v1/events", `{"event":"e","consent":{"service":false,"security":false}}`, nil, 0, 0, false},
		{"native, not a bool", "/v1/events", `{"event":"e","consent":{"analytics":1}}`, nil, 0, 0, true},
		{"native, list", "/v1/events", `{"event":"e","consent":["analytics"]}`, nil, 0, 0, true},
		{"GPC does not touch analytics", "/v1/events", `{"event":"e","consent":{"analytics":true}}`, header{"Sec-GPC": "1"}, analytics, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			h := header{"X-Write-Key": "start"}
			for k, v := range c.h {
				h[k] = v
			}
			r.do("POST", c.path, h, []byte(c.body))
			got := r.only().Claims
			if d := cmp.Diff(event.Claims{Granted: c.granted, Refused: c.refused, Unreadable: c.unreadable}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// GPC and DNT refuse what the policy says they refuse.
func TestPrivacyHeaders(t *testing.T) {
	pol := shipped(t, "starter")
	pol.Consent.Signals.GPCMask = 1 << 4 // as if it named personalize
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := compilePlan(pol, m)
	if err != nil {
		t.Fatal(err)
	}
	f := func(h headers, dnt bool, want uint64) {
		t.Helper()
		pol.Consent.Signals.DNTAsGPC = dnt
		r := &request{headers: h}
		if got := r.claims(&message{}, p); got.Refused != want {
			t.Errorf("%+v: refused %#x, want %#x", h, got.Refused, want)
		}
	}
	f(headers{}, true, 0)
	f(headers{gpc: true}, true, 1<<4)
	f(headers{dnt: true}, true, 1<<4)
	f(headers{dnt: true}, false, 0)
}
