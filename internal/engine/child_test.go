package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// panicMain shows that the Go runtime still owns its signals beside a running engine.
func panicMain() int {
	cfg, err := ReadConfig(os.Stdin)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	f, err := startFront(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for range 20 {
		c, err := f.lib.open(f.args)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		if _, err := c.run("SELECT 1", "TSV", nil, nil); err != nil {
			fmt.Println(err)
			return 1
		}
		c.close()
		func() {
			defer func() {
				if recover() != nil {
					fmt.Println("recovered")
				}
			}()
			var p *User
			fmt.Println(p.Name)
		}()
	}
	return 0
}

// parentMain starts a child, tells its process id, and waits to be killed.
func parentMain() int {
	cfg, err := ReadConfig(os.Stdin)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	exe, err := os.Executable()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	c, err := Start(context.Background(), ChildConfig{Exe: exe, Env: []string{childEnv + "=1"}, Engine: cfg})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("pid", c.PID())
	select {}
}

// rerun starts the test binary in another mode and sends it a configuration.
func rerun(t *testing.T, mode string, cfg Config) (*exec.Cmd, io.ReadCloser) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+mode)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := cfg.line()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(line); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

func TestGoKeepsItsSignals(t *testing.T) {
	cfg, _ := childConfig(t, t.TempDir())
	cmd, out := rerun(t, "panic", cfg.Engine)
	b, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || strings.Count(string(b), "recovered") != 20 {
		t.Fatalf("%v\n%s", err, b)
	}
}

func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(b), ") Z ")
}

func TestChildDiesWithItsParent(t *testing.T) {
	cfg, _ := childConfig(t, t.TempDir())
	cmd, out := rerun(t, "parent", cfg.Engine)
	var pid int
	for lines := bufio.NewScanner(out); pid == 0 && lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "pid "); ok {
			n, err := strconv.Atoi(rest)
			if err != nil {
				t.Fatal(err)
			}
			pid = n
		}
	}
	if pid == 0 || !alive(pid) {
		t.Fatal("the child did not come up")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	wait(t, "the child is gone", func() bool { return !alive(pid) })
}

func TestStop(t *testing.T) {
	cfg, out := childConfig(t, t.TempDir())
	c, err := Start(context.Background(), cfg)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pid := c.PID()
	answers := make(chan string, 1)
	go func() {
		_, _, s := call(t, c, "admin", adminPassword, "SELECT sleep(1), 'done'", nil)
		answers <- s
	}()
	wait(t, "the statement runs", func() bool {
		return must(t, c, "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleep%'") == "1"
	})
	c.Stop(20 * time.Second)
	if s := <-answers; s != "0\tdone\n" {
		t.Errorf("the running statement was not drained: %q", s)
	}
	if alive(pid) || !errors.Is(c.Err(), ErrStopped) || c.Restarts() != 0 {
		t.Errorf("alive %v, error %v, restarts %d", alive(pid), c.Err(), c.Restarts())
	}
	select {
	case <-c.Done():
	default:
		t.Error("Done is open")
	}
	if _, err := http.Get("http://" + c.Addr() + "/ping"); err == nil {
		t.Error("the address still answers")
	}
}

// TestStartFails looks for errors that say what to do.
func TestStartFails(t *testing.T) {
	dir := t.TempDir()
	c := startChild(t, dir)
	for name, x := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"locked":  {func(c *Config) { c.DataDir = dir }, "in use by another process"},
		"library": {func(c *Config) { c.LibPath = filepath.Join(dir, "nothing.so") }, "run `make deps`"},
		"no library": {func(c *Config) {
			c.LibPath = filepath.Join(dir, "text.so")
			if err := os.WriteFile(c.LibPath, []byte("no library"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "load the ClickHouse library"},
		"folder": {func(c *Config) { c.DataDir = "/proc/nowhere" }, "make the data folder"},
	} {
		cfg, out := childConfig(t, t.TempDir())
		x.change(&cfg.Engine)
		begun := time.Now()
		if _, err := Start(context.Background(), cfg); !errors.Is(err, errNotReady) || !strings.Contains(out.String(), x.want) {
			t.Errorf("%s: %v after %v\n%s", name, err, time.Since(begun), out)
		}
		if strings.Contains(out.String(), adminPassword) {
			t.Errorf("%s: a password was printed", name)
		}
	}
	for name, change := range map[string]func(*Config){
		"address":  func(c *Config) { c.Listen = "0.0.0.0:0" },
		"users":    func(c *Config) { c.Users = nil },
		"password": func(c *Config) { c.Users = []User{{Name: "x", Role: RoleAdmin}} },
		"role":     func(c *Config) { c.Users = []User{{Name: "x", Password: "y", Role: "king"}} },
		"table": func(c *Config) {
			c.Users = []User{{Name: "x", Password: "y", Role: RoleReader, Tables: []string{"a.b; c"}}}
		},
	} {
		cfg, _ := childConfig(t, t.TempDir())
		change(&cfg.Engine)
		if _, err := Start(context.Background(), cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if got := must(t, c, "SELECT 1"); got != "1" {
		t.Error("the first engine was disturbed")
	}
}

// TestAlone runs Main as a command of its own would: with a listener of its own and an address file.
func TestAlone(t *testing.T) {
	cfg, _ := childConfig(t, t.TempDir())
	cfg.Engine.AddrFile = filepath.Join(t.TempDir(), "addr")
	cmd, out := rerun(t, "1", cfg.Engine)
	said := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(out)
		said <- string(b)
	}()
	var addr []byte
	wait(t, "the address file", func() bool {
		b, err := os.ReadFile(cfg.Engine.AddrFile)
		addr = b
		return err == nil
	})
	resp, err := http.Get("http://" + strings.TrimSpace(string(addr)) + "/ping")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s := <-said
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, s)
	}
}

func TestRestartBacksOff(t *testing.T) {
	cfg, out := childConfig(t, t.TempDir())
	cfg.BackoffMin, cfg.BackoffMax = 50*time.Millisecond, 200*time.Millisecond
	c, err := Start(context.Background(), cfg)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	defer c.Stop(0)
	must(t, c, "CREATE TABLE k (a UInt8) ENGINE = MergeTree ORDER BY a")
	must(t, c, "INSERT INTO k VALUES (1)")
	for i := range 3 {
		pid := c.PID()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		wait(t, "a new process", func() bool { return c.Restarts() == i+1 && c.PID() != 0 && c.PID() != pid })
		// No wait for readiness: the open address makes the client wait.
		if got := must(t, c, "SELECT count() FROM k"); got != "1" {
			t.Errorf("after kill %d: %s rows", i, got)
		}
	}
}
