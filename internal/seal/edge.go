package seal

import (
	"encoding/binary"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/dchest/siphash"
)

// Buckets is the number of buckets that subjects are spread over.
const Buckets = 4096

// RouteKey spreads subjects over buckets. Whoever holds it learns no more than
// a bucket number from an id.
type RouteKey struct {
	redacted
	hidden[[2]uint64]
}

// NewRouteKey makes a route key from given bytes, for tests and key services.
func NewRouteKey(b [16]byte) RouteKey {
	return RouteKey{hidden: hide(&[2]uint64{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])})}
}

// Bucket is SipHash-2-4 of a canonical subject id, mod Buckets. It panics on
// the zero RouteKey.
func Bucket(k RouteKey, canonical []byte) uint16 {
	key := k.get()
	return uint16(siphash.Hash(key[0], key[1], canonical) % Buckets)
}

func routeMeta(dir string) meta {
	return meta{name: path.Join(dir, "route.key"), alg: SipHash24, half: halfSecret}
}

func ipDayMeta(dir string, day int32) meta {
	return macMeta(path.Join(dir, "ipday", strconv.Itoa(int(day))+".key"))
}

func routeOf(k Key) (route RouteKey, err error) {
	err = k.use(SipHash24, func(b *[KeySize]byte) error {
		route = NewRouteKey([16]byte(b[:16]))
		return nil
	})
	return route, err
}

// Route returns the route key, made on first use.
func (r *Ring) Route() (RouteKey, error) {
	k, err := r.key(routeMeta(dirEdge), true)
	if err != nil {
		return RouteKey{}, fmt.Errorf("route key: %w", err)
	}
	return routeOf(k)
}

// IPDay returns the MAC key for the addresses of one day, made on first use.
// Days are numbered from 1970-01-01 in whatever zone the policy's days turn.
// Make the next day's key ahead, so that collectors have it in time.
func (r *Ring) IPDay(day int32) (Key, error) {
	k, err := r.key(ipDayMeta(dirEdge, day), true)
	if err != nil {
		return Key{}, fmt.Errorf("address key of a day: %w", err)
	}
	return k, nil
}

// DestroyIPDays destroys the address keys of all days before the given one.
func (r *Ring) DestroyIPDays(before int32) error {
	names, err := r.f.names(path.Join(dirEdge, "ipday"))
	if err != nil {
		return fmt.Errorf("list address keys: %w", err)
	}
	for _, n := range names {
		day, err := strconv.ParseInt(strings.TrimSuffix(n, ".key"), 10, 32)
		if err != nil || int32(day) >= before {
			continue
		}
		if err := r.destroyKey(ipDayMeta(dirEdge, int32(day)).name); err != nil {
			return fmt.Errorf("destroy an address key: %w", err)
		}
	}
	return nil
}
