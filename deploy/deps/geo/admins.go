package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sluice-events/sluice/privacy/place"
)

// atlas gives every place of the gazetteer its administrative place.
type atlas struct {
	gaz      *gazetteer
	china    *china
	province map[string]string // GeoNames' first-level code of China → two digits of GB/T 2260
	short    map[string]string // "GR.ESYE31" → a first-level code of at most three characters
	admins   []place.Named
	index    map[place.Admin]int
}

func newAtlas(g *gazetteer, c *china) *atlas {
	a := &atlas{gaz: g, china: c, index: map[place.Admin]int{}}
	a.province = provincesOf(g, c)
	a.short = shortCodes(g)
	return a
}

// add returns the index of an administrative place, a new one if need be.
func (a *atlas) add(admin place.Admin, name string) int {
	if i, ok := a.index[admin]; ok {
		return i
	}
	a.admins = append(a.admins, place.Named{Admin: admin, Name: name})
	a.index[admin] = len(a.admins) - 1
	return len(a.admins) - 1
}

// of returns the index of the administrative place of a point. It reports
// false for a place of China that carries no usable code: such a point says
// nothing about its surroundings.
func (a *atlas) of(p point) (int, bool) {
	if p.country == "CN" {
		code, ok := a.chinaCity(p)
		if !ok {
			return 0, false
		}
		return a.addChina(code), true
	}
	if code, ok := regionsOfOwnCountryCode[p.country]; ok {
		return a.add(place.Admin{Country: p.country, Province: code}, ownCodeNames[code][0]), true
	}
	admin := place.Admin{Country: p.country}
	short, ok := a.short[p.country+"."+p.admin1]
	if !ok {
		return a.add(admin, ""), true
	}
	admin.Province = p.country + "-" + short
	first := a.add(admin, a.gaz.admin1[p.country+"."+p.admin1])
	name, ok := a.gaz.admin2[p.country+"."+p.admin1+"."+p.admin2]
	if p.admin2 == "" || !ok {
		return first, true
	}
	admin.City = admin.Province + "-" + p.admin2
	return a.add(admin, name), true
}

// chinaCity returns the six digits of the prefecture or directly governed
// county of a point in China.
func (a *atlas) chinaCity(p point) (string, bool) {
	if code, ok := countyLevel[p.admin2]; ok {
		return code, true
	}
	if _, ok := a.china.name[p.admin2]; ok && len(p.admin2) == 4 {
		return p.admin2 + "00", true
	}
	if province := a.province[p.admin1]; municipality(province) {
		return province + "0100", true
	}
	return "", false
}

func (a *atlas) addChina(city string) int {
	province := city[:2]
	a.add(place.Admin{Country: "CN", Province: province + "0000"}, a.china.name[province])
	name := a.china.name[city[:4]]
	switch {
	case municipality(province):
		name = a.china.name[province]
	case city[4:] != "00":
		name = a.china.name[city]
	}
	return a.add(place.Admin{Country: "CN", Province: province + "0000", City: city}, name)
}

// provincesOf learns which first-level code of GeoNames is which province from
// the prefecture codes of the places in it.
func provincesOf(g *gazetteer, c *china) map[string]string {
	votes := map[string]map[string]int{}
	for _, p := range g.points {
		code := countyLevel[p.admin2]
		if _, ok := c.name[p.admin2]; ok && len(p.admin2) == 4 {
			code = p.admin2
		}
		if p.country != "CN" || code == "" {
			continue
		}
		if votes[p.admin1] == nil {
			votes[p.admin1] = map[string]int{}
		}
		votes[p.admin1][code[:2]]++
	}
	m := map[string]string{}
	for admin1, v := range votes {
		best := ""
		for province, n := range v {
			if n > v[best] || n == v[best] && province < best {
				best = province
			}
		}
		m[admin1] = best
	}
	return m
}

// shortCodes keeps first-level codes of up to three characters and gives
// longer ones their last three, where these are the only ones of the country
// ("ESYE31" → "E31"). A code that stays ambiguous has none, and its places
// are known by country alone.
func shortCodes(g *gazetteer) map[string]string {
	owner := map[string]string{}
	var long []string
	for code := range g.admin1 {
		if _, admin1, ok := strings.Cut(code, "."); ok && len(admin1) <= 3 && admin1 != "00" {
			owner[code] = code
		} else if len(admin1) > 3 {
			long = append(long, code)
		}
	}
	slices.SortFunc(long, func(a, b string) int { return cmp.Compare(a, b) })
	for _, code := range long {
		country, _, _ := strings.Cut(code, ".")
		short := country + "." + code[len(code)-3:]
		if _, taken := owner[short]; !taken {
			owner[short] = code
		}
	}
	m := make(map[string]string, len(owner))
	for short, code := range owner {
		_, m[code], _ = strings.Cut(short, ".")
	}
	return m
}
