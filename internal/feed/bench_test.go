package feed

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// BenchmarkSend drives a server that reads a request away and accepts it. ev/s is wall
// time, ev/CPU-s is of the whole process: sender, server and what the kernel does for them.
func BenchmarkSend(b *testing.B) {
	for _, d := range []Dialect{Native, Segment} {
		for _, plain := range []bool{false, true} {
			b.Run(fmt.Sprintf("dialect=%d/gzip=%v", d, !plain), func(b *testing.B) { benchmarkSend(b, d, plain) })
		}
	}
}

func benchmarkSend(b *testing.B, d Dialect, plain bool) {
	const batch = 500
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		// the sender says nothing about how many; every batch of the run below is full
		io.WriteString(w, `{"accepted":`+strconv.Itoa(batch)+`,"rejected":[]}`)
	}))
	defer srv.Close()
	cfg := DefaultConfig(srv.URL, "key")
	cfg.Dialect, cfg.Plain, cfg.Events, cfg.Bytes = d, plain, batch, 1<<30
	all := day(b, 1, func(c *DemoConfig) { c.Acts = false }).msgs
	for i := range all {
		all[i].Client.GPC = false
		all[i].Lane = strconv.Itoa(i / batch % 12) // persons in turn, so that each fills whole batches
	}
	all = all[:len(all)/batch*batch]
	var events int64
	var bytes int64
	for i := range all {
		bytes += int64(len(d.append(nil, &all[i])))
	}
	cpu, started := cpuTime(b), time.Now()
	b.ResetTimer()
	for b.Loop() {
		s, err := NewSender(cfg)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Send(b.Context(), &list{msgs: all}); err != nil {
			b.Fatal(err)
		}
		l := s.Ledger()
		s.Close()
		if l.Accepted != int64(len(all)) || !l.Closes() {
			b.Fatalf("%+v", l)
		}
		events += l.Accepted
	}
	b.StopTimer()
	b.ReportMetric(float64(events)/time.Since(started).Seconds(), "ev/s")
	b.ReportMetric(float64(events)/(cpuTime(b)-cpu).Seconds(), "ev/CPU-s")
	b.ReportMetric(float64(bytes)/float64(len(all)), "B/ev")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
