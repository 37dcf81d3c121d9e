// Package privacy is the only road from event.Raw to rows that a store may hold. In come
// an event, what the ledger says of its person, and a compiled policy; out come rows in
// Clean, one per purpose that the person and the policy allow, or a Reason why there are
// none. The order is consent, then places and devices made coarse and texts scrubbed, then
// pseudonyms; the steps hand each other unexported types, so another order does not
// compile. The package does no I/O and reads no clock: keys, look-ups and the time of
// processing are handed in.
package privacy
