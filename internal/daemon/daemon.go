// Package daemon is what every process of sluice shares: a logger, the admin port with
// metrics, health and readiness, and a stop in order. In come the parts of a process; the
// package knows none of them.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// Logger writes structured lines to w at a level: debug, info, warn or error.
func Logger(w io.Writer, level string, json bool) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, errors.New("log level must be debug, info, warn or error")
	}
	opt := &slog.HandlerOptions{Level: l}
	if json {
		return slog.New(slog.NewJSONHandler(w, opt)), nil
	}
	return slog.New(slog.NewTextHandler(w, opt)), nil
}

// Signals gives a context that ends with SIGINT or SIGTERM. A second signal ends the
// process at once.
func Signals() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan os.Signal, 2)
	signal.Notify(got, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-got
		cancel()
		<-got
		os.Exit(130)
	}()
	return ctx, func() { signal.Stop(got); cancel() }
}

// Stack closes what was opened, in reverse order. The zero value is ready; it is safe for
// concurrent use.
type Stack struct {
	mu    sync.Mutex
	steps []step
}

type step struct {
	name  string
	grace time.Duration
	stop  func(context.Context) error
}

// Push adds a part to be stopped; stop gets a context that ends after grace.
func (s *Stack) Push(name string, grace time.Duration, stop func(context.Context) error) {
	s.mu.Lock()
	s.steps = append(s.steps, step{name, grace, stop})
	s.mu.Unlock()
}

// Stop stops everything in reverse order, each part within its grace, and gives all errors.
func (s *Stack) Stop(log *slog.Logger) error {
	s.mu.Lock()
	steps := s.steps
	s.steps = nil
	s.mu.Unlock()
	var errs []error
	for i := len(steps) - 1; i >= 0; i-- {
		st := steps[i]
		ctx, cancel := context.WithTimeout(context.Background(), st.grace)
		if err := st.stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", st.name, err))
		}
		cancel()
		log.Debug("stopped", "part", st.name)
	}
	return errors.Join(errs...)
}

// Admin is the port for operators: metrics, health, readiness and whatever else is mounted.
// It belongs on loopback or an internal network.
type Admin struct {
	srv *http.Server
	ln  net.Listener
}

// Check says whether a part is ready; the error says what it waits for.
type Check struct {
	Name  string
	Ready func(context.Context) error
}

// StartAdmin listens and serves: metrics under /metrics, life under /healthz, readiness
// under /readyz, and mux for the rest.
func StartAdmin(listen string, metrics http.Handler, checks []Check, mux *http.ServeMux) (*Admin, error) {
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { ready(w, r, checks) })
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("admin port: %w; set another one with --admin", err)
	}
	a := &Admin{ln: ln, srv: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}}
	go a.srv.Serve(ln)
	return a, nil
}

// ready answers 200 when every check passes, else 503, with a line for each part.
func ready(w http.ResponseWriter, r *http.Request, checks []Check) {
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	code, lines := http.StatusOK, ""
	for _, c := range checks {
		state := "ready"
		if err := c.Ready(ctx); err != nil {
			code, state = http.StatusServiceUnavailable, err.Error()
		}
		lines += c.Name + ": " + state + "\n"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	io.WriteString(w, lines)
}

// Addr is the address in use.
func (a *Admin) Addr() string { return a.ln.Addr().String() }

// Stop lets requests finish until ctx ends.
func (a *Admin) Stop(ctx context.Context) error { return a.srv.Shutdown(ctx) }
