package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// kafka is the real broker of this run, started when the first test asks for it.
var kafka struct {
	once sync.Once
	dir  string
	addr string
	err  error
	used atomic.Int64
}

// startKafka gives the address of a real Apache Kafka: of SLUICE_KAFKA if that is set, else
// one started on loopback.
func startKafka() (string, error) {
	kafka.once.Do(func() {
		if kafka.addr = os.Getenv("SLUICE_KAFKA"); kafka.addr != "" {
			return
		}
		if kafka.dir, kafka.err = os.MkdirTemp("", "sluice-kafka-"); kafka.err != nil {
			return
		}
		out, err := exec.Command("../deploy/kafka/kafka.sh", "start", kafka.dir).Output()
		if err != nil {
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				err = fmt.Errorf("%w: %s", err, exit.Stderr)
			}
			kafka.err = err
			return
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		kafka.addr = lines[len(lines)-1]
	})
	return kafka.addr, kafka.err
}

func stopKafka() {
	if kafka.dir != "" {
		exec.Command("../deploy/kafka/kafka.sh", "stop", kafka.dir).Run()
		os.RemoveAll(kafka.dir)
	}
	fmt.Printf("e2e: %d tests ran on real Kafka\n", kafka.used.Load())
}

// onBrokers runs f on the embedded broker and on real Kafka. Without Kafka the second part
// is left out, which fails where SLUICE_REQUIRE_KAFKA is set.
func onBrokers(t *testing.T, f func(t *testing.T, args ...string)) {
	t.Run("embedded", func(t *testing.T) { f(t) })
	t.Run("kafka", func(t *testing.T) {
		addr, err := startKafka()
		if err != nil {
			if os.Getenv("SLUICE_REQUIRE_KAFKA") != "" {
				t.Fatalf("real Kafka is required and does not start: %v", err)
			}
			t.Skipf("real Kafka does not start, so this part did not run: %v", err)
		}
		n := kafka.used.Add(1)
		f(t, "--kafka", addr, "--topics", fmt.Sprintf("e2e-%d-%d", os.Getpid(), n))
	})
}
