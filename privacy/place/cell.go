package place

import (
	"math"

	"github.com/mmcloughlin/geohash"
)

// Cut is a position after it was made coarse.
type Cut struct {
	Cell     string // geohash of 4 to 6 characters
	CityOnly bool   // the reference system was missing where it matters: no row may show more than the city
}

// Coarsen converts a position in degrees to WGS-84 and cuts it to a geohash
// cell of the given level. It reports false for a level that is not a cell and
// for numbers that are not a position on Earth. Outside the rectangle of
// InChina a missing system means WGS-84; inside it the cell may lie some
// hundred metres off, which Cut.CityOnly says.
func Coarsen(lat, lon float64, crs CRS, level Level) (Cut, bool) {
	chars := level.Chars()
	if chars == 0 || !onEarth(lat, lon) {
		return Cut{}, false
	}
	cityOnly := crs == UnknownCRS && InChina(lat, lon)
	lat, lon = ToWGS84(lat, lon, crs)
	if !onEarth(lat, lon) {
		return Cut{}, false
	}
	return Cut{Cell: geohash.EncodeWithPrecision(lat, lon, uint(chars)), CityOnly: cityOnly}, true
}

func onEarth(lat, lon float64) bool {
	// NaN fails every comparison, so it is refused here too.
	return math.Abs(lat) <= 90 && math.Abs(lon) <= 180
}

// Parent returns the cell of the given level that holds the cell. It is a
// prefix of the argument and shares its memory. It reports false when the
// argument is no geohash, is coarser than the level, or the level is no cell.
func Parent(cell string, level Level) (string, bool) {
	chars := level.Chars()
	if chars == 0 || len(cell) < chars || !ValidCell(cell) {
		return "", false
	}
	return cell[:chars], true
}

// ValidCell tells whether the text is a geohash of 1 to 12 lower-case characters.
func ValidCell(cell string) bool {
	if len(cell) == 0 || len(cell) > 12 {
		return false
	}
	for i := 0; i < len(cell); i++ {
		if digit32[cell[i]] == notBase32 {
			return false
		}
	}
	return true
}

const notBase32 = 0xff

// digit32 maps the geohash alphabet (digits and letters without a, i, l, o) to 0..31.
var digit32 = func() (t [256]uint8) {
	for i := range t {
		t[i] = notBase32
	}
	for i, c := range []byte("0123456789bcdefghjkmnpqrstuvwxyz") {
		t[c] = uint8(i)
	}
	return t
}()

// cellNumber packs the first five characters of a cell into 25 bits, so that
// cells sort as their texts do.
func cellNumber(cell string) (uint32, bool) {
	if len(cell) < 5 || len(cell) > 12 {
		return 0, false
	}
	var n uint32
	for i := range 5 {
		d := digit32[cell[i]]
		if d == notBase32 {
			return 0, false
		}
		n = n<<5 | uint32(d)
	}
	return n, true
}
