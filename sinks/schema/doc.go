// Package schema says what the stores look like. In goes a compiled policy; out come the
// tables, constraints, lifetimes and aggregates it asks for, as ClickHouse statements: a
// whole schema for an empty server, or the few steps that bring an existing one there. What
// would lose data is never a step but a decision, printed for a person.
//
// Everything here is written in the server's own spelling (as SHOW CREATE prints it), so
// that what exists can be compared with what is wanted by text. A test creates every
// statement on a real engine and holds the two side by side.
package schema
