package engine

import (
	"fmt"
	"strings"
	"testing"
)

func TestScan(t *testing.T) {
	for _, x := range []struct {
		sql    string
		kind   statementKind
		format string
		head   string // for kindData, the statement without its data
		data   string
	}{
		{"SELECT 1", kindSelect, "", "", ""},
		{"  -- c\n/* c */ select 1 format JSON", kindSelect, "JSON", "", ""},
		{"SELECT 1 FORMAT `CSV` SETTINGS max_threads = 1;", kindSelect, "CSV", "", ""},
		{"SELECT format FROM t", kindSelect, "", "", ""},
		{"SELECT format('{}', 1)", kindSelect, "", "", ""},
		{"(SELECT 1) UNION ALL (SELECT 2 FORMAT x)", kindSelect, "", "", ""},
		{"WITH 1 AS x SELECT x", kindSelect, "", "", ""},
		{"WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", kindOther, "", "", ""},
		{"SELECT 1 INTO OUTFILE 'x'", kindOther, "", "", ""},
		{"SHOW TABLES FORMAT TSV", kindOther, "TSV", "", ""},
		{"INSERT INTO t SELECT 1", kindOther, "", "", ""},
		{"INSERT INTO t (a, b) SELECT 'FORMAT x VALUES'", kindOther, "", "", ""},
		{"INSERT INTO t FORMAT Native\nxy\n\nz", kindData, "Native", "INSERT INTO t ", "xy\n\nz"},
		{"INSERT INTO t FORMAT Native \t\r\n\nx", kindData, "Native", "INSERT INTO t ", "\nx"},
		{"INSERT INTO t FORMAT CSV;\n1", kindData, "CSV", "INSERT INTO t ", "1"},
		{"INSERT INTO t FORMAT JSONEachRow {\"a\":1}", kindData, "JSONEachRow", "INSERT INTO t ", "{\"a\":1}"},
		{"INSERT INTO t (a, `values`, \"format\") VALUES (1)", kindData, "Values", "INSERT INTO t (a, `values`, \"format\") ", " (1)"},
		{"INSERT INTO format FORMAT CSV 1", kindData, "CSV", "INSERT INTO format ", "1"},
		{"INSERT INTO db.values SETTINGS async_insert=1 FORMAT CSV 1", kindData, "CSV", "INSERT INTO db.values SETTINGS async_insert=1 ", "1"},
		{"INSERT INTO TABLE FUNCTION null('a UInt8') VALUES (1)", kindData, "Values", "INSERT INTO TABLE FUNCTION null('a UInt8') ", " (1)"},
		{"insert into t values", kindData, "Values", "insert into t ", ""},
		{"", kindOther, "", "", ""},
	} {
		st := scan([]byte(x.sql))
		if st.kind != x.kind || st.format != x.format {
			t.Errorf("%q: kind %d, format %q", x.sql, st.kind, st.format)
		}
		if st.kind == kindData && (x.sql[:st.head] != x.head || x.sql[st.data:] != x.data) {
			t.Errorf("%q: head %q, data %q", x.sql, x.sql[:st.head], x.sql[st.data:])
		}
	}
}

func TestLexerNeverHidesCode(t *testing.T) {
	// Each text runs file() in ClickHouse, so the lexer has to see the word followed by a bracket.
	for _, sql := range []string{
		"SELECT file('x')", "SELECT/**/file/**/('x')", "SELECT 'a\\'', file('x')", "SELECT 'a''', file('x')", "SELECT \"a\"\"\", file('x')",
		"SELECT `a\\``, file('x')", "SELECT $t$ ' $t$, file('x')", "SELECT 1 -- '\n, file('x')", "SELECT 1 # '\n, file('x')", "SELECT /* ' */ file('x')",
		"SELECT \u2018 ' \u2019, file('x')", "SELECT 1 \u2212\u2212 '\n, file('x')", "SELECT\u00A0file\u3000('x')", "SELECT\x00file('x')", "SELECT /* /* */ file('x')", "SELECT `file`('x')",
		"SELECT \u201Cfile\u201D('x')", "SELECT \"file\"('x')", "SELECT $$ $t$ $$, file('x')", "SELECT 1file('x')",
	} {
		st := scan([]byte(sql))
		found := false
		for i, tok := range st.tokens {
			if strings.HasSuffix(strings.ToLower(tok.text), "file") && i+1 < len(st.tokens) && st.tokens[i+1].isMark("(") {
				found = true
			}
		}
		if !found {
			t.Errorf("%q: hidden in %v", sql, st.tokens)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{"SELECT 1; SELECT 2", "INSERT INTO t (a) FORMAT Native\n\x01\x00", "$a$ $a$", "'\\", "`", "/*", "--", "\u2018", "INSERT INTO t VALUES ('\n\n')"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		st := scan(src)
		pos := 0
		for _, tok := range st.tokens {
			if tok.start < pos || tok.end < tok.start || tok.end > len(src) {
				t.Fatalf("token %v after %d of %d", tok, pos, len(src))
			}
			pos = tok.end
		}
		if st.kind == kindData && (st.head > st.data || st.data > len(src) || st.head < pos-len(src)) {
			t.Fatalf("head %d, data %d of %d", st.head, st.data, len(src))
		}
	})
}

// TestLexerAgreesWithTheEngine compares the number of statements with the engine's own parser, through the
// front: a text that the front takes for one statement must be one for the engine.
func TestLexerAgreesWithTheEngine(t *testing.T) {
	c := engine(t)
	for i, quote := range []string{"'%s'", "\"%s\"", "`%s`", "$q$%s$q$", "/* %s */ 1", "1 -- %s\n", "1 # %s\n", "\u2018%s\u2019"} {
		for _, inner := range []string{";", "\\\\;", "a;b", ";;", "\\;"} {
			sql := "SELECT " + fmt.Sprintf(quote, inner)
			if i == 1 || i == 2 {
				sql = "SELECT 1 AS " + fmt.Sprintf(quote, inner)
			}
			if scan([]byte(sql)).several {
				t.Errorf("%q: the lexer sees several statements", sql)
			}
			if code, _, out := call(t, c, "admin", adminPassword, sql, nil); code != 200 {
				t.Errorf("%q: %d %s", sql, code, out)
			}
		}
	}
}
