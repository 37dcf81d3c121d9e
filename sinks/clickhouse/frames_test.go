package clickhouse

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/ClickHouse/ch-go/compress"
)

// Frames of every size come out as what went in.
func TestFrames(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []string{LZ4, ZSTD} {
		f := newFrames(c)
		for _, n := range []int{0, 1, 15, frameSize - 1, frameSize, frameSize + 1, 5*frameSize + 77} {
			in := make([]byte, n)
			for i := range in {
				in[i] = byte(r.IntN(4) * r.IntN(1+i%97))
			}
			f.reset(in)
			framed, err := io.ReadAll(f)
			if err != nil {
				t.Fatal(err)
			}
			out := make([]byte, n)
			rd := compress.NewReader(bytes.NewReader(framed))
			if _, err := io.ReadFull(rd, out); err != nil {
				t.Fatalf("%s, %d bytes: %v", c, n, err)
			}
			if !bytes.Equal(in, out) {
				t.Errorf("%s: %d bytes came out changed", c, n)
			}
		}
	}
}
