package main

import (
	"math"
	"slices"
)

// vec is a point on the unit sphere. Straight distances between such points
// order as distances over ground do, poles and date line included.
type vec [3]float64

func vecOf(lat, lon float64) vec {
	sinLat, cosLat := math.Sincos(lat * math.Pi / 180)
	sinLon, cosLon := math.Sincos(lon * math.Pi / 180)
	return vec{cosLat * cosLon, cosLat * sinLon, sinLat}
}

func (v vec) dist2(w vec) float64 {
	x, y, z := v[0]-w[0], v[1]-w[1], v[2]-w[2]
	return x*x + y*y + z*z
}

const earthKM = 6371

// chord turns kilometres over ground into a distance on the unit sphere.
func chord(km float64) float64 { return 2 * math.Sin(km/earthKM/2) }

// tree is a k-d tree over places; the median of each part stands in its middle.
type tree []seed

type seed struct {
	at    vec
	owner int
}

func newTree(seeds []seed) tree {
	t := tree(seeds)
	t.sort(0)
	return t
}

func (t tree) sort(axis int) {
	if len(t) < 2 {
		return
	}
	slices.SortFunc(t, func(a, b seed) int {
		switch {
		case a.at[axis] < b.at[axis]:
			return -1
		case a.at[axis] > b.at[axis]:
			return 1
		}
		return a.owner - b.owner
	})
	mid := len(t) / 2
	next := (axis + 1) % 3
	t[:mid].sort(next)
	t[mid+1:].sort(next)
}

// nearest returns the owner of the place closest to v and its squared
// distance, if there is one closer than the square root of within.
func (t tree) nearest(v vec, within float64) (owner int, dist2 float64) {
	owner, dist2 = -1, within
	t.search(v, 0, &owner, &dist2)
	return owner, dist2
}

func (t tree) search(v vec, axis int, owner *int, dist2 *float64) {
	if len(t) == 0 {
		return
	}
	mid := len(t) / 2
	if d := t[mid].at.dist2(v); d < *dist2 {
		*owner, *dist2 = t[mid].owner, d
	}
	off := v[axis] - t[mid].at[axis]
	near, far := t[:mid], t[mid+1:]
	if off > 0 {
		near, far = far, near
	}
	next := (axis + 1) % 3
	near.search(v, next, owner, dist2)
	if off*off < *dist2 {
		far.search(v, next, owner, dist2)
	}
}

// onlyOwner tells whether every place closer to v than the square root of
// within2 belongs to the owner.
func (t tree) onlyOwner(v vec, within2 float64, axis, owner int) bool {
	if len(t) == 0 {
		return true
	}
	mid := len(t) / 2
	if t[mid].owner != owner && t[mid].at.dist2(v) < within2 {
		return false
	}
	off := v[axis] - t[mid].at[axis]
	next := (axis + 1) % 3
	if off <= 0 || off*off < within2 {
		if !t[:mid].onlyOwner(v, within2, next, owner) {
			return false
		}
	}
	return off < 0 && off*off >= within2 || t[mid+1:].onlyOwner(v, within2, next, owner)
}
