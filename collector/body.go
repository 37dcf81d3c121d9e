package collector

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/valyala/fasthttp"
)

// Bodies are read in pieces and never by their declared length, so a client that promises
// much and sends little costs what it sent. The size after inflation is bounded by the
// same limit, before anything beyond it is allocated.

var (
	errBodyLarge = errors.New("collector: body over the limit")
	errBodyFull  = errors.New("collector: too many bodies at once")
	errBodyBad   = errors.New("collector: body does not inflate")
)

// read takes a request's body, inflated, into r.body.
func (r *request) read(ctx *fasthttp.RequestCtx) error {
	limit := r.c.cfg.MaxBody
	if ctx.Request.Header.ContentLength() > limit {
		return errBodyLarge
	}
	if !r.charge(cap(r.wire) + cap(r.body)) {
		return errBodyFull
	}
	var err error
	if stream := ctx.RequestBodyStream(); stream != nil {
		r.wire, err = r.fill(r.wire[:0], stream, limit)
	} else {
		b := ctx.Request.Body()
		r.wire, err = r.fill(r.wire[:0], bytes.NewReader(b), limit)
		clear(b)
	}
	if err != nil {
		return err
	}
	coding := sniff(r.wire, view(ctx.Request.Header.Peek(fasthttp.HeaderContentEncoding)))
	// A proxy may have compressed once more: at most two layers.
	for layer := 0; coding != identity; layer++ {
		if layer == 2 {
			return errBodyBad
		}
		if r.body, err = r.inflate(r.body[:0], coding, limit); err != nil {
			return err
		}
		clear(r.wire)
		r.wire, r.body = r.body, r.wire[:0]
		coding = sniff(r.wire, "")
	}
	r.wire, r.body = r.body, bytes.TrimPrefix(r.wire, []byte("\xef\xbb\xbf"))
	return nil
}

// fill appends what src gives to dst, in steps that are charged to the budget.
func (r *request) fill(dst []byte, src io.Reader, limit int) ([]byte, error) {
	for {
		if len(dst) == cap(dst) {
			grown := max(2*cap(dst), 4096)
			if !r.charge(grown - cap(dst)) {
				return dst, errBodyFull
			}
			b := make([]byte, len(dst), grown)
			copy(b, dst)
			clear(dst)
			dst = b
		}
		n, err := src.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > limit:
			return dst, errBodyLarge
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

// drain reads what is left of a refused body, within reason: a client that is cut off in
// the middle of sending often never sees the answer.
func (r *request) drain(ctx *fasthttp.RequestCtx) {
	stream := ctx.RequestBodyStream()
	const reason = 2 // times the largest body
	if stream == nil || ctx.Request.Header.ContentLength() > reason*r.c.cfg.MaxBody {
		ctx.SetConnectionClose()
		return
	}
	if cap(r.buf) < 4096 {
		r.buf = make([]byte, 4096)
	}
	scratch := r.buf[:cap(r.buf)]
	defer clear(scratch)
	for left := reason * r.c.cfg.MaxBody; left > 0; {
		n, err := stream.Read(scratch)
		if left -= n; err != nil {
			if err != io.EOF {
				break
			}
			return
		}
	}
	ctx.SetConnectionClose()
}

// charge takes bytes from the in-flight budget until the request is over.
func (r *request) charge(n int) bool {
	if !r.c.inFlight.take(n) {
		return false
	}
	r.charged += n
	return true
}

// coding is a content coding.
type coding uint8

const (
	identity coding = iota
	gzipped
	zlibbed
	deflated
	zstandard
	brotlied
)

// sniff decides by the first bytes and only then by what the client declared: SDKs send
// gzip as text/plain, and proxies inflate without changing the header. JSON and forms
// begin with none of the magic numbers.
func sniff(b []byte, declared string) coding {
	switch {
	case len(b) >= 2 && b[0] == 0x1f && b[1] == 0x8b:
		return gzipped
	case len(b) >= 4 && b[0] == 0x28 && b[1] == 0xb5 && b[2] == 0x2f && b[3] == 0xfd:
		return zstandard
	}
	switch strings.ToLower(strings.TrimSpace(declared)) { // RFC 9110: names of codings know no case
	case "br":
		return brotlied
	case "deflate":
		// By the RFC this is zlib; some send the bare stream.
		if len(b) >= 2 && b[0]&0x0f == 8 && (int(b[0])<<8|int(b[1]))%31 == 0 {
			return zlibbed
		}
		if len(b) > 0 && b[0] != '{' && b[0] != '[' {
			return deflated
		}
	}
	return identity
}

// inflaters are kept for reuse: each holds tens of kilobytes of tables. As many work at
// once as there are processors, since a window may take megabytes and all input is there.
type inflaters struct {
	gzip, brotli, zstd sync.Pool
	turn               chan struct{}
}

func newInflaters() *inflaters {
	return &inflaters{turn: make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))}
}

// zstdWindow is the largest window a frame may ask for (RFC 9659).
const zstdWindow = 8 << 20

// inflate appends r.wire, inflated, to dst.
func (r *request) inflate(dst []byte, c coding, limit int) (out []byte, err error) {
	in := r.c.inflaters
	in.turn <- struct{}{}
	defer func() { <-in.turn }()
	src := bytes.NewReader(r.wire)
	switch c {
	case gzipped:
		z, _ := in.gzip.Get().(*gzip.Reader)
		if z == nil {
			z = new(gzip.Reader)
		}
		defer func() { z.Reset(eof{}); in.gzip.Put(z) }()
		if err = z.Reset(src); err == nil {
			out, err = r.fill(dst, z, limit)
		}
	case zstandard:
		z, _ := in.zstd.Get().(*zstd.Decoder)
		if z == nil {
			if z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(zstdWindow), zstd.WithDecoderLowmem(true)); err != nil {
				return dst, errBodyBad
			}
		}
		defer func() { z.Reset(nil); in.zstd.Put(z) }()
		if err = z.Reset(src); err == nil {
			out, err = r.fill(dst, z, limit)
		}
	case brotlied:
		z, _ := in.brotli.Get().(*brotli.Reader)
		if z == nil {
			z = brotli.NewReader(nil)
		}
		defer func() { z.Reset(eof{}); in.brotli.Put(z) }()
		if err = z.Reset(src); err == nil {
			out, err = r.fill(dst, z, limit)
		}
	case zlibbed:
		var z io.ReadCloser
		if z, err = zlib.NewReader(src); err == nil {
			out, err = r.fill(dst, z, limit)
		}
	case deflated:
		out, err = r.fill(dst, flate.NewReader(src), limit)
	}
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded):
		err = errBodyLarge
	case err != nil && err != errBodyLarge && err != errBodyFull:
		err = errBodyBad // the inflater's own words may tell what stood there
	}
	return out, err
}

// eof is a reader without a byte: it lets a pooled inflater let go of a body.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }
func (eof) ReadByte() (byte, error)  { return 0, io.EOF }
