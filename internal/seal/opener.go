package seal

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/s2"
)

// PrivateHours is where an Opener has keys agreed upon. [Ring] does it from a
// folder; a key service that never gives a private half away can stand in its
// place. It must be safe for concurrent use.
type PrivateHours interface {
	// Decapsulate returns the AES-256 key of one encapsulation. It answers
	// ErrKeyExpired only when the private half is certainly gone, and
	// ErrCorrupt when the encapsulation is no point of the curve.
	Decapsulate(id HourKeyID, enc [EncSize]byte) (Key, error)
	// HasHour says whether the private half is still there. It is asked for
	// every blob, so that a destroyed key ends the cached ones too.
	HasHour(id HourKeyID) bool
}

// maxAgreed bounds the keys an Opener remembers. There is one per collector
// process and hour; a thousand is 20 collectors and two days.
const maxAgreed = 1024

// Opener opens blobs, in any order. It is safe for concurrent use: one per
// process, shared by all partitions, since a collector writes to all of them
// under the same encapsulation.
type Opener struct {
	redacted
	keys  PrivateHours
	limit int

	mu     sync.RWMutex
	agreed map[agreedID]*agreedKey
	clock  atomic.Uint64
}

type agreedID struct {
	hour HourKeyID
	enc  [EncSize]byte
}

type agreedKey struct {
	box  *guarded
	used atomic.Uint64 // reading of Opener.clock
}

// NewOpener makes an Opener that refuses bodies longer than limit bytes; 0
// means MaxBody.
func NewOpener(keys PrivateHours, limit int) *Opener {
	if limit <= 0 || limit > MaxBody {
		limit = MaxBody
	}
	return &Opener{keys: keys, limit: limit, agreed: make(map[agreedID]*agreedKey)}
}

// Open verifies and opens a blob and appends its body to dst. blob is only
// read, and must not overlap dst. dst needs room for the body and once more the
// blob; it grows where it must.
//
// On an error the result is dst as it was. The header is returned as far as it
// could be read, but unless the error is nil nobody vouches for it. Errors:
// ErrKeyExpired, ErrCorrupt, ErrTooLarge, ErrUnsupported; any other means that
// the keys could not be reached: try again.
func (o *Opener) Open(dst, blob []byte) ([]byte, Header, error) {
	return o.open(dst, blob, nil, UseBatch)
}

// OpenOne opens an event that [Sealer.SealOne] sealed with the same ad.
func (o *Opener) OpenOne(dst, blob, ad []byte) ([]byte, Header, error) {
	return o.open(dst, blob, ad, UseOne)
}

func (o *Opener) open(dst, blob, ad []byte, use Use) ([]byte, Header, error) {
	h, err := ParseHeader(blob)
	switch {
	case err != nil:
		return dst, h, err
	case h.Use != use:
		return dst, h, ErrCorrupt
	case int64(h.Bytes) > int64(o.limit):
		return dst, h, ErrTooLarge
	}
	// First verify, then trust h.Bytes for the size of the buffer. The sealed
	// part is opened in dst, not in place, so that a failure leaves blob whole
	// for the record of refused ones.
	head, sealed := blob[:HeaderSize], blob[HeaderSize:]
	start, n := len(dst), int(h.Bytes)
	dst = slices.Grow(dst, len(sealed)+HeaderSize+len(ad))
	end := start + len(sealed)
	text, err := o.verify(dst[start:start:end], &h, sealed, bound(dst, end, head, ad))
	if err != nil {
		return dst[:start], h, err
	}
	return inflate(dst, text, n, h)
}

// inflate puts the body of n bytes behind dst. text is its compressed form,
// which stands just behind dst and has to make way first.
func inflate(dst, text []byte, n int, h Header) ([]byte, Header, error) {
	start, at := len(dst), len(dst)+n
	dst = slices.Grow(dst[:start+len(text)], n)
	moved := dst[at : at+len(text)]
	copy(moved, text)
	defer clear(moved)
	if m, err := s2.DecodedLen(moved); err != nil || m != n {
		return dst[:start], h, ErrCorrupt
	}
	if _, err := s2.Decode(dst[start:at:at], moved); err != nil {
		clear(dst[start:at])
		return dst[:start], h, ErrCorrupt
	}
	return dst[:at], h, nil
}

// verify opens the sealed part of a blob.
func (o *Opener) verify(dst []byte, h *Header, sealed, ad []byte) ([]byte, error) {
	for {
		k, fresh, err := o.key(h)
		if err != nil {
			return nil, err
		}
		text, err := k.box.open(dst, ad[:nonceSize], sealed, ad)
		switch {
		case errors.Is(err, ErrNoKey):
			// Cleared since it was looked up: its hour is over, which the next
			// turn finds out, or it only made room for another.
		case err != nil:
			if fresh {
				k.box.clear()
			}
			return nil, err
		default:
			if fresh {
				o.keep(h, k) // only now is it known to be a collector's
			}
			return text, nil
		}
	}
}

// key finds the key of a blob; fresh when it is not remembered yet.
func (o *Opener) key(h *Header) (k *agreedKey, fresh bool, err error) {
	id := agreedID{h.HourKeyID, h.Encapsulation}
	o.mu.RLock()
	k = o.agreed[id]
	o.mu.RUnlock()
	if k != nil {
		if !o.keys.HasHour(id.hour) {
			o.Sweep()
			return nil, false, ErrKeyExpired
		}
		k.used.Store(o.clock.Add(1))
		return k, false, nil
	}
	return o.agree(id)
}

func (o *Opener) agree(id agreedID) (k *agreedKey, fresh bool, err error) {
	key, err := o.keys.Decapsulate(id.hour, id.enc)
	if err != nil {
		return nil, false, fmt.Errorf("agree on the key of a blob: %w", err)
	}
	defer key.wipe()
	k = &agreedKey{}
	err = key.use(AES256GCM, func(b *[KeySize]byte) (err error) {
		k.box, err = newGuarded(b)
		return err
	})
	return k, true, err
}

func (o *Opener) keep(h *Header, k *agreedKey) {
	id := agreedID{h.HourKeyID, h.Encapsulation}
	k.used.Store(o.clock.Add(1))
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, there := o.agreed[id]; there || !o.keys.HasHour(id.hour) {
		k.box.clear() // another partition was first; or the hour has just gone
		return
	}
	if len(o.agreed) >= maxAgreed {
		var oldest agreedID
		least := ^uint64(0)
		for id, k := range o.agreed {
			if u := k.used.Load(); u < least {
				oldest, least = id, u
			}
		}
		o.forget(oldest)
	}
	o.agreed[id] = k
}

// forget clears one key. The caller holds mu.
func (o *Opener) forget(id agreedID) {
	o.agreed[id].box.clear()
	delete(o.agreed, id)
}

// Sweep clears the keys of hours whose private half is gone. Whoever destroys
// an hour key calls it; Open refuses such an hour in any case.
func (o *Opener) Sweep() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id := range o.agreed {
		if !o.keys.HasHour(id.hour) {
			o.forget(id)
		}
	}
}

// Close clears all keys.
func (o *Opener) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id := range o.agreed {
		o.forget(id)
	}
}
