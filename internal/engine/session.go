package engine

import (
	"sync"
	"time"
)

const (
	sessionsMax    = 100
	sessionDefault = 60 * time.Second
	sessionLongest = time.Hour
)

// sessions keeps connections that outlive a request, for clients that send session_id: temporary tables and
// SET live on them. A session belongs to one user and runs one statement at a time.
type sessions struct {
	mu   sync.Mutex
	open map[sessionKey]*session
}

type sessionKey struct{ user, id string }

type session struct {
	c       *conn
	busy    bool
	timer   *time.Timer
	changed []param // settings of the last request, to be taken back
}

func newSessions() *sessions { return &sessions{open: map[sessionKey]*session{}} }

// take returns the connection of the session q.session, which it opens if it is new. release gives it back.
func (s *sessions) take(f *front, q *request, who *account, id string) (*conn, func(), error) {
	key := sessionKey{who.name, q.session}
	one, fresh, err := s.claim(f, key, flag(q.args.Get("session_check")))
	if err != nil {
		return nil, nil, err
	}
	limit := sessionDefault
	if n := decimal(q.args.Get("session_timeout")); n > 0 {
		limit = min(time.Duration(n)*time.Second, sessionLongest)
	}
	release := func() { s.release(key, one, limit, flag(q.args.Get("close_session"))) }
	if err = one.reset(); err == nil {
		err = f.prepare(one.c, q, who, id, fresh)
	}
	if err != nil {
		s.release(key, one, limit, true)
		return nil, nil, err
	}
	one.changed = append([]param(nil), q.settings...)
	return one.c, release, nil
}

// claim finds or opens a session and marks it busy.
func (s *sessions) claim(f *front, key sessionKey, must bool) (*session, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.open[key]
	switch {
	case ok && one.busy:
		return nil, false, refuse(373, "SESSION_IS_LOCKED", "The session is busy with another statement")
	case ok:
		one.busy = true
		one.timer.Stop()
		return one, false, nil
	case must:
		return nil, false, refuse(372, "SESSION_NOT_FOUND", "The session does not exist")
	case len(s.open) >= sessionsMax:
		return nil, false, refuse(202, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many sessions are open")
	}
	c, err := f.lib.open(f.args)
	if err != nil {
		return nil, false, refuse(1002, "UNKNOWN_EXCEPTION", "The engine refused a connection")
	}
	one = &session{c: c, busy: true}
	s.open[key] = one
	return one, true, nil
}

func (s *sessions) release(key sessionKey, one *session, limit time.Duration, end bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one.busy = false
	if end {
		delete(s.open, key)
		one.c.close()
		return
	}
	one.timer = time.AfterFunc(limit, func() { s.expire(key, one) })
}

func (s *sessions) expire(key sessionKey, one *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[key] == one && !one.busy {
		delete(s.open, key)
		one.c.close()
	}
}

// reset takes back the settings that the last request sent in its address, which hold for that request only.
func (one *session) reset() error {
	if len(one.changed) == 0 {
		return nil
	}
	text := "SET "
	for i, p := range one.changed {
		if i > 0 {
			text += ", "
		}
		text += p.name + " = DEFAULT"
	}
	one.changed = nil
	_, err := one.c.run(text, "Null", nil, nil)
	return err
}
