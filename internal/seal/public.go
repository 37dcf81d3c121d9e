package seal

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// PublicKeys is the collector's view of a keyring: the folders public/ and
// edge/, opened each as a root that cannot be left. It reads them again whenever
// it is asked, so that keys published later, or fetched from a key service into
// the folder, are found. It is safe for concurrent use.
type PublicKeys struct {
	redacted
	public, edge *folder

	mu   sync.Mutex
	days map[int32]Key
}

// OpenPublic opens the folders public/ and edge/ in dir. There may be more in
// dir (in a process that holds the whole keyring); it is not looked at.
func OpenPublic(dir string) (*PublicKeys, error) {
	public, err := openFolder(filepath.Join(dir, dirPublic), dirPublic, time.Now)
	if err != nil {
		return nil, fmt.Errorf("open the public keys: %w", err)
	}
	edge, err := openFolder(filepath.Join(dir, dirEdge), dirEdge, time.Now)
	if err != nil {
		public.close()
		return nil, fmt.Errorf("open the collector's keys: %w", err)
	}
	return &PublicKeys{public: public, edge: edge, days: make(map[int32]Key)}, nil
}

// PublicHour is for a [Sealer].
func (p *PublicKeys) PublicHour(hour uint32) (HourPublic, error) {
	m := hourPublic("", hour)
	b, err := p.public.loadPublic(&m)
	if errors.Is(err, ErrNoKey) {
		return HourPublic{}, ErrNoPublicKey
	}
	if err != nil {
		return HourPublic{}, fmt.Errorf("read the public key of an hour: %w", err)
	}
	if hourID(m.id).Hour != hour {
		return HourPublic{}, ErrBadRecord
	}
	key, err := kem().NewPublicKey(b)
	if err != nil {
		return HourPublic{}, ErrBadRecord
	}
	return HourPublic{ID: hourID(m.id), Key: key}, nil
}

// HoursLeft says for how many whole hours after the current one keys are
// published without a gap; -1 when there is none for the current hour. A
// collector alarms when it falls.
func (p *PublicKeys) HoursLeft(now time.Time) int {
	n := -1
	for p.public.exists(hourPublic("", HourOf(now)+uint32(n+1)).name) {
		n++
	}
	return n
}

// PublicMonth is for an [IPSealer].
func (p *PublicKeys) PublicMonth(month uint32) (MonthPublic, error) {
	m := monthPublic("", month)
	b, err := p.public.loadPublic(&m)
	if errors.Is(err, ErrNoKey) {
		return MonthPublic{}, ErrNoPublicKey
	}
	if err != nil {
		return MonthPublic{}, fmt.Errorf("read the public key of a month: %w", err)
	}
	if monthID(m.id).Month != month {
		return MonthPublic{}, ErrBadRecord
	}
	key, err := kem().NewPublicKey(b)
	if err != nil {
		return MonthPublic{}, ErrBadRecord
	}
	return MonthPublic{ID: monthID(m.id), Key: key}, nil
}

// Officer returns the key that policy revisions are verified with; ErrNoKey
// when none is published.
func (p *PublicKeys) Officer() (ed25519.PublicKey, error) { return p.verifier(officerName) }

// Tenant returns the key that a tenant's tokens are verified with; ErrNoKey
// when none is published.
func (p *PublicKeys) Tenant(tenant string) (ed25519.PublicKey, error) {
	name, err := tenantName(tenant)
	if err != nil {
		return nil, err
	}
	return p.verifier(name)
}

func (p *PublicKeys) verifier(name string) (ed25519.PublicKey, error) {
	m := signMeta("", name, ".pub", halfPublic)
	b, err := p.public.loadPublic(&m)
	if err != nil {
		return nil, fmt.Errorf("read a public signing key: %w", err)
	}
	return b, nil
}

// Route returns the route key; ErrNoKey when there is none.
func (p *PublicKeys) Route() (RouteKey, error) {
	m := routeMeta("")
	k, err := p.edge.load(&m)
	if err != nil {
		return RouteKey{}, fmt.Errorf("read the route key: %w", err)
	}
	defer k.wipe()
	return routeOf(k)
}

// IPDay returns the MAC key for the addresses of a day, see [Ring.IPDay];
// ErrNoKey when there is none. Keys of days before the last two it was asked
// for are cleared.
func (p *PublicKeys) IPDay(day int32) (Key, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k, ok := p.days[day]; ok {
		return k, nil
	}
	m := ipDayMeta("", day)
	k, err := p.edge.load(&m)
	if err != nil {
		return Key{}, fmt.Errorf("read the address key of a day: %w", err)
	}
	p.days[day] = k
	for d, old := range p.days {
		if d < day-1 {
			old.wipe()
			delete(p.days, d)
		}
	}
	return k, nil
}

// Close clears what the view holds.
func (p *PublicKeys) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.days {
		k.wipe()
	}
	clear(p.days)
	return errors.Join(p.public.close(), p.edge.close())
}
