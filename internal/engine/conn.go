package engine

import (
	"errors"
	"runtime"
	"unsafe"
)

// conn is one connection of the engine. It runs one statement at a time; a conn must not be used by two
// goroutines at once. Settings, the current database and roles belong to it.
type conn struct {
	lib *library
	ptr *handle
}

// param is one bound value of a `{name:Type}` placeholder. The value is in ClickHouse's escaped form
// (as in TabSeparated), which is what the HTTP interface receives too.
type param struct{ name, value string }

// stats is what the engine counted for a statement.
type stats struct {
	rows, bytes               uint64 // of the output
	rowsRead, bytesRead       uint64 // from storage
	rowsWritten, bytesWritten uint64
}

var errConnect = errors.New("the ClickHouse engine refused the connection")

// open opens a connection. args are the command-line arguments of the engine, the first of them its name.
// The engine prints the reason of a refusal on the standard error output and returns nothing else.
func (l *library) open(args []string) (*conn, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	argv := make([]*byte, 0, len(args)+1)
	for _, a := range args {
		b := append([]byte(a), 0)
		pin.Pin(&b[0])
		argv = append(argv, &b[0])
	}
	argv = append(argv, nil)
	p := l.connect(int32(len(args)), &argv[0])
	runtime.KeepAlive(argv)
	if p == nil || *p == 0 {
		return nil, errConnect
	}
	return &conn{lib: l, ptr: p}, nil
}

// close ends the connection; it blocks while a statement of the connection runs.
func (c *conn) close() {
	if c.ptr != nil {
		c.lib.close(c.ptr)
		c.ptr = nil
	}
}

// run executes a statement and hands its whole output to use (which may be nil). The bytes belong to the
// engine and are gone when use returns.
func (c *conn) run(q, format string, params []param, use func([]byte, stats) error) (stats, error) {
	b := bind(params)
	defer b.release()
	r := c.lib.query(*c.ptr, bytePtr(q), uint64(len(q)), bytePtr(format), uint64(len(format)), b.names, b.nameLens, b.values, b.valueLens, b.n)
	runtime.KeepAlive(q)
	runtime.KeepAlive(format)
	if r == 0 {
		return stats{}, errNoResult
	}
	defer c.lib.free(r)
	if err := exceptionFrom(c.lib.errorText(r)); err != nil {
		return stats{}, err
	}
	st := c.lib.stats(r)
	if use == nil {
		return st, nil
	}
	return st, use(c.lib.data(r), st)
}

// rows is a running SELECT. next returns one chunk of output after the other.
type rows struct {
	c      *conn
	stream handle
	chunk  handle
	st     stats
}

// start begins a SELECT whose output is fetched in chunks. It returns once the engine has accepted the
// statement. close must be called, also after an error of next.
func (c *conn) start(q, format string, params []param) (*rows, error) {
	b := bind(params)
	defer b.release()
	s := c.lib.stream(*c.ptr, bytePtr(q), uint64(len(q)), bytePtr(format), uint64(len(format)), b.names, b.nameLens, b.values, b.valueLens, b.n)
	runtime.KeepAlive(q)
	runtime.KeepAlive(format)
	if s == 0 {
		return nil, errNoResult
	}
	if err := exceptionFrom(c.lib.errorText(s)); err != nil {
		c.lib.free(s)
		return nil, err
	}
	return &rows{c: c, stream: s}, nil
}

// next returns the next chunk, or nil at the end. The bytes are valid until the next call or close.
func (r *rows) next() ([]byte, error) {
	r.dropChunk()
	r.chunk = r.c.lib.fetch(*r.c.ptr, r.stream)
	if r.chunk == 0 {
		return nil, errNoResult
	}
	if err := exceptionFrom(r.c.lib.errorText(r.chunk)); err != nil {
		return nil, err
	}
	st := r.c.lib.stats(r.chunk)
	r.st.rows += st.rows
	r.st.bytes += st.bytes
	r.st.rowsRead = max(r.st.rowsRead, st.rowsRead) // storage is counted from the statement's beginning
	r.st.bytesRead = max(r.st.bytesRead, st.bytesRead)
	return r.c.lib.data(r.chunk), nil
}

