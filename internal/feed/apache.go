package feed

import (
	"strings"
	"time"
	"unicode/utf8"
)

// access is one line of a web server's log in the combined format
// (httpd.apache.org/docs/2.4/logs.html#combined):
//
//	host ident user [time] "method target protocol" status bytes "referrer" "user agent"
type access struct {
	host, target, method, referrer, agent string
	status, bytes                         int64
	time                                  time.Time
}

// parseAccess reads one line. The columns ident and user are read over and not kept: the
// second is the name somebody logged in with.
func parseAccess(line string) (a access, ok bool) {
	var stamp, request, status, size string
	rest := line
	for _, to := range []*string{&a.host, nil, nil} {
		word, more, found := strings.Cut(rest, " ")
		if !found || word == "" {
			return a, false
		}
		if to != nil {
			*to = word
		}
		rest = more
	}
	if !strings.HasPrefix(rest, "[") {
		return a, false
	}
	stamp, rest, ok = strings.Cut(rest[1:], "] ")
	if !ok {
		return a, false
	}
	if request, rest, ok = quoted(rest); !ok {
		return a, false
	}
	status, rest, _ = strings.Cut(strings.TrimPrefix(rest, " "), " ")
	size, rest, _ = strings.Cut(rest, " ")
	if a.referrer, rest, ok = quoted(rest); !ok {
		return a, false
	}
	if a.agent, rest, ok = quoted(strings.TrimPrefix(rest, " ")); !ok || strings.TrimSpace(rest) != "" {
		return a, false
	}
	return a, a.numbers(stamp, status, size) && a.request(request)
}

func (a *access) numbers(stamp, status, size string) (ok bool) {
	var err error
	if a.time, err = time.Parse("02/Jan/2006:15:04:05 -0700", stamp); err != nil {
		return false
	}
	if a.status, ok = digits(status); !ok || len(status) != 3 {
		return false
	}
	if size == "-" {
		return true
	}
	a.bytes, ok = digits(size)
	return ok
}

// request takes "GET /path HTTP/1.1" apart. A target is a path or a whole address.
func (a *access) request(s string) bool {
	parts := strings.Split(s, " ")
	if len(parts) < 2 || parts[0] == "" || parts[1] == "" {
		return false
	}
	a.method, a.target = parts[0], parts[1]
	return true
}

func digits(s string) (n int64, ok bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// quoted reads a string in double quotes at the head of s. The server writes quotes and
// backslashes as \" and \\, control characters as \n, \t and so on, and other bytes that
// it does not print as \xhh; a byte that is no UTF-8 becomes U+FFFD. "-" alone means empty.
func quoted(s string) (v, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	end := 1
	for end < len(s) && s[end] != '"' {
		if s[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(s) {
		return "", "", false
	}
	v, rest = s[1:end], s[end+1:]
	if v == "-" {
		return "", rest, true
	}
	if strings.IndexByte(v, '\\') >= 0 {
		v = unescape(v)
	}
	if !utf8.ValidString(v) {
		v = strings.ToValidUTF8(v, "\ufffd")
	}
	return v, rest, true
}

func unescape(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 'n':
			b = append(b, '\n')
		case 't':
			b = append(b, '\t')
		case 'r':
			b = append(b, '\r')
		case 'x':
			if hi, lo := hexDigit(s, i+1), hexDigit(s, i+2); hi >= 0 && lo >= 0 {
				b = append(b, byte(hi<<4|lo))
				i += 2
				continue
			}
			b = append(b, '\\', 'x')
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

func hexDigit(s string, i int) int {
	if i >= len(s) {
		return -1
	}
	return strings.IndexByte("0123456789abcdef", s[i]|0x20)
}
