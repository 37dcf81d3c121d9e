package collector

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// tokenClaims is what a tenant says about one of its users: who they are (sub), that the
// token is for this installation of the pipeline (aud, the tenant's name) and for one kind
// of request (act), the age band, and an id that makes it good for one use.
type tokenClaims struct {
	unprintable
	jwt.RegisteredClaims
	Act string `json:"act"`
	Age string `json:"age"`

	book *tokens
	id   [sha256.Size]byte
	used bool
}

// actOf is the act a request needs a token for.
func actOf(q *consentRequest) string {
	if q.guardian {
		return "guardian_consent"
	}
	return "consent"
}

// tokens checks tokens and remembers the used ones until they expire. What is remembered
// is this process's own: with several collectors a token is good once at each. It is safe
// for concurrent use.
type tokens struct {
	keys  Keys
	clock func() time.Time
	life  time.Duration
	max   int

	mu   sync.Mutex
	seen map[[sha256.Size]byte]time.Time // end of the token
	next time.Time                       // when the expired ones are swept out
}

func newTokens(c *Config, d *Deps) *tokens {
	return &tokens{keys: d.Keys, clock: d.Clock, life: c.MaxTokenLife, max: c.MaxTokens, seen: make(map[[sha256.Size]byte]time.Time)}
}

// leeway is how far two clocks may be apart.
const leeway = 30 * time.Second

// check verifies a token for a tenant, an act and a user (any, when user is ""), and
// reserves it. The caller must call use once the act is stored, and release at the end.
func (t *tokens) check(tenant, raw, act, user string) (*tokenClaims, error) {
	deny := func(code string) (*tokenClaims, error) {
		return nil, &refusal{status: 403, why: refusedToken, code: code, offset: -1}
	}
	key, err := t.keys.Tenant(tenant)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return deny("token_no_key")
	}
	claims := &tokenClaims{book: t}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithAudience(tenant),
		jwt.WithExpirationRequired(), jwt.WithLeeway(leeway), jwt.WithTimeFunc(t.clock))
	_, err = parser.ParseWithClaims(raw, claims, func(*jwt.Token) (any, error) { return key, nil })
	now := t.clock()
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return deny("token_expired")
	case err != nil:
		return deny("token_invalid")
	case claims.Act != act:
		return deny("token_act")
	case claims.Subject == "" || user != "" && user != claims.Subject:
		return deny("token_subject")
	case claims.ID == "" || claims.ExpiresAt.After(now.Add(t.life)):
		return deny("token_invalid")
	}
	claims.id = sha256.Sum256([]byte(tenant + "\x00" + claims.ID))
	switch err := t.reserve(claims.id, claims.ExpiresAt.Add(leeway), now); err {
	case nil:
		return claims, nil
	case errTokenUsed:
		return deny("token_used")
	}
	return nil, &refusal{status: 503, why: refusedOverload, code: "tokens", offset: -1}
}

var (
	errTokenUsed = errors.New("collector: token was used")
	errTokenFull = errors.New("collector: too many tokens to remember")
)

// reserve marks an id as used. When no more can be remembered nothing is let through: a
// token that might have been used is not good.
func (t *tokens) reserve(id [sha256.Size]byte, until, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.seen) >= t.max || now.After(t.next) {
		for k, end := range t.seen {
			if now.After(end) {
				delete(t.seen, k)
			}
		}
		t.next = now.Add(time.Minute)
	}
	if _, ok := t.seen[id]; ok {
		return errTokenUsed
	}
	if len(t.seen) >= t.max {
		return errTokenFull
	}
	t.seen[id] = until
	return nil
}

// use makes the reservation final.
func (c *tokenClaims) use() { c.used = true }

// release forgets the reservation of a token whose act was not stored, so that the client
// can try again.
func (c *tokenClaims) release() {
	if c.used {
		return
	}
	c.book.mu.Lock()
	delete(c.book.seen, c.id)
	c.book.mu.Unlock()
}
