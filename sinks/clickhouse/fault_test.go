package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/sluice-events/sluice/sinks"
	"github.com/sluice-events/sluice/sinks/sinktest"
)

const secret = "canary-4417"

// hello answers what the driver asks on a new connection; f answers everything else.
func hello(t *testing.T, f http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("query") {
			f(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), "displayName()") {
			f(w, r)
			return
		}
		_, _ = w.Write(helloBlock())
	}))
	t.Cleanup(srv.Close)
	return srv
}

// helloBlock is one row of displayName, version, revision, timezone at the protocol
// revision that the driver announces.
func helloBlock() []byte {
	b := []byte{1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 4, 1}
	text := func(name, value string) {
		b = append(appendText(appendText(b, name), "String"), 0)
		b = appendText(b, value)
	}
	text("displayName()", "x")
	text("version()", "26.7.2.1")
	b = append(appendText(appendText(b, "revision()"), "UInt32"), 0, 0, 0, 0, 0)
	text("timezone()", "UTC")
	return b
}

func sinkOn(t *testing.T, addr string, change ...func(*Config)) *Sink {
	t.Helper()
	cfg := Config{Addr: []string{addr}, User: "u", Password: secret, Timeout: 300 * time.Millisecond, DialTimeout: 300 * time.Millisecond}
	for _, f := range change {
		f(&cfg)
	}
	s, err := Open(context.Background(), cfg, sinktest.Policy(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// What a server can do to an insert, and what becomes of it. No error may hold a word of
// the answer, the password or the address's user.
func TestFaults(t *testing.T) {
	f := func(name string, want error, code int, handler http.HandlerFunc) {
		t.Helper()
		s := sinkOn(t, strings.TrimPrefix(hello(t, handler).URL, "http://"))
		b := sinktest.NewMaker(t, s.policy).Batch(t, "ev_personalize", sinktest.Event{Person: "p", Name: "page_view", Page: "https://x.example/" + secret, Time: time.Now()})
		err := s.Write(context.Background(), b)
		check(t, name, err, want, code)
	}
	exception := func(code int, name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("X-ClickHouse-Exception-Code", fmt.Sprint(code))
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = fmt.Fprintf(w, "Code: %d. DB::Exception: value '%s' (%s)", code, secret, name)
		}
	}
	f("memory", sinks.ErrRetryable, 241, exception(241, "MEMORY_LIMIT_EXCEEDED"))
	f("parts", sinks.ErrRetryable, 252, exception(252, "TOO_MANY_PARTS"))
	f("table", sinks.ErrRetryable, 60, exception(60, "UNKNOWN_TABLE"))
	f("column", sinks.ErrRetryable, 16, exception(16, "NO_SUCH_COLUMN_IN_TABLE"))
	f("unheard of", sinks.ErrRetryable, 99999, exception(99999, "CANARY_NAME"))
	f("constraint", sinks.ErrPoison, 469, exception(469, "VIOLATED_CONSTRAINT"))
	f("type", sinks.ErrPoison, 53, exception(53, "TYPE_MISMATCH"))
	f("json", sinks.ErrPoison, 117, exception(117, "INCORRECT_DATA"))
	f("cut on its way", sinks.ErrRetryable, 33, exception(33, "CANNOT_READ_ALL_DATA"))
	f("cut at a frame", sinks.ErrRetryable, 32, exception(32, "ATTEMPT_TO_READ_AFTER_EOF"))
	f("disk full", sinks.ErrRetryable, 243, exception(243, "NOT_ENOUGH_SPACE"))
	f("read only", sinks.ErrRetryable, 242, exception(242, "TABLE_IS_READ_ONLY"))
	f("time", sinks.ErrUnknown, 159, exception(159, "TIMEOUT_EXCEEDED"))
	f("status", sinks.ErrUnknown, 319, exception(319, "UNKNOWN_STATUS_OF_INSERT"))
	f("late", sinks.ErrPoison, 469, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprintf(w, "\r\n__exception__\r\n0123456789abcdef\r\nCode: 469. DB::Exception: %s (VIOLATED_CONSTRAINT)\n60 0123456789abcdef\r\n__exception__\r\n", secret)
	})
	f("proxy", sinks.ErrUnknown, 0, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, secret)
	})
	f("reset", sinks.ErrUnknown, 0, func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = c.Close()
		}
	})
	f("silence", sinks.ErrUnknown, 0, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	f("fewer rows than sent", sinks.ErrUnknown, 0, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("X-ClickHouse-Summary", `{"read_rows":"1","written_rows":"0"}`)
	})
}

