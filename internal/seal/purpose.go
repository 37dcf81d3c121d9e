package seal

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// maxName bounds tenant and purpose names, in bytes.
const maxName = 100

// fileName turns a tenant or purpose into a file name, each into its own, also
// where a file system does not tell capitals from small letters.
func fileName(s string) (string, error) {
	if s == "" || len(s) > maxName {
		return "", errors.New("seal: a tenant or purpose name is empty or too long")
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || i > 0 && (c == '_' || c == '-')) {
			return "=" + hex.EncodeToString([]byte(s)), nil
		}
	}
	return s, nil
}

func pidDir(tenant, purpose string) (string, error) {
	t, err := fileName(tenant)
	if err != nil {
		return "", err
	}
	p, err := fileName(purpose)
	if err != nil {
		return "", err
	}
	return path.Join(dirPrivate, "pid", t, p), nil
}

func pidMeta(tenant, purpose string, epoch int64) (meta, error) {
	dir, err := pidDir(tenant, purpose)
	if err != nil {
		return meta{}, err
	}
	return macMeta(path.Join(dir, strconv.FormatInt(epoch, 10)+".key")), nil
}

func macMeta(name string) meta { return meta{name: name, alg: HMACSHA256, half: halfSecret} }

// Pid returns the pseudonym key of a tenant, purpose and epoch, for a [MAC]. It
// is made on first use; of several processes all get the same one. Purposes
// whose pseudonyms change by generation rather than by calendar use one fixed
// epoch.
func (r *Ring) Pid(tenant, purpose string, epoch int64) (Key, error) {
	return r.pid(tenant, purpose, epoch, true)
}

// LookupPid is Pid for those who compute pseudonyms of rows that may exist: it
// makes no key, and answers ErrNoKey.
func (r *Ring) LookupPid(tenant, purpose string, epoch int64) (Key, error) {
	return r.pid(tenant, purpose, epoch, false)
}

func (r *Ring) pid(tenant, purpose string, epoch int64, mayMake bool) (Key, error) {
	m, err := pidMeta(tenant, purpose, epoch)
	if err != nil {
		return Key{}, err
	}
	k, err := r.key(m, mayMake)
	if err != nil {
		return Key{}, fmt.Errorf("pseudonym key: %w", err)
	}
	return k, nil
}

// PidEpochs lists the epochs of which a key is there, in order.
func (r *Ring) PidEpochs(tenant, purpose string) ([]int64, error) {
	dir, err := pidDir(tenant, purpose)
	if err != nil {
		return nil, err
	}
	names, err := r.f.names(dir)
	if err != nil {
		return nil, fmt.Errorf("list pseudonym keys: %w", err)
	}
	var epochs []int64
	for _, n := range names {
		if e, err := strconv.ParseInt(strings.TrimSuffix(n, ".key"), 10, 64); err == nil {
			epochs = append(epochs, e)
		}
	}
	slices.Sort(epochs)
	return epochs, nil
}

// DestroyPid destroys the key of an epoch, and with it the link of everyone in
// it. A [MAC] that was made from the key goes on until it is cleared.
func (r *Ring) DestroyPid(tenant, purpose string, epoch int64) error {
	m, err := pidMeta(tenant, purpose, epoch)
	if err != nil {
		return err
	}
	if err := r.destroyKey(m.name); err != nil {
		return fmt.Errorf("destroy a pseudonym key: %w", err)
	}
	return nil
}

// Batch returns the key for the batch ids of a purpose's store.
func (r *Ring) Batch(purpose string) (Key, error) {
	p, err := fileName(purpose)
	if err != nil {
		return Key{}, err
	}
	return r.named(path.Join(dirPrivate, "batch", p+".key"))
}

// Ledger returns the key that record keys of the ledger are made with.
func (r *Ring) Ledger() (Key, error) { return r.named(path.Join(dirPrivate, "ledger.key")) }

// Audit returns the key for subject references in the audit chain.
func (r *Ring) Audit() (Key, error) { return r.named(path.Join(dirPrivate, "audit.key")) }

func (r *Ring) named(name string) (Key, error) {
	k, err := r.key(macMeta(name), true)
	if err != nil {
		return Key{}, fmt.Errorf("key of the installation: %w", err)
	}
	return k, nil
}
