package stream

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	requestTimeout = 10 * time.Second // one control request, when the context has no earlier end
	maxResponse    = 256 << 20        // bytes; a longer length field is not Kafka speaking
)

// wire is one authenticated connection to one broker, for one request at a
// time. It is for one goroutine. After an error it is broken: close it.
type wire struct {
	conn     net.Conn
	format   *kmsg.RequestFormatter
	versions map[int16][2]int16 // api key → least and greatest version the broker speaks
	corr     int32
	out, in  []byte // reused; a response decoded from in is valid until the next do
}

// dial connects to addr, does TLS and SASL, and learns the broker's versions.
func (c *Client) dial(ctx context.Context, addr string) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	defer cancel()
	conn, err := c.cfg.Dial(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if c.cfg.TLS != nil {
		t := c.cfg.TLS.Clone()
		if t.ServerName == "" {
			t.ServerName, _, _ = net.SplitHostPort(addr)
		}
		conn = tls.Client(conn, t)
	}
	w := &wire{conn: conn, format: kmsg.NewRequestFormatter(kmsg.FormatterClientID(c.cfg.ClientID))}
	if err := w.greet(ctx, addr, c.sasl); err != nil {
		conn.Close()
		return nil, err
	}
	return w, nil
}

func (w *wire) greet(ctx context.Context, addr string, m sasl.Mechanism) error {
	// Version 0 is the one every broker answers before it knows us.
	req := kmsg.NewPtrApiVersionsRequest()
	r, err := w.send(ctx, req)
	if err != nil {
		return fmt.Errorf("api versions: %w", err)
	}
	resp := r.(*kmsg.ApiVersionsResponse)
	if resp.ErrorCode != 0 {
		return fmt.Errorf("api versions: %w", kafka.Error(resp.ErrorCode))
	}
	w.versions = make(map[int16][2]int16, len(resp.ApiKeys))
	for _, k := range resp.ApiKeys {
		w.versions[k.ApiKey] = [2]int16{k.MinVersion, k.MaxVersion}
	}
	if m == nil {
		return nil
	}
	return w.authenticate(ctx, addr, m)
}

func (w *wire) authenticate(ctx context.Context, addr string, m sasl.Mechanism) error {
	hand := kmsg.NewPtrSASLHandshakeRequest()
	hand.Mechanism = m.Name()
	r, err := w.do(ctx, hand, 1, 1)
	if err != nil {
		return fmt.Errorf("sasl handshake: %w", err)
	}
	if code := r.(*kmsg.SASLHandshakeResponse).ErrorCode; code != 0 {
		return fmt.Errorf("sasl handshake: %w", kafka.Error(code))
	}
	host, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	ctx = sasl.WithMetadata(ctx, &sasl.Metadata{Host: host, Port: n})
	session, msg, err := m.Start(ctx)
	for done := false; err == nil && !done; {
		auth := kmsg.NewPtrSASLAuthenticateRequest()
		auth.SASLAuthBytes = msg
		if r, err = w.do(ctx, auth, 0, 1); err != nil {
			break
		}
		resp := r.(*kmsg.SASLAuthenticateResponse)
		if resp.ErrorCode != 0 {
			return fmt.Errorf("sasl authenticate: %w", kafka.Error(resp.ErrorCode))
		}
		done, msg, err = session.Next(ctx, resp.SASLAuthBytes)
	}
	if err != nil {
		return fmt.Errorf("sasl authenticate: %w", err)
	}
	return nil
}

var errVersion = errors.New("the broker is too old or too new for this request")

// do sends req at the highest version in [least, most] that the broker speaks.
func (w *wire) do(ctx context.Context, req kmsg.Request, least, most int16) (kmsg.Response, error) {
	v, ok := w.versions[req.Key()]
	if most = min(most, v[1]); !ok || most < max(least, v[0]) {
		return nil, errVersion
	}
	req.SetVersion(most)
	return w.send(ctx, req)
}

// send writes req and reads its response, whose byte slices alias w.in.
func (w *wire) send(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	stop, err := w.watch(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	w.corr++
	w.out = w.format.AppendRequest(w.out[:0], req, w.corr)
	if _, err := w.conn.Write(w.out); err != nil {
		return nil, because(ctx, err)
	}
	if err := w.read(); err != nil {
		return nil, because(ctx, err)
	}
	body := w.in
	if len(body) < 5 || int32(binary.BigEndian.Uint32(body)) != w.corr {
		return nil, errors.New("response does not match its request")
	}
	body = body[4:]
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	// ApiVersions answers without header tags at every version (KIP-511).
	if resp.IsFlexible() && resp.Key() != int16(kmsg.ApiVersions) {
		if body[0] != 0 {
			return nil, errors.New("unexpected tags in a response header")
		}
		body = body[1:]
	}
	if err := resp.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("response: %w", err)
	}
	return resp, nil
}

// watch makes the connection obey ctx, and requestTimeout. The returned function
// ends that.
func (w *wire) watch(ctx context.Context) (func(), error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	// Not the context's own deadline: the connection's would fire a moment
	// before the context admits that it has ended.
	if err := w.conn.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { w.conn.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }, nil
}

func (w *wire) read() error {
	var head [4]byte
	if _, err := io.ReadFull(w.conn, head[:]); err != nil {
		return err
	}
	n := int(binary.BigEndian.Uint32(head[:]))
	if n > maxResponse {
		return errors.New("response length is absurd")
	}
	if cap(w.in) < n {
		w.in = make([]byte, n+n/4)
	}
	w.in = w.in[:n]
	_, err := io.ReadFull(w.conn, w.in)
	return err
}

func (w *wire) close() { w.conn.Close() }

// because names the context's end as the cause when it is the cause: the
// deadline error of the connection is only how it showed.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
