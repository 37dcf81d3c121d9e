package main

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sluice-events/sluice/privacy/place"
)

// ownCodeNames are the names of the provinces that GB/T 2260 lists and the
// division tables give no codes for.
var ownCodeNames = map[string][]string{
	"710000": {"台湾省", "台湾", "taiwan"},
	"810000": {"香港特别行政区", "香港", "hong kong", "hongkong"},
	"820000": {"澳门特别行政区", "澳门", "macau", "macao"},
}

// words lists what a region text may say for a place in China: full names,
// names without their ending, county names (for their city), and Latin
// spellings.
func (a *atlas) words() []place.Word {
	w := wordList{}
	for _, d := range a.china.provinces {
		admin := a.add(place.Admin{Country: "CN", Province: d.Code + "0000"}, d.Name)
		if municipality(d.Code) {
			admin = a.addChina(d.Code + "0100")
		}
		w.both(d.Name, admin)
	}
	for _, d := range a.china.cities {
		if strings.HasSuffix(d.Name, "行政区划") || municipality(d.ProvinceCode) {
			continue // not a name
		}
		w.both(d.Name, a.addChina(d.Code+"00"))
	}
	for _, d := range a.china.counties {
		if utf8.RuneCountInString(d.Name) < 3 || d.Name == "市辖区" {
			continue
		}
		w.add(d.Name, a.addChina(cityOfCounty(d)), false)
	}
	for _, country := range slices.Sorted(maps.Keys(regionsOfOwnCountryCode)) {
		code := regionsOfOwnCountryCode[country]
		names := ownCodeNames[code]
		admin := a.add(place.Admin{Country: country, Province: code}, names[0])
		for i, n := range names {
			w.add(n, admin, i > 0)
		}
	}
	a.latin(&w)
	return w.list
}

// cityOfCounty returns the six digits of what counts as the county's city:
// itself where it is governed by the province directly.
func cityOfCounty(d division) string {
	if municipality(d.ProvinceCode) {
		return d.ProvinceCode + "0100"
	}
	if d.CityCode[2:] == "90" {
		return d.Code
	}
	return d.CityCode + "00"
}

// latin adds the spellings of GeoNames that stand for one word: for others
// (long names of autonomous prefectures) several spellings are in use.
func (a *atlas) latin(w *wordList) {
	for _, admin1 := range slices.Sorted(maps.Keys(a.province)) {
		province := a.province[admin1]
		name := strings.ToLower(a.gaz.admin1["CN."+admin1])
		admin := a.add(place.Admin{Country: "CN", Province: province + "0000"}, a.china.name[province])
		if municipality(province) {
			admin = a.addChina(province + "0100")
		}
		w.add(name, admin, true)
	}
	for _, code := range slices.Sorted(maps.Keys(a.gaz.admin2)) {
		name := a.gaz.admin2[code]
		parts := strings.Split(code, ".")
		if parts[0] != "CN" || len(parts) != 3 {
			continue
		}
		city, ok := a.chinaCity(point{country: "CN", admin1: parts[1], admin2: parts[2]})
		if !ok || municipality(city[:2]) {
			continue
		}
		name = strings.ReplaceAll(strings.ToLower(name), "’", "'")
		for _, end := range []string{" shi", " diqu", " prefecture", " meng", " city", " county", " region"} {
			name = strings.TrimSuffix(name, end)
		}
		if !strings.Contains(name, " ") {
			w.add(name, a.addChina(city), true)
		}
	}
}

type wordList struct {
	list []place.Word
	had  map[place.Word]bool
}

func (w *wordList) add(text string, admin int, short bool) {
	word := place.Word{Text: text, Admin: admin, Short: short}
	if w.had == nil {
		w.had = map[place.Word]bool{}
	}
	if text == "" || w.had[word] {
		return
	}
	w.had[word] = true
	w.list = append(w.list, word)
}

// both adds a name and what people shorten it to: 石家庄市 → 石家庄,
// 恩施土家族苗族自治州 → 恩施 and 恩施州.
func (w *wordList) both(name string, admin int) {
	w.add(name, admin, false)
	short := withoutEnding(name)
	if short == name {
		return
	}
	w.add(short, admin, true)
	if strings.HasSuffix(name, "自治州") {
		w.add(short+"州", admin, false)
	}
}

var (
	endings = []string{"特别行政区", "自治区", "自治州", "地区", "盟", "省", "市"}
	peoples = []string{"维吾尔", "土家族", "布依族", "景颇族", "傈僳族", "哈尼族", "朝鲜族", "蒙古族", "柯尔克孜",
		"哈萨克", "蒙古", "壮族", "回族", "藏族", "羌族", "彝族", "苗族", "侗族", "傣族", "白族", "黎族"}
)

// withoutEnding cuts the kind of place and the peoples it is named for, never
// down to a single character.
func withoutEnding(name string) string {
	cut := func(s, end string) string {
		if t, ok := strings.CutSuffix(s, end); ok && utf8.RuneCountInString(t) >= 2 {
			return t
		}
		return s
	}
	for _, e := range endings {
		if t := cut(name, e); t != name {
			name = t
			break
		}
	}
	for again := true; again; {
		again = false
		for _, p := range peoples {
			if t := cut(name, p); t != name {
				name, again = t, true
			}
		}
	}
	return name
}
