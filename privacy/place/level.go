// Package place turns positions into coarse places. In come coordinates in one
// of three reference systems, geohash cells and region texts; out go geohash
// cells no finer than asked for and administrative codes. Nothing in this
// package keeps a coordinate, and no error it returns carries one.
package place

import "fmt"

// Level says how fine a place is. Levels are ordered: a larger value is finer.
// The values are those of the stores' geo_level column and must not change.
type Level uint8

// The levels, from nothing at all to a geohash cell of about 0.6 km².
const (
	None     Level = iota // no place
	Country               // ISO 3166-1 alpha-2
	Province              // GB/T 2260 in China, elsewhere like ISO 3166-2
	City                  // GB/T 2260 in China, elsewhere an id of this table
	Cell4                 // geohash of 4 characters, about 30 km × 20 km
	Cell5                 // geohash of 5 characters, about 4 km × 5 km
	Cell6                 // geohash of 6 characters, about 1 km × 0.6 km
)

var levelNames = [...]string{"none", "country", "province", "city", "cell4", "cell5", "cell6"}

// Levels returns the names of all levels, coarsest first.
func Levels() []string { return append([]string(nil), levelNames[:]...) }

// ParseLevel reads the name of a level as the policy file writes it.
func ParseLevel(name string) (Level, error) {
	for i, n := range levelNames {
		if n == name {
			return Level(i), nil
		}
	}
	return None, fmt.Errorf("place: unknown level %q", name)
}

// String returns the name that ParseLevel reads.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return "invalid"
}

// MarshalText writes the level's name.
func (l Level) MarshalText() ([]byte, error) {
	if int(l) >= len(levelNames) {
		return nil, fmt.Errorf("place: level out of range")
	}
	return []byte(levelNames[l]), nil
}

// UnmarshalText reads the level's name.
func (l *Level) UnmarshalText(text []byte) error {
	v, err := ParseLevel(string(text))
	if err != nil {
		return err
	}
	*l = v
	return nil
}

// Chars returns the length of the geohash of this level, 0 for the levels
// that are not cells.
func (l Level) Chars() int {
	if l >= Cell4 && l <= Cell6 {
		return int(l-Cell4) + 4
	}
	return 0
}
