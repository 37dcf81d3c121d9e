package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// inheritedDescriptor is where a child finds the listener that its parent made: the first of exec.Cmd's
// ExtraFiles.
const inheritedDescriptor = 3

// ErrStopped is the reason of a child that was stopped on purpose.
var ErrStopped = errors.New("the embedded engine was stopped")

// ChildConfig says how the parent runs an engine's process.
type ChildConfig struct {
	Exe  string   // the program to start, usually os.Executable()
	Args []string // its arguments; the program must call ReadConfig on its standard input, then Main
	Env  []string // additions to the environment

	Engine Config    // sent to the child through a pipe, so passwords stand in no file and no argument
	Stderr io.Writer // the child's log and the engine's own messages; os.Stderr if nil

	ReadyTimeout time.Duration // for a start; the library is 560 MB and may have to come from disk
	BackoffMin   time.Duration // pause before the first restart; doubles up to BackoffMax
	BackoffMax   time.Duration
	Log          *slog.Logger
}

// Child is a running engine. Its methods may be called by several goroutines.
type Child struct {
	cfg      ChildConfig
	listener *net.TCPListener
	stop     chan struct{}
	stopOnce sync.Once
	done     chan struct{}
	mu       sync.Mutex
	pid      int
	restarts int
	err      error
}

// Start starts the engine's process and returns when it answers, or when it failed for the first time, or
// when ctx ends. After that it keeps the process alive: one that dies is started again on the same address,
// which stays open meanwhile, so that clients wait instead of being refused. ctx bounds the start only.
func Start(ctx context.Context, cfg ChildConfig) (*Child, error) {
	if err := cfg.Engine.Validate(); err != nil {
		return nil, fmt.Errorf("the engine's configuration: %w", err)
	}
	cfg.defaults()
	l, err := cfg.Engine.listen()
	if err != nil {
		return nil, err
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, errors.New("the engine's listener is no TCP listener")
	}
	cfg.Engine.Listen, cfg.Engine.Inherited = tcp.Addr().String(), true
	c := &Child{cfg: cfg, listener: tcp, stop: make(chan struct{}), done: make(chan struct{})}
	first := make(chan error, 1)
	go c.supervise(first)
	select {
	case err := <-first:
		if err != nil {
			<-c.done
			return nil, err
		}
		return c, nil
	case <-ctx.Done():
		c.Stop(0)
		return nil, fmt.Errorf("start the embedded engine: %w", ctx.Err())
	}
}

func (c *ChildConfig) defaults() {
	if c.Stderr == nil {
		c.Stderr = os.Stderr
	}
	if c.ReadyTimeout == 0 {
		c.ReadyTimeout = 60 * time.Second
	}
	if c.BackoffMin == 0 {
		c.BackoffMin = 200 * time.Millisecond
	}
	if c.BackoffMax == 0 {
		c.BackoffMax = 15 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
}

// Addr is the address of the HTTP interface, the same for the Child's whole life.
func (c *Child) Addr() string { return c.cfg.Engine.Listen }

// Done is closed when the process is gone for good: after Stop, or after a start that failed.
func (c *Child) Done() <-chan struct{} { return c.done }

// Err is ErrStopped after Stop, or why the child could not be kept alive; nil while it runs.
func (c *Child) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// PID is the process's id, 0 while there is none.
func (c *Child) PID() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pid
}

// Restarts counts how often the process was started again.
func (c *Child) Restarts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.restarts
}

// Stop asks the process to end, waits for grace, then kills it, and returns when it is gone. A grace of 0 or
// less kills at once.
func (c *Child) Stop(grace time.Duration) {
	c.stopOnce.Do(func() { close(c.stop) })
	if grace > 0 {
		c.signal(syscall.SIGTERM)
		select {
		case <-c.done:
			return
		case <-time.After(grace):
		}
	}
	for {
		c.signal(syscall.SIGKILL)
		select {
		case <-c.done:
			return
		case <-time.After(50 * time.Millisecond): // a process that was being started meanwhile
		}
	}
}

func (c *Child) signal(s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pid != 0 {
		_ = syscall.Kill(c.pid, s) // it may be gone already
	}
}

func (c *Child) stopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// supervise starts the process again and again. It keeps its operating-system thread for itself: the kernel
// sends the parent-death signal when the thread that started a child ends, not when the process does.
func (c *Child) supervise(first chan<- error) {
	runtime.LockOSThread()
	defer close(c.done)
	defer func() { _ = c.listener.Close() }() // the child had a copy of it
	pause := c.cfg.BackoffMin
	for n := 0; ; n++ {
		begun := time.Now()
		err := c.once(func() {
			if n == 0 {
				first <- nil
			}
		})
		if c.stopped() {
			c.end(ErrStopped)
			if n == 0 {
				offer(first, ErrStopped)
			}
			return
		}
		if n == 0 && err != nil && errors.Is(err, errNotReady) {
			c.end(err)
			offer(first, err)
			return
		}
		if time.Since(begun) > c.cfg.BackoffMax {
			pause = c.cfg.BackoffMin
		}
		c.cfg.Log.Error("the embedded engine's process ended and is started again", "error", err, "pause", pause)
		select {
		case <-time.After(pause):
		case <-c.stop:
		}
		pause = min(2*pause, c.cfg.BackoffMax)
		c.mu.Lock()
		c.restarts++
		c.mu.Unlock()
	}
}

func offer(ch chan<- error, err error) {
	select {
	case ch <- err:
	default:
	}
}

func (c *Child) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}
