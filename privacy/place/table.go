package place

import (
	"fmt"
	"os"
	"sort"
)

// Admin names an administrative place. Country is ISO 3166-1 alpha-2. In China
// Province and City are six-digit GB/T 2260 codes; elsewhere Province is the
// country and its first-level code ("FR-11", at most six characters) and City
// adds the second-level code ("FR-11-75"). Finer parts may be empty.
type Admin struct {
	Country, Province, City string
}

// At returns the code of the place at a level, the next coarser one when the
// place is not known that finely, and the level that it really has. Levels
// finer than City give the city.
func (a Admin) At(level Level) (string, Level) {
	switch {
	case level >= City && a.City != "":
		return a.City, City
	case level >= Province && a.Province != "":
		return a.Province, Province
	case level >= Country && a.Country != "":
		return a.Country, Country
	}
	return "", None
}

// Table maps geohash cells and region texts to administrative places. It does
// not change after loading and may be used by several goroutines.
type Table struct {
	version string
	admins  []Admin
	names   []string          // of the finest part of admins[i], for people to read
	starts  []uint32          // first cell of each run, ascending
	owners  []uint16          // index into admins plus one; 0 is no place
	regions map[string][]word // what a region text may say
	longest int               // bytes of the longest key of regions
	byCode  map[string]int
}

// Load reads a table that Encode wrote.
func Load(path string) (*Table, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("place table: %w", err)
	}
	return Decode(data)
}

// Version returns the version of the data the table was built from.
func (t *Table) Version() string { return t.version }

// City returns the administrative place that a cell of at least five
// characters belongs to. It reports false for texts that are no such cell, and
// for cells far from any place known.
func (t *Table) City(cell string) (Admin, bool) {
	n, ok := cellNumber(cell)
	if !ok {
		return Admin{}, false
	}
	i := sort.Search(len(t.starts), func(i int) bool { return t.starts[i] > n })
	if i == 0 || t.owners[i-1] == 0 {
		return Admin{}, false
	}
	return t.admins[t.owners[i-1]-1], true
}

// Name returns the name of a country's, province's or city's code, as its
// source spells it.
func (t *Table) Name(code string) (string, bool) {
	i, ok := t.byCode[code]
	if !ok {
		return "", false
	}
	return t.names[i], true
}
