package seal

import (
	"crypto/ecdh"
	"crypto/hpke"
)

// EncSize is the length of an HPKE encapsulation with X25519, in bytes.
const EncSize = 32

// The exporter labels of RFC 9180, section 5.3: one for each thing that is
// sealed, so that a key of one can never stand in for another.
const (
	labelRaw = "sluice.raw.aead"
	labelIP  = "sluice.ip.aead"
)

func kem() hpke.KEM { return hpke.DHKEM(ecdh.X25519()) }

// agreement is everything both sides of a key agreement must name alike.
type agreement struct {
	info  []byte // binds the context to one key pair
	label string
}

// encapsulate agrees on a fresh key with the holder of pub's private half.
func (a agreement) encapsulate(pub hpke.PublicKey, key *[KeySize]byte) (enc [EncSize]byte, err error) {
	erasing(func() {
		var e, k []byte
		var s *hpke.Sender
		e, s, err = hpke.NewSender(pub, hpke.HKDFSHA256(), hpke.AES256GCM(), a.info)
		if err != nil {
			return
		}
		if k, err = s.Export(a.label, KeySize); err != nil {
			return
		}
		copy(enc[:], e)
		copy(key[:], k)
		clear(k)
	})
	return enc, err
}

// decapsulate finds the key that an encapsulation stands for.
func (a agreement) decapsulate(private *[KeySize]byte, enc *[EncSize]byte, key *[KeySize]byte) (err error) {
	erasing(func() {
		var priv hpke.PrivateKey
		if priv, err = kem().NewPrivateKey(private[:]); err != nil {
			return
		}
		var r *hpke.Recipient
		if r, err = hpke.NewRecipient(enc[:], priv, hpke.HKDFSHA256(), hpke.AES256GCM(), a.info); err != nil {
			return
		}
		var k []byte
		if k, err = r.Export(a.label, KeySize); err != nil {
			return
		}
		copy(key[:], k)
		clear(k)
	})
	return err
}

// newPair draws a key pair.
func newPair() (private Key, public []byte, err error) {
	private, m := blankKey(HPKEX25519)
	erasing(func() {
		var p hpke.PrivateKey
		if p, err = kem().GenerateKey(); err != nil {
			return
		}
		var b []byte
		if b, err = p.Bytes(); err != nil {
			return
		}
		copy(m.b[:], b)
		clear(b)
		public = p.PublicKey().Bytes()
	})
	return private, public, err
}

// publicOf computes the public half of a private one.
func publicOf(private Key) (public []byte, err error) {
	err = private.use(HPKEX25519, func(b *[KeySize]byte) (err error) {
		erasing(func() {
			var p hpke.PrivateKey
			if p, err = kem().NewPrivateKey(b[:]); err == nil {
				public = p.PublicKey().Bytes()
			}
		})
		return err
	})
	return public, err
}
