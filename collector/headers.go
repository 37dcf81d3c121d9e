package collector

import (
	"strings"

	"github.com/valyala/fasthttp"
)

// headers is all that is read of a request's headers for its events. Cookies are not.
type headers struct {
	unprintable
	origin string
	ua     string
	lang   string // of pixels, which have no SDK to say it
	page   string // Referer, for pixels
	gpc    bool
	dnt    bool
	retry  bool
	query  bool // the event came in the query string
	lines  bool // the body is declared to be one document a line
}

// readHeaders copies nothing: the strings hold as long as the request.
func readHeaders(h *fasthttp.RequestHeader) headers {
	r := headers{origin: view(h.Peek(fasthttp.HeaderOrigin)), ua: view(h.Peek(fasthttp.HeaderUserAgent))}
	// Only "1" says something (Global Privacy Control, section 3.2); DNT 0 is a yes to
	// tracking that we have no use for.
	r.gpc = view(h.Peek("Sec-Gpc")) == "1"
	r.dnt = view(h.Peek("Dnt")) == "1"
	kind := view(h.ContentType())
	r.lines = strings.Contains(kind, "ndjson") || strings.Contains(kind, "jsonl") || strings.Contains(kind, "x-json-stream")
	for _, name := range [...]string{"X-Retry-Count", "Rsa-Retry-Attempt"} {
		if n := strings.TrimSpace(view(h.Peek(name))); n != "" && n != "0" {
			r.retry = true
		}
	}
	return r
}
