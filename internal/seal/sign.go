package seal

import (
	"crypto/ed25519"
	"fmt"
	"path"
)

// Signer signs with an Ed25519 key of the keyring. It is safe for concurrent
// use and ends with the keyring.
type Signer struct {
	redacted
	seed   Key
	public ed25519.PublicKey
}

// Public returns the public half.
func (s *Signer) Public() ed25519.PublicKey { return append(ed25519.PublicKey(nil), s.public...) }

// Sign signs a message. Error: ErrNoKey once the key is destroyed.
func (s *Signer) Sign(message []byte) (sig []byte, err error) {
	err = s.seed.use(Ed25519, func(b *[KeySize]byte) error {
		erasing(func() {
			private := ed25519.NewKeyFromSeed(b[:])
			sig = ed25519.Sign(private, message)
			clear(private)
		})
		return nil
	})
	return sig, err
}

func signMeta(dir, name, ext, half string) meta {
	return meta{name: path.Join(dir, "sign", name+ext), alg: Ed25519, half: half}
}

func tenantName(tenant string) (string, error) {
	t, err := fileName(tenant)
	return path.Join("tenant", t), err
}

const officerName = "officer"

// Officer returns the key that signs policy revisions, made on first use. Its
// public half appears in public/.
func (r *Ring) Officer() (*Signer, error) { return r.signer(officerName) }

// Tenant returns the key that signs a tenant's tokens, made on first use, for
// tenants that keep theirs here. See [Ring.SetTenant] for the others.
func (r *Ring) Tenant(tenant string) (*Signer, error) {
	name, err := tenantName(tenant)
	if err != nil {
		return nil, err
	}
	return r.signer(name)
}

// SetTenant publishes the public half of a tenant that keeps its key itself.
func (r *Ring) SetTenant(tenant string, public ed25519.PublicKey) error {
	name, err := tenantName(tenant)
	if err != nil {
		return err
	}
	if len(public) != ed25519.PublicKeySize {
		return fmt.Errorf("publish a signing key: %w", ErrBadRecord)
	}
	return r.publishSigner(name, public)
}

func (r *Ring) signer(name string) (*Signer, error) {
	seed, err := r.key(signMeta(dirPrivate, name, ".key", halfPrivate), true)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	s := &Signer{seed: seed}
	err = seed.use(Ed25519, func(b *[KeySize]byte) error {
		private := ed25519.NewKeyFromSeed(b[:])
		s.public = append(s.public, private[ed25519.SeedSize:]...)
		clear(private)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	if r.f.exists(signMeta(dirPublic, name, ".pub", halfPublic).name) {
		return s, nil
	}
	return s, r.publishSigner(name, s.public)
}

func (r *Ring) publishSigner(name string, public ed25519.PublicKey) error {
	r.making.Lock()
	defer r.making.Unlock()
	m := signMeta(dirPublic, name, ".pub", halfPublic)
	m.made = r.f.now()
	if err := r.f.publish(m, public); err != nil {
		return fmt.Errorf("publish a signing key: %w", err)
	}
	if err := r.f.sync(path.Dir(m.name)); err != nil {
		return fmt.Errorf("publish a signing key: %w", err)
	}
	return nil
}
