package clickhouse

import (
	"context"
	"net/http"
	"strconv"
	"strings"
)

// transport takes the driver's HTTP transport, forbids it to use a proxy that happens to
// stand in the environment, and stands before it for what the driver cannot do.
func transport(t *http.Transport) (http.RoundTripper, error) {
	t.Proxy = nil
	return &exchange{t}, nil
}

// exchange says of an insert that its body is compressed in frames, and hands
// X-ClickHouse-Summary, which the driver drops, to whoever asked for it. Both concern the
// insert alone: on a new connection the driver asks for the server's version first, with
// the same context.
type exchange struct{ next http.RoundTripper }

type summaryKey struct{}

// summary is what the server counted for one insert. Views count too, so it may be more
// than was sent.
type summary struct {
	framed  bool // in: the body is frames
	told    bool
	written uint64
}

func withSummary(ctx context.Context, s *summary) context.Context {
	return context.WithValue(ctx, summaryKey{}, s)
}

func (x *exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	sum, ok := r.Context().Value(summaryKey{}).(*summary)
	if !ok || !r.URL.Query().Has("query") { // any other statement travels in the body
		return x.next.RoundTrip(r)
	}
	if sum.framed {
		r = r.Clone(r.Context())
		r.URL.RawQuery += "&decompress=1"
	}
	res, err := x.next.RoundTrip(r)
	if err == nil && res.StatusCode == http.StatusOK {
		sum.read(res.Header.Get("X-ClickHouse-Summary"))
	}
	return res, err
}

// read finds "written_rows":"N".
func (s *summary) read(header string) {
	_, after, ok := strings.Cut(header, `"written_rows":"`)
	if !ok {
		return
	}
	digits, _, _ := strings.Cut(after, `"`)
	if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
		s.told, s.written = true, n
	}
}
