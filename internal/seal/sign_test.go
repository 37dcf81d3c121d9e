package seal

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
)

func TestSigners(t *testing.T) {
	r, dir := emptyRing(t, clockAt(noon))
	p := publicOfRing(t, dir)
	if _, err := p.Officer(); !errors.Is(err, ErrNoKey) {
		t.Errorf("no officer yet: %v", err)
	}
	f := func(what string, s *Signer, err error, verifier func() (ed25519.PublicKey, error)) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		sig, err := s.Sign([]byte("policy"))
		if err != nil {
			t.Fatal(err)
		}
		public, err := verifier()
		if err != nil || !bytes.Equal(public, s.Public()) {
			t.Fatalf("%s: another public half is published: %v", what, err)
		}
		if !ed25519.Verify(public, []byte("policy"), sig) || ed25519.Verify(public, []byte("pol1cy"), sig) {
			t.Errorf("%s: the signature does not verify as it should", what)
		}
	}
	officer, err := r.Officer()
	f("officer", officer, err, p.Officer)
	again, err := r.Officer()
	f("officer, asked again", again, err, p.Officer)
	tenant, err := r.Tenant("t1")
	f("tenant", tenant, err, func() (ed25519.PublicKey, error) { return p.Tenant("t1") })
	if bytes.Equal(officer.Public(), tenant.Public()) {
		t.Error("officer and tenant share a key")
	}

	own := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	if err := r.SetTenant("t2", own); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Tenant("t2"); err != nil || !bytes.Equal(got, own) {
		t.Errorf("a tenant that keeps its own key: %v", err)
	}
	if err := r.SetTenant("t2", own[:31]); err == nil {
		t.Error("a key that is too short was published")
	}
	r.Close()
	if _, err := officer.Sign([]byte("late")); !errors.Is(err, ErrNoKey) {
		t.Errorf("after Close: %v", err)
	}
}
