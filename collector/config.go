package collector

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"
)

// Config is what an operator sets. The zero value is not usable: start from DefaultConfig.
type Config struct {
	Listen     string // host:port; port 0 takes a free one
	Partitions int    // of the raw topic; must be what the topic has
	Keys       []WriteKey
	Trusted    []netip.Prefix // proxies whose X-Forwarded-For is believed

	MaxBody       int // bytes of a batch, as sent and after inflation
	MaxEvent      int // bytes of one event as sent; a larger one is rejected, the rest taken
	MaxEvents     int // events a request
	MaxDepth      int // JSON nesting
	MaxProperties int // properties of one event
	MaxHeader     int // bytes of the request line and all headers
	MaxConns      int // open connections; one more is answered 503
	MaxConnsPerIP int // 0 = no limit; leave it 0 behind a proxy

	MaxInFlight int // bytes of bodies being worked on and of what was decoded from them, all together
	MaxBuffered int // bytes of encoded events waiting for Kafka, all together
	MaxCommit   int // bytes of encoded events in one Kafka message

	ReadTimeout    time.Duration // from the first byte of a request to its last
	WriteTimeout   time.Duration
	IdleTimeout    time.Duration // between requests of one connection
	ProduceTimeout time.Duration // how long one message may take to reach all replicas
	RetryAfter     time.Duration // what a client is told when the broker is away or we are full
	MaxClockAge    time.Duration // an event older than this gets the received time
	MaxTokenLife   time.Duration // a consent token that is valid longer is refused
	MaxTokens      int           // used tokens remembered until they expire
}

// WriteKey lets a client in. The key is public by nature (it stands in web pages), so it
// names a tenant and bounds what can be sent; it proves nothing.
type WriteKey struct {
	Key     string
	Tenant  string
	Origins []string // browsers' origins that may use it, "*" = any; none = no browser
	Quota   float64  // events a second, 0 = no limit
	Burst   int      // events above the quota that are taken at once, 0 = Quota
	Server  bool     // used by servers: the end user's address comes inside the event
}

// DefaultConfig gives limits that fit a process of 128 MB. Keys must be added.
func DefaultConfig() Config {
	return Config{
		Listen:         "127.0.0.1:8080",
		Partitions:     4,
		MaxBody:        500 << 10,
		MaxEvent:       32 << 10,
		MaxEvents:      2500,
		MaxDepth:       32,
		MaxProperties:  1024,
		MaxHeader:      16 << 10,
		MaxConns:       4096,
		MaxInFlight:    16 << 20,
		MaxBuffered:    32 << 20,
		MaxCommit:      900_000,
		ReadTimeout:    15 * time.Second,
		WriteTimeout:   15 * time.Second,
		IdleTimeout:    60 * time.Second,
		ProduceTimeout: 10 * time.Second,
		RetryAfter:     2 * time.Second,
		MaxClockAge:    400 * 24 * time.Hour,
		MaxTokenLife:   24 * time.Hour,
		MaxTokens:      100_000,
	}
}

// Validate reports everything that is wrong. No error holds a write key.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	for name, v := range map[string]int{
		"max_body": c.MaxBody, "max_event": c.MaxEvent, "max_events": c.MaxEvents, "max_depth": c.MaxDepth,
		"max_properties": c.MaxProperties, "max_header": c.MaxHeader, "max_conns": c.MaxConns,
		"max_in_flight": c.MaxInFlight, "max_buffered": c.MaxBuffered, "max_commit": c.MaxCommit,
		"max_tokens": c.MaxTokens, "partitions": c.Partitions,
	} {
		if v <= 0 {
			bad("collector: %s must be above 0", name)
		}
	}
	for name, v := range map[string]time.Duration{
		"read_timeout": c.ReadTimeout, "write_timeout": c.WriteTimeout, "idle_timeout": c.IdleTimeout,
		"produce_timeout": c.ProduceTimeout, "retry_after": c.RetryAfter, "max_clock_age": c.MaxClockAge,
		"max_token_life": c.MaxTokenLife,
	} {
		if v <= 0 {
			bad("collector: %s must be above 0", name)
		}
	}
	if c.MaxEvent > c.MaxBody {
		bad("collector: max_event is above max_body")
	}
	if c.MaxCommit < 2*encodedLimit(c.MaxEvent) {
		bad("collector: max_commit must hold at least two events of the largest size")
	}
	if c.MaxBuffered < c.MaxCommit {
		bad("collector: max_buffered is below max_commit")
	}
	if c.MaxInFlight < 2*c.MaxBody {
		bad("collector: max_in_flight must hold at least two bodies of max_body")
	}
	seen := make(map[string]bool, len(c.Keys))
	for i := range c.Keys {
		if err := c.Keys[i].validate(); err != nil {
			bad("collector: keys[%d]: %w", i, err)
		}
		if seen[c.Keys[i].Key] {
			bad("collector: keys[%d]: the same key stands above", i)
		}
		seen[c.Keys[i].Key] = true
	}
	return errors.Join(errs...)
}

func (k *WriteKey) validate() error {
	switch {
	case k.Key == "" || len(k.Key) > maxKey:
		return fmt.Errorf("key must have 1 to %d bytes", maxKey)
	case k.Tenant == "":
		return errors.New("tenant is missing")
	case k.Quota < 0 || k.Burst < 0:
		return errors.New("quota and burst must not be negative")
	}
	for _, b := range []byte(k.Key) {
		if b <= ' ' || b >= 0x7f || b == '"' || b == '\\' || b == ':' {
			return errors.New("key may hold printable ASCII only, without blank, quote, backslash and colon")
		}
	}
	for i, o := range k.Origins {
		if o == "*" {
			continue
		}
		u, err := url.Parse(o)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" {
			return fmt.Errorf("origins[%d] must look like https://host or https://host:port", i)
		}
	}
	return nil
}

// encodedLimit bounds one encoded event: what was sent, and the batch's context merged
// into it, plus room for field tags.
func encodedLimit(maxEvent int) int { return 2*maxEvent + 4<<10 }
