package collector

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// badScalars are well-formed JSON that no event can be made of, by where they stand.
var badScalars = []struct{ native, segment, field string }{
	{`{"event":"bad\u0000","user_id":"B"}`, `{"type":"track","event":"bad\u0000","userId":"B"}`, "event"},
	{`{"event":"e","user_id":"B\u0000"}`, `{"type":"track","event":"e","userId":"B\u0000"}`, "user_id"},
	{`{"event":"e","time":1e999}`, `{"type":"track","event":"e","userId":"B","timestamp":1e999}`, "time"},
	{`{"event":"e","props":{"a":[{"b":-1e400}]}}`, `{"type":"track","event":"e","userId":"B","properties":{"a":[{"b":-1e400}]}}`, "props"},
	{`{"event":"e","props":{"a\u0000":1}}`, `{"type":"track","event":"e","userId":"B","properties":{"a\u0000":1}}`, "props"},
	{`{"event":"e","context":{"os":"\u0000"}}`, `{"type":"track","event":"e","userId":"B","context":{"os":{"name":"\u0000"}}}`, "context"},
	{`{"event":"e","a\u0000":1}`, `{"type":"track","event":"e","userId":"B","a\u0000":1}`, ""},
}

// A NUL and a number beyond float64 cost their own event, whatever it came in.
func TestBadScalarCostsItsOwnEvent(t *testing.T) {
	const good, goodSegment = `{"event":"good","user_id":"A"}`, `{"type":"track","event":"good","userId":"A"}`
	for _, c := range badScalars {
		field := ""
		if c.field != "" {
			field = `,"field":"` + c.field + `"`
		}
		answer := `{"accepted":2,"rejected":[{"index":1,"reason":"schema"` + field + `}]}`
		for _, way := range []struct{ name, path, body, answer string }{
			{"array", "/v1/events", `[` + good + `,` + c.native + `,` + good + `]`, answer},
			{"envelope", "/v1/events", `{"events":[` + good + `,` + c.native + `,` + good + `]}`, answer},
			{"lines", "/v1/events", good + "\n" + c.native + "\n" + good + "\n", answer},
			{"segment", "/v1/batch", `{"batch":[` + goodSegment + `,` + c.segment + `,` + goodSegment + `]}`, `{"success":true}`},
			{"last of an envelope", "/v1/events", `{"events":[` + good + `,` + good + `,` + c.native + `]}`, strings.Replace(answer, `"index":1`, `"index":2`, 1)},
			{"last of a segment batch", "/v1/batch", `{"batch":[` + goodSegment + `,` + goodSegment + `,` + c.segment + `],"sentAt":1}`, `{"success":true}`},
		} {
			t.Run(way.name+" "+c.field, func(t *testing.T) {
				r := newRig(t, nil)
				r.do("POST", way.path, header{"X-Write-Key": "start"}, []byte(way.body)).want(t, 200, way.answer)
				raws, _ := r.sealed()
				if len(raws) != 2 || raws[0].Name != "good" || raws[1].Name != "good" {
					t.Errorf("%d events", len(raws))
				}
				if n := r.metric("discarded_events_total", "reason=schema"); n != 1 {
					t.Errorf("discarded %v", n)
				}
			})
		}
	}
}

// An act of consent is one statement: nothing of it counts when a part cannot be read.
func TestBadScalarInConsent(t *testing.T) {
	r := newRig(t, nil)
	r.do("POST", "/v1/consent", header{"X-Write-Key": "start"}, []byte(`{"install_id":"i","purposes":{"analytics":true},"time":1e999}`)).want(t, 400, `{"error":"json_number","offset":60}`)
	r.do("POST", "/v1/consent", header{"X-Write-Key": "start"}, []byte(`{"install_id":"i\u0000","purposes":{"analytics":true}}`)).want(t, 400, `{"error":"json_nul","offset":23}`)
	if r.broker.count() != 0 {
		t.Error("an act was produced")
	}
}

// A text that was cut inside an emoji arrives with the replacement character.
func TestLoneSurrogates(t *testing.T) {
	for _, c := range []struct{ path, body, answer string }{
		{"/v1/events", `{"event":"bad\ud800","props":{"t":"a\uDE00\uD83D\uDE00\\ud800\ud83d","k\udc00":1}}`, `{"accepted":1,"rejected":[]}`},
		{"/v1/batch", `{"batch":[{"type":"track","event":"bad\ud800","userId":"u","properties":{"t":"a\uDE00\uD83D\uDE00\\ud800\ud83d","k\udc00":1}}]}`, `{"success":true}`},
	} {
		r := newRig(t, nil)
		r.do("POST", c.path, header{"X-Write-Key": "start"}, []byte(c.body)).want(t, 200, c.answer)
		raw := r.only()
		got := props(&raw)
		if raw.Name != "bad\ufffd" || got["t"] != "a\ufffd😀\\ud800\ufffd" || got["k\ufffd"] != "1" {
			t.Errorf("%s: %q %q", c.path, raw.Name, got)
		}
	}
}

