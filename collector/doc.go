// Package collector is the front door: HTTP requests of web and app SDKs go in, sealed
// Kafka messages come out, and a request is answered as taken only when every replica in
// sync has its events.
//
// A request passes these stations, one file each:
//
//	server.go     connection caps, time-outs, a log without addresses
//	routes.go     the table of paths; every wire dialect adds its rows in its own file
//	keys.go       write key, origin, quota
//	body.go       bounded reading and inflating
//	scan.go       strict JSON tokens, no copies
//	segment.go    one dialect each: bytes to message; so native.go, pixel.go
//	gather.go     what the dialects share
//	normalise.go  message to event.Raw with every cut the policy asks for
//	lanes.go      natural group commit, seal, produce
//	answer.go     what the client is told
//
// What leaves this package, even sealed, never holds coordinates, a full address in clear,
// a query string or a field of a forbidden class. The package stores nothing and decides
// nothing about consent: it maps signals to bits and carries them along.
package collector