func (r *rows) dropChunk() {
	if r.chunk != 0 {
		r.c.lib.free(r.chunk)
		r.chunk = 0
	}
}

// close frees the result; cancel says that the output was not read to its end.
func (r *rows) close(cancel bool) {
	r.dropChunk()
	if r.stream == 0 {
		return
	}
	if cancel {
		r.c.lib.cancel(*r.c.ptr, r.stream)
	}
	r.c.lib.free(r.stream)
	r.stream = 0
}

// insertion is a running INSERT that takes its data in pieces. The statement's text never holds data.
type insertion struct {
	lib    *library
	stream handle
}

// insert begins an INSERT: q is the statement without FORMAT and without data. abort or finish must follow.
func (c *conn) insert(q, format string, params []param) (*insertion, error) {
	b := bind(params)
	defer b.release()
	s := c.lib.insert(*c.ptr, bytePtr(q), uint64(len(q)), bytePtr(format), uint64(len(format)), b.names, b.nameLens, b.values, b.valueLens, b.n)
	runtime.KeepAlive(q)
	runtime.KeepAlive(format)
	if s == 0 {
		return nil, errNoResult
	}
	if err := exceptionFrom(c.lib.insertError(s)); err != nil {
		c.lib.insertFree(s)
		return nil, err
	}
	return &insertion{lib: c.lib, stream: s}, nil
}

// Write appends data; the engine copies it and blocks while it is behind.
func (in *insertion) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	state := in.lib.insertAppend(in.stream, unsafe.SliceData(p), uint64(len(p)))
	runtime.KeepAlive(p)
	if state == 0 {
		return len(p), nil
	}
	if err := exceptionFrom(in.lib.insertError(in.stream)); err != nil {
		return 0, err
	}
	return 0, errNoResult
}

// finish ends the data, waits until the engine has committed it, and frees the stream.
func (in *insertion) finish() (stats, error) {
	defer in.lib.insertFree(in.stream)
	r := in.lib.insertDone(in.stream)
	if r == 0 {
		return stats{}, errNoResult
	}
	defer in.lib.free(r)
	if err := exceptionFrom(in.lib.errorText(r)); err != nil {
		return stats{}, err
	}
	return in.lib.stats(r), nil
}

// abort ends the INSERT without a commit and frees the stream.
func (in *insertion) abort() {
	in.lib.insertCancel(in.stream)
	in.lib.insertFree(in.stream)
}

func (l *library) stats(r handle) stats {
	return stats{l.rows(r), l.bytes(r), l.rowsRead(r), l.bytesRead(r), l.rowsWritten(r), l.bytesWritten(r)}
}

// binding holds the four C arrays of bound parameters, pinned for the length of one call.
type binding struct {
	pin           runtime.Pinner
	names, values **byte
	nameLens      *uint64
	valueLens     *uint64
	n             uint64
}

func bind(params []param) *binding {
	b := new(binding)
	if len(params) == 0 {
		return b
	}
	names, values := make([]*byte, len(params)), make([]*byte, len(params))
	nameLens, valueLens := make([]uint64, len(params)), make([]uint64, len(params))
	for i, p := range params {
		names[i], values[i] = bytePtr(p.name), bytePtr(p.value)
		nameLens[i], valueLens[i] = uint64(len(p.name)), uint64(len(p.value))
		b.pin.Pin(names[i])
		b.pin.Pin(values[i])
	}
	b.names, b.values, b.nameLens, b.valueLens = &names[0], &values[0], &nameLens[0], &valueLens[0]
	b.pin.Pin(b.names)
	b.pin.Pin(b.values)
	b.n = uint64(len(params))
	return b
}

func (b *binding) release() { b.pin.Unpin() }
