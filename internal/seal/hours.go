package seal

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// HoursAhead is how many hours of public keys are published beyond the current
// one, so that collectors go on for that long without the key service.
const HoursAhead = 48

func hourFile(dir string, hour uint32, ext string) string {
	return path.Join(dir, "hours", fmt.Sprintf("%08d%s", hour, ext))
}

func hourPrivate(hour uint32) meta {
	return meta{name: hourFile(dirPrivate, hour, ".key"), alg: HPKEX25519, half: halfPrivate}
}

func hourPublic(dir string, hour uint32) meta {
	return meta{name: hourFile(dir, hour, ".pub"), alg: HPKEX25519, half: halfPublic}
}

func (id HourKeyID) pack() uint64 { return uint64(id.Hour)<<32 | uint64(id.Suffix) }

func hourID(packed uint64) HourKeyID { return HourKeyID{uint32(packed >> 32), uint32(packed)} }

// randomSuffix sets two pairs of one period apart.
func randomSuffix() uint32 {
	var b [4]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint32(b[:])
}

// EnsureHours makes the pairs of the current hour and of HoursAhead more, where
// they are missing. A private half is on disk before its public half appears.
// Hours that are over are left alone.
func (r *Ring) EnsureHours(now time.Time) error {
	return r.ensureHours(HourOf(now), HoursAhead)
}

func (r *Ring) ensureHours(first, ahead uint32) error {
	r.making.Lock()
	defer r.making.Unlock()
	var made []HourKeyID
	for hour := first; hour <= first+ahead; hour++ {
		private, public := hourPrivate(hour), hourPublic(dirPublic, hour)
		// Asked for in this order: a process that is just making the pair
		// publishes last.
		havePublic := r.f.exists(public.name)
		havePrivate := r.f.exists(private.name)
		if havePrivate && havePublic {
			continue
		}
		if havePublic {
			// Without its private half it would take events in that nobody can
			// open. It goes first, so that a crash leaves no odd pair.
			if err := r.f.destroy(public.name); err != nil {
				return fmt.Errorf("make an hour key: %w", err)
			}
		}
		private.id = HourKeyID{hour, randomSuffix()}.pack()
		k, err := r.f.load(&private)
		if errors.Is(err, ErrNoKey) {
			k, err = r.f.make(&private, func() (Key, error) { k, _, err := newPair(); return k, err })
		}
		if err != nil {
			return fmt.Errorf("make an hour key: %w", err)
		}
		id := hourID(private.id)
		r.mu.Lock()
		r.hours[id] = k
		r.mu.Unlock()
		made = append(made, id)
	}
	if len(made) == 0 {
		return nil
	}
	if err := r.f.sync(path.Join(dirPrivate, "hours")); err != nil {
		return fmt.Errorf("make an hour key: %w", err)
	}
	return r.publishHours(made)
}

func (r *Ring) publishHours(ids []HourKeyID) error {
	for _, id := range ids {
		r.mu.RLock()
		k := r.hours[id]
		r.mu.RUnlock()
		b, err := publicOf(k)
		if err != nil {
			return fmt.Errorf("publish an hour key: %w", err)
		}
		m := hourPublic(dirPublic, id.Hour)
		m.id, m.made = id.pack(), r.f.now()
		if err := r.f.publish(m, b); err != nil {
			return fmt.Errorf("publish an hour key: %w", err)
		}
	}
	if err := r.f.sync(path.Join(dirPublic, "hours")); err != nil {
		return fmt.Errorf("publish an hour key: %w", err)
	}
	return nil
}

// Decapsulate is for an [Opener].
func (r *Ring) Decapsulate(id HourKeyID, enc [EncSize]byte) (Key, error) {
	private, err := r.hour(id)
	if err != nil {
		return Key{}, err
	}
	key, agreed := blankKey(AES256GCM)
	err = private.use(HPKEX25519, func(b *[KeySize]byte) error {
		if rawAgreement(id).decapsulate(b, &enc, &agreed.b) != nil {
			return ErrCorrupt
		}
		return nil
	})
	if errors.Is(err, ErrNoKey) { // destroyed in this moment
		err = ErrKeyExpired
	}
	return key, err
}

// HasHour is for an [Opener]. It looks in memory only.
func (r *Ring) HasHour(id HourKeyID) bool {
	r.mu.RLock()
	_, ok := r.hours[id]
	r.mu.RUnlock()
	return ok
}

func (r *Ring) hour(id HourKeyID) (Key, error) {
	r.mu.RLock()
	k, ok := r.hours[id]
	r.mu.RUnlock()
	if ok {
		return k, nil
	}
	r.making.Lock()
	defer r.making.Unlock()
	m := hourPrivate(id.Hour)
	k, err := r.f.load(&m)
	switch {
	case errors.Is(err, ErrNoKey):
		return Key{}, ErrKeyExpired
	case err != nil:
		return Key{}, err
	case m.id != id.pack(): // a later pair for the same hour
		k.wipe()
		return Key{}, ErrKeyExpired
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if there, ok := r.hours[id]; ok {
		k.wipe()
		return there, nil
	}
	r.hours[id] = k
	return k, nil
}

// Destroy ends the pair of an hour: first nobody can seal to it any more, then
// nobody can open what was sealed to it. Call [Opener.Sweep] after it. A pair
// that is gone already is no error. Destroy only hours that are over: a Sealer
// that has begun an hour goes on with its key.
func (r *Ring) Destroy(hour uint32) error {
	r.making.Lock()
	defer r.making.Unlock()
	for _, name := range []string{hourPublic(dirPublic, hour).name, hourPrivate(hour).name} {
		if err := r.f.destroy(name); err != nil {
			return fmt.Errorf("destroy an hour key: %w", err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, k := range r.hours {
		if id.Hour == hour {
			k.wipe()
			delete(r.hours, id)
		}
	}
	return nil
}

// DestroyHours destroys every pair of an hour before the given one and returns
// the hours it ended, in order.
func (r *Ring) DestroyHours(before uint32) ([]uint32, error) {
	states, err := r.HourStates()
	if err != nil {
		return nil, err
	}
	var ended []uint32
	for _, s := range states {
		if s.Hour >= before {
			break
		}
		if err := r.Destroy(s.Hour); err != nil {
			return ended, err
		}
		ended = append(ended, s.Hour)
	}
	return ended, nil
}

// HourState says which halves of an hour's pair are there.
type HourState struct {
	Hour            uint32
	Public, Private bool
}

// HourStates lists the hours of the keyring in order, as they stand on disk.
func (r *Ring) HourStates() ([]HourState, error) {
	all := make(map[uint32]HourState)
	for _, half := range []struct{ dir, ext string }{{dirPublic, ".pub"}, {dirPrivate, ".key"}} {
		names, err := r.f.names(path.Join(half.dir, "hours"))
		if err != nil {
			return nil, fmt.Errorf("list hour keys: %w", err)
		}
		for _, n := range names {
			hour, err := strconv.ParseUint(strings.TrimSuffix(n, half.ext), 10, 32)
			if err != nil {
				continue // not ours
			}
			s := all[uint32(hour)]
			s.Hour = uint32(hour)
			s.Public = s.Public || half.dir == dirPublic
			s.Private = s.Private || half.dir == dirPrivate
			all[s.Hour] = s
		}
	}
	states := make([]HourState, 0, len(all))
	for _, s := range all {
		states = append(states, s)
	}
	slices.SortFunc(states, func(a, b HourState) int { return cmp.Compare(a.Hour, b.Hour) })
	return states, nil
}
