package collector

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-events/sluice/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

// replay sends the bytes of a request as they are and reads the answer.
func (r *rig) replay(raw []byte) reply {
	r.t.Helper()
	conn := r.dial()
	defer conn.Close()
	if _, err := conn.Write(raw); err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

// show writes down everything that was sealed for an event.
func show(raw *event.Raw) string {
	var b strings.Builder
	line := func(name string, v any) {
		if s := fmt.Sprint(v); s != "" && s != "0" && s != "0x0" && s != "false" {
			fmt.Fprintf(&b, "  %s: %s\n", name, s)
		}
	}
	fmt.Fprintf(&b, "%s (%s)\n", raw.Name, [...]string{"track", "page", "screen", "identify", "group", "alias", "log"}[raw.Type])
	if len(raw.MessageID) == 32 {
		line("id", "made")
	} else {
		line("id", raw.MessageID)
	}
	line("user", raw.User.Reveal())
	line("install", raw.Install.Reveal())
	line("session", raw.Session)
	line("before received", fmt.Sprintf("%d ms", raw.Received-raw.Time))
	line("clamped", raw.Clamped)
	line("retry", raw.Retry)
	if raw.Net.IsValid() {
		line("net", raw.Net)
	}
	line("address", raw.IPMac != [16]byte{} && raw.IPSealed != nil)
	line("ua", raw.UserAgent)
	line("device", strings.TrimSpace(strings.Join([]string{raw.Device.OS, raw.Device.OSVersion, raw.Device.Model, raw.Device.Lang}, " ")))
	if raw.Device.Width > 0 {
		line("screen", fmt.Sprintf("%dx%d", raw.Device.Width, raw.Device.Height))
	}
	line("cell", raw.Place.Cell)
	line("city only", raw.Place.CityOnly)
	line("page", raw.Page)
	line("referrer", raw.Referrer)
	line("campaign", strings.Join(strings.Fields(strings.Join([]string{raw.Campaign.Source, raw.Campaign.Medium, raw.Campaign.Name}, " ")), " "))
	line("granted", fmt.Sprintf("%#x", raw.Claims.Granted))
	line("refused", fmt.Sprintf("%#x", raw.Claims.Refused))
	line("unreadable", raw.Claims.Unreadable)
	for _, p := range raw.Props {
		kind := [...]string{"null", "bool", "int", "float", "string"}[p.Value.Kind()]
		line("prop "+p.Key, kind+" "+string(p.Value.AppendText(nil)))
	}
	line("dropped", raw.Dropped)
	return b.String()
}

// Requests written for this test, one for each client family, against what must come of
// them. Every value that must not survive holds the word canary.
func TestWireGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/wire/*.http")
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			head, body, ok := bytes.Cut(raw, []byte("\n\n"))
			if !ok {
				t.Fatal("no body")
			}
			head = bytes.ReplaceAll(head, []byte("\n"), []byte("\r\n"))
			r := newRig(t, nil)
			a := r.replay(fmt.Appendf(nil, "%s\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body))
			var out strings.Builder
			fmt.Fprintf(&out, "%d %s\n", a.status, a.body)
			raws, _ := r.sealed()
			slices.SortFunc(raws, func(a, b event.Raw) int { return strings.Compare(a.Name+a.MessageID, b.Name+b.MessageID) })
			for i := range raws {
				out.WriteString(show(&raws[i]))
			}
			golden := strings.TrimSuffix(file, ".http") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), out.String()); d != "" {
				t.Error(d)
			}
			r.absent("canary")
		})
	}
}

// Requests captured from stock clients. The events that must come of them are counted by
// client and scenario; ids, addresses and texts of the captures must not be where they
// have no business.
func TestWireCaptures(t *testing.T) {
	dir := os.Getenv("SLUICE_DATA")
	if dir == "" {
		t.Skip("SLUICE_DATA is not set: the captured requests of stock clients are not there; TestWireGolden covers the dialects")
	}
	all := captures(t, filepath.Join(dir, "wire.tgz"))
	browser := map[string]int{"identify": 1, "page_view": 1, "Lesson Started": 1, "group": 1, "alias": 1}
	server := map[string]int{"identify": 1, "page_view": 1, "Lesson Started": 1, "screen_view": 1, "group": 1, "alias": 1}
	for _, c := range []struct {
		scenario string
		want     map[string]int
	}{
		{"segment-browser/ok", browser}, {"segment-browser/ok-batch", browser}, {"segment-node/ok", server},
		{"rudder-browser/ok", browser}, {"rudder-browser/ok-batch", browser}, {"rudder-browser/ok-beacon", browser},
		{"rudder-node/ok", server},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			requests := all[c.scenario]
			if len(requests) == 0 {
				t.Fatal("no such scenario")
			}
			r := newRig(t, nil)
			for _, name := range slices.Sorted(maps.Keys(requests)) {
				a := r.replay(requests[name])
				if a.status/100 != 2 {
					t.Errorf("%s: %d %s", name, a.status, a.body)
				}
			}
			raws, _ := r.sealed()
			got := make(map[string]int)
			for i := range raws {
				raw := &raws[i]
				got[raw.Name]++
				if raw.MessageID == "" || raw.User.IsZero() && raw.Install.IsZero() || raw.Clamped {
					t.Errorf("%s: incomplete", raw.Name)
				}
				if raw.Type == event.Page && raw.Page == "" && strings.Contains(c.scenario, "browser") {
					t.Errorf("%s has no page", raw.Name)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			r.absent("stu@example.com", "13800138000", "wd=x", "utm_source", "114.114.114.114", "rl_anonymous_id", "三班")
		})
	}
}

// captures reads the archive: scenario -> file name -> bytes of the request.
func captures(t *testing.T, path string) map[string]map[string][]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]map[string][]byte)
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(h.Name, "./")
		if !strings.HasSuffix(name, ".http") {
			continue
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		scenario := filepath.Dir(name)
		if all[scenario] == nil {
			all[scenario] = make(map[string][]byte)
		}
		all[scenario][filepath.Base(name)] = b
	}
}
