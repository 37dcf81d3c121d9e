package policy

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the golden files anew")

// edit is one case: pieces of text to replace in a policy, and the error wanted.
type edit struct {
	base     string
	old, new []string
	want     string
}

func readEdit(data []byte) edit {
	e := edit{base: "base.yaml"}
	var last byte
	for _, line := range strings.SplitAfter(string(data), "\n") {
		mark, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch mark {
		case "%":
			e.base = rest
		case "<":
			e.old = append(e.old, rest)
		case ">":
			if last == '>' {
				e.new[len(e.new)-1] += "\n" + rest
			} else {
				e.new = append(e.new, rest)
			}
		default:
			e.want += line
		}
		if len(mark) == 1 {
			last = mark[0]
		}
	}
	return e
}

// apply gives the edited policy; every piece must be there exactly once.
func (e edit) apply(t *testing.T, text string) string {
	t.Helper()
	for i, old := range e.old {
		if n := strings.Count(text, old); n != 1 {
			t.Fatalf("%q is in %s %d times, not once", old, e.base, n)
		}
		text = strings.Replace(text, old, e.new[i], 1)
	}
	return text
}

func basePolicy(t testing.TB, name string) string {
	t.Helper()
	if name != "base.yaml" {
		return string(shipped(t, name))
	}
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestBaseCompiles(t *testing.T) {
	p, err := Parse("base.yaml", []byte(basePolicy(t, "base.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Warnings) != 0 {
		t.Errorf("warnings:\n%v", p.Warnings)
	}
}

// TestRefuse holds every refusal to its exact message and line.
func TestRefuse(t *testing.T) {
	files, err := filepath.Glob("testdata/refuse/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range ar.Files {
			t.Run(filepath.Base(file)+"/"+f.Name, func(t *testing.T) {
				e := readEdit(f.Data)
				_, err := Parse(e.base, []byte(e.apply(t, basePolicy(t, e.base))))
				if err == nil {
					t.Fatal("it compiles")
				}
				var problems Problems
				if !errors.As(err, &problems) {
					t.Fatalf("error of type %T", err)
				}
				got := err.Error() + "\n"
				if *update {
					ar.Files[i].Data = append(bytes.Clone(bytes.TrimSuffix(f.Data, []byte(e.want))), got...)
					return
				}
				if diff := cmp.Diff(e.want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		}
		if *update {
			if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
