package engine

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// errNoResult says that the library returned a null pointer where its interface promises a result.
var errNoResult = errors.New("the ClickHouse engine returned no result")

// exception is an error of the engine or of the front, in ClickHouse's terms.
type exception struct {
	code int    // ClickHouse's error code
	text string // "Code: N. DB::Exception: … (NAME)"
}

func (e *exception) Error() string { return e.text }

var (
	codeRe   = regexp.MustCompile(`Code: (\d+)\. `)
	repeatRe = regexp.MustCompile(`^(?:Error: )?((?:Code: \d+\. DB::Exception: )+)`)
)

// exceptionFrom turns the engine's error text into an exception, nil if the text is empty. The engine wraps
// texts in several layers of "Code: N. DB::Exception:"; the innermost code is the cause.
func exceptionFrom(text string) error {
	if text == "" {
		return nil
	}
	text = strings.TrimRight(text, "\n ")
	code := 1002 // UNKNOWN_EXCEPTION
	if m := repeatRe.FindStringSubmatchIndex(text); m != nil {
		all := codeRe.FindAllStringSubmatch(text[m[2]:m[3]], -1)
		code, _ = strconv.Atoi(all[len(all)-1][1])
		text = "Code: " + all[len(all)-1][1] + ". DB::Exception: " + text[m[1]:]
	} else if m := codeRe.FindStringSubmatch(text); m != nil {
		code, _ = strconv.Atoi(m[1])
	} else {
		text = "Code: 1002. DB::Exception: " + text + " (UNKNOWN_EXCEPTION)"
	}
	return &exception{code, text}
}

// refuse builds an exception of the front itself. text is a constant of the front or holds nothing but a
// name from a closed list.
func refuse(code int, name, text string) *exception {
	return &exception{code, "Code: " + strconv.Itoa(code) + ". DB::Exception: " + text + ". (" + name + ")"}
}

// status is the HTTP status for a code, as ClickHouse's server chooses it.
func (e *exception) status() int {
	switch e.code {
	case 516, 192, 193, 194: // AUTHENTICATION_FAILED, UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD
		return http.StatusForbidden
	case 497, 164: // ACCESS_DENIED, READONLY
		return http.StatusForbidden
	case 62, 36, 43, 44, 46, 47, 53, 26, 27, 38, 41, 6, 72, 130, 456, 457, 117, 354:
		return http.StatusBadRequest
	case 60, 81, 16: // UNKNOWN_TABLE, UNKNOWN_DATABASE, NO_SUCH_COLUMN_IN_TABLE
		return http.StatusNotFound
	case 48: // NOT_IMPLEMENTED
		return http.StatusNotImplemented
	case 159, 160: // TIMEOUT_EXCEEDED, TOO_SLOW
		return http.StatusRequestTimeout
	}
	return http.StatusInternalServerError
}
