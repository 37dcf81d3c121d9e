package main

import "github.com/sluice-events/sluice/privacy/place"

// places makes geo/places.bin.
func (s *site) places() ([]byte, error) {
	g, err := s.packages.gazetteer()
	if err != nil {
		return nil, err
	}
	c, err := s.packages.china()
	if err != nil {
		return nil, err
	}
	version, err := s.packages.stamp(citiesPkg, chinaPkg)
	if err != nil {
		return nil, err
	}
	a := newAtlas(g, c)
	var seeds []seed
	for _, p := range g.points {
		if owner, ok := a.of(p); ok {
			seeds = append(seeds, seed{vecOf(p.lat, p.lon), owner})
		}
	}
	words := a.words()
	return place.Encode(place.Source{Version: version, Admins: a.admins, Words: words, Runs: paint(newTree(seeds))})
}
