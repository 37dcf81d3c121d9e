package main

import (
	"context"
	"sync"

	"github.com/sluice-events/sluice/dashboards/web"
	"github.com/sluice-events/sluice/enricher"
	"github.com/sluice-events/sluice/sinks"
	"github.com/sluice-events/sluice/sinks/clickhouse"
)

// stores is what comes up behind the collector: the sink and the enricher. Until they are
// there the account is unknown.
type stores struct {
	mu   sync.Mutex
	sink *clickhouse.Sink
	enr  *enricher.Enricher
	why  error // what is being waited for
}

func (s *stores) set(sink *clickhouse.Sink, enr *enricher.Enricher, why error) {
	s.mu.Lock()
	s.sink, s.enr, s.why = sink, enr, why
	s.mu.Unlock()
}

func (s *stores) get() (*clickhouse.Sink, *enricher.Enricher, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sink, s.enr, s.why
}

// account adds up the account table and what waits in the broker. In flight is read first:
// an event that is settled in between then counts twice for a moment rather than not at all,
// and the account is read again until two readings of in flight agree.
func (s *stores) account(ctx context.Context) (web.Account, error) {
	sink, enr, err := s.get()
	if err != nil {
		return web.Account{}, err
	}
	var a web.Account
	for range 3 {
		before, err := enr.InFlight(ctx)
		if err != nil {
			return a, err
		}
		lines, err := sink.Account(ctx)
		if err != nil {
			return a, err
		}
		a = sum(lines)
		if a.InFlight, err = enr.InFlight(ctx); err != nil {
			return a, err
		}
		a.Accepted += a.InFlight
		if before == a.InFlight {
			break
		}
	}
	a.Closed = a.Accepted == a.Stored+total(a.Dropped)+total(a.Rejected)+a.InFlight
	return a, nil
}

func sum(lines []clickhouse.AccountLine) web.Account {
	a := web.Account{Dropped: map[string]uint64{}, Rejected: map[string]uint64{}, Rows: map[string]uint64{}, Withheld: map[string]uint64{}}
	for _, l := range lines {
		switch sinks.AccountKind(l.Kind) {
		case sinks.Accepted:
			a.Accepted += l.N
		case sinks.Stored:
			a.Stored += l.N
		case sinks.Dropped:
			a.Dropped[l.Key] += l.N
		case sinks.Rejected:
			a.Rejected[l.Key] += l.N
		case sinks.Rows:
			a.Rows[l.Key] += l.N
		case sinks.Withheld:
			a.Withheld[l.Key] += l.N
		}
	}
	return a
}

func total(m map[string]uint64) (n uint64) {
	for _, v := range m {
		n += v
	}
	return n
}
