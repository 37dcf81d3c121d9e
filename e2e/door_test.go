package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const canary = "canary9f2c77"

// What a hostile or clumsy client sends: each gets the answer of the table, no value comes
// back, nothing else is harmed, and the account still closes.
func TestBadInput(t *testing.T) {
	n := newNode(t)
	n.start()
	// A key with a quota, beside those of the first start.
	n.stop()
	file := filepath.Join(n.dir, "sluice.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("write_keys:\n"), []byte("write_keys:\n  - key: slow_key\n    quota: 1\n    burst: 1\n"), 1)
	write(t, file, string(text))
	n.start()

	zeros := new(bytes.Buffer)
	z := gzip.NewWriter(zeros)
	io.CopyN(z, zeroReader{}, 40<<20)
	z.Close()
	if zeros.Len() > 48<<10 {
		t.Fatalf("the bomb is %d bytes", zeros.Len())
	}
	event := `{"event":"x","install_id":"` + canary + `","props":{"a":"` + canary + `"}}`
	big := `{"event":"big","props":{"a":"` + canary + strings.Repeat("y", 40<<10) + `"}}`
	f := func(name string, wantCode int, wantText string, header map[string]string, path string, body io.Reader) {
		t.Helper()
		h := map[string]string{"X-Write-Key": n.key("wk_")}
		for k, v := range header {
			if v == "" {
				delete(h, k)
			} else {
				h[k] = v
			}
		}
		code, answer, _ := n.post(path, h, body)
		if code != wantCode || !strings.Contains(answer, wantText) {
			t.Errorf("%s: answered %d %s, want %d with %q", name, code, answer, wantCode, wantText)
		}
		if strings.Contains(answer, canary) {
			t.Errorf("%s: the answer echoes a value: %s", name, answer)
		}
	}
	s := func(x string) io.Reader { return strings.NewReader(x) }
	f("good", 200, `"accepted":1`, nil, "/v1/events", s(event))
	f("garbage", 400, "", nil, "/v1/events", s("\x00\xff"+canary))
	f("cut JSON", 400, "", nil, "/v1/events", s(event[:len(event)-5]))
	f("two names alike", 400, "", nil, "/v1/events", s(`{"event":"x","event":"`+canary+`"}`))
	f("bad UTF-8", 400, "", nil, "/v1/events", s("{\"event\":\"x\",\"props\":{\"a\":\"\xff"+canary+"\"}}"))
	f("zeros", 413, "", map[string]string{"Content-Encoding": "gzip"}, "/v1/events", bytes.NewReader(zeros.Bytes()))
	f("broken gzip", 400, "", map[string]string{"Content-Encoding": "gzip"}, "/v1/events", s("\x1f\x8b"+canary))
	f("depth", 400, "", nil, "/v1/events", s(`{"event":"x","props":{"a":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)+`}}`))
	f("no key", 401, "", map[string]string{"X-Write-Key": ""}, "/v1/events", s(event))
	f("unknown key", 401, "", map[string]string{"X-Write-Key": canary}, "/v1/events", s(event))
	f("600 KB", 413, "", nil, "/v1/events", s("["+event+strings.Repeat(","+event, 600<<10/len(event))+"]"))
	f("a large event between two", 200, `"index":1`, nil, "/v1/events", s("["+event+","+big+","+event+"]"))
	f("a large event in Segment's dialect", 200, "", nil, "/v1/batch", s(`{"batch":[{"type":"track","event":"x","anonymousId":"`+canary+`","properties":{"a":"`+strings.Repeat("y", 40<<10)+`"}}]}`))
	f("origin", 200, "", map[string]string{"Origin": "https://any.example"}, "/v1/events", s(event))
	f("server key in a browser", 403, "", map[string]string{"Origin": "https://any.example", "X-Write-Key": n.key("sk_")}, "/v1/events", s(event))
	limited := map[string]string{"X-Write-Key": "slow_key"}
	f("within the quota", 200, "", limited, "/v1/events", s("["+event+","+event+","+event+"]"))
	code, answer, header := n.post("/v1/events", limited, s(event))
	if code != 429 || header.Get("Retry-After") == "" {
		t.Errorf("over the quota: answered %d %s, Retry-After %q", code, answer, header.Get("Retry-After"))
	}
	// good 1, beside the large one 2, with an origin 1, within the quota 3
	acc := n.settled()
	if acc["accepted"] != 7 || acc["stored"]+acc["dropped: duplicate"] != 7 {
		t.Errorf("account: %v", acc)
	}
	n.stop()
	if log := n.log.String(); strings.Contains(log, canary) {
		t.Error("a value of an event is in the log")
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// The engine cannot start, since something else holds its folder: events are taken
// meanwhile, the process says so once, and when the folder is free everything is stored.
func TestStartsWithoutTheEngine(t *testing.T) {
	n := newNode(t)
	n.start()
	n.stop()
	lock, err := os.OpenFile(filepath.Join(n.dir, "clickhouse", "status"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(n.dir, "run", "admin.addr"))
	n.log = new(buffer)
	n.spawn()
	n.wait(30*time.Second, "listening", func() bool { _, err := os.Stat(filepath.Join(n.dir, "run", "admin.addr")); return err == nil })
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf(`{"event":"early","id":"e%d"}`, i))
	}
	n.events(strings.Join(lines, "\n"))
	time.Sleep(3 * time.Second) // several attempts pass
	if out, err := n.command("", "status"); err == nil {
		t.Errorf("status says that all is well: %s", out)
	}
	if c := strings.Count(n.log.String(), "does not start"); c != 1 {
		t.Errorf("the log says %d times that the engine does not start", c)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	n.ready()
	if acc := n.settled(); acc["stored"] != 100 {
		t.Errorf("account: %v", acc)
	}
}
