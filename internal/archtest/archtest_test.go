package archtest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTree(t *testing.T) {
	got, err := Check(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range got {
		t.Error(v)
	}
}

// The check itself must notice: each breach is planted in a temporary copy of the tree.
func TestPlantedBreaches(t *testing.T) {
	f := func(file, text, want string) {
		t.Helper()
		dir := t.TempDir()
		if err := copyTree(root(t), dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := Check(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range got {
			if v.File == file && strings.Contains(v.Rule, want) {
				return
			}
		}
		t.Errorf("%s: planted %q was not found; violations: %v", file, want, got)
	}
	f("sinks/planted.go", "package sinks\n\nimport _ \"github.com/sluice-events/sluice/event\"\n", "sinks must not import event")
	f("collector/planted.go", "package collector\n\nimport _ \"github.com/sluice-events/sluice/enricher\"\n", "collector must not import enricher")
	f("enricher/planted.go", "package enricher\n\nimport _ \"github.com/sluice-events/sluice/collector\"\n", "enricher must not import collector")
	f("collector/planted.go", "package collector\n\nimport _ \"github.com/sluice-events/sluice/privacy\"\n", "collector must not import privacy")
	f("enricher/planted.go", "package enricher\n\nimport _ \"github.com/segmentio/kafka-go\"\n", "only internal/stream may import")
	f("rights/planted.go", "package rights\n", "is not in the import table")
	f("policy/planted.go", "package policy\n\nfunc init() {}\n", "no init")
	f("privacy/planted.go", "package privacy\n\nimport \"github.com/sluice-events/sluice/event\"\n\nfunc leak(u event.UserID) string { return u.Reveal() }\n", "Reveal")
	f("enricher/planted.go", "package enricher\n\nimport \"github.com/sluice-events/sluice/event\"\n\nvar leak = event.UserID.Reveal\n", "Reveal")
	f("collector/planted.go", "package collector\n\nimport _ \"unsafe\"\n", "sees past types")
	f("enricher/planted.go", "package enricher\n\nimport _ \"reflect\"\n", "sees past types")
	f("privacy/planted.go", "package privacy\n\n//go:linkname leak github.com/sluice-events/sluice/event.UserID.Reveal\nfunc leak()\n", "no linkname")
	f("policy/planted.go", "package policy\n\nimport \"os\"\n\nvar x = os.Getenv(\"X\")\n", "reads the environment")
	f("event/util/planted.go", "package util\n", "says nothing")
}

// copyTree copies the Go files that Check reads.
func copyTree(from, to string) error {
	return walk(from, func(s source) {
		text, err := os.ReadFile(filepath.Join(from, s.rel))
		if err == nil {
			err = os.MkdirAll(filepath.Join(to, s.dir), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, s.rel), text, 0o644)
		}
		if err != nil {
			panic(err)
		}
	})
}

// Every way to get a row past the privacy stages must fail to compile; the honest use must
// compile, or the failures would prove nothing.
func TestSealDoesNotCompile(t *testing.T) {
	type snippet struct{ name, imports, body, want string }
	const p, e = "github.com/sluice-events/sluice/privacy", "github.com/sluice-events/sluice/event"
	const s = "github.com/sluice-events/sluice/sinks"
	snippets := []snippet{
		{"honest", p + " " + s, "func f(sk sinks.Sink, w *privacy.Worker) error { return sk.Write(nil, sinks.Batch{Rows: w.Rows(0)}) }", ""},
		{"literal", p, "var c = privacy.Clean{rows: 1}", "unexported field rows"},
		{"fields", p, "func f(c *privacy.Clean) { c.rows = 2 }", "c.rows undefined"},
		{"columns", p, "func f(c *privacy.Clean) any { return c.cols }", "c.cols undefined"},
		{"conversion", p, "type mine struct{ n int }\n\nfunc f(m mine) privacy.Clean { return privacy.Clean(m) }", "cannot convert"},
		{"raw to sink", e + " " + s, "func f(r *event.Raw) sinks.Batch { return sinks.Batch{Rows: r} }", "cannot use r"},
		{"bytes to sink", s, "func f(b []byte) sinks.Batch { return sinks.Batch{Rows: b} }", "cannot use b"},
		{"decode", p, "func f(c *privacy.Clean) { c.UnmarshalBinary(nil) }", "c.UnmarshalBinary undefined"},
		{"append", p, "func f(c *privacy.Clean) { c.Append() }", "c.Append undefined"},
		{"skip consent", p, "func f(w *privacy.Worker) { w.pseudonymize(privacy.coarse{}) }", "not exported by package privacy"},
		{"decided", p, "var d = privacy.decided{}", "not exported by package privacy"},
		{"order", p, "func f(w *privacy.Worker) { w.coarsen() }", "w.coarsen undefined"},
		{"user text", e, "func f(u event.UserID) string { return string(u) }", "cannot convert"},
		{"user field", e, "func f(u event.UserID) string { return u.v }", "u.v undefined"},
		{"user literal", e, "var u = event.UserID{v: \"x\"}", "unexported field v"},
		{"address", e, "func f(a event.Addr) any { return a.v }", "a.v undefined"},
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	tmp := t.TempDir()
	for i, sn := range snippets {
		text := "package cheat\n\nimport (\n"
		for _, im := range strings.Fields(sn.imports) {
			text += "\t\"" + im + "\"\n"
		}
		file := filepath.Join(tmp, sn.name+".go")
		if err := os.WriteFile(file, []byte(text+")\n\n"+sn.body+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(root(t), "internal", "archtest", "cheat", string(rune('a'+i)), "x.go")] = file
	}
	js, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	over := filepath.Join(tmp, "overlay.json")
	if err := os.WriteFile(over, js, 0o644); err != nil {
		t.Fatal(err)
	}
	for i, sn := range snippets {
		cmd := exec.Command("go", "build", "-overlay", over, "./internal/archtest/cheat/"+string(rune('a'+i)))
		cmd.Dir = root(t)
		out, err := cmd.CombinedOutput()
		switch {
		case sn.want == "" && err != nil:
			t.Errorf("%s: the honest use does not compile: %s", sn.name, out)
		case sn.want != "" && err == nil:
			t.Errorf("%s: compiles", sn.name)
		case sn.want != "" && !strings.Contains(string(out), sn.want):
			t.Errorf("%s: fails for another reason than %q: %s", sn.name, sn.want, out)
		}
	}
}
