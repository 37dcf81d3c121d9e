package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"unsafe"

	"github.com/ebitengine/purego"
)

// ErrNoLibrary says that libchdb.so is not where the configuration points.
var ErrNoLibrary = errors.New("the ClickHouse library is not installed: run `make deps`")

// handle is a pointer that belongs to the C library: it is never dereferenced on the Go side, nor moved.
type handle = uintptr

// library is the C interface of libchdb 26.7, as declared in its header chdb.h. Every text is passed with
// its length, so that zero bytes in a statement or a value cannot cut it.
type library struct {
	version func() string

	connect func(argc int32, argv **byte) *handle
	close   func(conn *handle)

	query  func(conn handle, q *byte, qn uint64, f *byte, fn uint64, names **byte, nameLens *uint64, values **byte, valueLens *uint64, n uint64) handle
	stream func(conn handle, q *byte, qn uint64, f *byte, fn uint64, names **byte, nameLens *uint64, values **byte, valueLens *uint64, n uint64) handle
	fetch  func(conn, stream handle) handle
	cancel func(conn, stream handle)
	free   func(result handle)

	insert       func(conn handle, q *byte, qn uint64, f *byte, fn uint64, names **byte, nameLens *uint64, values **byte, valueLens *uint64, n uint64) handle
	insertAppend func(stream handle, data *byte, n uint64) int32
	insertDone   func(stream handle) handle
	insertCancel func(stream handle)
	insertError  func(stream handle) string
	insertFree   func(stream handle)

	buffer       func(result handle) *byte
	length       func(result handle) uint64
	errorText    func(result handle) string
	rows         func(result handle) uint64 // of the output
	bytes        func(result handle) uint64
	rowsRead     func(result handle) uint64 // from storage
	bytesRead    func(result handle) uint64
	rowsWritten  func(result handle) uint64
	bytesWritten func(result handle) uint64

	classify func(conn handle, q *byte, qn uint64, db *byte, dbn uint64, out *analysis) int32
	signals  func(enabled int32)
}

// analysis mirrors chdb_query_analysis_v1.
type analysis struct {
	size, statements, flags, class uint32
}

// loadLibrary loads libchdb.so and binds its functions. It sets TZ=UTC first, because the engine reads the
// time zone when it is loaded, and switches the engine's signal handlers off, because they would take
// SIGSEGV away from the Go runtime. It may be called once in a process.
func loadLibrary(path string) (*library, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoLibrary
	}
	if err := os.Setenv("TZ", "UTC"); err != nil {
		return nil, fmt.Errorf("set the time zone: %w", err)
	}
	dl, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load the ClickHouse library: %w", err)
	}
	lib := new(library)
	for name, fn := range lib.symbols() {
		sym, err := purego.Dlsym(dl, name)
		if err != nil {
			return nil, fmt.Errorf("the ClickHouse library has no %s; run `make deps` for the version that is needed", name)
		}
		purego.RegisterFunc(fn, sym)
	}
	lib.signals(0)
	return lib, nil
}

func (l *library) symbols() map[string]any {
	return map[string]any{
		"chdb_version":                     &l.version,
		"chdb_connect":                     &l.connect,
		"chdb_close_conn":                  &l.close,
		"chdb_query_with_params_n":         &l.query,
		"chdb_stream_query_with_params_n":  &l.stream,
		"chdb_stream_fetch_result":         &l.fetch,
		"chdb_stream_cancel_query":         &l.cancel,
		"chdb_destroy_query_result":        &l.free,
		"chdb_stream_insert_with_params_n": &l.insert,
		"chdb_stream_append":               &l.insertAppend,
		"chdb_stream_done":                 &l.insertDone,
		"chdb_stream_cancel_insert":        &l.insertCancel,
		"chdb_stream_insert_error":         &l.insertError,
		"chdb_destroy_insert_stream":       &l.insertFree,
		"chdb_result_buffer":               &l.buffer,
		"chdb_result_length":               &l.length,
		"chdb_result_error":                &l.errorText,
		"chdb_result_rows_read":            &l.rows,
		"chdb_result_bytes_read":           &l.bytes,
		"chdb_result_storage_rows_read":    &l.rowsRead,
		"chdb_result_storage_bytes_read":   &l.bytesRead,
		"chdb_result_rows_written":         &l.rowsWritten,
		"chdb_result_bytes_written":        &l.bytesWritten,
		"chdb_classify_query_n":            &l.classify,
		"chdb_set_signal_handlers_enabled": &l.signals,
	}
}

// data returns the bytes of a result. They are C memory, valid until the result is freed.
func (l *library) data(result handle) []byte {
	n := l.length(result)
	if n == 0 {
		return nil
	}
	return unsafe.Slice(l.buffer(result), n)
}

// bytePtr is the address of a text's bytes, or of one spare byte for an empty text, since the library
// refuses null pointers.
func bytePtr(s string) *byte {
	if s == "" {
		return new(byte)
	}
	return unsafe.StringData(s)
}
