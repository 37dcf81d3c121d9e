package collector

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// budget bounds bytes held by all requests together. It is safe for concurrent use.
type budget struct {
	limit int64
	used  atomic.Int64
	shown prometheus.Gauge
}

// take reserves n bytes or reports that there is no room.
func (b *budget) take(n int) bool {
	if n == 0 {
		return true
	}
	used := b.used.Add(int64(n))
	if used > b.limit {
		b.used.Add(-int64(n))
		return false
	}
	b.shown.Set(float64(used))
	return true
}

func (b *budget) give(n int) { b.shown.Set(float64(b.used.Add(-int64(n)))) }
