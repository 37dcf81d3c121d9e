package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	chproto "github.com/ClickHouse/ch-go/proto"
	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/sluice-events/sluice/sinks"
)

// Fault is what went wrong, without a word of the driver or the server.
type Fault struct {
	Op   string // what was being done, and to which table
	Code int    // ClickHouse's error code, 0 if the server did not answer with one
	Name string // its name, from ch-go's table and not from the answer
	kind error  // one of the sentinels of package sinks
	ctx  error  // context.Canceled or DeadlineExceeded
}

func (f *Fault) Error() string {
	switch {
	case f.Code != 0 && f.Name != "":
		return fmt.Sprintf("clickhouse: %s: %v (code %d, %s)", f.Op, f.kind, f.Code, f.Name)
	case f.Code != 0:
		return fmt.Sprintf("clickhouse: %s: %v (code %d)", f.Op, f.kind, f.Code)
	case f.ctx != nil:
		return fmt.Sprintf("clickhouse: %s: %v (%v)", f.Op, f.kind, f.ctx)
	}
	return fmt.Sprintf("clickhouse: %s: %v", f.Op, f.kind)
}

// Unwrap gives the sentinel, and the context's error when that is why the call ended.
func (f *Fault) Unwrap() []error {
	if f.ctx == nil {
		return []error{f.kind}
	}
	return []error{f.kind, f.ctx}
}

// fault maps an error. sent tells whether the rows may have reached the server: an error
// without an answer then leaves the outcome open.
func fault(op string, sent bool, err error) error {
	if err == nil {
		return nil
	}
	f := &Fault{Op: op, kind: sinks.ErrRetryable}
	if sent {
		f.kind = sinks.ErrUnknown
	}
	for _, c := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, c) {
			f.ctx = c
			return f
		}
	}
	var ex *ch.Exception
	if errors.As(err, &ex) {
		f.Code = int(ex.Code)
		f.Name = name(f.Code)
		f.kind = kindOf(f.Code)
		return f
	}
	if neverLeft(err) {
		f.kind = sinks.ErrRetryable
	}
	return f
}

// neverLeft tells errors that happened before a byte of the request was on its way.
func neverLeft(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, ch.ErrAcquireConnTimeout)
}

func name(code int) string {
	if e := chproto.Error(code); e.IsAError() {
		return e.String()
	}
	return ""
}

// kindOf sorts ClickHouse's codes. A code that is not listed counts as retryable: rows are
// set aside only for a reason that is known to lie in them. A block that ended early
// (ATTEMPT_TO_READ_AFTER_EOF, CANNOT_READ_ALL_DATA) was cut on its way.
func kindOf(code int) error {
	switch code {
	case 6, 19, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 321, 349, 407, 469, 691:
		// parse errors, sizes, TYPE_MISMATCH, CANNOT_CONVERT_TYPE, INCORRECT_DATA, bounds,
		// CANNOT_INSERT_NULL, DECIMAL_OVERFLOW, VIOLATED_CONSTRAINT, UNKNOWN_ELEMENT_OF_ENUM
		return sinks.ErrPoison
	case 159, 209, 210, 319, 394, 236, 279, 999:
		// TIMEOUT_EXCEEDED, SOCKET_TIMEOUT, NETWORK_ERROR, UNKNOWN_STATUS_OF_INSERT,
		// QUERY_WAS_CANCELLED, ABORTED, ALL_CONNECTION_TRIES_FAILED, KEEPER_EXCEPTION
		return sinks.ErrUnknown
	}
	return sinks.ErrRetryable
}
