package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/segmentio/kafka-go"

	"github.com/sluice-events/sluice/internal/stream"
)

// The figures are per record of 300 bytes and include what the embedded broker
// spends in this process; with SLUICE_KAFKA the cluster is elsewhere.

const benchValue = 300

// cpu reports the processor time of this whole process for each record; on a
// shared machine it is steadier than the clock. Call the result after the loop.
func cpu(b *testing.B) func() {
	now := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := now()
	return func() { b.ReportMetric(float64(now()-before)/float64(b.N), "cpu-ns/op") }
}

func eachBench(b *testing.B, f func(b *testing.B, cfg stream.Config)) {
	b.Run("embedded", func(b *testing.B) { f(b, startEmbedded(b).Stream()) })
	if cfg, ok := realKafka(); ok {
		b.Run("kafka", func(b *testing.B) { f(b, cfg) })
	}
}

func BenchmarkProduce(b *testing.B) {
	for _, batch := range []int{1, 20, 500} {
		b.Run(fmt.Sprint("batch=", batch), func(b *testing.B) {
			eachBench(b, func(b *testing.B, cfg stream.Config) {
				c := client(b, cfg)
				p := stream.NewProducer(c, topic(b, c, 1), stream.ProducerConfig{})
				rs := benchRecords(batch)
				ctx := context.Background()
				produce(b, p, 0, rs)
				b.ReportAllocs()
				b.SetBytes(benchValue)
				defer cpu(b)()
				for n := 0; b.Loop(); n++ {
					if n%batch == 0 { // b.N counts records
						if _, err := p.Produce(ctx, 0, rs); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		})
	}
}

func benchRecords(n int) []stream.Record {
	rs := records(0, n)
	for i := range rs {
		rs[i].Value = make([]byte, benchValue)
	}
	return rs
}

// filled makes a topic of about 100,000 records in batches of batch.
func filled(b *testing.B, c *stream.Client, batch int) (topicName string, n int) {
	topicName = topic(b, c, 1)
	p := stream.NewProducer(c, topicName, stream.ProducerConfig{})
	for ; n < 100_000; n += batch {
		produce(b, p, 0, benchRecords(batch))
	}
	return topicName, n
}

func BenchmarkFetch(b *testing.B) {
	eachBench(b, func(b *testing.B, cfg stream.Config) {
		c := client(b, cfg)
		tp, total := filled(b, c, 500)
		open := func() *stream.Fetcher {
			f, err := c.Open(context.Background(), tp, 0, 0, stream.FetchConfig{KeyLen: 8})
			if err != nil {
				b.Fatal(err)
			}
			return f
		}
		f := open()
		defer func() { f.Close() }()
		b.ReportAllocs()
		b.SetBytes(benchValue)
		defer cpu(b)()
		left := 0
		for b.Loop() {
			for left == 0 {
				if f.Offset() == int64(total) {
					f.Close()
					f = open()
				}
				rs, err := f.Next(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				left = len(rs)
			}
			left--
		}
	})
}

// The library's own way to read values, for comparison: no key, no timestamp.
func BenchmarkFetchLibrary(b *testing.B) {
	eachBench(b, func(b *testing.B, cfg stream.Config) {
		c := client(b, cfg)
		tp, total := filled(b, c, 500)
		d := &kafka.Dialer{DialFunc: cfg.Dial}
		if d.DialFunc == nil {
			d.DialFunc = new(net.Dialer).DialContext
		}
		conn, err := d.DialPartition(context.Background(), "tcp", cfg.Brokers[0], kafka.Partition{Topic: tp, Leader: brokerOf(cfg.Brokers[0])})
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		conn.Seek(0, kafka.SeekAbsolute|kafka.SeekDontCheck)
		var batch *kafka.Batch
		buf := make([]byte, 4096)
		b.ReportAllocs()
		b.SetBytes(benchValue)
		defer cpu(b)()
		for b.Loop() {
			for {
				if batch == nil {
					batch = conn.ReadBatchWith(kafka.ReadBatchConfig{MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 250e6})
				}
				_, err := batch.Read(buf)
				if err == nil {
					break
				}
				if !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
				at := batch.Offset()
				batch.Close()
				batch = nil
				if at == int64(total) { // as the other one: no wait at the end of the log
					conn.Seek(0, kafka.SeekAbsolute|kafka.SeekDontCheck)
				}
			}
		}
	})
}

func brokerOf(addr string) kafka.Broker {
	host, port, _ := net.SplitHostPort(addr)
	var n int
	fmt.Sscan(port, &n)
	return kafka.Broker{Host: host, Port: n}
}
