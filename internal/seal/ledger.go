package seal

import (
	"encoding/binary"
	"slices"
)

// A sealed ledger record: version 1 B, KEK id 8 B, nonce 12 B, sealed text,
// tag 16 B.
const (
	recordHead     = 1 + 8 + nonceSize
	RecordOverhead = recordHead + tagSize
)

// maxSeals is how many records are sealed under one KEK.
//
// Nonces are random. Counters would have to be kept across crashes and shared
// between owners: a former owner that wakes up after a rebalance writes under
// the same KEK as the new one, and two counters starting alike would give the
// plain text away. With random 96-bit nonces 2^32 seals meet twice with a
// probability below 2^-32 (NIST SP 800-38D, section 8.3); a KEK lives seven days
// at most, and 2^32 would be 7,000 records a second for all of them in one
// partition.
const maxSeals = 1 << 32

// SealRecord seals a ledger record under a KEK and appends it to dst. ad is
// authenticated with it and not stored: the record's key, as 16 bytes, and its
// partition. plain and dst must not overlap. Errors: ErrNoKey once the KEK is
// destroyed, ErrKEKWorn.
func SealRecord(dst []byte, k *KEK, ad, plain []byte) ([]byte, error) {
	if k.seals.Add(1) > maxSeals {
		return dst, ErrKEKWorn
	}
	start := len(dst)
	dst = slices.Grow(dst, RecordOverhead+len(plain))
	head := dst[start : start+recordHead]
	head[0] = version
	binary.BigEndian.PutUint64(head[1:], uint64(k.id))
	k.nonces.next(head[9:])
	out, ok := k.box.seal(dst[:start+recordHead], head[9:], plain, ad)
	if !ok {
		return dst[:start], ErrNoKey
	}
	return out, nil
}

// RecordKEK tells which KEK a record is sealed under, for [Ring.KEK]. Errors:
// ErrCorrupt, ErrUnsupported.
func RecordKEK(sealed []byte) (KEKID, error) {
	if len(sealed) < RecordOverhead {
		return 0, ErrCorrupt
	}
	if sealed[0] != version {
		return 0, ErrUnsupported
	}
	return KEKID(binary.BigEndian.Uint64(sealed[1:])), nil
}

// OpenRecord opens a record that was sealed with the same ad and appends its
// text to dst. sealed is only read. Errors: ErrCorrupt (also when the KEK is not
// the record's), ErrUnsupported, ErrNoKey once the KEK is destroyed.
func OpenRecord(dst []byte, k *KEK, ad, sealed []byte) ([]byte, error) {
	id, err := RecordKEK(sealed)
	if err != nil {
		return dst, err
	}
	if id != k.id {
		return dst, ErrCorrupt
	}
	return k.box.open(dst, sealed[9:recordHead], sealed[recordHead:], ad)
}
