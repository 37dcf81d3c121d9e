package engine

import (
	"strconv"
	"strings"
	"unsafe"
)

// connection opens a connection for one request, or takes the one of its session, and brings it into the
// state that the request asks for. release must be called.
func (f *front) connection(q *request, who *account, id string) (*conn, func(), error) {
	if q.session != "" && who.role != RoleReader { // a reader has nothing that a session could keep
		return f.sessions.take(f, q, who, id)
	}
	c, err := f.lib.open(f.args)
	if err != nil {
		return nil, nil, refuse(1002, "UNKNOWN_EXCEPTION", "The engine refused a connection")
	}
	if err := f.prepare(c, q, who, id, true); err != nil {
		c.close()
		return nil, nil, err
	}
	return c, c.close, nil
}

// prepare sets the database, the client's settings, then what the client may not choose, and last the role,
// after which nothing of this can be changed back by a reader.
func (f *front) prepare(c *conn, q *request, who *account, id string, fresh bool) error {
	// A fresh connection stands in the database "default" and has all roles, the admin's among them.
	if q.database != "" && (!fresh || q.database != "default") {
		if _, err := c.run("USE "+quoteName(q.database), "Null", nil, nil); err != nil {
			return err
		}
	}
	set := append([]param(nil), q.settings...)
	set = append(set, f.fixed(who, id)...)
	if _, err := c.run(setStatement(set), "Null", nil, nil); err != nil {
		return err
	}
	if !fresh || who.role == RoleAdmin {
		return nil
	}
	_, err := c.run("SET ROLE "+quoteName(who.engineRole), "Null", nil, nil)
	return err
}

// fixed are the settings that the front decides. They come after the client's, so they win.
func (f *front) fixed(who *account, id string) []param {
	set := []param{{"log_comment", id}, {"async_insert", "0"}, {"implicit_select", "0"}}
	if who.role != RoleAdmin {
		set = append(set, param{"allow_introspection_functions", "0"}, param{"input_format_values_interpret_expressions", "0"})
	}
	if who.role == RoleReader {
		set = append(set, param{"max_memory_usage", strconv.FormatInt(f.cfg.ReaderMemory, 10)},
			param{"max_execution_time", strconv.Itoa(f.cfg.ReaderSeconds)}, param{"readonly", "1"})
	}
	return set
}

func setStatement(set []param) string {
	var b strings.Builder
	b.WriteString("SET ")
	for i, s := range set {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s.name)
		b.WriteString(" = ")
		b.WriteString(quote(s.value))
	}
	return b.String()
}

// quote makes a string literal of ClickHouse's SQL.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(s) + "'"
}

func quoteName(s string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(s) + "`"
}

// statements asks the engine's own parser how many statements a text holds; 0 if it does not parse.
func (c *conn) statements(text string) int {
	out := analysis{size: uint32(unsafe.Sizeof(analysis{}))}
	if c.lib.classify(*c.ptr, bytePtr(text), uint64(len(text)), nil, 0, &out) != 0 {
		return 0
	}
	return int(out.statements)
}
