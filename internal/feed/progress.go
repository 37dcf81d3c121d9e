package feed

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Progress writes how far a run is until ctx ends: on a terminal a bar that rewrites its
// line several times a second, elsewhere a plain line every five seconds. total is the
// number of messages to come, 0 if not known. now is called from this goroutine only.
func Progress(ctx context.Context, w io.Writer, total int64, now func() Ledger) {
	tty := terminal(w)
	every := 5 * time.Second
	if tty {
		every = 200 * time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	started := time.Now()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			if tty {
				fmt.Fprintf(w, "\r%s\n", progressLine(now(), total, time.Since(started), true))
			}
			return
		}
		if tty {
			fmt.Fprintf(w, "\r%s", progressLine(now(), total, time.Since(started), true))
		} else {
			fmt.Fprintln(w, progressLine(now(), total, time.Since(started), false))
		}
	}
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	i, err := f.Stat()
	return err == nil && i.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull && os.Getenv("TERM") != "dumb"
}

// progressLine is padded, so that it covers a longer one before it.
func progressLine(l Ledger, total int64, since time.Duration, bar bool) string {
	done := l.Accepted + l.Rejections()
	s := fmt.Sprintf("%d accepted", l.Accepted)
	if total > 0 {
		s = fmt.Sprintf("%d of %d accepted", l.Accepted, total)
	}
	s += fmt.Sprintf(", %d rejected, %d retries, %.0f a second", l.Rejections(), l.Retries, float64(done)/max(since.Seconds(), 0.001))
	if bar && total > 0 {
		const width = 24
		n := int(min(done, total) * width / total)
		s = "[" + strings.Repeat("=", n) + strings.Repeat(" ", width-n) + "] " + s
	}
	if bar {
		s = fmt.Sprintf("%-100s", s)
	}
	return s
}
