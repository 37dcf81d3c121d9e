package collector

import (
	"errors"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// refusal is why a whole request is not taken. Its text and its answer hold a code and at
// most an offset, never a value.
type refusal struct {
	status int
	why    reason
	code   string
	offset int64 // of a syntax error; -1 = none
	retry  time.Duration
}

func (e *refusal) Error() string { return "collector: refused: " + e.code }

// refuse turns the errors of the stations into what a client is told.
func (c *Collector) refuse(err error) *refusal {
	var own *refusal
	var syn *syntaxError
	switch {
	case errors.As(err, &own):
		if own.status == fasthttp.StatusServiceUnavailable && own.retry == 0 {
			own.retry = c.cfg.RetryAfter
		}
		return own
	case errors.As(err, &syn):
		if syn.code == codeLarge || syn.code == codeMany {
			return &refusal{status: 413, why: refusedTooLarge, code: syn.code, offset: -1}
		}
		return &refusal{status: 400, why: refusedMalformed, code: syn.code, offset: syn.offset}
	case errors.Is(err, errBodyLarge):
		return &refusal{status: 413, why: refusedTooLarge, code: codeLarge, offset: -1}
	case errors.Is(err, errBodyBad):
		return &refusal{status: 400, why: refusedMalformed, code: codeEncoding, offset: -1}
	case errors.Is(err, errBodyFull), errors.Is(err, errFull):
		return &refusal{status: 503, why: refusedOverload, code: "overload", offset: -1, retry: c.cfg.RetryAfter}
	case errors.Is(err, errBroker), errors.Is(err, errStopped):
		return &refusal{status: 503, why: refusedBroker, code: "broker", offset: -1, retry: c.cfg.RetryAfter}
	}
	// What is left is reading: the client went away or was too slow.
	return &refusal{status: 408, why: refusedMalformed, code: "body_incomplete", offset: -1}
}

// sayRefused writes a refusal.
func (c *Collector) sayRefused(ctx *fasthttp.RequestCtx, e *refusal) {
	c.metrics.refused[e.why].Inc()
	body := append(make([]byte, 0, 64), `{"error":"`...)
	body = append(body, e.code...)
	body = append(body, '"')
	if e.status == 400 && e.offset >= 0 {
		body = strconv.AppendInt(append(body, `,"offset":`...), e.offset, 10)
	}
	body = append(body, '}')
	if e.retry > 0 {
		seconds := max(1, int((e.retry+time.Second-1)/time.Second))
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(seconds))
	}
	if e.status == fasthttp.StatusRequestTimeout {
		ctx.SetConnectionClose()
	}
	sayJSON(ctx, e.status, body)
}

func sayJSON(ctx *fasthttp.RequestCtx, status int, body []byte) {
	ctx.SetStatusCode(status)
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.Header.Set("X-Content-Type-Options", "nosniff")
	ctx.Response.SetBodyRaw(body)
}

// answerSegment is what the Segment family looks for. Events that were refused one by one
// are counted and not told: its clients in Go repeat a 4xx every tenth of a second.
func answerSegment(*request) []byte { return []byte(`{"success":true}`) }

// answerNative tells which events were not taken, why, and for which key of the schema
// where it was one.
func answerNative(r *request) []byte {
	b := append(make([]byte, 0, 64+64*len(r.rejected)), `{"accepted":`...)
	b = strconv.AppendInt(b, int64(r.accepted), 10)
	b = append(b, `,"rejected":[`...)
	for i, x := range r.rejected {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"index":`...), int64(x.index), 10)
		b = append(append(append(b, `,"reason":"`...), x.reason.String()...), '"')
		if x.field != "" {
			b = append(append(append(b, `,"field":"`...), x.field...), '"')
		}
		b = append(b, '}')
	}
	return append(b, `]}`...)
}

// sayPixel answers with a transparent picture of one dot, 43 bytes.
func sayPixel(ctx *fasthttp.RequestCtx) {
	const gif = "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff" +
		"!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
	ctx.SetStatusCode(fasthttp.StatusOK)
	ctx.Response.Header.SetContentType("image/gif")
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store, no-cache, must-revalidate")
	ctx.Response.SetBodyString(gif)
}
