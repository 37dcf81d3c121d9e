// Package seal holds the cryptography of the pipeline and the files its keys
// live in. It knows nothing of Kafka, policies or events.
//
// In go bytes: the body of one commit, one refused event, one ledger record,
// one IP address, one message to be turned into a pseudonym. Out come sealed
// bytes, or a 16-byte pseudonym; and the other way round for whoever holds the
// right half of a key.
//
// Who holds what:
//
//   - A collector opens the folders public/ and edge/ of a keyring with
//     [OpenPublic]. That gives it a [Sealer], an [IPSealer], the route key and
//     the IP key of the day: it can write, and it cannot read back what another
//     process wrote or what it wrote itself in an hour that is over.
//   - An enricher opens the whole keyring with [OpenRing] and gets an [Opener],
//     purpose keys for [MAC], and [KEK]s for ledger records.
//   - The officers who may look up an address open the breakglass/ folder,
//     which belongs offline, with [OpenBreakGlass].
//
// # Raw blobs
//
// HPKE (RFC 9180, base mode) with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
// AES-256-GCM. A process encapsulates once per key hour, exports one AES-256
// key from the context and seals every blob of that hour with it under a
// counter nonce. The package's own Seal and Open are not used, because Open
// insists on the order of Seal, and a broker delivers partitions in any order.
// The clear [Header] is associated data.
//
// # What clearing a key means here
//
// Keys held by this package are overwritten in memory when they end, and a file
// is overwritten before it is unlinked. Two limits remain. A file system or an
// SSD may keep an old copy of a block. And the standard library leaves
// short-lived intermediates of a key agreement to the garbage collector; a
// build with GOEXPERIMENT=runtimesecret erases those too.
package seal
