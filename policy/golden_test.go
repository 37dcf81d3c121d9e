package policy

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// golden compares with testdata/name, or writes it under -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got)\n%s", name, diff)
	}
}

// TestGolden pins what the shipped policies compile to and what is generated from them.
func TestGolden(t *testing.T) {
	for _, name := range []string{"cn-edu", "starter"} {
		p := parsed(t, name+".yaml")
		for suffix, write := range map[string]func(io.Writer) error{
			".stores.txt":    func(w io.Writer) error { return dump(w, p) },
			".privacy.md":    p.WritePrivacy,
			".dictionary.md": p.WriteDictionary,
			".schema.json":   p.WriteSchema,
		} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, name+suffix, b.Bytes())
		}
	}
}

// dump writes the compiled stores and events in a form a reviewer can read.
func dump(w io.Writer, p *Policy) error {
	for _, q := range p.Purposes {
		fmt.Fprintf(w, "purpose %s bit %d %s refusable=%t declared=%t pid=%dd lasting=%t grain=%s keep=%s cap=%s with=%s country=%t erase=%s rows=%s tags=%s item=%t\n",
			q.Name, q.Bit, q.Basis, q.Refusable, q.Declared, q.PidDays, q.Lasting, q.Grain, q.Keep, q.Cap, q.WithLocation, q.Country, q.EraseBytes, q.DeleteRows, q.DeleteTags, q.NeedsItem)
	}
	for _, s := range p.Stores {
		fmt.Fprintf(w, "\nstore %s of %s\n", s.Name, s.Purpose.Name)
		for i := range s.Columns {
			c := &s.Columns[i]
			fmt.Fprintf(w, "%3d %-26s %-22s", i, c.Name, c.Type)
			if c.Field != "" || c.Part != "" {
				fmt.Fprintf(w, " from %s/%s (%s)", c.Field, c.Part, classNameOf(c.Class))
			}
			if c.Type == ColEnum {
				fmt.Fprintf(w, " %v %v empty=%t", c.Enum, c.Numbers, c.ZeroEmpty)
			}
			fmt.Fprintln(w)
		}
	}
	for _, e := range p.Order {
		fmt.Fprintf(w, "\nevent %s item=%v", e.Name, e.Item)
		if e.Place != nil {
			fmt.Fprintf(w, " place=%s", e.Place.Name)
		}
		fmt.Fprintln(w)
		for _, q := range e.Purposes {
			fmt.Fprintf(w, "  %s:", q.Name)
			for _, f := range e.Fields {
				if e.Takes(q, f.Name) {
					fmt.Fprintf(w, " %s:%s/%s", f.Name, f.Class.Name, f.Type)
				}
			}
			if e.WildText != nil && e.Takes(q, anyName) {
				fmt.Fprintf(w, " *:%s", e.WildText.Name)
			}
			fmt.Fprintln(w)
		}
	}
	_, err := fmt.Fprintf(w, "\nwarnings %d\n", len(p.Warnings))
	return err
}

// TestColumnsFindable holds Column to what the stores list.
func TestColumnsFindable(t *testing.T) {
	for _, name := range []string{"cn-edu.yaml", "starter.yaml"} {
		for _, s := range parsed(t, name).Stores {
			for i := range s.Columns {
				if n, ok := s.Column(s.Columns[i].Name); !ok || n != i {
					t.Errorf("%s %s: %d, want %d", s.Name, s.Columns[i].Name, n, i)
				}
			}
			for _, c := range s.Columns {
				if c.Desc == "" && c.Field == "" {
					t.Errorf("%s %s means nothing", s.Name, c.Name)
				}
			}
		}
	}
}

// brokenWriter refuses everything.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestGeneratorsReportWriteErrors(t *testing.T) {
	p := parsed(t, "starter.yaml")
	for _, write := range []func(io.Writer) error{p.WritePrivacy, p.WriteDictionary, p.WriteSchema} {
		if err := write(brokenWriter{}); err == nil {
			t.Error("a write error is lost")
		}
	}
}
