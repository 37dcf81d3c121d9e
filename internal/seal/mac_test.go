package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// TestMACVector: the key of RFC 4231 test case 1 is shorter than ours, but HMAC
// fills a key up with zeros anyway.
func TestMACVector(t *testing.T) {
	var key [KeySize]byte
	for i := range 20 {
		key[i] = 0x0b
	}
	m, err := NewMAC(NewKey(HMACSHA256, key))
	if err != nil {
		t.Fatal(err)
	}
	var sum [16]byte
	for range 3 { // also with the state kept from before
		m.Sum128(&sum, []byte("Hi "), nil, []byte("There"))
		if got := hex.EncodeToString(sum[:]); got != "b0344c61d8db38535ca8afceaf0bf12b" {
			t.Fatal(got)
		}
	}
}

func TestMACIsHMAC(t *testing.T) {
	m := new(MAC)
	rapid.Check(t, func(t *rapid.T) {
		key := [KeySize]byte(rapid.SliceOfN(rapid.Byte(), KeySize, KeySize).Draw(t, "key"))
		if err := m.SetKey(NewKey(HMACSHA256, key)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			parts := rapid.SliceOfN(rapid.SliceOf(rapid.Byte()), 0, 5).Draw(t, "parts")
			want := hmac.New(sha256.New, key[:])
			for _, p := range parts {
				want.Write(p)
			}
			var got [16]byte
			m.Sum128(&got, parts...)
			if got != [16]byte(want.Sum(nil)) {
				t.Fatal("not HMAC-SHA256")
			}
		}
	})
}

func TestMACWithoutKey(t *testing.T) {
	if _, err := NewMAC(Key{}); !errors.Is(err, ErrNoKey) {
		t.Errorf("zero key: %v", err)
	}
	if _, err := NewMAC(NewKey(AES256GCM, [KeySize]byte{1})); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a key that is for no MAC: %v", err)
	}
	m, err := NewMAC(NewKey(HMACSHA256, [KeySize]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	m.Clear()
	defer func() {
		if recover() == nil {
			t.Error("a pseudonym was made without a key")
		}
	}()
	m.Sum128(new([16]byte))
}

// TestBucket uses the vector of the SipHash paper (appendix A): key 00…0f,
// message 00…0e, result a129ca6149be45e5.
func TestBucket(t *testing.T) {
	var key [16]byte
	for i := range key {
		key[i] = byte(i)
	}
	message := make([]byte, 15)
	for i := range message {
		message[i] = byte(i)
	}
	if got := Bucket(NewRouteKey(key), message); got != 0xa129ca6149be45e5%Buckets {
		t.Errorf("bucket %d", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("a bucket was computed without a key")
		}
	}()
	Bucket(RouteKey{}, message)
}
