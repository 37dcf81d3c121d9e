package policy

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// check holds for any bytes: Parse answers a policy, or problems that each carry a line.
func check(t *testing.T, data []byte) (*Policy, Problems) {
	t.Helper()
	p, err := Parse("f.yaml", data)
	if err == nil {
		if p == nil || len(p.Stores) == 0 {
			t.Fatal("neither policy nor error")
		}
		return p, nil
	}
	var problems Problems
	if p != nil || !errors.As(err, &problems) || len(problems) == 0 {
		t.Fatalf("policy %t, error %T", p != nil, err)
	}
	lines := strings.Count(string(data), "\n") + 1
	for _, pr := range problems {
		if pr.Line < 1 || pr.Line > lines || pr.Msg == "" || pr.File != "f.yaml" {
			t.Fatalf("problem without a place: %+v of %d lines", pr, lines)
		}
		if strings.ContainsAny(pr.String(), "\n\r\x00") {
			t.Fatalf("problem over several lines: %q", pr.String())
		}
	}
	return nil, problems
}

func FuzzParse(f *testing.F) {
	for _, file := range []string{"../deploy/policies/cn-edu.yaml", "../deploy/policies/starter.yaml", "testdata/base.yaml"} {
		data, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, s := range []string{"", "a", "a:\n b: [1,2", "? a\n: b", "&a a: *a", "!!binary x: y", "<<: {}", "\xff\xfe", "a: |\n  b\n", "- - - -", "{[}]", "\t- a:\n\tb", "purposes: {a: }\nevents: []"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 1<<15 {
			check(t, data)
		}
	})
}

// keyed finds the keys of a flow or block mapping in the text of a policy.
var keyed = regexp.MustCompile(`[A-Za-z_"][A-Za-z0-9_."*]*:( |\n)`)

// TestMutations changes one thing of a good policy at a time: the result compiles, or a
// problem names the line of the change. Names that the rest of the file refers to may be
// reported where they are missed instead.
func TestMutations(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	compiled, refused := 0, 0
	for _, name := range []string{"base.yaml", "cn-edu.yaml", "starter.yaml"} {
		text := basePolicy(t, name)
		keys := keyed.FindAllStringIndex(text, -1)
		for _, at := range keys {
			if inComment(text, at[0]) {
				continue
			}
			key := strings.Trim(text[at[0]:at[1]], "\": \n")
			line := 1 + strings.Count(text[:at[0]], "\n")
			scalar := ""
			mutants := map[string]string{"renamed": text[:at[0]] + key + "_x" + fmt.Sprint(rng.IntN(10)) + ":" + text[at[1]-1:]}
			if end := scalarEnd(text, at[1]); end > at[1] {
				scalar = strings.Trim(text[at[1]:end], `" `)
				mutants["null"] = text[:at[1]] + "null" + text[end:]
				mutants["list"] = text[:at[1]] + "[[]]" + text[end:]
				mutants["number"] = text[:at[1]] + "-1" + text[end:]
				mutants["word"] = text[:at[1]] + "nonsense" + text[end:]
				mutants["map"] = text[:at[1]] + "{nonsense: 1}" + text[end:]
			}
			for _, kind := range sortedKeys(mutants) {
				if name != "base.yaml" && rng.IntN(16) != 0 {
					continue // the small policy in full, a sample of the large ones
				}
				mutant := mutants[kind]
				_, problems := check(t, []byte(mutant))
				if problems == nil {
					compiled++
					continue
				}
				refused++
				if !onLine(problems, line) && !missed(problems, key, scalar) {
					t.Errorf("%s:%d %s %s:\n%v", name, line, key, kind, problems)
				}
			}
		}
	}
	t.Logf("%d compiled, %d refused", compiled, refused)
	if refused < 700 {
		t.Error("hardly anything was refused: the mutations do not bite")
	}
}

func inComment(text string, at int) bool {
	start := strings.LastIndexByte(text[:at], '\n') + 1
	i := strings.Index(text[start:at], "# ")
	return i == 0 || i > 0 && text[start+i-1] == ' '
}

// scalarEnd gives the end of the plain or quoted scalar at a place, or the place itself
// when something else begins there.
func scalarEnd(text string, at int) int {
	if at >= len(text) || strings.ContainsRune("{[\n #", rune(text[at])) || text[at-1] == '\n' {
		return at
	}
	if text[at] == '"' {
		return at + 2 + strings.IndexByte(text[at+1:], '"')
	}
	return at + strings.IndexAny(text[at:], ",}\n#]")
}

// missed reports whether the problems miss the name that a key or its value had given: a
// purpose, class, field, role, store, feature or zone.
func missed(problems Problems, key, value string) bool {
	for _, p := range problems {
		if strings.HasPrefix(p.Msg, key+": not ") || strings.HasPrefix(p.Msg, key+": no ") || p.Msg == "no feature "+key+" is declared" ||
			value != "" && strings.HasPrefix(p.Msg, value+": no such ") || p.Msg == "outside the residency zone" {
			return true
		}
	}
	return false
}

func onLine(problems Problems, line int) bool {
	for _, p := range problems {
		if p.Line == line {
			return true
		}
	}
	return false
}
