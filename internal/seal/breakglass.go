package seal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"time"
)

func monthFile(dir string, month uint32, ext string) string {
	return path.Join(dir, fmt.Sprintf("%04d-%02d%s", 1970+month/12, month%12+1, ext))
}

func monthPublic(dir string, month uint32) meta {
	return meta{name: monthFile(path.Join(dir, "breakglass"), month, ".pub"), alg: HPKEX25519, half: halfPublic}
}

func monthPrivate(dir string, month uint32) meta {
	return meta{name: monthFile(dir, month, ".key"), alg: HPKEX25519, half: halfPrivate}
}

func (id MonthKeyID) pack() uint64 { return uint64(id.Month)<<32 | uint64(id.Suffix) }

func monthID(packed uint64) MonthKeyID { return MonthKeyID{uint32(packed >> 32), uint32(packed)} }

// EnsureBreakGlass makes the break-glass pair of the current month, and of the
// next two days' month, where it is missing. The private half lands in the
// folder breakglass/, from where it should be moved away; this process keeps
// nothing of it.
func (r *Ring) EnsureBreakGlass(now time.Time) error {
	r.making.Lock()
	defer r.making.Unlock()
	for _, at := range []time.Time{now, now.Add(HoursAhead * time.Hour)} {
		if err := r.ensureMonth(MonthOf(at)); err != nil {
			return fmt.Errorf("make a break-glass key: %w", err)
		}
	}
	return nil
}

func (r *Ring) ensureMonth(month uint32) error {
	public, private := monthPublic(dirPublic, month), monthPrivate(dirGlass, month)
	if r.f.exists(public.name) { // its private half is here or, better, away
		return nil
	}
	private.id = MonthKeyID{month, randomSuffix()}.pack()
	k, err := r.f.obtain(&private, func() (Key, error) { k, _, err := newPair(); return k, err })
	if err != nil {
		return err
	}
	defer k.wipe()
	b, err := publicOf(k)
	if err != nil {
		return err
	}
	public.id, public.made = private.id, r.f.now()
	if err := r.f.publish(public, b); err != nil {
		return err
	}
	return r.f.sync(path.Dir(public.name))
}

// DestroyBreakGlass destroys what this keyring holds of a month's pair. A
// private half that was moved away has to be destroyed where it is.
func (r *Ring) DestroyBreakGlass(month uint32) error {
	r.making.Lock()
	defer r.making.Unlock()
	for _, name := range []string{monthPublic(dirPublic, month).name, monthPrivate(dirGlass, month).name} {
		if err := r.f.destroy(name); err != nil {
			return fmt.Errorf("destroy a break-glass key: %w", err)
		}
	}
	return nil
}

// BreakGlass opens sealed addresses. Only the tool of the two officers has one.
type BreakGlass struct {
	redacted
	f *folder
}

// OpenBreakGlass opens a folder with private halves, wherever it is kept.
func OpenBreakGlass(dir string) (*BreakGlass, error) {
	f, err := openFolder(dir, dirGlass, time.Now)
	if err != nil {
		return nil, fmt.Errorf("open the break-glass keys: %w", err)
	}
	return &BreakGlass{f: f}, nil
}

// IP is an opened address. It shows itself only to Reveal.
type IP struct {
	redacted
	hidden[netip.Addr]
}

// Reveal returns the address.
func (ip IP) Reveal() netip.Addr {
	if a := ip.get(); a != nil {
		return *a
	}
	return netip.Addr{}
}

// Open opens a sealed address, at the cost of one key agreement (0.1 ms).
// Errors: ErrKeyExpired when the month's private half is not in the folder,
// ErrCorrupt, ErrUnsupported.
func (b *BreakGlass) Open(sealed []byte) (IP, error) {
	if len(sealed) != SealedIPSize {
		return IP{}, ErrCorrupt
	}
	if sealed[0] != version || sealed[1] != suiteHPKE {
		return IP{}, ErrUnsupported
	}
	id := MonthKeyID{uint32(binary.BigEndian.Uint16(sealed[2:])), binary.BigEndian.Uint32(sealed[4:])}
	m := monthPrivate("", id.Month)
	private, err := b.f.load(&m)
	if err == nil && monthID(m.id) != id {
		private.wipe()
		err = ErrNoKey
	}
	if errors.Is(err, ErrNoKey) {
		return IP{}, ErrKeyExpired
	}
	if err != nil {
		return IP{}, fmt.Errorf("read a break-glass key: %w", err)
	}
	defer private.wipe()
	enc := [EncSize]byte(sealed[8:])
	var key [KeySize]byte
	defer clear(key[:])
	err = private.use(HPKEX25519, func(p *[KeySize]byte) error {
		return ipAgreement(id).decapsulate(p, &enc, &key)
	})
	if err != nil {
		return IP{}, ErrCorrupt
	}
	return openIP(&key, sealed)
}

func openIP(key *[KeySize]byte, sealed []byte) (IP, error) {
	box, err := newGuarded(key)
	if err != nil {
		return IP{}, err
	}
	defer box.clear()
	head := sealed[:ipHead]
	text, err := box.open(nil, head[8+EncSize:], sealed[ipHead:], head)
	if err != nil {
		return IP{}, err
	}
	defer clear(text)
	addr := netip.AddrFrom16([16]byte(text)).Unmap()
	return IP{hidden: hide(&addr)}, nil
}

// Close closes the folder.
func (b *BreakGlass) Close() error { return b.f.close() }
