package engine

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

// front is the HTTP handler. It may serve any number of requests at once.
type front struct {
	cfg      Config
	lib      *library
	args     []string // the engine's arguments; every connection of the process needs the same path
	guard    guard
	accounts []account
	slots    chan struct{} // one place per running statement
	sessions *sessions
	hello    hello
	log      *slog.Logger
	incident atomic.Uint64 // numbers the statements of this process
	mark     string        // random, so that no client can name another's statement
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-ClickHouse-Server-Display-Name", "sluice")
	h.Set("X-ClickHouse-Timezone", "UTC")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodPost && r.Method != http.MethodHead:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case r.URL.Path == "/ping" || r.URL.Path == "/replicas_status" || r.URL.Path == "/" && r.Method != http.MethodPost && r.URL.RawQuery == "":
		h.Set("Content-Type", "text/html; charset=UTF-8")
		_, _ = io.WriteString(w, "Ok.\n") // a failed write means that the client is gone
		return
	case r.URL.Path != "/":
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if err := f.serve(w, r); err != nil {
		f.refuse(w, err)
	}
}

// refuse answers an error from before the first byte.
func (f *front) refuse(w http.ResponseWriter, err error) {
	var ex *exception
	if !errors.As(err, &ex) {
		f.log.Error("a request failed inside the front", "error", err)
		ex = refuse(1002, "UNKNOWN_EXCEPTION", "The front of the embedded engine failed")
	}
	sendException(w, ex)
}

func (f *front) serve(w http.ResponseWriter, r *http.Request) error {
	q := &request{args: r.URL.Query()}
	form, err := q.readForm(r)
	if err != nil {
		return err
	}
	who, err := login(f.accounts, r, q.args)
	if err != nil {
		return err
	}
	if err := q.readArguments(r); err != nil {
		return err
	}
	q.database = first(q.database, who.database)
	body := io.Reader(r.Body)
	if form {
		body = strings.NewReader("")
	}
	if r.ContentLength != 0 && !form {
		if body, err = decoder(r.Body, r.Header.Get("Content-Encoding"), flag(q.args.Get("decompress"))); err != nil {
			return err
		}
	}
	if err := q.readStatement(body); err != nil {
		return err
	}
	w.Header().Set("X-ClickHouse-Query-Id", first(q.queryID, f.nextID()))
	if err := f.guard.check(who.role, &q.stmt); err != nil {
		return err
	}
	if who.role == RoleReader && strings.EqualFold(q.database, "system") {
		return refuse(497, "ACCESS_DENIED", "The user must name the database system in the statement")
	}
	if q.readOnly && !member(leads[RoleReader], q.stmt.lead) {
		return refuse(164, "READONLY", "A statement that changes something needs the method POST")
	}
	if f.hello.asked(q) {
		return f.hello.answer(newAnswer(w, r, q, "Native"), q.wireFormat)
	}
	return f.execute(w, r, q, who)
}

func (f *front) nextID() string {
	return f.mark + "-" + strconv.FormatUint(f.incident.Add(1), 10)
}

// execute waits for a place, gets a connection, and runs the statement on it.
func (f *front) execute(w http.ResponseWriter, r *http.Request, q *request, who *account) error {
	ctx := r.Context()
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return refuse(394, "QUERY_WAS_CANCELLED", "The client went away")
	}
	id := f.nextID()
	c, release, err := f.connection(q, who, id)
	if err != nil {
		return err
	}
	defer release()
	if n := c.statements(string(q.text[:q.stmt.end(len(q.text))])); n > 1 {
		return refuse(62, "SYNTAX_ERROR", "Several statements in one request are not allowed")
	}
	stop := context.AfterFunc(ctx, func() { f.kill(id) })
	defer stop()
	a := newAnswer(w, r, q, first(q.stmt.format, q.format, "TabSeparated"))
	defer a.drop()
	if q.stmt.kind == kindData {
		return f.insert(c, q, a)
	}
	if q.stmt.kind != kindSelect || q.stmt.totals || !concatenates(a.format) {
		return f.runWhole(c, q, a)
	}
	if q.waitEnd {
		if err := a.hold(f.cfg.tempDir()); err != nil {
			return err
		}
	}
	return f.selectStreamed(ctx, c, q, a)
}

// end is where the statement's own text ends: before its data, if it has any.
func (st *statement) end(length int) int {
	if st.kind == kindData {
		return st.head
	}
	return length
}

// kill ends a running statement from a connection of its own; closing the statement's connection would wait
// until it is done.
func (f *front) kill(id string) {
	c, err := f.lib.open(f.args)
	if err != nil {
		f.log.Error("a cancelled statement could not be ended", "error", err)
		return
	}
	defer c.close()
	if _, err := c.run("KILL QUERY WHERE Settings['log_comment'] = "+quote(id)+" ASYNC", "Null", nil, nil); err != nil {
		f.log.Error("a cancelled statement could not be ended", "error", errKill)
	}
}

var errKill = errors.New("the engine refused KILL QUERY")

// selectStreamed sends the output chunk by chunk.
func (f *front) selectStreamed(ctx context.Context, c *conn, q *request, a *answer) error {
	rows, err := c.start(string(q.text), a.format, q.params)
	if err != nil {
		return err
	}
	for {
		chunk, err := rows.next()
		if err == nil && chunk == nil {
			rows.close(false)
			return a.close(a.finish(rows.st))
		}
		if err == nil {
			_, err = a.Write(chunk)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			rows.close(true)
			return a.close(err)
		}
	}
}

// runWhole executes a statement in one call. Its output is in the engine's memory, and counted there.
func (f *front) runWhole(c *conn, q *request, a *answer) error {
	_, err := c.run(string(q.text), a.format, q.params, func(out []byte, st stats) error {
		if err := a.start(st); err != nil {
			return err
		}
		if _, err := a.enc.Write(out); err != nil {
			return err
		}
		return a.finish(st)
	})
	return a.close(err)
}

// close settles an error: after the first byte it goes into the answer, before it goes to the caller.
func (a *answer) close(err error) error {
	if err == nil || !a.started {
		return err
	}
	var ex *exception
	if errors.As(err, &ex) {
		a.fail(ex)
	}
	return nil // otherwise the client is gone and nobody is left to tell
}

// concatenates reports whether the chunks of a streamed SELECT make one document when they are put one
// after the other. The engine writes each chunk as a document of its own, with header and footer.
func concatenates(format string) bool {
	switch strings.ToLower(format) {
	case "native", "tabseparated", "tsv", "tabseparatedraw", "tsvraw", "raw", "csv", "rowbinary", "jsoneachrow", "jsonlines", "ndjson",
		"jsonstringseachrow", "jsoncompacteachrow", "jsoncompactstringseachrow", "lineasstring", "null":
		return true
	}
	return false
}
