package embedded_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-events/sluice/internal/embedded"
	"github.com/sluice-events/sluice/internal/stream"
)

// The test binary is also the program that gets killed: with this variable set
// it runs child instead of the tests.
const childDir = "SLUICE_TEST_BROKER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, child(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child produces and commits as fast as it can, and prints a line after each
// acknowledgement: "ack PARTITION OFFSET VALUE" or "commit PARTITION OFFSET".
func child(dir string) error {
	ctx := context.Background()
	b, err := embedded.StartBroker(ctx, embedded.Config{Dir: dir, Topics: []stream.TopicSpec{{Name: topicName, Partitions: 2}}})
	if err != nil {
		return err
	}
	c, err := stream.NewClient(b.Stream())
	if err != nil {
		return err
	}
	p := stream.NewProducer(c, topicName, stream.ProducerConfig{})
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	errs := make(chan error, 3)
	for part := range int32(2) {
		go func() {
			for n := 0; ; n++ {
				v := fmt.Sprintf("%d-%d-%s", os.Getpid(), n, strings.Repeat("x", 500))
				base, err := p.Produce(ctx, part, []stream.Record{{Key: []byte("k"), Value: []byte(v)}})
				if err != nil {
					errs <- err
					return
				}
				say("ack %d %d %s", part, base, v)
			}
		}()
	}
	go func() {
		errs <- c.RunGroup(ctx, stream.GroupConfig{ID: "g", Topics: []string{topicName}, SessionTimeout: time.Second},
			func(ctx context.Context, a *stream.Assignment) error {
				for o := max(a.Offset, 0) + 1; ; o++ {
					if err := a.Commit(ctx, o, fmt.Sprint("intent ", o)); err != nil {
						return err
					}
					say("commit %d %d", a.Partition, o)
				}
			})
	}()
	return <-errs
}

// killed runs the child on dir, kills it (SIGKILL) after it has printed lines
// acknowledgements, and returns all that it printed.
func killed(t *testing.T, dir string, lines int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(60*time.Second, func() { cmd.Process.Kill() })
	defer guard.Stop()
	var said []string
	for in := bufio.NewScanner(out); in.Scan(); {
		// What is left in the pipe after the kill was acknowledged too.
		if said = append(said, in.Text()); len(said) == lines {
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if len(said) < lines {
		t.Fatalf("the child ended by itself after %d lines: %s", len(said), &stderr)
	}
	return said
}

// Everything acknowledged before a kill is there afterwards: records and
// commits, over several kills of one folder.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acked := make(map[string]string) // partition/offset → value
	for round := range 4 {
		committed := map[string]int64{}
		for _, line := range killed(t, dir, 1500) {
			var part string
			var off int64
			var v string
			if n, _ := fmt.Sscanf(line, "ack %s %d %s", &part, &off, &v); n == 3 {
				at := fmt.Sprint(part, "/", off)
				if old, ok := acked[at]; ok {
					t.Fatalf("round %d: offset %s acknowledged twice, for %.20s and %.20s", round, at, old, v)
				}
				acked[at] = v
			} else if n, _ := fmt.Sscanf(line, "commit %s %d", &part, &off); n == 2 {
				committed[part] = max(committed[part], off)
			}
		}
		if len(committed) != 2 || len(acked) == 0 {
			t.Fatalf("round %d: the child did not do everything: %d acknowledged, commits %v", round, len(acked), committed)
		}

		b := start(t, embedded.Config{Dir: dir})
		if !b.Unclean() {
			t.Errorf("round %d: a kill went unnoticed", round)
		}
		c := client(t, b)
		got := map[string]string{}
		for part := range int32(2) {
			for off, v := range values(t, c, part) {
				got[fmt.Sprint(part, "/", off)] = v
			}
		}
		for at, v := range acked {
			if got[at] != v {
				t.Errorf("round %d: acknowledged %s: want %.20s, the log has %.20s", round, at, v, got[at])
			}
		}
		now, err := c.Committed(within(t), "g", topicName)
		if err != nil {
			t.Fatal(err)
		}
		for part, off := range committed {
			var p int32
			fmt.Sscan(part, &p)
			// The commit in flight at the kill may have been stored as well.
			if n := now[p]; n.Offset < off || n.Offset > off+1 || n.Metadata != fmt.Sprint("intent ", n.Offset) {
				t.Errorf("round %d: partition %d: committed %d, after the kill %+v", round, p, off, n)
			}
		}
		stop(t, b)
	}
	t.Logf("%d acknowledged records, none missing, none at another offset", len(acked))
}

// Half an entry at the end of the log of commits hides every later commit from
// the next start, unless the log is repaired at once. Two kills show it: one
// leaves the torn entry, the commits before the second must survive.
func TestTornCommits(t *testing.T) {
	dir := t.TempDir()
	killed(t, dir, 300)
	tear(t, filepath.Join(dir, "log", "groups.log"))
	committed := map[int32]int64{}
	for _, line := range killed(t, dir, 900) {
		var part int32
		var off int64
		if n, _ := fmt.Sscanf(line, "commit %d %d", &part, &off); n == 2 {
			committed[part] = max(committed[part], off)
		}
	}
	if len(committed) != 2 {
		t.Fatalf("the child committed %v", committed)
	}
	b := start(t, embedded.Config{Dir: dir})
	defer stop(t, b)
	now, err := client(t, b).Committed(within(t), "g", topicName)
	if err != nil {
		t.Fatal(err)
	}
	for part, off := range committed {
		if n := now[part].Offset; n < off || n > off+1 {
			t.Errorf("partition %d: committed %d behind a torn entry, found %d", part, off, n)
		}
	}
}

// tear appends half of an entry, as a kill or a power loss within a write does.
func tear(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(b[:37]); err != nil {
		t.Fatal(err)
	}
}
