package seal

import (
	"crypto/rand"
	"crypto/subtle"
	"sync"
)

// Algorithm names what a key is for. It stands in every key record, so that a
// keyring can hold keys of several algorithms side by side.
type Algorithm string

const (
	HMACSHA256 Algorithm = "hmac-sha256"
	AES256GCM  Algorithm = "aes-256-gcm"
	SipHash24  Algorithm = "siphash-2-4"
	Ed25519    Algorithm = "ed25519"
	HPKEX25519 Algorithm = "hpke-x25519-hkdf-sha256-aes-256-gcm"
)

// KeySize is the length of every secret in a keyring, in bytes. (The route key
// uses the first 16.)
const KeySize = 32

// Key is one secret and the algorithm it is for. Copies share the secret: when
// it is destroyed, every copy ends. It is safe for concurrent use, and the zero
// Key answers ErrNoKey everywhere.
type Key struct {
	redacted
	hidden[material]
}

type material struct {
	mu   sync.RWMutex // held for reading while the bytes are in use
	alg  Algorithm
	b    [KeySize]byte
	gone bool
}

// NewKey makes a key from given bytes: for a key service that received them,
// and for tests that need the same key twice. Keyrings draw theirs at random.
func NewKey(alg Algorithm, b [KeySize]byte) Key {
	k, m := blankKey(alg)
	m.b = b
	return k
}

// blankKey makes a key whose bytes the caller fills in before anyone else sees
// it.
func blankKey(alg Algorithm) (Key, *material) {
	m := &material{alg: alg}
	return Key{hidden: hide(m)}, m
}

func randomKey(alg Algorithm) Key {
	k, m := blankKey(alg)
	rand.Read(m.b[:])
	return k
}

// Algorithm says what the key is for; empty for the zero Key.
func (k Key) Algorithm() Algorithm {
	if m := k.get(); m != nil {
		return m.alg
	}
	return ""
}

// Equal compares in constant time. A destroyed or zero Key equals nothing.
func (k Key) Equal(o Key) bool {
	if k.Algorithm() != o.Algorithm() {
		return false
	}
	// One after the other: with both locks held at once, two goroutines could
	// wait for each other.
	var other [KeySize]byte
	defer clear(other[:])
	if o.use(o.Algorithm(), func(b *[KeySize]byte) error { other = *b; return nil }) != nil {
		return false
	}
	equal := false
	err := k.use(k.Algorithm(), func(b *[KeySize]byte) error {
		equal = subtle.ConstantTimeCompare(b[:], other[:]) == 1
		return nil
	})
	return err == nil && equal
}

// use lends the bytes to f, which must not keep them. It fails when the key is
// for another algorithm, or gone: a key that was overwritten must never be
// taken for a key of zeros.
func (k Key) use(alg Algorithm, f func(b *[KeySize]byte) error) error {
	m := k.get()
	if m == nil {
		return ErrNoKey
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.gone {
		return ErrNoKey
	}
	if m.alg != alg {
		return ErrUnsupported
	}
	return f(&m.b)
}

// wipe waits for those who use the key, then overwrites it.
func (k Key) wipe() {
	m := k.get()
	if m == nil {
		return
	}
	m.mu.Lock()
	clear(m.b[:])
	m.gone = true
	m.mu.Unlock()
}
