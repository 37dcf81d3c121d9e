package collector

import (
	"strconv"
	"strings"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy/place"
)

// point gathers a position from the properties it comes in. It lives until it is cut to a
// cell, within one request.
type point struct {
	unprintable
	lat, lon       float64
	hasLat, hasLon bool
	crs            string
	exif           bool // of a photo: WGS-84 by definition of EXIF
}

func (p *point) any() bool { return p.hasLat || p.hasLon }

// coordinate is which part of a position a property is.
type coordinate uint8

const (
	notCoordinate coordinate = iota
	latitude
	longitude
	system
	pair // "lat,lon" in one text
)

// coordinateOf reads a folded last path segment.
func coordinateOf(name string) coordinate {
	switch name {
	case "lat", "latitude", "gpslatitude":
		return latitude
	case "lon", "lng", "longitude", "gpslongitude":
		return longitude
	case "crs", "coordtype", "coordinatesystem":
		return system
	case "location", "gps", "geo":
		return pair
	}
	return notCoordinate
}

// take stores one part; it reports false for a value that is none.
func (p *point) take(c coordinate, v event.Value) bool {
	switch c {
	case latitude:
		f, ok := degrees(v)
		p.lat, p.hasLat = f, ok
		return ok
	case longitude:
		f, ok := degrees(v)
		p.lon, p.hasLon = f, ok
		return ok
	case system:
		p.crs = v.Str()
		return v.Kind() == event.String
	case pair:
		lat, lon, ok := strings.Cut(v.Str(), ",")
		if !ok {
			return false
		}
		a, errA := strconv.ParseFloat(strings.TrimSpace(lat), 64)
		b, errB := strconv.ParseFloat(strings.TrimSpace(lon), 64)
		if errA != nil || errB != nil {
			return false
		}
		p.lat, p.lon, p.hasLat, p.hasLon = a, b, true, true
		return true
	}
	return false
}

func degrees(v event.Value) (float64, bool) {
	switch v.Kind() {
	case event.Int, event.Float:
		return v.Float(), true
	case event.String:
		f, err := strconv.ParseFloat(strings.TrimSpace(v.Str()), 64)
		return f, err == nil
	}
	return 0, false
}

// cut makes the place that may leave the collector: a cell no finer than the policy's
// collector_cap. A cap coarser than a cell gives the coarsest cell there is, marked to be
// shown as a city at most. The numbers are overwritten.
func (p *point) cut(l *policy.LocationRules) (event.Place, bool) {
	q := *p
	*p = point{}
	if !q.hasLat || !q.hasLon || l.CollectorCap == policy.LevelNone {
		return event.Place{}, false
	}
	crs, known := place.ParseCRS(q.crs)
	switch {
	case q.exif && q.crs == "":
		crs = place.WGS84
	case q.crs != "" && !takesCRS(l, crs, known):
		return event.Place{}, false
	}
	level, cityOnly := place.Level(l.CollectorCap), false
	if level < place.Cell4 {
		level, cityOnly = place.Cell4, true
	}
	c, ok := place.Coarsen(q.lat, q.lon, crs, level)
	if !ok {
		return event.Place{}, false
	}
	return event.Place{Cell: c.Cell, CityOnly: c.CityOnly || cityOnly}, true
}

// takesCRS reports whether the policy takes positions in the named system.
func takesCRS(l *policy.LocationRules, crs place.CRS, known bool) bool {
	if !known {
		return false
	}
	name := [...]string{place.WGS84: "wgs84", place.GCJ02: "gcj02", place.BD09: "bd09"}[crs]
	for _, a := range l.AcceptCRS {
		if a == name {
			return true
		}
	}
	return false
}
