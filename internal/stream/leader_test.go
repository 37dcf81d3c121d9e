package stream_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-events/sluice/internal/stream"
)

// Every node of a three-node cluster is killed (SIGKILL) and started again while
// records are produced and read: nothing acknowledged is missing, nothing stands
// twice, and a reader sees every offset once and in order.
func TestNodesKilled(t *testing.T) {
	dir := os.Getenv("SLUICE_KAFKA_DIR")
	cfg, ok := realKafka()
	if dir == "" || !ok || len(cfg.Brokers) != 3 {
		t.Skip("SLUICE_KAFKA_DIR and three addresses in SLUICE_KAFKA are needed: NODES=3 deploy/kafka/kafka.sh start DIR")
	}
	c := client(t, cfg)
	tp := topic(t, c, 3)
	p := stream.NewProducer(c, tp, stream.ProducerConfig{AttemptTimeout: 3 * time.Second})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	load, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	sent := make([][]string, 3) // by partition: acknowledged values in order
	doubt := make([]map[string]bool, 3)
	worst := make([]time.Duration, 3)
	for part := range sent {
		doubt[part] = make(map[string]bool)
		wg.Go(func() {
			for n := 0; load.Err() == nil; n++ {
				v := fmt.Sprint("n", n)
				one, end := context.WithTimeout(ctx, 30*time.Second)
				began := time.Now()
				_, err := p.Produce(one, int32(part), []stream.Record{{Key: key(n), Value: []byte(v)}})
				end()
				worst[part] = max(worst[part], time.Since(began))
				switch {
				case err == nil:
					sent[part] = append(sent[part], v)
				case errors.Is(err, stream.ErrUnknown):
					doubt[part][v] = true
				default:
					t.Errorf("partition %d: %v", part, err)
				}
			}
		})
	}
	seen := make(chan []int64, 1)
	go func() { seen <- readAlong(t, ctx, load, c, tp) }()

	time.Sleep(time.Second)
	for node := 1; node <= 3; node++ {
		out, err := exec.CommandContext(ctx, script(t), "restart-node", fmt.Sprint(node), dir).CombinedOutput()
		if err != nil {
			t.Errorf("node %d: %v: %s", node, err, out)
		}
		time.Sleep(3 * time.Second)
	}
	stop()
	wg.Wait()
	for part := range sent {
		onceEach(t, values(t, c, tp, int32(part)), sent[part])
		t.Logf("partition %d: %d acknowledged, %d of unknown outcome, slowest call %v", part, len(sent[part]), len(doubt[part]), worst[part].Round(time.Millisecond))
	}
	offsets := <-seen
	for i, o := range offsets {
		if o != int64(i) {
			t.Fatalf("the reader saw offset %d in place of %d", o, i)
		}
	}
	t.Logf("the reader saw %d offsets of partition 0 in order", len(offsets))
}

// onceEach checks a partition, read as offset:value, against what was acknowledged.
func onceEach(t *testing.T, log, acknowledged []string) {
	t.Helper()
	times := make(map[string]int)
	for _, r := range log {
		_, v, _ := strings.Cut(r, ":")
		times[v]++
	}
	for _, v := range acknowledged {
		if times[v] != 1 {
			t.Errorf("%s was acknowledged and stands %d times", v, times[v])
		}
	}
	for v, n := range times {
		if n > 1 {
			t.Errorf("%s stands %d times", v, n)
		}
	}
}

// readAlong reads partition 0 until load ends.
func readAlong(t *testing.T, ctx, load context.Context, c *stream.Client, tp string) (offsets []int64) {
	f, err := c.Open(ctx, tp, 0, 0, stream.FetchConfig{KeyLen: 8})
	if err != nil {
		t.Error(err)
		return nil
	}
	defer f.Close()
	for load.Err() == nil {
		rs, err := f.Next(ctx)
		if err != nil && !errors.Is(err, stream.ErrRetryable) {
			t.Errorf("reader: %v", err)
			return offsets
		}
		for _, r := range rs {
			offsets = append(offsets, r.Offset)
		}
	}
	return offsets
}

// script is deploy/kafka/kafka.sh of this repository.
func script(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "deploy", "kafka", "kafka.sh")
		}
	}
	t.Fatal("not inside the repository")
	return ""
}
