package clickhouse

import (
	"io"
	"net"
	"sync"
	"testing"
)

// relay stands between a sink and a server and does to one insert what a network does.
type relay struct {
	t  testing.TB
	l  net.Listener
	to string

	mu    sync.Mutex
	conns map[net.Conn]bool
	after int    // bytes towards the server until f is called; -1 = never
	f     func() // called once
	mute  bool   // answers do not get back
}

func relayTo(t testing.TB, addr string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, l: l, to: addr, conns: make(map[net.Conn]bool), after: -1}
	t.Cleanup(func() { _ = l.Close(); r.cut() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(c)
		}
	}()
	return r
}

func (r *relay) addr() string { return r.l.Addr().String() }

// arm calls f when so many more bytes have gone to the server.
func (r *relay) arm(after int, f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.after, r.f = after, f
}

func (r *relay) setMute(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mute = on
}

// cut breaks every connection as a pulled cable does.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
	clear(r.conns)
}

func (r *relay) serve(c net.Conn) {
	s, err := net.Dial("tcp", r.to)
	if err != nil {
		_ = c.Close()
		return
	}
	r.mu.Lock()
	r.conns[c], r.conns[s] = true, true
	r.mu.Unlock()
	go func() {
		_, _ = io.Copy(writer(func(p []byte) error { return r.back(c, p) }), s)
		_ = c.Close()
	}()
	_, _ = io.Copy(writer(func(p []byte) error { return r.forward(s, p) }), c)
	_ = s.Close()
}

func (r *relay) back(c net.Conn, p []byte) error {
	r.mu.Lock()
	mute := r.mute
	r.mu.Unlock()
	if mute {
		return nil
	}
	_, err := c.Write(p)
	return err
}

// forward sends p on, but no byte beyond the armed one before f has returned.
func (r *relay) forward(s net.Conn, p []byte) error {
	r.mu.Lock()
	n, f := len(p), r.f
	if r.after < 0 || r.after > n {
		if r.after > n {
			r.after -= n
		}
		f = nil
	} else {
		n, r.after = r.after, -1
	}
	r.mu.Unlock()
	if _, err := s.Write(p[:n]); err != nil {
		return err
	}
	if f == nil {
		return nil
	}
	f()
	_, err := s.Write(p[n:])
	return err
}

type writer func(p []byte) error

func (f writer) Write(p []byte) (int, error) { return len(p), f(p) }
