package feed

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// stored is what a test collector keeps of an event or act.
type stored struct {
	id, user string
	body     string
	gpc      bool
	again    string // X-Retry-Count
}

// collector is a test server. Before answering it asks fault, which may answer in its
// stead, with or without the events having been kept.
type collector struct {
	t     *testing.T
	mu    sync.Mutex
	kept  []stored // in order of arrival, repeats included
	calls int
	fault func(c *collector, call int, events []stored, w http.ResponseWriter) (answered, keep bool)
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	events, err := decode(r)
	if err != nil {
		return // the client went away
	}
	c.mu.Lock()
	call := c.calls
	c.calls++
	c.mu.Unlock()
	answered, keep := false, true
	if c.fault != nil {
		answered, keep = c.fault(c, call, events, w)
	}
	if keep {
		c.mu.Lock()
		c.kept = append(c.kept, events...)
		c.mu.Unlock()
	}
	if !answered {
		fmt.Fprintf(w, `{"accepted":%d,"rejected":[]}`, len(events))
	}
}

func decode(r *http.Request) ([]stored, error) {
	var in io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		in = z
	}
	body, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	var items []jsontext.Value
	switch r.URL.Path {
	case "/v1/events":
		err = json.Unmarshal(body, &items)
	case "/v1/batch":
		var b struct {
			Batch []jsontext.Value `json:"batch"`
		}
		err = json.Unmarshal(body, &b)
		items = b.Batch
	case "/v1/consent":
		items = []jsontext.Value{body}
	default:
		err = errors.New("unknown path")
	}
	var all []stored
	for _, raw := range items {
		var e struct {
			ID        string `json:"id"`
			MessageID string `json:"messageId"`
			User      string `json:"user_id"`
			UserID    string `json:"userId"`
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, err
		}
		all = append(all, stored{e.ID + e.MessageID, e.User + e.UserID, string(raw),
			r.Header.Get("Sec-GPC") == "1", r.Header.Get("X-Retry-Count")})
	}
	return all, err
}

// people makes n messages of k people, interleaved.
func people(n, k int) *list {
	l := &list{}
	for i := range n {
		l.msgs = append(l.msgs, Message{Name: "page_view", ID: fmt.Sprintf("m%06d", i), Time: noon.Add(time.Duration(i) * time.Second),
			User: fmt.Sprintf("u%d", i*7919%k), Props: []Prop{Int("n", int64(i)), Str("text", "some words, 一些字")}})
	}
	return l
}

func quick(url string) Config {
	c := DefaultConfig(url, "key")
	c.Backoff, c.Events, c.Timeout = Backoff{time.Millisecond, 10 * time.Millisecond}, 20, 300*time.Millisecond
	return c
}

func send(t *testing.T, cfg Config, src Source) (Ledger, error) {
	t.Helper()
	s, err := NewSender(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Send(t.Context(), src)
	l := s.Ledger()
	if !l.Closes() {
		t.Errorf("the ledger does not close: %+v", l)
	}
	return l, err
}

// delivered checks that every message of l arrived at least once, always with the same
// bytes, and each person's for the first time in their order.
func delivered(t *testing.T, l *list, kept []stored) {
	t.Helper()
	want, body := map[string][]string{}, map[string]string{}
	for _, m := range l.msgs {
		want[m.User] = append(want[m.User], m.ID)
	}
	got := map[string][]string{}
	for _, e := range kept {
		first, seen := body[e.id]
		if !seen {
			body[e.id] = e.body
			got[e.user] = append(got[e.user], e.id)
		} else if first != e.body {
			t.Fatal("an event came again with other bytes:", e.id)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("events by person, in order:", diff)
	}
}
