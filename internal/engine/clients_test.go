package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// missing skips a test whose client is not installed, or fails it where the environment demands all clients.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("SLUICE_REQUIRE_CLIENTS") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// runClient runs a script against the engine; it must end with the line "ok".
func runClient(t *testing.T, c *Child, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(append(os.Environ(), "SLUICE_URL=http://"+c.Addr(), "SLUICE_USER=admin", "SLUICE_PASSWORD="+adminPassword), env...)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "ok") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestJavaScriptClient(t *testing.T) {
	c := engine(t)
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node is not installed")
	}
	modules := filepath.Join(repoRoot(t), ".deps", "js", "node_modules")
	if _, err := os.Stat(filepath.Join(modules, "@clickhouse", "client")); err != nil {
		missing(t, "@clickhouse/client is not installed in .deps/js: run make deps")
	}
	runClient(t, c, []string{"NODE_PATH=" + modules}, node, filepath.Join("testdata", "js", "client.cjs"))
}

func TestPythonClient(t *testing.T) {
	c := engine(t)
	python := filepath.Join(repoRoot(t), ".deps", "venv", "bin", "python")
	if err := exec.Command(python, "-c", "import clickhouse_connect").Run(); err != nil {
		missing(t, "clickhouse-connect is not installed in .deps/venv: run make deps")
	}
	runClient(t, c, nil, python, filepath.Join("testdata", "python", "client.py"))
}
