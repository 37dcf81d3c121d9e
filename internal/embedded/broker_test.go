package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-events/sluice/internal/embedded"
	"github.com/sluice-events/sluice/internal/stream"
)

const topicName = "raw"

func start(t testing.TB, cfg embedded.Config) *embedded.Broker {
	t.Helper()
	if cfg.Topics == nil {
		cfg.Topics = []stream.TopicSpec{{Name: topicName, Partitions: 2}}
	}
	b, err := embedded.StartBroker(within(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func stop(t testing.TB, b *embedded.Broker) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func client(t testing.TB, b *embedded.Broker) *stream.Client {
	t.Helper()
	c, err := stream.NewClient(b.Stream())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func produce(t testing.TB, c *stream.Client, partition int32, values ...string) {
	t.Helper()
	p := stream.NewProducer(c, topicName, stream.ProducerConfig{MaxBatchBytes: 4 << 20})
	for _, v := range values {
		if _, err := p.Produce(within(t), partition, []stream.Record{{Key: []byte("k"), Value: []byte(v)}}); err != nil {
			t.Fatal(err)
		}
	}
}

func values(t testing.TB, c *stream.Client, partition int32) map[int64]string {
	t.Helper()
	got := make(map[int64]string)
	_, err := c.ReadAll(within(t), topicName, partition, 0, -1, stream.FetchConfig{}, func(r stream.Record) error {
		got[r.Offset] = string(r.Value)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// commitOnce joins the group, commits what f gives for each partition, and leaves.
func commitOnce(t testing.TB, c *stream.Client, group string, f func(*stream.Assignment) (int64, string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	left := make(chan struct{}, 2)
	left <- struct{}{}
	left <- struct{}{}
	err := c.RunGroup(ctx, stream.GroupConfig{ID: group, Topics: []string{topicName}, SessionTimeout: 2 * time.Second},
		func(ctx context.Context, a *stream.Assignment) error {
			offset, meta := f(a)
			if err := a.Commit(ctx, offset, meta); err != nil {
				return err
			}
			if <-left; len(left) == 0 {
				cancel()
			}
			<-ctx.Done()
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRestart(t *testing.T) {
	dir := t.TempDir()
	b := start(t, embedded.Config{Dir: dir})
	c := client(t, b)
	produce(t, c, 0, "a", "b")
	id, err := c.Incarnation(within(t), topicName)
	if err != nil {
		t.Fatal(err)
	}
	commitOnce(t, c, "g", func(a *stream.Assignment) (int64, string) { return 2, "intent" })
	stop(t, b)

	b = start(t, embedded.Config{Dir: dir})
	defer stop(t, b)
	if b.Unclean() {
		t.Error("a clean stop was taken for a crash")
	}
	c = client(t, b)
	if got := values(t, c, 0); len(got) != 2 || got[1] != "b" {
		t.Errorf("after a restart: %v", got)
	}
	if again, err := c.Incarnation(within(t), topicName); err != nil || again != id {
		t.Errorf("incarnation %q, %v, was %q", again, err, id)
	}
	if got, err := c.Committed(within(t), "g", topicName); err != nil || got[0] != (stream.Commit{Offset: 2, Metadata: "intent"}) {
		t.Errorf("committed %v, %v", got, err)
	}
	produce(t, c, 0, "c")
	if got := values(t, c, 0); len(got) != 3 || got[2] != "c" {
		t.Errorf("appended after a restart: %v", got)
	}
}

func TestOneProcess(t *testing.T) {
	dir := t.TempDir()
	b := start(t, embedded.Config{Dir: dir})
	_, err := embedded.StartBroker(within(t), embedded.Config{Dir: dir})
	if !errors.Is(err, embedded.ErrLocked) || !strings.Contains(err.Error(), "process "+strconv.Itoa(os.Getpid())) {
		t.Errorf("second broker: %v, want ErrLocked with pid %d", err, os.Getpid())
	}
	produce(t, client(t, b), 0, "the first still works")
	stop(t, b)
	stop(t, start(t, embedded.Config{Dir: dir}))
}

// Nothing but this user's processes can reach the broker.
func TestPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	before := listeners(t)
	b := start(t, embedded.Config{Dir: dir})
	defer stop(t, b)
	if now := listeners(t); now != before {
		t.Errorf("TCP ports listened on by this process: %d before, %d with the broker", before, now)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v, want 0700", info.Mode(), err)
	}
	if s, err := os.Stat(filepath.Join(dir, "broker.sock")); err != nil || s.Mode().Type() != os.ModeSocket {
		t.Errorf("socket in the folder: %v", err)
	}
}

// listeners counts the listening TCP sockets that are open files of this process.
func listeners(t *testing.T) int {
	t.Helper()
	inodes := make(map[string]bool)
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here: open ports cannot be seen")
	}
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, "socket:[") {
			inodes[strings.Trim(to, "socket:[]")] = true
		}
	}
	n := 0
	for _, file := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		b, _ := os.ReadFile(file)
		for _, line := range strings.Split(string(b), "\n") {
			if f := strings.Fields(line); len(f) > 9 && f[3] == "0A" && inodes[f[9]] {
				n++
			}
		}
	}
	return n
}

func TestListenersAreSeen(t *testing.T) {
	before := listeners(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if listeners(t) != before+1 {
		t.Error("the check of TestPrivate does not see a listener")
	}
}

// A data folder with a path too long for a socket address.
func TestLongPath(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // to see what is left behind
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	b := start(t, embedded.Config{Dir: dir})
	produce(t, client(t, b), 0, "a")
	stop(t, b)
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "sluice-broker-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Retention and compaction must not reach the broker, whoever asks for them.
func TestNoRetention(t *testing.T) {
	dir := t.TempDir()
	b := start(t, embedded.Config{Dir: dir, Topics: []stream.TopicSpec{{Name: topicName, Partitions: 2, Configs: map[string]string{
		"cleanup.policy": "compact", "retention.ms": "1", "retention.bytes": "1", "max.message.bytes": "70000",
	}}}})
	stop(t, b) // writes the topics' settings
	saved, err := os.ReadFile(filepath.Join(dir, "log", "topics.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"retention", "cleanup", "compact"} {
		if strings.Contains(string(saved), word) {
			t.Errorf("the broker was told of %q: %s", word, saved)
		}
	}
	if !strings.Contains(string(saved), "70000") {
		t.Errorf("the other settings are lost: %s", saved)
	}
}

// The broker counts a sequence before it writes the batch. A failed write must
// not become an acknowledgement at the resend.
func TestFailedWrite(t *testing.T) {
	dir := t.TempDir()
	b := start(t, embedded.Config{Dir: dir})
	defer stop(t, b)
	c := client(t, b)
	p := stream.NewProducer(c, topicName, stream.ProducerConfig{})
	send := func(v string) error {
		_, err := p.Produce(within(t), 0, []stream.Record{{Key: []byte("k"), Value: []byte(v)}})
		return err
	}
	// A file where the partition's folder should be: every write fails.
	parts := filepath.Join(dir, "log", "partitions")
	if err := os.RemoveAll(parts); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(parts, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := send("lost"); !errors.Is(err, stream.ErrUnknown) {
		t.Errorf("a write that failed: %v, want ErrUnknown", err)
	}
	if err := os.Remove(parts); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := send(fmt.Sprint("kept", i)); err != nil {
			t.Error(err)
		}
	}
	if got := values(t, c, 0); len(got) != 3 || got[0] != "kept0" || got[2] != "kept2" {
		t.Errorf("the log holds %v", got)
	}
}
