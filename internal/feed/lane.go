package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/gzip"
)

// lane sends its batches one after the other.
type lane struct {
	s  *Sender
	in <-chan *batch
	gz *gzip.Writer
}

// run ends with its channel. After an error everything further is unanswered.
func (l *lane) run(ctx context.Context, stop context.CancelCauseFunc) {
	for b := range l.in {
		if err := l.deliver(ctx, b); err != nil {
			stop(err)
		}
	}
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// Answers that end a run, told apart by errors.Is.
var (
	ErrRefused = errors.New("feed: the collector refuses this client")        // key, policy, address
	ErrAway    = errors.New("feed: the collector did not answer in patience") // the last reason is wrapped with it
)

// deliver tries until the batch is answered. A batch that is too large or unreadable is
// halved, so that one bad event takes no other with it; the halves keep the order.
func (l *lane) deliver(ctx context.Context, b *batch) error {
	started, pause := time.Now(), l.s.cfg.Backoff.First
	for {
		if ctx.Err() != nil {
			return l.unanswered(b, context.Cause(ctx))
		}
		a := l.attempt(ctx, b)
		switch a.verdict {
		case taken:
			l.take(b, a)
			return nil
		case refuses:
			return l.unanswered(b, a.err)
		case tooMuch:
			if b.events() > 1 {
				first, second := b.halves()
				return errors.Join(l.deliver(ctx, first), l.deliver(ctx, second))
			}
			l.s.tally.do(func(led *Ledger) { led.reject(a.reason, b.events()) })
			return nil
		}
		wait := pause/2 + rand.N(pause/2+1)
		pause = min(2*pause, l.s.cfg.Backoff.Most)
		if a.after > 0 {
			wait = a.after
		}
		if time.Since(started)+wait > l.s.cfg.Patience {
			return l.unanswered(b, fmt.Errorf("%w: %w", ErrAway, a.err))
		}
		if err := sleep(ctx, wait); err != nil {
			return l.unanswered(b, err)
		}
	}
}

func (l *lane) unanswered(b *batch, err error) error {
	l.s.tally.do(func(led *Ledger) { led.miss(b) })
	return err
}

func (l *lane) take(b *batch, a answer) {
	l.s.tally.do(func(led *Ledger) {
		switch {
		case b.act && a.status/100 == 2:
			led.Acts++
		case b.act:
			led.Refused[strconv.Itoa(a.status)]++
		}
		led.Accepted += a.accepted
		for _, r := range a.rejected {
			led.reject(r.Reason, 1)
		}
	})
}

type verdict uint8

const (
	again   verdict = iota // no answer, or one that asks to come back
	taken                  // an answer for every message
	tooMuch                // the request as a whole: 400, 413
	refuses                // for good
)

type answer struct {
	verdict  verdict
	status   int
	after    time.Duration // Retry-After
	accepted int64
	rejected []rejection
	reason   string // of tooMuch
	err      error  // says what, never a body
}

type rejection struct {
	Index  int    `json:"index"`
	Reason string `json:"reason"`
}

func (l *lane) attempt(ctx context.Context, b *batch) answer {
	ctx, cancel := context.WithTimeout(ctx, l.s.cfg.Timeout)
	defer cancel()
	req, err := l.request(ctx, b)
	if err != nil {
		return answer{verdict: refuses, err: err}
	}
	b.tries++
	l.s.tally.do(func(led *Ledger) {
		led.Requests++
		if b.tries > 1 {
			led.Retries++
		}
		if b.tries == 2 {
			led.Retried += b.events()
		}
	})
	res, err := l.s.client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return answer{err: fmt.Errorf("read the answer: %w", err)}
	}
	return l.judge(b, res, body)
}

