package engine

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// frameBytes is how much output goes into one ClickHouse frame.
const frameBytes = 1 << 20

// decoder undoes Content-Encoding and, for frames, ClickHouse's own compressed blocks. Brotli and zstd
// readers are limited in their memory; the engine's limits hold for what comes out.
func decoder(body io.Reader, encoding string, frames bool) (io.Reader, error) {
	var err error
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
	case "gzip", "x-gzip":
		body, err = gzip.NewReader(body)
	case "deflate":
		body, err = zlib.NewReader(body)
	case "br":
		body = brotli.NewReader(body)
	case "zstd":
		var z *zstd.Decoder
		z, err = zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20))
		if z != nil {
			body = z.IOReadCloser()
		}
	case "lz4":
		body = lz4.NewReader(body)
	default:
		return nil, refuse(49, "UNKNOWN_COMPRESSION_METHOD", "The Content-Encoding of the request is not known")
	}
	if err != nil {
		return nil, errBody(err)
	}
	if frames {
		body = newFrameReader(body)
	}
	return body, nil
}

// frameReader reads ClickHouse frames. compress.Reader takes an end behind a frame's header for a clean end,
// and after an end it gives its last frame a second time; here an end counts as clean only where a frame
// ends, and an end or an error is final.
type frameReader struct {
	src    *countingReader
	frames *compress.Reader
	whole  int64 // bytes of src that belong to complete frames
	err    error // the end or error that was reported
}

func newFrameReader(src io.Reader) *frameReader {
	c := &countingReader{src: src}
	return &frameReader{src: c, frames: compress.NewReader(c)}
}

func (r *frameReader) Read(p []byte) (int, error) {
	if r.err != nil || len(p) == 0 {
		return 0, r.err
	}
	n, err := r.frames.Read(p)
	switch {
	case err == nil:
		r.whole = r.src.n
		return n, nil
	case errors.Is(err, io.EOF) && r.src.n == r.whole:
		r.err = io.EOF
	default:
		r.err = errBody(err)
	}
	return 0, r.err
}

type countingReader struct {
	src io.Reader
	n   int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.n += int64(n)
	return n, err
}

// encoder compresses an answer. close ends the encoding; flush hands over what is buffered.
type encoder interface {
	io.Writer
	Flush() error
	Close() error
}

// encodings are the answers' Content-Encodings in the order of preference.
var encodings = []string{"zstd", "lz4", "br", "gzip", "deflate"}

// chooseEncoding picks from Accept-Encoding; "" means none.
func chooseEncoding(accept string) string {
	offered := map[string]bool{}
	for _, part := range strings.Split(accept, ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if q := strings.ReplaceAll(quality, " ", ""); q == "q=0" || q == "q=0.0" {
			continue
		}
		offered[strings.ToLower(strings.TrimSpace(name))] = true
	}
	for _, e := range encodings {
		if offered[e] {
			return e
		}
	}
	return ""
}

func newEncoder(w io.Writer, encoding string) (encoder, error) {
	switch encoding {
	case "zstd":
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	case "lz4":
		return lz4.NewWriter(w), nil
	case "br":
		return brotli.NewWriterLevel(w, 1), nil
	case "gzip":
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	case "deflate":
		return zlib.NewWriterLevel(w, zlib.BestSpeed)
	}
	return plainEncoder{w}, nil
}

type plainEncoder struct{ io.Writer }

func (plainEncoder) Flush() error { return nil }
func (plainEncoder) Close() error { return nil }

// frameEncoder writes ClickHouse frames of at most frameBytes.
type frameEncoder struct {
	w   io.Writer
	out *compress.Writer
}

// newFrameEncoder chooses the method that the setting network_compression_method asks for; LZ4 by default.
func newFrameEncoder(w io.Writer, method string) frameEncoder {
	m := compress.LZ4
	switch strings.ToUpper(method) {
	case "ZSTD":
		m = compress.ZSTD
	case "LZ4HC":
		m = compress.LZ4HC
	case "NONE":
		m = compress.None
	}
	return frameEncoder{w, compress.NewWriter(compress.LevelZero, m)}
}

func (e frameEncoder) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		part := p[done:min(len(p), done+frameBytes)]
		if err := e.out.Compress(part); err != nil {
			return done, fmt.Errorf("compress a frame: %w", err)
		}
		if _, err := e.w.Write(e.out.Data); err != nil {
			return done, err
		}
		done += len(part)
	}
	return done, nil
}

func (frameEncoder) Flush() error { return nil }
func (frameEncoder) Close() error { return nil }
