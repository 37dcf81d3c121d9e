// Package clickhouse keeps rows in ClickHouse. In come clean batches and account rows; out
// go inserts of whole columns, each carrying a token by which the server knows it again. It
// is the only package that imports clickhouse-go and ch-go.
//
// Over HTTP (the embedded engine, and the default) a batch is written as one Native block
// by this package (native.go) and handed to the driver as a stream; over the native protocol
// the driver's own columns take it (append.go).
//
// No error of this package carries text of the driver or the server: that text can hold an
// address with its password, a token, or the values of a row.
package clickhouse
