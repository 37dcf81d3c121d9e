package seal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// folder is a directory of key files that cannot be left: names are relative
// with forward slashes, and neither ".." nor a symbolic link leads out of it.
//
// A file appears whole or not at all, and once only: it is written under a
// temporary name, flushed, and linked to its real one, which fails when that
// exists. So of two processes that make the same key one wins and the other
// reads the winner's, and no lock outlives a crash. A file also disappears at
// once, by a rename, before its bytes are overwritten. The file system must have
// hard links; one that has none answers every creation with an error.
type folder struct {
	root   *os.Root
	prefix string // where it stands in the keyring, for the names in key records
	marker string // a file that is always there, or ""
	now    func() time.Time
}

const (
	tempNew  = ".new-"  // not linked yet, or left by a crash
	tempGone = ".gone-" // renamed away, to be overwritten
	maxFile  = 4096
)

func openFolder(dir, prefix string, now func() time.Time) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f := &folder{root: root, prefix: prefix, now: now}
	if err := f.private("."); err != nil {
		root.Close()
		return nil, err
	}
	return f, nil
}

// private refuses a file or folder that another account may read or write.
func (f *folder) private(name string) error {
	st, err := f.root.Stat(name)
	if err != nil {
		return err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return ErrExposed
	}
	return nil
}

// read returns the whole file. It is fs.ErrNotExist only when the folder it
// belongs to is there without it: a keyring that is not mounted has not lost
// its keys.
func (f *folder) read(name string) ([]byte, error) {
	file, err := f.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) && f.marker != "" && !f.exists(f.marker) {
		return nil, errors.New("seal: the keyring is not mounted")
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	st, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !st.Mode().IsRegular() || st.Size() > maxFile:
		return nil, ErrBadRecord
	case st.Mode().Perm()&0o077 != 0:
		return nil, ErrExposed
	}
	return io.ReadAll(io.LimitReader(file, maxFile))
}

func (f *folder) exists(name string) bool {
	_, err := f.root.Lstat(name)
	return err == nil
}

// create makes the file, or answers fs.ErrExist. It is durable only after sync.
func (f *folder) create(name string, data []byte) error {
	return f.write(name, data, func(temp string) error { return f.root.Link(temp, name) })
}

// replace makes the file or puts it in the place of an old one. It is durable
// only after sync.
func (f *folder) replace(name string, data []byte) error {
	return f.write(name, data, func(temp string) error { return f.root.Rename(temp, name) })
}

func (f *folder) write(name string, data []byte, place func(temp string) error) error {
	if err := f.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	for try := 0; ; try++ {
		temp := path.Join(path.Dir(name), tempNew+rand.Text())
		if err := f.flush(temp, data); err != nil {
			return err
		}
		err := place(temp)
		if e := f.root.Remove(temp); e != nil && !errors.Is(e, fs.ErrNotExist) && err == nil {
			err = e
		}
		// A sweep of another process may have taken the temporary file away.
		if errors.Is(err, fs.ErrNotExist) && try < 3 {
			continue
		}
		return err
	}
}

func (f *folder) flush(temp string, data []byte) error {
	file, err := f.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close())
}

// sync makes what was created in dir durable, and dir itself with its parents.
func (f *folder) sync(dir string) error {
	for {
		d, err := f.root.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
		if dir == "." {
			return nil
		}
		dir = path.Dir(dir)
	}
}

// destroy takes the file away, overwrites it and makes that durable. A file
// that is not there is destroyed already.
func (f *folder) destroy(name string) error {
	gone := path.Join(path.Dir(name), tempGone+rand.Text())
	err := f.root.Rename(name, gone)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.overwrite(gone); err != nil {
		return err
	}
	return f.sync(path.Dir(name))
}

func (f *folder) overwrite(gone string) error {
	file, err := f.root.OpenFile(gone, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	st, err := file.Stat()
	if err == nil {
		_, err = file.Write(make([]byte, min(st.Size(), maxFile)))
	}
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return f.root.Remove(gone)
}

// names lists the files directly in dir, without temporary ones. A folder that
// was never made holds none.
func (f *folder) names(dir string) ([]string, error) {
	d, err := f.root.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// sweep finishes what a crash interrupted: keys renamed away are overwritten,
// and temporary files older than ten minutes are unlinked. Those must not be
// overwritten, for one may be a second name of a key that is in use.
func (f *folder) sweep() error {
	return fs.WalkDir(f.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch base := path.Base(name); {
		case e.IsDir():
			return f.private(name)
		case strings.HasPrefix(base, tempGone):
			err = f.overwrite(name)
		case strings.HasPrefix(base, tempNew):
			st, statErr := f.root.Lstat(name)
			if statErr == nil && f.now().Sub(st.ModTime()) > 10*time.Minute {
				err = f.root.Remove(name)
			}
		}
		if errors.Is(err, fs.ErrNotExist) { // another process was first
			return nil
		}
		if err != nil {
			return fmt.Errorf("sweep the keyring: %w", err)
		}
		return nil
	})
}

func (f *folder) close() error { return f.root.Close() }
