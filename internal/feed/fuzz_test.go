package feed

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

func seeds(f *testing.F, path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(b))
	for line := range strings.Lines(string(b)) {
		f.Add(line)
	}
}

// sound checks what every source promises: names and ids, and bytes that any JSON reader takes.
func sound(t *testing.T, m *Message) {
	if m.Name == "" || m.ID == "" {
		t.Fatal("an event without a name or an id")
	}
	for _, d := range []Dialect{Native, Segment} {
		// a native event may give a member twice once it is put together; that is the collector's to refuse
		if v := jsontext.Value(d.append(nil, m)); !utf8.Valid(v) || !v.IsValid(jsontext.AllowDuplicateNames(true)) {
			t.Fatalf("dialect %d: not JSON", d)
		}
	}
}

// fuzzFile runs a source over the input as a file's content.
func fuzzFile(f *testing.F, name string, source func(path string, opt Options) (Source, error)) {
	f.Fuzz(func(t *testing.T, in string) {
		opt := Options{Zone: time.UTC, Now: noon, Purposes: []string{"analytics"},
			from: func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(in)), nil }}
		src, err := source(name, opt)
		if err != nil {
			return
		}
		got := drain(t, src, nil)
		ids := map[string]bool{}
		for i := range got {
			sound(t, &got[i])
			ids[got[i].ID] = true
		}
		rep := src.Report()
		if rep.Read != len(got) || Total(src) != int64(len(got)) {
			t.Fatalf("read %d, got %d, total %d", rep.Read, len(got), Total(src))
		}
		if records := strings.Count(in, "\n") + 1; rep.Read+rep.Unreadable > records {
			t.Fatalf("read %d, unreadable %d of %d lines", rep.Read, rep.Unreadable, records)
		}
		if name != "x.ndjson" && len(ids) != len(got) {
			t.Fatal("an id given twice")
		}
	})
}

func FuzzCourseLog(f *testing.F) {
	seeds(f, "testdata/course.csv")
	seeds(f, "testdata/report.csv")
	fuzzFile(f, "x.csv", func(path string, opt Options) (Source, error) { return OpenMoodle([]string{path}, opt) })
}

func FuzzAccessLog(f *testing.F) {
	seeds(f, "testdata/access.log")
	fuzzFile(f, "x.log", func(path string, opt Options) (Source, error) {
		return OpenApache([]string{path}, "https://site.example", opt)
	})
}

func FuzzNDJSON(f *testing.F) {
	seeds(f, "testdata/events.ndjson")
	fuzzFile(f, "x.ndjson", func(path string, opt Options) (Source, error) { return OpenNDJSON([]string{path}, opt) })
}

func FuzzAgents(f *testing.F) {
	f.Add("0.5\tMozilla/5.0\n{\"userAgent\":\"x\"}\n# y\n")
	f.Fuzz(func(t *testing.T, in string) {
		all, err := ReadAgents(strings.NewReader(in))
		for _, a := range all {
			if a.UA == "" || !(a.Weight > 0) || err != nil {
				t.Fatal("an agent without a name or weight")
			}
			osOf(a.UA)
			formOf(a.UA)
		}
	})
}