func check(t *testing.T, name string, err, want error, code int) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", name, err, want)
		return
	}
	for _, other := range []error{sinks.ErrRetryable, sinks.ErrUnknown, sinks.ErrPoison} {
		if other != want && errors.Is(err, other) {
			t.Errorf("%s: %v is %v too", name, err, other)
		}
	}
	var ex *ch.Exception
	if errors.As(err, &ex) {
		t.Errorf("%s: the driver's exception can be got at", name)
	}
	var flt *Fault
	if code != 0 && (!errors.As(err, &flt) || flt.Code != code) {
		t.Errorf("%s: %v, want code %d", name, err, code)
	}
	for _, word := range []string{secret, "CANARY", "http://", "u:", "INSERT INTO"} {
		if strings.Contains(err.Error(), word) {
			t.Errorf("%s: the error holds %q: %v", name, word, err)
		}
	}
}

// A server that is not there has not got the rows.
func TestFaultNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{HTTP, Native} {
		s := sinkOn(t, addr, func(c *Config) { c.Protocol = protocol })
		b := sinktest.NewMaker(t, s.policy).Batch(t, "ev_personalize", sinktest.Event{Person: "p", Name: "page_view", Page: "https://x.example/", Time: time.Now()})
		check(t, protocol, s.Write(context.Background(), b), sinks.ErrRetryable, 0)
		check(t, protocol+" ping", s.Ping(context.Background()), sinks.ErrRetryable, 0)
	}
}

// Rows that do not fit are refused before anything is sent.
func TestRefusedHere(t *testing.T) {
	sent := 0
	srv := hello(t, func(http.ResponseWriter, *http.Request) { sent++ })
	s := sinkOn(t, strings.TrimPrefix(srv.URL, "http://"))
	st := store(t, s.policy, "ev_improve")
	l, err := s.layout(st)
	if err != nil {
		t.Fatal(err)
	}
	f := func(name, column string, change func(m *made, i int)) {
		t.Helper()
		m := some(st, 5, 1, [16]byte{1})
		i, ok := st.Column(column)
		if !ok {
			t.Fatalf("no column %s", column)
		}
		change(m, i)
		check(t, name, s.send(context.Background(), l, m, "t", mark{[16]byte{1}, 5}), sinks.ErrPoison, 0)
	}
	f("short text", "word", func(m *made, i int) { m.str[i] = m.str[i][:4] })
	f("long text", "word", func(m *made, i int) { m.str[i] = append(m.str[i], "x") })
	f("half an id", "pid", func(m *made, i int) { m.fixed[i] = m.fixed[i][:70] })
	f("short bool", "is_bot", func(m *made, i int) { m.bit[i] = nil })
	f("no such enum", "pick", func(m *made, i int) { m.enum[i][3] = 9 })
	f("before 1970", "ts", func(m *made, i int) { m.i64[i][0] = -1 })
	f("after 2106", "ts", func(m *made, i int) { m.i64[i][0] = 1 << 32 })
	if sent != 0 {
		t.Errorf("%d requests were sent", sent)
	}
}

// The sink dials what it was told to and nothing else: a proxy that stands in the
// environment of the process is not asked.
func TestNoProxy(t *testing.T) {
	rt, err := transport(&http.Transport{Proxy: http.ProxyFromEnvironment})
	if err != nil {
		t.Fatal(err)
	}
	if rt.(*exchange).next.(*http.Transport).Proxy != nil {
		t.Error("the transport still has a proxy")
	}
}
