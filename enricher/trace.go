package enricher

import (
	"sync"
	"time"
)

// Trace is what became of one event, without any of its values: names of columns, stores
// and reasons only.
type Trace struct {
	Time      time.Time    `json:"time"` // when it was received
	Event     string       `json:"event"`
	Subject   string       `json:"subject"`     // user, install or none
	Reason    string       `json:"reason"`      // kept, or why no store has it
	CutAtDoor int          `json:"cut_at_door"` // properties the collector removed
	Stores    []StoreTrace `json:"stores"`
}

// StoreTrace is one purpose's share of it.
type StoreTrace struct {
	Purpose string   `json:"purpose"`
	Store   string   `json:"store"`
	Kept    []string `json:"kept,omitempty"`   // columns that hold something
	Reason  string   `json:"reason,omitempty"` // why there is no row
	Clause  string   `json:"clause"`
}

// ring keeps the last traces. It is safe for concurrent use.
type ring struct {
	mu  sync.Mutex
	buf []Trace
	n   int // how many were ever added
}

func newRing(size int) *ring { return &ring{buf: make([]Trace, size)} }

func (r *ring) add(t Trace) {
	r.mu.Lock()
	r.buf[r.n%len(r.buf)] = t
	r.n++
	r.mu.Unlock()
}

// last gives up to n traces, the newest first.
func (r *ring) last(n int) []Trace {
	r.mu.Lock()
	defer r.mu.Unlock()
	n = min(n, r.n, len(r.buf))
	out := make([]Trace, 0, n)
	for i := range n {
		out = append(out, r.buf[(r.n-1-i)%len(r.buf)])
	}
	return out
}
