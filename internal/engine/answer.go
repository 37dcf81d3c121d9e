package engine

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// answer writes the reply to one request: headers with the first byte, then the output through the encoding
// that the client asked for. An error before the first byte becomes a status, a later one a trailer.
type answer struct {
	w       http.ResponseWriter
	enc     encoder
	started bool
	tag     string
	format  string
	frames  bool
	encode  string // Content-Encoding, "" for none
	method  string // method of frames
	spool   *os.File
	begun   time.Time
}

func newAnswer(w http.ResponseWriter, r *http.Request, q *request, format string) *answer {
	a := &answer{w: w, format: format, frames: q.compress, begun: time.Now(), tag: exceptionTag()}
	a.method = q.args.Get("network_compression_method")
	if flag(q.args.Get("enable_http_compression")) && !a.frames {
		a.encode = chooseEncoding(r.Header.Get("Accept-Encoding"))
	}
	return a
}

// exceptionTag makes the random tag by which a client tells a trailer from a row that looks like one.
func exceptionTag() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand does not fail
	return hex.EncodeToString(b[:])
}

// hold keeps the whole output in a file without a name, so that an error at its end can still set the status.
func (a *answer) hold(dir string) error {
	f, err := os.CreateTemp(dir, "answer")
	if err != nil {
		return fmt.Errorf("make a file for the answer: %w", err)
	}
	_ = os.Remove(f.Name()) // the open file stays usable
	a.spool = f
	return nil
}

func (a *answer) start(st stats) error {
	h := a.w.Header()
	h.Set("Content-Type", contentType(a.format))
	h.Set("X-ClickHouse-Format", a.format)
	h.Set("X-ClickHouse-Exception-Tag", a.tag)
	h.Set("X-ClickHouse-Summary", a.summary(st))
	if a.encode != "" {
		h.Set("Content-Encoding", a.encode)
	}
	a.started = true
	a.w.WriteHeader(http.StatusOK)
	if a.frames {
		a.enc = newFrameEncoder(a.w, a.method)
		return nil
	}
	var err error
	a.enc, err = newEncoder(a.w, a.encode)
	return err
}

func (a *answer) summary(st stats) string {
	return fmt.Sprintf(`{"read_rows":"%d","read_bytes":"%d","written_rows":"%d","written_bytes":"%d","total_rows_to_read":"0","result_rows":"%d","result_bytes":"%d","elapsed_ns":"%d"}`,
		st.rowsRead, st.bytesRead, st.rowsWritten, st.bytesWritten, max(st.rowsWritten, st.rows), max(st.bytesWritten, st.bytes), time.Since(a.begun).Nanoseconds())
}

// Write sends output, or keeps it if hold was called.
func (a *answer) Write(p []byte) (int, error) {
	if a.spool != nil {
		return a.spool.Write(p)
	}
	if !a.started {
		if err := a.start(stats{}); err != nil {
			return 0, err
		}
	}
	n, err := a.enc.Write(p)
	if err != nil {
		return n, err
	}
	return n, a.flush()
}

func (a *answer) flush() error {
	if err := a.enc.Flush(); err != nil {
		return err
	}
	return http.NewResponseController(a.w).Flush()
}

// finish ends a good answer. st goes into the summary if nothing was sent before.
func (a *answer) finish(st stats) error {
	defer a.drop()
	if !a.started {
		if err := a.start(st); err != nil {
			return err
		}
	}
	if a.spool != nil {
		if _, err := a.spool.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.Copy(onlyWriter{a.enc}, a.spool); err != nil {
			return err
		}
	}
	return a.enc.Close()
}

// onlyWriter hides ReadFrom and its like, so that io.Copy uses pieces of its own size.
type onlyWriter struct{ io.Writer }

// fail ends an answer with an exception.
func (a *answer) fail(ex *exception) {
	defer a.drop()
	if !a.started {
		sendException(a.w, ex)
		return
	}
	// ClickHouse's frame for an error after the first byte. In compressed frames it goes uncompressed, since
	// clients look for its marker in the bytes as they came.
	text := fmt.Sprintf("\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", a.tag, ex.text, len(ex.text)+1, a.tag)
	w := io.Writer(a.enc)
	if a.frames {
		w = newFrameEncoder(a.w, "NONE")
	}
	if _, err := io.WriteString(w, text); err != nil {
		return // the client is gone
	}
	_ = a.enc.Close() // nothing can be said to the client any more
}

func (a *answer) drop() {
	if a.spool != nil {
		_ = a.spool.Close() // the file has no name and vanishes
		a.spool = nil
	}
}

func sendException(w http.ResponseWriter, ex *exception) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(ex.code))
	if ex.code == 516 {
		h.Set("WWW-Authenticate", `Basic realm="ClickHouse"`)
	}
	w.WriteHeader(ex.status())
	_, _ = io.WriteString(w, ex.text+"\n") // a failed write means that the client is gone
}

func contentType(format string) string {
	f := strings.ToLower(format)
	switch {
	case f == "" || strings.HasPrefix(f, "tabseparated") || strings.HasPrefix(f, "tsv"):
		return "text/tab-separated-values; charset=UTF-8"
	case strings.HasPrefix(f, "csv"):
		return "text/csv; charset=UTF-8"
	case strings.Contains(f, "eachrow") && strings.HasPrefix(f, "json"), f == "jsonlines", f == "ndjson":
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(f, "json"):
		return "application/json; charset=UTF-8"
	case f == "xml":
		return "application/xml; charset=UTF-8"
	case strings.HasPrefix(f, "pretty"), f == "vertical", f == "values", f == "markdown":
		return "text/plain; charset=UTF-8"
	}
	return "application/octet-stream"
}
