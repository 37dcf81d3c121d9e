package schema

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-events/sluice/policy"
)

var update = flag.Bool("update", false, "rewrite testdata")

func repoRoot(t testing.TB) string {
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
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

func shipped(t testing.TB, name string) *policy.Policy {
	t.Helper()
	p, err := policy.Load(filepath.Join(repoRoot(t), "deploy", "policies", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func generate(t testing.TB, p *policy.Policy, opt Options) *Schema {
	t.Helper()
	s, err := Generate(p, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The whole schema of each shipped policy, to be read in review.
func TestGolden(t *testing.T) {
	f := func(file, name string, opt Options) {
		t.Helper()
		s := generate(t, shipped(t, name), opt)
		var b strings.Builder
		for _, st := range s.Statements() {
			b.WriteString(st.SQL + ";\n\n")
		}
		path := filepath.Join("testdata", file+".sql")
		if *update {
			if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b.String()); diff != "" {
			t.Errorf("%s (run with -update after review):\n%s", path, diff)
		}
	}
	f("cn-edu", "cn-edu", Options{})
	f("starter", "starter", Options{})
	f("cn-edu-cluster", "cn-edu", Options{Engine: Replicated, Cluster: "main", Sharded: true, Partitions: 24, InsertsPerSecond: 0.2})
}