// Mended text decodes as the standard library decodes what came in.
func FuzzMendSurrogates(f *testing.F) {
	for _, s := range []string{`\ud800`, `\ud83d\ude00`, `\ud800\ud83d\ude00`, `\\ud800`, `\udc00\n\uD800x`, `\ud800\u0041`, `\ud8`, `\`, ``} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := []byte(`"` + s + `"`)
		var before, after string
		errBefore := json.Unmarshal(b, &before)
		mendSurrogates(b)
		if err := json.Unmarshal(b, &after); (err == nil) != (errBefore == nil) || before != after {
			t.Fatalf("%q became %q, %v and %v", before, after, errBefore, err)
		}
	})
}

func TestBadLines(t *testing.T) {
	const good = `{"event":"good","user_id":"A"}`
	rejected := func(accepted int, index ...int) string {
		var list []string
		for _, i := range index {
			list = append(list, fmt.Sprintf(`{"index":%d,"reason":"schema"}`, i))
		}
		return fmt.Sprintf(`{"accepted":%d,"rejected":[%s]}`, accepted, strings.Join(list, ","))
	}
	for _, c := range []struct {
		name, body, kind string
		status           int
		answer           string
	}{
		{"in the middle", good + "\n{\"event\":cnry}\n" + good, "", 200, rejected(2, 1)},
		{"first", "cnry\n" + good, "", 200, rejected(1, 0)},
		{"last, cut", good + "\r\n\n" + good + "\n" + `{"event":"cnr`, "", 200, rejected(2, 2)},
		{"first, cut, declared", `{"event":"cnr` + "\n" + good, "application/x-ndjson", 200, rejected(1, 0)},
		{"bad UTF-8, twice a key, an array, a number, too deep", good + "\n{\"a\":\"\xff\"}\n" + `{"a":1,"a":2}` + "\n[1]\n7\n" + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "\n" + good, "", 200, rejected(2, 1, 2, 3, 4, 5)},
		{"properties of a bad line", `{"event":"good","props":{"a":"\u0041"},"write_key":"start"}` + "\n" + `{"event":"x","props":{"c":"cnry"},"consent":{"cnry":true}` + "\n" + good, "", 200, rejected(2, 1)},
		{"none good", "{\"event\":cnry}\n{\"props\":{}}\n", "", 400, `{"error":"json_syntax","offset":9}`},
		{"one document over lines", "{\n\"events\":[\n" + good + ",\n" + good + "\n]\n", "", 400, ``},
		{"cut envelope", `{"events":[` + good + "\n,\n" + good + "\n", "", 400, ``},
		{"something behind an envelope", `{"events":[` + good + "]}\n" + good, "", 400, ``},
		{"array", "[" + good + ",\ncnry\n," + good + "]", "", 400, ``},
		{"many lines of something else", strings.Repeat("cnry\n", 3000), "", 400, `{"error":"json_syntax","offset":0}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			h := header{"X-Write-Key": "start"}
			if c.kind != "" {
				h["Content-Type"] = c.kind
			}
			a := r.do("POST", "/v1/events", h, []byte(c.body))
			if a.status != c.status || c.answer != "" && a.body != c.answer {
				t.Errorf("%d %s, want %d %s", a.status, a.body, c.status, c.answer)
			}
			raws, _ := r.sealed()
			if n := strings.Count(c.answer, `"accepted":2`)*2 + strings.Count(c.answer, `"accepted":1`); len(raws) != n {
				t.Errorf("%d events, want %d", len(raws), n)
			}
			for i := range raws {
				if raws[i].Name != "good" {
					t.Errorf("event %q", raws[i].Name)
				}
			}
			r.absent("cnry")
		})
	}
}

// Names are shown on terminals and in tables: none may move a cursor or turn the writing.
func TestControlCharactersInNames(t *testing.T) {
	for _, c := range []string{`\u001b[31mRED`, `\nfake line`, `\u007f`, `\u0085x`, `\u009b`, `\u2028x`, `\u2029x`, `\u202a`, `\u202e`, `\u2066`, `\u2069`} {
		r := newRig(t, nil)
		h := header{"X-Write-Key": "start"}
		r.native("start", `[{"event":"a`+c+`b"},{"event":"e","session":"s`+c+`b"},{"event":"e","props":{"k`+c+`b":1,"ok":2}}]`).
			want(t, 200, `{"accepted":1,"rejected":[{"index":0,"reason":"schema","field":"event"},{"index":1,"reason":"schema","field":"session"}]}`)
		raw := r.only()
		if got := props(&raw); len(got) != 1 || got["ok"] != "2" || raw.Dropped != 1 {
			t.Errorf("%s: %d properties, %d dropped", c, len(got), raw.Dropped)
		}
		r.do("POST", "/v1/track", h, []byte(`{"event":"a`+c+`b","userId":"A"}`)).want(t, 200, `{"success":true}`)
		if n := r.metric("discarded_events_total", "reason=schema"); n != 3 {
			t.Errorf("%s: discarded %v", c, n)
		}
	}
	r := newRig(t, nil)
	r.do("GET", "/i.gif?k=start&e=a%1bb", nil, nil)
	r.native("start", `{"event":" 点击 ‘é’ 👩‍👩‍👧\n"}`).want(t, 200, `{"accepted":1,"rejected":[]}`)
	if raw := r.only(); raw.Name != "点击 ‘é’ 👩‍👩‍👧" {
		t.Errorf("name %q", raw.Name)
	}
}
