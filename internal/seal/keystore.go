package seal

import (
	"errors"
	"io/fs"
	"path"
)

// load reads the key that m names. It answers ErrNoKey when there is none.
func (f *folder) load(m *meta) (Key, error) {
	data, err := f.read(m.name)
	if errors.Is(err, fs.ErrNotExist) {
		return Key{}, ErrNoKey
	}
	if err != nil {
		return Key{}, err
	}
	full := *m
	full.name = path.Join(f.prefix, m.name)
	k, into := blankKey(m.alg)
	if err := full.decode(data, &into.b); err != nil {
		return Key{}, err
	}
	m.id, m.made = full.id, full.made
	return k, nil
}

// loadPublic reads a public half.
func (f *folder) loadPublic(m *meta) ([]byte, error) {
	k, err := f.load(m)
	if err != nil {
		return nil, err
	}
	return append([]byte(nil), k.get().b[:]...), nil
}

// store creates the key that m names, or answers fs.ErrExist. It is durable
// only after sync.
func (f *folder) store(m meta, key []byte) error {
	return f.put(m, key, f.create)
}

// publish writes a public half, in the place of an older one if need be. It
// is durable only after sync.
func (f *folder) publish(m meta, public []byte) error {
	return f.put(m, public, f.replace)
}

func (f *folder) put(m meta, key []byte, how func(string, []byte) error) error {
	full := m
	full.name = path.Join(f.prefix, m.name)
	data := full.encode(key)
	defer clear(data)
	return how(m.name, data)
}

// obtain reads the key that m names or, as first of all processes, makes it.
// What it returns is durable. first draws the key; m.id and m.made are those of
// the key returned.
func (f *folder) obtain(m *meta, first func() (Key, error)) (Key, error) {
	k, err := f.load(m)
	if errors.Is(err, ErrNoKey) {
		k, err = f.make(m, first)
	}
	if err != nil {
		return Key{}, err
	}
	// Also when another process made it: it may not have got so far.
	if err := f.sync(path.Dir(m.name)); err != nil {
		return Key{}, err
	}
	return k, nil
}

// make draws and stores the key, or reads the one of who was faster.
func (f *folder) make(m *meta, first func() (Key, error)) (Key, error) {
	k, err := first()
	if err != nil {
		return Key{}, err
	}
	m.made = f.now()
	err = k.use(m.alg, func(b *[KeySize]byte) error { return f.store(*m, b[:]) })
	if errors.Is(err, fs.ErrExist) {
		k.wipe()
		return f.load(m)
	}
	return k, err
}
