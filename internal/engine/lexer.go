package engine

import (
	"bytes"
	"strings"
)

type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // a bare word: keyword or identifier
	tokenQuoted           // an identifier in backticks or double quotes
	tokenString           // a string literal, also $tag$…$tag$
	tokenMark             // one character of punctuation, or a number
)

// token is one lexeme of ClickHouse's SQL. text is the word, the unquoted identifier, or the mark; it is
// empty for a string literal, whose content nobody here needs.
type token struct {
	kind       tokenKind
	text       string
	start, end int
}

// is reports whether the token is the bare word w, written in upper case.
func (t token) is(w string) bool { return t.kind == tokenWord && strings.EqualFold(t.text, w) }

func (t token) isMark(m string) bool { return t.kind == tokenMark && t.text == m }

// name reports whether the token can name a table, a function or a format.
func (t token) name() bool { return t.kind == tokenWord || t.kind == tokenQuoted }

// lexer splits a statement the way ClickHouse's own lexer does: quotes with backslash and doubling, here
// documents, typographic quotes, and the four kinds of comment.
type lexer struct {
	src []byte
	pos int
}

// next returns the next token. An unterminated quote or comment reaches to the end of the text.
func (l *lexer) next() token {
	l.skip()
	if l.pos >= len(l.src) {
		return token{kind: tokenEnd, start: len(l.src), end: len(l.src)}
	}
	start, c := l.pos, l.src[l.pos]
	switch {
	case c == '\'':
		l.quoted("'")
		return token{tokenString, "", start, l.pos}
	case c == '"' || c == '`':
		text := l.quoted(string(c))
		return token{tokenQuoted, text, start, l.pos}
	case c == '$' && l.heredoc():
		return token{tokenString, "", start, l.pos}
	case wordStart(c) || c == '$':
		for l.pos < len(l.src) && (wordStart(l.src[l.pos]) || digit(l.src[l.pos]) || l.src[l.pos] == '$') {
			l.pos++
		}
		return token{tokenWord, string(l.src[start:l.pos]), start, l.pos}
	case digit(c):
		for l.pos < len(l.src) && (wordStart(l.src[l.pos]) || digit(l.src[l.pos])) {
			l.pos++
		}
		return token{tokenMark, string(l.src[start:l.pos]), start, l.pos}
	case l.at("\u2018"):
		l.until("\u2019")
		return token{tokenString, "", start, l.pos}
	case l.at("\u201C"):
		l.until("\u201D")
		text := strings.TrimSuffix(strings.TrimPrefix(string(l.src[start:l.pos]), "\u201C"), "\u201D")
		return token{tokenQuoted, text, start, l.pos}
	}
	l.pos++
	return token{tokenMark, string(c), start, l.pos}
}

func wordStart(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func digit(c byte) bool     { return c >= '0' && c <= '9' }

func (l *lexer) at(s string) bool { return bytes.HasPrefix(l.src[l.pos:], []byte(s)) }

// until moves behind the next s, or to the end.
func (l *lexer) until(s string) {
	if i := bytes.Index(l.src[l.pos:], []byte(s)); i >= 0 {
		l.pos += i + len(s)
		return
	}
	l.pos = len(l.src)
}

// skip passes white space (also its Unicode forms, which ClickHouse accepts) and comments.
func (l *lexer) skip() {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == ' ' || c >= '\t' && c <= '\r' || c == 0:
			l.pos++
		case l.at("--") || l.at("\u2212\u2212") || l.at("#!") || l.at("# "):
			l.until("\n")
		case l.at("/*"):
			l.pos += 2
			l.until("*/")
		case l.at("\u00A0"):
			l.pos += 2
		case l.at("\u2028"), l.at("\u2029"), l.at("\u202F"), l.at("\u205F"), l.at("\u3000"), l.at("\uFEFF"),
			c == 0xE2 && l.pos+2 < len(l.src) && l.src[l.pos+1] == 0x80 && l.src[l.pos+2] >= 0x80 && l.src[l.pos+2] <= 0x8D:
			l.pos += 3
		default:
			return
		}
	}
}

// quoted reads a quoted text, whose opening quote stands at pos, and returns its content with escapes
// resolved as far as names need it.
func (l *lexer) quoted(q string) string {
	var out []byte
	l.pos++
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		l.pos++
		switch {
		case c == '\\' && l.pos < len(l.src):
			out = append(out, '\\', l.src[l.pos])
			l.pos++
		case c == q[0] && l.pos < len(l.src) && l.src[l.pos] == q[0]:
			out = append(out, c)
			l.pos++
		case c == q[0]:
			return string(out)
		case q != "'":
			out = append(out, c)
		}
	}
	return string(out)
}

// heredoc passes $tag$…$tag$ and reports whether one stands at pos.
func (l *lexer) heredoc() bool {
	end := l.pos + 1
	for end < len(l.src) && (wordStart(l.src[end]) || digit(l.src[end])) {
		end++
	}
	if end >= len(l.src) || l.src[end] != '$' {
		return false
	}
	tag := l.src[l.pos : end+1]
	i := bytes.Index(l.src[end+1:], tag)
	if i < 0 {
		return false
	}
	l.pos = end + 1 + i + len(tag)
	return true
}
