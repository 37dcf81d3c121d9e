package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"
)

// ErrFull: the log has reached its limit, or the disk is nearly full. It passes
// when consumers catch up and the janitor has deleted what they are done with.
var ErrFull = errors.New("embedded: the log is full")

const measureEvery = 500 * time.Millisecond

// Size is the size of the log on disk in bytes, measured twice a second.
func (b *Broker) Size() int64 { return b.size.Load() }

// Room returns ErrFull while nothing more should be produced: the log is at its
// limit, or the disk has little space left. Ask it before taking in new work; it
// costs two loads. The broker itself does not refuse, so that records that free
// space or must not wait (commits, the ledger) still get through.
func (b *Broker) Room() error {
	if n := b.size.Load(); n >= b.cfg.MaxLogBytes {
		return fmt.Errorf("%w: %d of %d bytes", ErrFull, n, b.cfg.MaxLogBytes)
	}
	if n := b.free.Load(); n < b.cfg.MinFreeBytes {
		return fmt.Errorf("%w: %d bytes free on its disk", ErrFull, n)
	}
	return nil
}

func (b *Broker) measureLoop(ctx context.Context) {
	defer close(b.done)
	t := time.NewTicker(measureEvery)
	defer t.Stop()
	full := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			b.measure()
		}
		err := b.Room()
		switch {
		case err != nil && !full:
			b.cfg.Logger.Error("no room for more events: they are refused until there is; free disk space, or wait for the stores to catch up", "error", err)
		case err == nil && full:
			b.cfg.Logger.Info("room for events again")
		}
		full = err != nil
	}
}

func (b *Broker) measure() {
	var sum int64
	// A file may vanish between its listing and its stat: the janitor deletes.
	filepath.WalkDir(filepath.Join(b.cfg.Dir, "log"), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	b.size.Store(sum)
	var st syscall.Statfs_t
	if err := syscall.Statfs(b.cfg.Dir, &st); err != nil {
		b.cfg.Logger.Warn("embedded broker cannot ask for free disk space", "error", err)
		b.free.Store(0) // not known is not enough
		return
	}
	b.free.Store(int64(st.Bavail) * int64(st.Bsize))
}
