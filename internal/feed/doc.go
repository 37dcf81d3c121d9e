// Package feed makes events and sends them to a collector, as a client would.
//
// In come files (course logs, web server logs, native events) or nothing but a seed, for
// the simulated school day. Out go HTTP requests in the native protocol or in Segment's
// dialect, and at the end a ledger of what was sent and how it was answered.
//
// The package is a client: it knows no policy, holds no key but the write key, and nothing
// in it is reached by a running pipeline. It stands behind `sluice replay` and `sluice demo`.
package feed
