package collector

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sluice-events/sluice/event"
)

// flatten reads one value and appends its scalars to r.props by dotted path below prefix;
// elements of arrays are named by index, nulls are left out. A path longer than maxPath is
// passed over, as no policy can name it and no store could hold it.
func (r *request) flatten(prefix string, from origin) error {
	switch r.scan.kind() {
	case '{':
		return r.flattenObject(prefix, from)
	case '[':
		return r.flattenArray(prefix, from)
	}
	v, err := r.scan.scalar()
	if err != nil {
		return err
	}
	if v.Kind() == event.Null {
		return nil
	}
	return r.addProp(prop{path: prefix, value: v, from: from})
}

func (r *request) flattenObject(prefix string, from origin) error {
	if err := r.scan.open(); err != nil {
		return err
	}
	for r.scan.more() {
		key, err := r.scan.str()
		if err != nil {
			return err
		}
		if err := r.flattenMember(prefix, key, from); err != nil {
			return err
		}
	}
	return r.scan.close()
}

func (r *request) flattenMember(prefix, key string, from origin) error {
	path, err := r.join(prefix, key)
	if err != nil {
		return err
	}
	if path == "" {
		r.c.metrics.undecl.Inc()
		return r.scan.skip()
	}
	return r.flatten(path, from)
}

func (r *request) flattenArray(prefix string, from origin) error {
	if err := r.scan.open(); err != nil {
		return err
	}
	for i := int64(0); r.scan.more(); i++ {
		path, err := r.joinIndex(prefix, i)
		if err != nil {
			return err
		}
		if path == "" {
			if err := r.scan.skip(); err != nil {
				return err
			}
			continue
		}
		if err := r.flatten(path, from); err != nil {
			return err
		}
	}
	return r.scan.close()
}

// join makes prefix.key in the request's arena; an empty prefix gives key itself. It gives
// "" for a path that is too long.
func (r *request) join(prefix, key string) (string, error) {
	if prefix == "" {
		if len(key) > maxPath {
			return "", nil
		}
		return key, nil
	}
	n := len(prefix) + 1 + len(key)
	if n > maxPath {
		return "", nil
	}
	if err := r.roomForPath(n); err != nil {
		return "", err
	}
	from := len(r.paths)
	r.paths = append(append(append(r.paths, prefix...), '.'), key...)
	return view(r.paths[from:]), nil
}

// joinIndex is join for element i of an array; elements of a nameless array have no path.
func (r *request) joinIndex(prefix string, i int64) (string, error) {
	const digits = 20
	if prefix == "" || len(prefix)+1+digits > maxPath {
		return "", nil
	}
	if err := r.roomForPath(len(prefix) + 1 + digits); err != nil {
		return "", err
	}
	from := len(r.paths)
	r.paths = strconv.AppendInt(append(append(r.paths, prefix...), '.'), i, 10)
	return view(r.paths[from:]), nil
}

// roomForPath makes sure that n bytes fit without moving the paths handed out already.
func (r *request) roomForPath(n int) error {
	if cap(r.paths)-len(r.paths) >= n {
		return nil
	}
	if r.pathBytes += len(r.paths); r.pathBytes+n > r.limit.paths {
		return r.scan.fail(codeLarge)
	}
	size := min(max(2*cap(r.paths), 1024), 64<<10)
	if !r.charge(size) {
		return errBodyFull
	}
	r.paths = make([]byte, 0, size)
	return nil
}

// objectOrSkip flattens an object below prefix; anything else is passed over.
func (r *request) objectOrSkip(prefix string, from origin) error {
	if r.scan.kind() != jsontext.Kind('{') {
		return r.scan.skip()
	}
	return r.flattenObject(prefix, from)
}