func (l *lane) judge(b *batch, res *http.Response, body []byte) answer {
	a := answer{status: res.StatusCode, err: fmt.Errorf("answered %d", res.StatusCode)}
	switch code := res.StatusCode; {
	case code/100 == 2:
		a.verdict = taken
		if b.act {
			return a
		}
		return l.count(b, a, body)
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		a.after = retryAfter(res.Header.Get("Retry-After"), time.Now())
	case b.act:
		a.verdict = taken // a refused act is told in the ledger and stops nobody else
	case code == http.StatusRequestEntityTooLarge:
		a.verdict, a.reason = tooMuch, "too_large"
	case code == http.StatusBadRequest:
		a.verdict, a.reason = tooMuch, "bad_request"
	default:
		a.verdict, a.err = refuses, fmt.Errorf("%w: answered %d", ErrRefused, code)
	}
	return a
}

// count reads how many events an answer takes. Segment's answer has no numbers: success
// stands for all. A native answer that does not add up to the batch is no answer.
func (l *lane) count(b *batch, a answer, body []byte) answer {
	if l.s.cfg.Dialect == Segment {
		a.accepted = b.events()
		return a
	}
	var n struct {
		Accepted *int64      `json:"accepted"`
		Rejected []rejection `json:"rejected"`
	}
	if err := json.Unmarshal(body, &n); err != nil || n.Accepted == nil ||
		*n.Accepted < 0 || *n.Accepted+int64(len(n.Rejected)) != b.events() {
		return answer{status: a.status, err: errors.New("the answer does not account for every event of the batch")}
	}
	a.accepted, a.rejected = *n.Accepted, n.Rejected
	return a
}

func (l *lane) request(ctx context.Context, b *batch) (*http.Request, error) {
	path, head, tail := "/v1/consent", "", ""
	if !b.act {
		path = l.s.cfg.Dialect.path()
		head, tail = l.s.cfg.Dialect.frame()
	}
	if b.packed == nil {
		var err error
		if b.packed, err = l.pack(head, b.buf, tail); err != nil {
			return nil, fmt.Errorf("pack a batch: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.s.cfg.URL+path, bytes.NewReader(b.packed))
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	h := req.Header
	h.Set("Content-Type", "application/json")
	if !l.s.cfg.Plain {
		h.Set("Content-Encoding", "gzip")
	}
	if b.act || l.s.cfg.Dialect == Native {
		h.Set("X-Write-Key", l.s.cfg.WriteKey)
	} else {
		req.SetBasicAuth(l.s.cfg.WriteKey, "")
	}
	if b.gpc {
		h.Set("Sec-GPC", "1")
	}
	if b.tries > 0 {
		h.Set("X-Retry-Count", strconv.Itoa(b.tries))
	}
	return req, nil
}

// pack makes new bytes each time: the client may still read those of an attempt that has
// already failed.
func (l *lane) pack(head string, events []byte, tail string) ([]byte, error) {
	parts := [][]byte{[]byte(head), events, []byte(tail)}
	if l.s.cfg.Plain {
		return bytes.Join(parts, nil), nil
	}
	body := bytes.NewBuffer(make([]byte, 0, len(events)/4+512))
	if l.gz == nil {
		gz, err := gzip.NewWriterLevel(body, gzip.BestSpeed)
		if err != nil {
			return nil, err
		}
		l.gz = gz
	}
	l.gz.Reset(body)
	for _, part := range parts {
		if _, err := l.gz.Write(part); err != nil {
			return nil, err
		}
	}
	if err := l.gz.Close(); err != nil {
		return nil, err
	}
	return body.Bytes(), nil
}

// maxRetryAfter bounds the wait a collector may ask for.
const maxRetryAfter = 10 * time.Minute

// retryAfter reads the header (RFC 9110, 10.2.3): seconds, or a date. 0 = none.
func retryAfter(v string, now time.Time) time.Duration {
	if v == "" {
		return 0
	}
	if n, ok := digits(v); ok {
		return time.Duration(min(n, int64(maxRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil && at.After(now) {
		return min(at.Sub(now), maxRetryAfter)
	}
	return 0
}
