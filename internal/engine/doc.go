// Package engine runs the real ClickHouse engine inside a child process.
//
// In: the shared library libchdb.so, a data folder, a list of users. Out: ClickHouse's HTTP interface on
// a loopback address, spoken well enough for clickhouse-go, the official JavaScript and Python clients,
// JDBC and curl.
//
// The parts, from the bottom: library and connection (library.go, conn.go) bind the C interface; statement
// and guard (statement.go, guard.go) read SQL as far as is needed to refuse what must not run; front and
// its neighbours (front.go, request.go, answer.go, insert.go, codec.go) speak HTTP; Main (main.go) is the
// body of the child process; Start (child.go) is the parent's side, which keeps a child alive.
//
// Nothing in this package may put the content of a statement, a parameter or a row into an error of its
// own or into a log line. The engine's own error texts can quote a statement and go to the client that sent
// it, to nobody else.
package engine
