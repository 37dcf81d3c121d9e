package engine

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// The test binary is also the child process: Start runs it again with this variable set.
const childEnv = "SLUICE_ENGINE_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "1":
		os.Exit(childMain())
	case "panic":
		os.Exit(panicMain())
	case "parent":
		os.Exit(parentMain())
	}
	code := m.Run()
	if shared.c != nil {
		shared.c.Stop(5 * time.Second)
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

func childMain() int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	cfg, err := ReadConfig(os.Stdin)
	if err == nil {
		err = Main(context.Background(), cfg, os.Stdin, log)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		return 1
	}
	return 0
}

const (
	adminPassword  = "admin-secret-1"
	writerPassword = "writer-secret-2"
	readerPassword = "reader-secret-3"
)

func testUsers() []User {
	return []User{
		{Name: "admin", Password: adminPassword, Role: RoleAdmin},
		{Name: "writer", Password: writerPassword, Role: RoleWriter},
		{Name: "reader", Password: readerPassword, Role: RoleReader},
		{Name: "narrow", Password: readerPassword, Role: RoleReader, Tables: []string{"default.open_t"}},
	}
}

func repoRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != "/" {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal("no go.mod above the test")
	return ""
}

// libPath skips a test on a machine without the library, unless the environment demands it.
func libPath(t testing.TB) string {
	t.Helper()
	path := filepath.Join(repoRoot(t), ".deps", "lib", "libchdb.so")
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("SLUICE_REQUIRE_CLIENTS") == "1" {
			t.Fatal("libchdb.so is missing: run make deps")
		}
		t.Skip("libchdb.so is missing: run make deps")
	}
	return path
}

// buffer collects the child's messages for a failed test.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func childConfig(t testing.TB, dir string) (ChildConfig, *buffer) {
	t.Helper()
	cfg := DefaultConfig()
	cfg.LibPath, cfg.DataDir, cfg.Users, cfg.GraceSeconds = libPath(t), dir, testUsers(), 5
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := new(buffer)
	return ChildConfig{Exe: exe, Env: []string{childEnv + "=1"}, Engine: cfg, Stderr: out, Log: slog.New(slog.NewTextHandler(out, nil))}, out
}

func startChild(t testing.TB, dir string) *Child {
	t.Helper()
	cfg, out := childConfig(t, dir)
	c, err := Start(context.Background(), cfg)
	if err != nil {
		t.Fatalf("start: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		c.Stop(10 * time.Second)
		if t.Failed() {
			t.Logf("the child said:\n%s", out)
		}
	})
	return c
}

var shared struct {
	sync.Once
	c   *Child
	dir string
}

// engine is one child for all tests that only need tables of their own. TestMain stops it.
func engine(t testing.TB) *Child {
	t.Helper()
	libPath(t)
	shared.Do(func() {
		dir, err := os.MkdirTemp("", "sluice-engine-test")
		if err != nil {
			t.Fatal(err)
		}
		cfg, out := childConfig(t, dir)
		c, err := Start(context.Background(), cfg)
		if err != nil {
			t.Fatalf("start: %v\n%s", err, out)
		}
		shared.c, shared.dir = c, dir
	})
	if shared.c == nil {
		t.Fatal("the shared engine did not start")
	}
	return shared.c
}

// call sends one statement and returns status, headers and body.
func call(t testing.TB, c *Child, user, password, sql string, body []byte, args ...string) (int, http.Header, string) {
	t.Helper()
	v := url.Values{}
	for i := 0; i < len(args); i += 2 {
		v.Set(args[i], args[i+1])
	}
	if body != nil {
		v.Set("query", sql)
	} else {
		body = []byte(sql)
	}
	r, err := http.NewRequest(http.MethodPost, "http://"+c.Addr()+"/?"+v.Encode(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(user, password)
	return do(t, r)
}

func do(t testing.TB, r *http.Request) (int, http.Header, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

// must runs a statement as admin and returns its output.
func must(t testing.TB, c *Child, sql string, args ...string) string {
	t.Helper()
	code, _, out := call(t, c, "admin", adminPassword, sql, nil, args...)
	if code != http.StatusOK {
		t.Fatalf("%s: %d %s", sql, code, out)
	}
	return strings.TrimSuffix(out, "\n")
}

func dial(t testing.TB, c *Child, method clickhouse.CompressionMethod, settings clickhouse.Settings) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{c.Addr()},
		Auth:        clickhouse.Auth{Database: "default", Username: "admin", Password: adminPassword},
		Compression: &clickhouse.Compression{Method: method, Level: 3},
		Settings:    settings, TLS: (*tls.Config)(nil), DialTimeout: 5 * time.Second, MaxOpenConns: 16, MaxIdleConns: 16,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
