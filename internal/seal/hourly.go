package seal

import (
	"crypto/hpke"
	"sync"
	"sync/atomic"
	"time"
)

// session is one encapsulation and the key that was exported from it.
type session struct {
	hour    uint32
	period  uint32 // with suffix, the pair it was made for: its hour, or its month
	suffix  uint32
	enc     [EncSize]byte
	box     *guarded
	counter atomic.Uint64
}

func newSession(hour, period, suffix uint32, pub hpke.PublicKey, a agreement) (*session, error) {
	var key [KeySize]byte
	defer clear(key[:])
	enc, err := a.encapsulate(pub, &key)
	if err != nil {
		return nil, err
	}
	box, err := newGuarded(&key)
	if err != nil {
		return nil, err
	}
	return &session{hour: hour, period: period, suffix: suffix, enc: enc, box: box}, nil
}

// hourly keeps the session of the current hour and ends it with the hour, on
// time even when nothing is sealed any more.
type hourly struct {
	now     func() time.Time
	connect func(hour uint32) (*session, error)

	cur    atomic.Pointer[session]
	mu     sync.Mutex // turns the hour
	timer  *time.Timer
	closed bool
}

// get returns the session of the current hour. The caller must be ready for
// its key to be cleared at any moment, and then get another.
func (h *hourly) get() (*session, time.Time, error) {
	now := h.now()
	if s := h.cur.Load(); s != nil && s.hour == HourOf(now) {
		return s, now, nil
	}
	return h.turn()
}

func (h *hourly) turn() (*session, time.Time, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	// The clock is read again under the lock: a caller that was held up across
	// the turn of the hour must not turn it back.
	now := h.now()
	if h.closed {
		return nil, now, ErrNoPublicKey
	}
	if s := h.cur.Load(); s != nil && s.hour == HourOf(now) {
		return s, now, nil
	}
	h.end()
	s, err := h.connect(HourOf(now))
	if err != nil {
		return nil, now, err
	}
	h.cur.Store(s)
	h.arm(now)
	return s, now, nil
}

func (h *hourly) arm(now time.Time) {
	left := now.Truncate(time.Hour).Add(time.Hour).Sub(now)
	h.timer = time.AfterFunc(left, h.expire)
}

func (h *hourly) expire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.cur.Load()
	if s == nil || h.closed {
		return
	}
	if now := h.now(); s.hour == HourOf(now) { // that clock runs behind the timer's
		h.arm(now)
		return
	}
	h.end()
}

// end drops and clears the session. The caller holds mu.
func (h *hourly) end() {
	if h.timer != nil {
		h.timer.Stop()
	}
	if s := h.cur.Swap(nil); s != nil {
		s.box.clear()
	}
}

func (h *hourly) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.end()
}
