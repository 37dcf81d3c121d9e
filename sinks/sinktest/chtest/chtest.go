// Package chtest gives tests a real ClickHouse. In comes a test; out goes the address of an
// engine that runs as a child process of the test's own binary, with a folder of its own.
package chtest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-events/sluice/internal/engine"
)

// Admin is the user of every engine that Start starts.
const (
	User     = "admin"
	Password = "a-password-of-the-tests"
)

const childEnv = "SLUICE_CHTEST_CHILD"

// Main runs the tests, or the engine when this process is one. TestMain must call it and
// exit with what it returns.
func Main(m *testing.M) int {
	if os.Getenv(childEnv) == "" {
		return m.Run()
	}
	cfg, err := engine.ReadConfig(os.Stdin)
	if err == nil {
		err = engine.Main(context.Background(), cfg, os.Stdin, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		return 1
	}
	return 0
}

// Engine is a running engine.
type Engine struct {
	child *engine.Child
	out   *log
	dir   string
}

// Start starts an engine with an empty folder. The test is skipped, with the reason, where
// the library is not installed; SLUICE_REQUIRE_ENGINE=1 makes that a failure.
func Start(t testing.TB) *Engine {
	t.Helper()
	lib := filepath.Join(Root(t), ".deps", "lib", "libchdb.so")
	if _, err := os.Stat(lib); err != nil {
		if os.Getenv("SLUICE_REQUIRE_ENGINE") == "1" {
			t.Fatal("libchdb.so is not installed: run make deps")
		}
		t.Skip("libchdb.so is not installed: run make deps")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{out: new(log), dir: t.TempDir()}
	cfg := engine.DefaultConfig()
	cfg.LibPath, cfg.DataDir, cfg.GraceSeconds = lib, e.dir, 5
	cfg.Users = []engine.User{{Name: User, Password: Password, Role: engine.RoleAdmin}}
	e.child, err = engine.Start(context.Background(), engine.ChildConfig{
		Exe: exe, Env: []string{childEnv + "=1"}, Engine: cfg, Stderr: e.out, BackoffMin: 20 * time.Millisecond, BackoffMax: 100 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(e.out, nil)),
	})
	if err != nil {
		t.Fatalf("start the engine: %v\n%s", err, e.out)
	}
	t.Cleanup(func() {
		e.child.Stop(10 * time.Second)
		if t.Failed() {
			t.Logf("the engine said:\n%s", e.out)
		}
	})
	return e
}

// Addr is where the engine's HTTP interface listens, the same after a restart.
func (e *Engine) Addr() string { return e.child.Addr() }

// Dir is the engine's folder.
func (e *Engine) Dir() string { return e.dir }

// Kill kills the process as a power cut would and waits until the next one answers.
func (e *Engine) Kill(t testing.TB) {
	t.Helper()
	pid, before := e.child.PID(), e.child.Restarts()
	if pid == 0 {
		t.Fatal("there is no engine to kill")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if p := e.child.PID(); e.child.Restarts() > before && p != 0 && p != pid {
			return // the address stays open meanwhile: clients wait for the new process
		}
	}
	t.Fatal("the engine did not come back")
}

// Root is the folder that holds go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("there is no go.mod above the test")
		}
		dir = up
	}
}

// log collects what the engine prints, for a test that fails.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// CPU is the processor time that the engine's process has used.
func (e *Engine) CPU(t testing.TB) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", e.child.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ") // the name may hold spaces
	f := strings.Fields(after)
	ticks := 0
	for _, s := range f[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
