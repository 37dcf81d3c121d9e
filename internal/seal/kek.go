package seal

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// KEKID names a KEK within its partition. Of two, the later made is greater.
type KEKID uint64

// KEK seals the records of one ledger partition. It is safe for concurrent use.
type KEK struct {
	redacted
	id        KEKID
	partition int32
	made      time.Time
	box       *guarded
	nonces    nonces
	seals     atomic.Uint64
}

// ID stands in clear in every record sealed under the KEK.
func (k *KEK) ID() KEKID { return k.id }

// Partition is the ledger partition it belongs to.
func (k *KEK) Partition() int32 { return k.partition }

// Made is when it was made, to the second.
func (k *KEK) Made() time.Time { return k.made }

// kekName finds a KEK's file: private/kek/PARTITION/SEQUENCE.key. The id is the
// sequence and 32 random bits, so that a number used again after all KEKs of a
// partition were destroyed does not bring an old id back.
type kekName struct {
	partition int32
	id        KEKID
}

func kekDir(partition int32) string {
	return path.Join(dirPrivate, "kek", strconv.Itoa(int(partition)))
}

func (n kekName) file() string {
	return path.Join(kekDir(n.partition), fmt.Sprintf("%08d.key", n.id>>32))
}

func kekMeta(n kekName) meta { return meta{name: n.file(), alg: AES256GCM, half: halfSecret} }

// MakeKEK makes a new KEK, which is the current one from then on. Only the
// owner of a partition calls it.
func (r *Ring) MakeKEK(partition int32) (*KEK, error) {
	r.making.Lock()
	defer r.making.Unlock()
	for {
		all, err := r.sequences(partition)
		if err != nil {
			return nil, err
		}
		next := uint64(1)
		if len(all) > 0 {
			next = all[len(all)-1] + 1
		}
		k, err := r.makeKEK(partition, next)
		if !errors.Is(err, fs.ErrExist) { // another process took the number
			return k, err
		}
	}
}

// makeKEK makes the KEK with a number, or answers fs.ErrExist. The caller holds
// making.
func (r *Ring) makeKEK(partition int32, sequence uint64) (*KEK, error) {
	n := kekName{partition, KEKID(sequence<<32 | uint64(randomSuffix()))}
	m := kekMeta(n)
	m.id, m.made = uint64(n.id), r.f.now()
	key := randomKey(AES256GCM)
	err := key.use(AES256GCM, func(b *[KeySize]byte) error { return r.f.store(m, b[:]) })
	if err == nil {
		err = r.f.sync(kekDir(partition))
	}
	if err != nil {
		key.wipe()
		return nil, fmt.Errorf("make a KEK: %w", err)
	}
	return r.holdKEK(n, m, key)
}

// CurrentKEK returns the newest KEK of a partition as it stands on disk; the
// first is made when there is none, and is the same for all who ask at once. An
// owner asks when the partition is assigned to it, and keeps the answer.
func (r *Ring) CurrentKEK(partition int32) (*KEK, error) {
	r.making.Lock()
	defer r.making.Unlock()
	for {
		all, err := r.sequences(partition)
		if err != nil {
			return nil, err
		}
		if len(all) > 0 {
			return r.loadKEK(partition, all[len(all)-1], 0)
		}
		k, err := r.makeKEK(partition, 1)
		if !errors.Is(err, fs.ErrExist) { // another process was first
			return k, err
		}
	}
}

// KEK returns the KEK a record names; ErrNoKey once it is destroyed.
func (r *Ring) KEK(partition int32, id KEKID) (*KEK, error) {
	r.mu.RLock()
	k := r.keks[kekName{partition, id}]
	r.mu.RUnlock()
	if k != nil {
		return k, nil
	}
	r.making.Lock()
	defer r.making.Unlock()
	return r.loadKEK(partition, uint64(id>>32), id)
}

