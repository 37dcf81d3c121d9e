package clickhouse

import (
	"fmt"
	"io"

	"github.com/ClickHouse/ch-go/compress"
)

// frameSize is how much of a block one compressed frame holds: small enough for the caches,
// and the first frame is on its way while the next is made.
const frameSize = 128 << 10

// frames reads a block as compressed frames, made one after the other as they are read.
type frames struct {
	w    *compress.Writer
	rest []byte // of the block
	out  []byte // of the frame at hand
}

func newFrames(compression string) *frames {
	m := compress.LZ4
	if compression == ZSTD {
		m = compress.ZSTD
	}
	return &frames{w: compress.NewWriter(compress.LevelZero, m)}
}

func (f *frames) reset(block []byte) { f.rest, f.out = block, nil }

func (f *frames) Read(p []byte) (int, error) {
	if len(f.out) == 0 {
		if len(f.rest) == 0 {
			return 0, io.EOF
		}
		n := min(frameSize, len(f.rest))
		if err := f.w.Compress(f.rest[:n]); err != nil {
			return 0, fmt.Errorf("compress a frame: %w", err)
		}
		f.rest, f.out = f.rest[n:], f.w.Data
	}
	n := copy(p, f.out)
	f.out = f.out[n:]
	return n, nil
}
