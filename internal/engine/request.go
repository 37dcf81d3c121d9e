package engine

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"sort"
	"strings"
)

const (
	headBytes     = 256 << 10 // how far the front looks for the place where an INSERT's data begins
	statementMax  = 16 << 20  // the longest statement without data
	argumentBytes = 1 << 20   // one field of a multipart form
)

// request is one HTTP request, read as far as its statement.
type request struct {
	args     url.Values
	settings []param // to be set on the connection, in order of name
	params   []param // bound values
	database string
	format   string // the default format
	queryID  string
	session  string

	compress   bool // answer in ClickHouse frames
	waitEnd    bool // answer only when the whole output is there
	text       []byte
	stmt       statement
	rest       io.Reader // the data behind text, for an INSERT
	readOnly   bool      // a GET must not change anything
	wireFormat int       // client_protocol_version, 0 if absent
}

// notSettings are the arguments of the HTTP interface that are no settings of the engine.
var notSettings = map[string]bool{
	"query": true, "database": true, "default_format": true, "quota_key": true, "query_id": true, "session_id": true,
	"session_timeout": true, "session_check": true, "close_session": true, "compress": true, "decompress": true,
	"buffer_size": true, "wait_end_of_query": true, "stacktrace": true, "role": true, "client_protocol_version": true,
	"user": true, "password": true, "log_comment": true, "framing": true, "add_http_cors_header": true,
}

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// readArguments gathers the arguments of the address and of a form, and splits them.
func (q *request) readArguments(r *http.Request) error {
	q.readOnly = r.Method != http.MethodPost
	for name, values := range q.args {
		value := values[len(values)-1]
		switch {
		case strings.HasPrefix(name, "param_"):
			q.params = append(q.params, param{strings.TrimPrefix(name, "param_"), value})
		case notSettings[name]:
		case !settingName.MatchString(name):
			return refuse(36, "BAD_ARGUMENTS", "An argument of the request is no setting")
		default:
			q.settings = append(q.settings, param{name, value})
		}
	}
	sort.Slice(q.settings, func(i, j int) bool { return q.settings[i].name < q.settings[j].name })
	q.database = first(q.args.Get("database"), r.Header.Get("X-ClickHouse-Database"))
	q.format = first(q.args.Get("default_format"), r.Header.Get("X-ClickHouse-Format"))
	q.queryID = q.args.Get("query_id")
	q.session = q.args.Get("session_id")
	q.compress = flag(q.args.Get("compress"))
	q.waitEnd = flag(q.args.Get("wait_end_of_query"))
	q.wireFormat = decimal(q.args.Get("client_protocol_version"))
	return nil
}

// readStatement reads the text, whose first part may stand in the address, and finds the INSERT data behind it.
func (q *request) readStatement(body io.Reader) error {
	text := []byte(strings.TrimRight(q.args.Get("query"), " \t\r\n"))
	if len(text) > 0 {
		text = append(text, '\n')
	}
	text, more, err := readUpTo(body, text, len(text)+headBytes)
	if err != nil {
		return err
	}
	q.stmt = scan(text)
	if q.stmt.kind != kindData && more {
		if text, more, err = readUpTo(body, text, statementMax); err != nil {
			return err
		}
		if more {
			return refuse(62, "SYNTAX_ERROR", "The statement is longer than 16 MiB")
		}
		q.stmt = scan(text)
	}
	q.text, q.rest = text, body
	if len(q.stmt.tokens) == 0 || q.stmt.tokens[0].kind == tokenEnd {
		return refuse(62, "SYNTAX_ERROR", "Empty query")
	}
	return nil
}

// readUpTo appends to text until it holds limit bytes; more says that the body did not end before.
func readUpTo(body io.Reader, text []byte, limit int) (_ []byte, more bool, err error) {
	chunk := make([]byte, 32<<10)
	for len(text) < limit {
		n, err := body.Read(chunk[:min(len(chunk), limit-len(text))])
		text = append(text, chunk[:n]...)
		if errors.Is(err, io.EOF) {
			return text, false, nil
		}
		if err != nil {
			return nil, false, errBody(err)
		}
	}
	return text, true, nil
}

// errBody maps an error of reading the request: it may quote what was sent.
func errBody(err error) error {
	var ex *exception
	if errors.As(err, &ex) {
		return ex
	}
	return refuse(33, "CANNOT_READ_ALL_DATA", "The body of the request broke off or is not in the announced encoding")
}

// readForm takes the fields of a multipart form as arguments. Files in it would be external tables, which
// the engine has not.
func (q *request) readForm(r *http.Request) (bool, error) {
	kind, attrs, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return false, nil
	}
	form := multipart.NewReader(r.Body, attrs["boundary"])
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return true, errBody(err)
		}
		if part.FileName() != "" {
			return true, refuse(48, "NOT_IMPLEMENTED", "The embedded engine has no external tables")
		}
		value, err := io.ReadAll(io.LimitReader(part, argumentBytes+1))
		if err != nil {
			return true, errBody(err)
		}
		if len(value) > argumentBytes {
			return true, refuse(36, "BAD_ARGUMENTS", "A field of the form is longer than 1 MiB")
		}
		q.args.Set(part.FormName(), string(value))
	}
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func flag(s string) bool { return s == "1" || strings.EqualFold(s, "true") }

func decimal(s string) int {
	n := 0
	for i := range len(s) {
		if !digit(s[i]) || n > 1<<24 {
			return 0
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}
