package collector

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// packers compress in every way that clients and proxies do.
type packers struct{ gzip, zlib, flate, brotli, zstd, zstdStream, zstdWide func([]byte) []byte }

func newPackers(t *testing.T) (p packers) {
	t.Helper()
	stream := func(open func(io.Writer) (io.WriteCloser, error)) func([]byte) []byte {
		return func(b []byte) []byte {
			var out bytes.Buffer
			w, err := open(&out)
			if err == nil {
				_, err = w.Write(b)
			}
			if err == nil {
				err = w.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		}
	}
	p.gzip = stream(func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
	p.zlib = stream(func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil })
	p.flate = stream(func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 6) })
	p.brotli = stream(func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriter(w), nil })
	p.zstdStream = stream(func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w, zstd.WithWindowSize(8<<20)) })
	p.zstd = func(b []byte) []byte {
		z, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		return z.EncodeAll(b, nil)
	}
	p.zstdWide = func(b []byte) []byte { // flushed half-way, so that the frame names its window and not its size
		var out bytes.Buffer
		z, err := zstd.NewWriter(&out, zstd.WithWindowSize(64<<20))
		if err != nil {
			t.Fatal(err)
		}
		z.Write(b[:len(b)/2])
		z.Flush()
		z.Write(b[len(b)/2:])
		z.Close()
		return out.Bytes()
	}
	return p
}

func TestEncodings(t *testing.T) {
	p := newPackers(t)
	gz, zl, fl, br, zs, zStream, zWide := p.gzip, p.zlib, p.flate, p.brotli, p.zstd, p.zstdStream, p.zstdWide
	zeros := make([]byte, 40<<20)
	body := []byte(`[` + strings.Repeat(pageView+",", 999) + pageView + `]`)
	for _, c := range []struct {
		name, declared string
		body           []byte
		status         int
	}{
		{"plain", "", body, 200},
		{"gzip", "gzip", gz(body), 200},
		{"gzip undeclared", "", gz(body), 200},
		{"gzip declared, sent plain", "gzip", body, 200},
		{"gzip twice", "gzip", gz(gz(body)), 200},
		{"gzip thrice", "gzip", gz(gz(gz(body))), 400},
		{"zstd", "zstd", zs(body), 200},
		{"zstd stream of unknown size", "zstd", zStream(body), 200},
		{"brotli", "br", br(body), 200},
		{"deflate as zlib", "deflate", zl(body), 200},
		{"deflate bare", "deflate", fl(body), 200},
		{"byte order mark", "", append([]byte("\xef\xbb\xbf"), body...), 200},
		{"gzip cut", "gzip", gz(body)[:200], 400},
		{"gzip bad trailer", "gzip", append(gz(body)[:len(gz(body))-4], 1, 2, 3, 4), 400},
		{"zstd cut", "zstd", zs(body)[:100], 400},
		{"brotli garbage", "br", []byte("\xff\xff\xff\xff"), 400},
		{"gzip bomb", "gzip", gz(zeros), 413},
		{"gzip bomb in gzip", "gzip", gz(gz(zeros)), 413},
		{"zstd bomb", "zstd", zs(zeros), 413},
		{"zstd bomb of unknown size", "zstd", zStream(zeros), 413},
		{"brotli bomb", "br", br(zeros), 413},
		{"deflate bomb", "deflate", zl(zeros), 413},
		{"bare deflate bomb", "deflate", fl(zeros), 413},
		{"zstd of a wide window", "zstd", zWide(body), 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			h := header{"X-Write-Key": "edu"}
			if c.declared != "" {
				h["Content-Encoding"] = c.declared
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			a := r.do("POST", "/v1/events", h, c.body)
			runtime.ReadMemStats(&after)
			if a.status != c.status {
				t.Errorf("%d %s, want %d", a.status, a.body, c.status)
			}
			if got := after.TotalAlloc - before.TotalAlloc; (c.status == 413 || strings.Contains(c.name, "wide")) && got > 24<<20 {
				t.Errorf("%d bytes were allocated for a bomb of %d", got, len(c.body))
			}
			if raws, _ := r.sealed(); c.status == 200 && len(raws) != 1000 {
				t.Errorf("%d events", len(raws))
			}
			if got := r.c.inFlight.used.Load(); got != 0 {
				t.Errorf("%d bytes are still counted as in flight", got)
			}
		})
	}
}

func TestChunked(t *testing.T) {
	r := newRig(t, nil)
	send := func(n int) int {
		body := `[` + strings.Repeat(pageView+",", n-1) + pageView + `]`
		req, _ := http.NewRequest("POST", r.url+"/v1/events", io.NopCloser(strings.NewReader(body))) // no length known
		req.Header.Set("X-Write-Key", "edu")
		resp, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	if got := send(1000); got != 200 {
		t.Errorf("status %d", got)
	}
	if got := send(10_000); got != 413 {
		t.Errorf("too large: status %d", got)
	}
}
