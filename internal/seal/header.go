package seal

import (
	"encoding/binary"
	"time"
)

// Use says what a blob holds.
type Use uint8

const (
	UseBatch Use = 1 // the body of one commit
	UseOne   Use = 2 // one refused event, alone
)

const (
	version      = 1
	suiteHPKE    = 1 // HPKEX25519
	compressedS2 = 1
)

// HeaderSize is the length of the clear header in front of every blob, in
// bytes; Overhead is all that sealing adds to a compressed body.
const (
	HeaderSize = 84
	Overhead   = HeaderSize + tagSize
)

// HourKeyID names a key pair: its hour, and a random suffix that sets apart two
// pairs made for the same hour by two keyrings.
type HourKeyID struct {
	Hour   uint32 // whole hours since 1970-01-01 UTC
	Suffix uint32
}

// HourOf gives the key hour of an instant.
func HourOf(t time.Time) uint32 { return uint32(t.Unix() / 3600) }

// Header is what stands in clear before a blob, and is authenticated with it.
// From an Opener that returned no error it can be trusted. [ParseHeader] alone
// proves nothing, but is all there is to account for a blob that cannot be
// opened any more.
//
// Layout, big-endian:
//
//	 0  version, suite, compression, use   1 byte each
//	 4  counter                            8
//	12  hour, suffix of the hour key       4 + 4
//	20  encapsulation                      32
//	52  received minute                    4
//	56  bytes                              4
//	60  events                             4
//	64  partition                          4
//	68  total                              8
//	76  process                            8
//
// The first twelve bytes are the nonce: the counter never repeats under one
// encapsulation, and the four bytes before it are the same for all blobs of a
// kind.
type Header struct {
	Version       uint8
	Suite         uint8
	Compression   uint8
	Use           Use
	Counter       uint64 // place among all blobs under this encapsulation, from 1
	HourKeyID     HourKeyID
	Encapsulation [EncSize]byte
	// ReceivedMinute is the minute of sealing, since 1970-01-01 UTC.
	ReceivedMinute uint32
	Bytes          uint32 // of the body before compression
	Events         uint32
	Partition      int32 // the one it was sealed for; -1 for UseOne
	// Total counts the events this process has sealed for this partition since
	// it started, this blob's included. See [Sealer.Refused].
	Total   uint64
	Process [8]byte // random, drawn when the process made its Sealer
}

// Received is ReceivedMinute as a time.
func (h *Header) Received() time.Time { return time.Unix(int64(h.ReceivedMinute)*60, 0).UTC() }

// ParseHeader reads the clear header of a blob without verifying it. Errors:
// ErrCorrupt when the blob is too short, ErrUnsupported when this build cannot
// read it.
func ParseHeader(blob []byte) (Header, error) {
	if len(blob) < Overhead {
		return Header{}, ErrCorrupt
	}
	be := binary.BigEndian
	h := Header{
		Version: blob[0], Suite: blob[1], Compression: blob[2], Use: Use(blob[3]),
		Counter:        be.Uint64(blob[4:]),
		HourKeyID:      HourKeyID{be.Uint32(blob[12:]), be.Uint32(blob[16:])},
		Encapsulation:  [EncSize]byte(blob[20:]),
		ReceivedMinute: be.Uint32(blob[52:]),
		Bytes:          be.Uint32(blob[56:]),
		Events:         be.Uint32(blob[60:]),
		Partition:      int32(be.Uint32(blob[64:])),
		Total:          be.Uint64(blob[68:]),
		Process:        [8]byte(blob[76:]),
	}
	if h.Version != version || h.Suite != suiteHPKE || h.Compression != compressedS2 ||
		(h.Use != UseBatch && h.Use != UseOne) {
		return h, ErrUnsupported
	}
	return h, nil
}

// put writes the header into b, which has room for HeaderSize bytes.
func (h *Header) put(b []byte) {
	be := binary.BigEndian
	b[0], b[1], b[2], b[3] = h.Version, h.Suite, h.Compression, byte(h.Use)
	be.PutUint64(b[4:], h.Counter)
	be.PutUint32(b[12:], h.HourKeyID.Hour)
	be.PutUint32(b[16:], h.HourKeyID.Suffix)
	copy(b[20:52], h.Encapsulation[:])
	be.PutUint32(b[52:], h.ReceivedMinute)
	be.PutUint32(b[56:], h.Bytes)
	be.PutUint32(b[60:], h.Events)
	be.PutUint32(b[64:], uint32(h.Partition))
	be.PutUint64(b[68:], h.Total)
	copy(b[76:84], h.Process[:])
}

// rawAgreement binds the agreement to the hour key, not only to its point.
func rawAgreement(id HourKeyID) agreement {
	info := append(make([]byte, 0, 24), "sluice.raw.v1\x00"...)
	info = binary.BigEndian.AppendUint32(info, id.Hour)
	info = binary.BigEndian.AppendUint32(info, id.Suffix)
	return agreement{info: info, label: labelRaw}
}