// loadKEK reads a KEK by its sequence; want is 0, or the id it must have. The
// caller holds making.
func (r *Ring) loadKEK(partition int32, sequence uint64, want KEKID) (*KEK, error) {
	m := kekMeta(kekName{partition, KEKID(sequence << 32)})
	key, err := r.f.load(&m)
	if err != nil {
		return nil, fmt.Errorf("read a KEK: %w", err)
	}
	if want != 0 && want != KEKID(m.id) {
		key.wipe()
		return nil, fmt.Errorf("read a KEK: %w", ErrNoKey)
	}
	if m.id>>32 != sequence {
		key.wipe()
		return nil, fmt.Errorf("read a KEK: %w", ErrBadRecord)
	}
	if err := r.f.sync(kekDir(partition)); err != nil { // its maker may not have got so far
		return nil, fmt.Errorf("read a KEK: %w", err)
	}
	return r.holdKEK(kekName{partition, KEKID(m.id)}, m, key)
}

func (r *Ring) holdKEK(n kekName, m meta, key Key) (*KEK, error) {
	defer key.wipe()
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.keks[n]; k != nil {
		return k, nil
	}
	k := &KEK{id: n.id, partition: n.partition, made: m.made.UTC().Truncate(time.Second)}
	err := key.use(AES256GCM, func(b *[KeySize]byte) (err error) {
		k.box, err = newGuarded(b)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read a KEK: %w", err)
	}
	r.keks[n] = k
	return k, nil
}

// DestroyKEK destroys a KEK: no copy of a record sealed under it can be opened
// from then on. One that is gone already is no error.
func (r *Ring) DestroyKEK(partition int32, id KEKID) error {
	n := kekName{partition, id}
	r.making.Lock()
	defer r.making.Unlock()
	m := kekMeta(n)
	switch key, err := r.f.load(&m); {
	case errors.Is(err, ErrNoKey):
	case err != nil && !errors.Is(err, ErrBadRecord):
		return fmt.Errorf("destroy a KEK: %w", err)
	case err == nil && KEKID(m.id) != id:
		key.wipe() // the number was used again: another key, which stays
	default:
		key.wipe()
		if err := r.f.destroy(n.file()); err != nil {
			return fmt.Errorf("destroy a KEK: %w", err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.keks[n]; k != nil {
		k.box.clear()
		delete(r.keks, n)
	}
	return nil
}

// KEKs lists the KEKs of a partition, oldest first. A roll is complete when
// only one is left.
func (r *Ring) KEKs(partition int32) ([]*KEK, error) {
	r.making.Lock()
	defer r.making.Unlock()
	all, err := r.sequences(partition)
	if err != nil {
		return nil, err
	}
	var keks []*KEK
	for _, sequence := range all {
		k, err := r.loadKEK(partition, sequence, 0)
		if errors.Is(err, ErrNoKey) {
			continue // destroyed by another process in this moment
		}
		if err != nil {
			return nil, err
		}
		keks = append(keks, k)
	}
	slices.SortFunc(keks, func(a, b *KEK) int { return cmp.Compare(a.id, b.id) })
	return keks, nil
}

// sequences lists the numbers of a partition's KEKs in order.
func (r *Ring) sequences(partition int32) ([]uint64, error) {
	names, err := r.f.names(kekDir(partition))
	if err != nil {
		return nil, fmt.Errorf("list KEKs: %w", err)
	}
	var all []uint64
	for _, n := range names {
		if s, err := strconv.ParseUint(strings.TrimSuffix(n, ".key"), 10, 32); err == nil {
			all = append(all, s)
		}
	}
	slices.Sort(all)
	return all, nil
}

// nonces hands out random nonces, drawing randomness for many at a time.
type nonces struct {
	mu   sync.Mutex
	buf  [64 * nonceSize]byte
	left int
}

func (n *nonces) next(dst []byte) {
	n.mu.Lock()
	if n.left == 0 {
		rand.Read(n.buf[:])
		n.left = len(n.buf)
	}
	n.left -= copy(dst[:nonceSize], n.buf[n.left-nonceSize:])
	n.mu.Unlock()
}
