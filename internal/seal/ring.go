package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"
)

// Ring is a whole keyring: a directory with one file per key, mode 0600, in
// folders of mode 0700.
//
//	ring.json    says that this is a keyring
//	public/      public halves: all a Sealer and an IPSealer need
//	edge/        the two secrets a collector holds: route key, IP keys of days
//	private/     hour keys, purpose keys, KEKs, signing keys
//	breakglass/  private halves for sealed addresses; belongs offline
//
// A collector on another host gets copies of public/ and edge/ and nothing
// else. Several processes may use one keyring at once: where two make the same
// key, both get the same. Every key is drawn at random, none is derived from
// another, so that a destroyed one cannot be made again.
//
// A Ring is safe for concurrent use. Its keys stay in memory until they are
// destroyed, here or, after [Ring.Sync], by another process.
type Ring struct {
	redacted
	dir string
	f   *folder

	making sync.Mutex // held over files; mu is not
	mu     sync.RWMutex
	keys   map[string]Key // by file
	hours  map[HourKeyID]Key
	keks   map[kekName]*KEK
}

const (
	ringMarker  = "ring.json"
	dirPublic   = "public"
	dirEdge     = "edge"
	dirPrivate  = "private"
	dirGlass    = "breakglass"
	glassReadme = "The files in this folder open the IP addresses that security rows carry sealed.\n" +
		"They belong offline, with the two officers who may look one up together.\n" +
		"Move them away and leave the folder empty: sealing needs public/ only.\n"
)

// CreateRing makes the folders of a keyring, and no key yet. A keyring that is
// there already is left as it is.
func CreateRing(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create a keyring: %w", err)
	}
	f, err := openFolder(dir, "", time.Now)
	if err != nil {
		return fmt.Errorf("create a keyring: %w", err)
	}
	defer f.close()
	for _, sub := range []string{dirPublic, dirEdge, dirPrivate, dirGlass} {
		if err := f.root.MkdirAll(sub, 0o700); err != nil {
			return fmt.Errorf("create a keyring: %w", err)
		}
	}
	for _, file := range []struct{ name, text string }{
		{path.Join(dirGlass, "README"), glassReadme},
		{ringMarker, `{"keyring":1}` + "\n"}, // last: with it the keyring is there
	} {
		err := f.create(file.name, []byte(file.text))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("create a keyring: %w", err)
		}
		if err := f.sync(path.Dir(file.name)); err != nil {
			return fmt.Errorf("create a keyring: %w", err)
		}
	}
	return nil
}

// OpenRing opens a keyring that [CreateRing] made. It does not make one: with a
// wrong path every blob would look expired, and every person new. now is the
// clock for the dates in key records.
//
// Errors: ErrExposed when a folder is open to other accounts.
func OpenRing(dir string, now func() time.Time) (*Ring, error) {
	f, err := openFolder(dir, "", now)
	if err != nil {
		return nil, fmt.Errorf("open the keyring: %w", err)
	}
	f.marker = ringMarker
	if !f.exists(ringMarker) {
		f.close()
		return nil, fmt.Errorf("open the keyring: %w", ErrNoKey)
	}
	if err := f.sweep(); err != nil {
		f.close()
		return nil, err
	}
	return &Ring{
		dir: dir, f: f,
		keys:  make(map[string]Key),
		hours: make(map[HourKeyID]Key),
		keks:  make(map[kekName]*KEK),
	}, nil
}

// Public opens the collector's view of this keyring.
func (r *Ring) Public() (*PublicKeys, error) { return OpenPublic(r.dir) }

// BreakGlass opens the officers' view, if its files are still here.
func (r *Ring) BreakGlass() (*BreakGlass, error) {
	return OpenBreakGlass(filepath.Join(r.dir, dirGlass))
}

// key returns the symmetric key or signing seed in a file; with make, it is
// made when there is none. Otherwise ErrNoKey.
func (r *Ring) key(m meta, mayMake bool) (Key, error) {
	r.mu.RLock()
	k, ok := r.keys[m.name]
	r.mu.RUnlock()
	if ok {
		return k, nil
	}
	r.making.Lock()
	defer r.making.Unlock()
	r.mu.RLock()
	k, ok = r.keys[m.name]
	r.mu.RUnlock()
	if ok {
		return k, nil
	}
	var err error
	if mayMake {
		k, err = r.f.obtain(&m, func() (Key, error) { return randomKey(m.alg), nil })
	} else {
		k, err = r.f.load(&m)
	}
	if err != nil {
		return Key{}, err
	}
	r.mu.Lock()
	r.keys[m.name] = k
	r.mu.Unlock()
	return k, nil
}

// destroyKey destroys the file and what is in memory of it.
func (r *Ring) destroyKey(name string) error {
	r.making.Lock()
	defer r.making.Unlock()
	if err := r.f.destroy(name); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[name].wipe()
	delete(r.keys, name)
	return nil
}

// Sync clears from memory the keys whose files another process has destroyed.
// Processes that share a keyring call it every minute or so, and [Opener.Sweep]
// after it.
func (r *Ring) Sync() error {
	r.making.Lock()
	defer r.making.Unlock()
	if !r.f.exists(ringMarker) {
		return errors.New("seal: the keyring is not mounted")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, k := range r.keys {
		if !r.f.exists(name) {
			k.wipe()
			delete(r.keys, name)
		}
	}
	for id, k := range r.hours {
		if !r.f.exists(hourPrivate(id.Hour).name) {
			k.wipe()
			delete(r.hours, id)
		}
	}
	for n, k := range r.keks {
		if !r.f.exists(n.file()) {
			k.box.clear()
			delete(r.keks, n)
		}
	}
	return nil
}

// Close clears all keys from memory. Keys handed out before end too.
func (r *Ring) Close() error {
	r.making.Lock()
	defer r.making.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.keys {
		k.wipe()
	}
	for _, k := range r.hours {
		k.wipe()
	}
	for _, k := range r.keks {
		k.box.clear()
	}
	clear(r.keys)
	clear(r.hours)
	clear(r.keks)
	return r.f.close()
}
