package collector

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// newServer sets fasthttp up. Its defaults would allocate what Content-Length declares,
// buffer bodies before anybody looked at the key, and print addresses of clients.
func (c *Collector) newServer() *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                       c.serve,
		ErrorHandler:                  c.unreadable,
		Logger:                        silent{c.metrics},
		Name:                          "sluice",
		NoDefaultServerHeader:         true,
		StreamRequestBody:             true,
		MaxRequestBodySize:            4 << 10, // what is read before the handler is called
		ReadBufferSize:                c.cfg.MaxHeader,
		WriteBufferSize:               2 << 10,
		ReadTimeout:                   c.cfg.ReadTimeout,
		WriteTimeout:                  c.cfg.WriteTimeout,
		IdleTimeout:                   c.cfg.IdleTimeout,
		Concurrency:                   c.cfg.MaxConns + 16, // the listener refuses first, politely
		MaxConnsPerIP:                 c.cfg.MaxConnsPerIP,
		DisablePreParseMultipartForm:  true,
		NoDefaultContentType:          true,
		SecureErrorLogMessage:         true,
		CloseOnShutdown:               true,
		DisableHeaderNamesNormalizing: false,
	}
}

// unreadable answers requests whose head does not parse. The connection is closed.
func (c *Collector) unreadable(ctx *fasthttp.RequestCtx, err error) {
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	e := &refusal{status: fasthttp.StatusBadRequest, why: refusedMalformed, code: "http_syntax", offset: -1}
	switch {
	case errors.As(err, &small):
		e.status, e.code = fasthttp.StatusRequestHeaderFieldsTooLarge, "headers_too_large"
	case errors.As(err, &timeout) && timeout.Timeout():
		e.status, e.code = fasthttp.StatusRequestTimeout, "timeout"
	}
	c.sayRefused(ctx, e)
}

// silent stands in for fasthttp's logger, whose lines hold addresses and pieces of
// requests: it counts them.
type silent struct{ m *metrics }

func (s silent) Printf(string, ...any) { s.m.failed(errHTTP) }

// capped is a listener that answers a connection too many with 503 and closes it.
type capped struct {
	net.Listener
	c    *Collector
	open atomic.Int64
}

func (l *capped) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		n := l.open.Add(1)
		l.c.metrics.conns.Set(float64(n))
		if n <= int64(l.c.cfg.MaxConns) {
			return &counted{Conn: conn, l: l}, nil
		}
		l.open.Add(-1)
		l.c.metrics.refused[refusedConns].Inc()
		conn.SetDeadline(time.Now().Add(50 * time.Millisecond))
		conn.Write([]byte(tooManyConns)) // a few bytes into an empty buffer: does not block
		conn.Close()
	}
}

const tooManyConns = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Type: application/json\r\n" +
	"Content-Length: 23\r\nConnection: close\r\n\r\n" + `{"error":"connections"}`

// counted gives its place back when it is closed.
type counted struct {
	net.Conn
	l    *capped
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.l.c.metrics.conns.Set(float64(c.l.open.Add(-1))) })
	return c.Conn.Close()
}
