package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"reflect"
	"sync"
	"unsafe"
)

const (
	nonceSize = 12
	tagSize   = 16
)

// guarded is an AES-256-GCM that can be taken away while others use it: once
// cleared it seals and opens nothing more. Without the lock a key overwritten
// in the middle of a Seal would have sealed under zeros.
type guarded struct {
	redacted
	mu   sync.RWMutex
	aead cipher.AEAD // nil once cleared
}

func newGuarded(key *[KeySize]byte) (*guarded, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	wipe(block) // NewGCM made its own copy of the round keys
	if err != nil {
		return nil, err
	}
	return &guarded{aead: aead}, nil
}

// seal appends to dst like cipher.AEAD.Seal; false when the key is gone.
func (g *guarded) seal(dst, nonce, plain, ad []byte) ([]byte, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.aead == nil {
		return dst, false
	}
	return g.aead.Seal(dst, nonce, plain, ad), true
}

// open appends to dst like cipher.AEAD.Open.
func (g *guarded) open(dst, nonce, sealed, ad []byte) ([]byte, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.aead == nil {
		return dst, ErrNoKey
	}
	out, err := g.aead.Open(dst, nonce, sealed, ad)
	if err != nil {
		return dst, ErrCorrupt // the library's error says no more than that
	}
	return out, nil
}

// clear waits for seals and opens under way, then overwrites the round keys.
func (g *guarded) clear() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.aead != nil {
		wipe(g.aead)
		g.aead = nil
	}
}

// wipe overwrites the object that v points to, and says whether it did. The
// standard library offers no way to end an AES key, and a dropped one stays in
// the heap until its memory is used again. Only objects of plain data are
// touched: should a later Go version put a pointer into them, wipe does nothing
// and a test says so.
func wipe(v any) bool {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() || !plainData(p.Type().Elem()) {
		return false
	}
	clear(unsafe.Slice((*byte)(p.UnsafePointer()), p.Type().Elem().Size()))
	return true
}

func plainData(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Array:
		return plainData(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !plainData(t.Field(i).Type) {
				return false
			}
		}
		return true
	}
	return false
}
