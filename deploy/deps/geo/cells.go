package main

import (
	"math"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/sluice-events/sluice/privacy/place"
)

// A cell farther than this from every known place belongs to none: open sea,
// ice, desert.
const reachKM = 100

const cellBits = 25 // of a geohash of five characters

// painter walks the cells of the Earth in order of their geohash and gives
// each the owner of the place nearest to it; a cell across a border goes to
// the owner of its larger part.
type painter struct {
	tree  tree
	reach float64 // squared distance on the unit sphere
	runs  []place.Run
}

// paint works on the parts of the Earth at the same time and joins the results
// in order, so that the outcome does not depend on the number of processors.
func paint(t tree) []place.Run {
	const depth = 8
	parts := make([]painter, 1<<depth)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range parts {
		group.Go(func() error {
			parts[i] = painter{tree: t, reach: chord(reachKM) * chord(reachKM)}
			parts[i].walk(uint32(i), depth)
			return nil
		})
	}
	_ = group.Wait() // no part can fail
	whole := painter{}
	for _, p := range parts {
		for _, r := range p.runs {
			whole.emit(r.Start, r.Owner)
		}
	}
	return whole.runs
}

// walk paints the cell that the first depth bits of a geohash name: at once
// if one owner has all of it, else half by half.
func (p *painter) walk(bits uint32, depth int) {
	b := boxOf(bits, depth)
	if depth == cellBits {
		p.emit(bits, p.larger(b))
		return
	}
	center, radius := b.ball()
	wide := chord(reachKM) + radius
	owner, d2 := p.tree.nearest(center, wide*wide)
	if owner < 0 {
		p.emit(bits<<(cellBits-depth), 0)
		return
	}
	d := math.Sqrt(d2)
	// Any point of the cell has a place within d+radius, so the place nearest
	// to it lies within d+2·radius of the centre.
	if d+radius < chord(reachKM) && p.tree.onlyOwner(center, (d+2*radius)*(d+2*radius), 0, owner) {
		p.emit(bits<<(cellBits-depth), owner+1)
		return
	}
	p.walk(bits<<1, depth+1)
	p.walk(bits<<1|1, depth+1)
}

func (p *painter) emit(start uint32, owner int) {
	if n := len(p.runs); n > 0 && p.runs[n-1].Owner == owner {
		return
	}
	p.runs = append(p.runs, place.Run{Start: start, Owner: owner})
}

// larger samples a cell at nine points and returns the owner of most of them.
func (p *painter) larger(b box) int {
	var owners [9]int
	best, most := 0, 0
	for i := range owners {
		lat := b.lat0 + (b.lat1-b.lat0)*(float64(i/3)*2+1)/6
		lon := b.lon0 + (b.lon1-b.lon0)*(float64(i%3)*2+1)/6
		owner, _ := p.tree.nearest(vecOf(lat, lon), p.reach)
		owners[i] = owner + 1
	}
	for _, o := range owners {
		n := 0
		for _, q := range owners {
			if q == o {
				n++
			}
		}
		if n > most {
			best, most = o, n
		}
	}
	return best
}

// box is a rectangle in degrees.
type box struct{ lat0, lat1, lon0, lon1 float64 }

func boxOf(bits uint32, depth int) box {
	b := box{-90, 90, -180, 180}
	for i := range depth {
		up := bits>>(depth-1-i)&1 == 1
		lo, hi := &b.lat0, &b.lat1
		if i%2 == 0 { // the first bit of a geohash halves the longitude
			lo, hi = &b.lon0, &b.lon1
		}
		if mid := (*lo + *hi) / 2; up {
			*lo = mid
		} else {
			*hi = mid
		}
	}
	return b
}

// ball returns the centre of the box and a distance that no point of it
// exceeds. The widest parallel of a box is the one closest to the equator.
func (b box) ball() (vec, float64) {
	lat, lon := (b.lat0+b.lat1)/2, (b.lon0+b.lon1)/2
	widest := 0.0
	if b.lat0 > 0 {
		widest = b.lat0
	} else if b.lat1 < 0 {
		widest = b.lat1
	}
	const kmPerDegree = earthKM * math.Pi / 180
	dy := (b.lat1 - b.lat0) / 2 * kmPerDegree
	dx := (b.lon1 - b.lon0) / 2 * kmPerDegree * math.Cos(widest*math.Pi/180)
	return vecOf(lat, lon), chord(dx + dy)
}
