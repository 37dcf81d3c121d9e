// Package geo finds the administrative place of a network. In comes an address that was
// already cut (to a /24 or a /48); out come codes of a country, a province and a city, never
// a position. It is the only package that reads the GeoIP database.
package geo

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/sluice-events/sluice/privacy/place"
)

// maxCityRadius is how uncertain an entry may be, in kilometres, and still name a city: a
// wider one is a provider's pool, of which only the province is told.
const maxCityRadius = 50

// DB answers from a database file in MaxMind's format. It may be used by several goroutines,
// also while Reload replaces the file's content.
type DB struct {
	path string
	cur  atomic.Pointer[table]
	mu   sync.Mutex // of Reload
}

// table is one content of the file. Databases hold each record once, so that an answer is
// known by its offset; the answers of a whole file are bounded by maxKnown.
type table struct {
	reader   *maxminddb.Reader
	modified time.Time
	size     int64
	known    sync.Map // offset → place.Admin
	count    atomic.Int64
}

const maxKnown = 1 << 16

// Open reads the database whole into memory. Errors name the file.
func Open(path string) (*DB, error) {
	d := &DB{path: path}
	t, err := read(path)
	if err != nil {
		return nil, err
	}
	d.cur.Store(t)
	return d, nil
}

// read does not map the file into memory: one that is overwritten in place would then change,
// or end the process, under a lookup.
func read(path string) (*table, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("GeoIP database: %w", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("GeoIP database: %w", err)
	}
	r, err := maxminddb.OpenBytes(b)
	if err == nil {
		err = r.Verify()
	}
	if err != nil {
		return nil, fmt.Errorf("GeoIP database %s is damaged: %w", path, err)
	}
	if r.Metadata.IPVersion != 6 {
		return nil, fmt.Errorf("GeoIP database %s knows IPv4 alone: one with IPv6 is needed", path)
	}
	return &table{reader: r, modified: info.ModTime(), size: info.Size()}, nil
}

// Reload takes the file's new content if it changed since it was read, and tells whether it
// did. With an error the old content stays in use.
func (d *DB) Reload() (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	info, err := os.Stat(d.path)
	if err != nil {
		return false, fmt.Errorf("GeoIP database: %w", err)
	}
	if old := d.cur.Load(); info.ModTime().Equal(old.modified) && info.Size() == old.size {
		return false, nil
	}
	t, err := read(d.path)
	if err != nil {
		return false, err
	}
	d.cur.Store(t)
	return true, nil
}

// record is what is read of an entry: the country and the city's radius, which stand in
// every city database, and the codes that set-up adds for China.
type record struct {
	Country struct {
		ISO string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	GBT2260 struct {
		Province string `maxminddb:"province"`
		City     string `maxminddb:"city"`
	} `maxminddb:"gbt2260"`
	Location struct {
		Radius uint16 `maxminddb:"accuracy_radius"`
	} `maxminddb:"location"`
}

// Lookup returns the place of a network; the zero Admin when it is not known or the entry
// cannot be read. It does not allocate for a place that was asked for before.
func (d *DB) Lookup(network netip.Prefix) place.Admin {
	if !network.IsValid() {
		return place.Admin{}
	}
	t := d.cur.Load()
	res := t.reader.Lookup(network.Addr())
	if !res.Found() || res.Err() != nil {
		return place.Admin{}
	}
	if a, ok := t.known.Load(res.Offset()); ok {
		return a.(place.Admin)
	}
	a, err := decode(res)
	if err != nil {
		return place.Admin{}
	}
	if t.count.Load() < maxKnown {
		t.known.Store(res.Offset(), a)
		t.count.Add(1)
	}
	return a
}

func decode(res maxminddb.Result) (place.Admin, error) {
	var r record
	if err := res.Decode(&r); err != nil {
		return place.Admin{}, errors.New("unreadable entry")
	}
	a := place.Admin{Country: r.Country.ISO, Province: r.GBT2260.Province}
	if r.Location.Radius > 0 && r.Location.Radius <= maxCityRadius {
		a.City = r.GBT2260.City
	}
	return a, nil
}
