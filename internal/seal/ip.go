package seal

import (
	"crypto/hpke"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// SealedIPSize is the length of every sealed address, in bytes.
const SealedIPSize = ipHead + 16 + tagSize

// A sealed address: version, suite 1 B each, month, suffix of the month's pair
// 2 + 4, encapsulation 32, nonce 12, sealed address 16, tag 16.
//
// An encapsulation for each address would cost 0.1 ms, so there is one for a
// process and hour, as for blobs, and each address carries it along: a table of
// encapsulations beside the rows would save 32 bytes that compress well, and
// losing it would lose every address. The nonces are random, though, and not
// counted: a counter would put the rows of a store into their exact order, far
// finer than the time they may show. The chance that two of the 2^30 addresses
// of a very busy hour meet is below 2^-37. An IPv4 address is sealed as sixteen
// bytes, so that the length does not tell the family.
const ipHead = 1 + 1 + 2 + 4 + EncSize + nonceSize

// MonthKeyID names a break-glass pair.
type MonthKeyID struct {
	Month  uint32 // whole months since January 1970, UTC
	Suffix uint32
}

// MonthOf gives the break-glass month of an instant.
func MonthOf(t time.Time) uint32 {
	t = t.UTC()
	return uint32((t.Year()-1970)*12 + int(t.Month()) - 1)
}

// MonthPublic is the public half of a month's break-glass pair.
type MonthPublic struct {
	ID  MonthKeyID
	Key hpke.PublicKey
}

// PublicMonths is where an IPSealer finds the public key of a month. It answers
// ErrNoPublicKey when none is published, and is safe for concurrent use.
type PublicMonths interface {
	PublicMonth(month uint32) (MonthPublic, error)
}

// IPSealer seals addresses so that only the break-glass key opens them. It is
// safe for concurrent use: one per process.
type IPSealer struct {
	redacted
	hours  hourly
	nonces nonces
}

// NewIPSealer makes an IPSealer. now is the clock that decides which hour and
// month it is.
func NewIPSealer(pub PublicMonths, now func() time.Time) *IPSealer {
	s := &IPSealer{}
	s.hours.now = now
	s.hours.connect = func(hour uint32) (*session, error) {
		month := MonthOf(time.Unix(int64(hour)*3600, 0))
		p, err := pub.PublicMonth(month)
		if err != nil {
			return nil, err
		}
		return newSession(hour, p.ID.Month, p.ID.Suffix, p.Key, ipAgreement(p.ID))
	}
	return s
}

func ipAgreement(id MonthKeyID) agreement {
	info := append(make([]byte, 0, 24), "sluice.ip.v1\x00"...)
	info = binary.BigEndian.AppendUint32(info, id.Month)
	info = binary.BigEndian.AppendUint32(info, id.Suffix)
	return agreement{info: info, label: labelIP}
}

// Seal appends the sealed address, SealedIPSize bytes, to dst. A zone is left
// out. Errors: ErrNoPublicKey; and one for the zero Addr.
func (s *IPSealer) Seal(dst []byte, addr netip.Addr) ([]byte, error) {
	if !addr.IsValid() {
		return dst, fmt.Errorf("seal an address: %w", ErrCorrupt)
	}
	start := len(dst)
	dst = slices.Grow(dst, SealedIPSize)
	head := dst[start : start+ipHead]
	text := dst[start+ipHead : start+ipHead+16]
	*(*[16]byte)(text) = addr.As16()
	for {
		ses, _, err := s.hours.get()
		if err != nil {
			clear(text)
			return dst[:start], fmt.Errorf("seal an address: %w", err)
		}
		head[0], head[1] = version, suiteHPKE
		binary.BigEndian.PutUint16(head[2:], uint16(ses.period))
		binary.BigEndian.PutUint32(head[4:], ses.suffix)
		copy(head[8:], ses.enc[:])
		s.nonces.next(head[8+EncSize:])
		out, ok := ses.box.seal(dst[:start+ipHead], head[8+EncSize:], text, head)
		if ok {
			return out, nil
		}
		// The hour ended between get and seal.
	}
}

// Close clears the key of the hour.
func (s *IPSealer) Close() { s.hours.close() }
