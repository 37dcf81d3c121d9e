package device

import (
	"hash/maphash"
	"math/bits"
	"strings"
	"sync/atomic"
)

// cache keeps one entry for each of a fixed number of slots; a new entry takes
// the slot of the one before. Reading takes no lock and does not allocate.
type cache struct {
	seed  maphash.Seed
	slots []atomic.Pointer[entry]
}

type entry struct {
	agent  string
	device Device
}

// newCache makes a cache of at least size slots, a power of two.
func newCache(size int) cache {
	n := 1 << bits.Len(uint(max(size, 1)-1))
	return cache{maphash.MakeSeed(), make([]atomic.Pointer[entry], n)}
}

func (c *cache) slot(agent string) *atomic.Pointer[entry] {
	return &c.slots[maphash.String(c.seed, agent)&uint64(len(c.slots)-1)]
}

func (c *cache) get(agent string) (Device, bool) {
	if e := c.slot(agent).Load(); e != nil && e.agent == agent {
		return e.device, true
	}
	return Device{}, false
}

// put copies the agent: the caller's text may be part of a whole request.
func (c *cache) put(agent string, d Device) {
	c.slot(agent).Store(&entry{strings.Clone(agent), d})
}
