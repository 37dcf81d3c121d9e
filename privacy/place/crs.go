package place

import "math"

// CRS is the reference system that a position was measured in.
type CRS uint8

// The reference systems that clients name. Chinese maps and phone positions
// are often shifted (GCJ-02, and Baidu's BD-09 on top of it).
const (
	UnknownCRS CRS = iota
	WGS84
	GCJ02
	BD09
)

// ParseCRS reads the name that a client sends. An empty or unknown name gives
// UnknownCRS and false.
func ParseCRS(name string) (CRS, bool) {
	switch name {
	case "wgs84", "WGS84", "wgs-84", "WGS-84", "EPSG:4326":
		return WGS84, true
	case "gcj02", "GCJ02", "gcj-02", "GCJ-02":
		return GCJ02, true
	case "bd09", "BD09", "bd-09", "BD-09", "bd09ll":
		return BD09, true
	}
	return UnknownCRS, false
}

// Constants of the shift: the Krasovsky 1940 ellipsoid in metres.
const (
	krasovskyA  = 6378245.0
	krasovskyE2 = 0.00669342162296594323
	bdPi        = math.Pi * 3000 / 180
)

// InChina tells whether the point, in degrees, lies in the rectangle in which
// the public GCJ-02 formula shifts positions. It is larger than China.
func InChina(lat, lon float64) bool {
	return lon >= 72.004 && lon <= 137.8347 && lat >= 0.8293 && lat <= 55.8271
}

// ToWGS84 converts degrees of the given system to WGS-84. The inverse of the
// public forward formula has no closed form; three rounds of fixed-point
// iteration leave an error below a millimetre. Points outside the rectangle
// of InChina and points of unknown system come back as they are.
func ToWGS84(lat, lon float64, crs CRS) (float64, float64) {
	switch crs {
	case GCJ02:
		return unshift(lat, lon, gcjFromWGS)
	case BD09:
		lat, lon = unshift(lat, lon, bdFromGCJ)
		return unshift(lat, lon, gcjFromWGS)
	}
	return lat, lon
}

const rounds = 3

func unshift(lat, lon float64, forward func(lat, lon float64) (float64, float64)) (float64, float64) {
	x, y := lat, lon
	for range rounds {
		fx, fy := forward(x, y)
		x -= fx - lat
		y -= fy - lon
	}
	return x, y
}

// gcjFromWGS is the forward formula of GCJ-02 as it is publicly known.
func gcjFromWGS(lat, lon float64) (float64, float64) {
	if !InChina(lat, lon) {
		return lat, lon
	}
	x, y := lon-105, lat-35
	wave := (20*math.Sin(6*x*math.Pi) + 20*math.Sin(2*x*math.Pi)) * 2 / 3
	dLat := -100 + 2*x + 3*y + 0.2*y*y + 0.1*x*y + 0.2*math.Sqrt(math.Abs(x)) + wave
	dLat += (20*math.Sin(y*math.Pi) + 40*math.Sin(y/3*math.Pi)) * 2 / 3
	dLat += (160*math.Sin(y/12*math.Pi) + 320*math.Sin(y*math.Pi/30)) * 2 / 3
	dLon := 300 + x + 2*y + 0.1*x*x + 0.1*x*y + 0.1*math.Sqrt(math.Abs(x)) + wave
	dLon += (20*math.Sin(x*math.Pi) + 40*math.Sin(x/3*math.Pi)) * 2 / 3
	dLon += (150*math.Sin(x/12*math.Pi) + 300*math.Sin(x/30*math.Pi)) * 2 / 3

	sin, cos := math.Sincos(lat / 180 * math.Pi)
	w := 1 - krasovskyE2*sin*sin
	root := math.Sqrt(w)
	dLat = dLat * 180 / (krasovskyA * (1 - krasovskyE2) / (w * root) * math.Pi)
	dLon = dLon * 180 / (krasovskyA / root * cos * math.Pi)
	return lat + dLat, lon + dLon
}

// bdFromGCJ is the forward formula of BD-09 as it is publicly known.
func bdFromGCJ(lat, lon float64) (float64, float64) {
	z := math.Hypot(lon, lat) + 0.00002*math.Sin(lat*bdPi)
	theta := math.Atan2(lat, lon) + 0.000003*math.Cos(lon*bdPi)
	sin, cos := math.Sincos(theta)
	return z*sin + 0.006, z*cos + 0.0065
}
