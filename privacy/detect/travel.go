package detect

import "strings"

// plateRegions are the characters that a number plate may begin with.
const plateRegions = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领"

// plate looks for a number plate whose first digit is at i: a province's
// character, a letter, perhaps a dot, and five or six letters and digits.
func (f *finder) plate(i int) bool {
	p := i
	for n := 0; n < 3 && isLetter(f.left(p)); n++ {
		p--
	}
	if p < i && f.plateRegion(p-3) { // 冀A12345, 冀AD12345
		end, ok := f.plateBody(p + 1)
		return ok && f.hit(Plate, p-3, end)
	}
	dot := p
	switch c := f.left(p); { // 冀A·12345
	case c == '.' || c == '-' || c == ' ':
		dot--
	case c == 0xB7 && f.left(p-1) == 0xC2: // ·
		dot -= 2
	case c == 0xA2 && f.left(p-1) == 0x80 && f.left(p-2) == 0xE2: // •
		dot -= 3
	}
	if dot == p || !isLetter(f.left(dot)) || !f.plateRegion(dot-4) {
		return false
	}
	end, ok := f.plateBody(p)
	return ok && f.hit(Plate, dot-4, end)
}

func (f *finder) plateRegion(i int) bool {
	return i >= f.done && i+3 <= len(f.s) && f.s[i] >= 0xE4 && strings.Contains(plateRegions, f.s[i:i+3])
}

// plateBody reads what follows the region's letter: at least three digits, no
// I or O, and possibly one of a few characters at the end.
func (f *finder) plateBody(i int) (end int, ok bool) {
	n, digits := 0, 0
	for ; n < 7 && isAlnum(f.right(i+n)); n++ {
		switch c := f.s[i+n]; {
		case isDigit(c):
			digits++
		case c|0x20 == 'i' || c|0x20 == 'o':
			return 0, false
		}
	}
	if digits < 3 || n < 4 || n > 6 {
		return 0, false
	}
	if n == 4 {
		for _, last := range [...]string{"挂", "学", "警", "港", "澳", "领"} {
			if strings.HasPrefix(f.s[i+n:], last) {
				return i + n + 3, true
			}
		}
		return 0, false
	}
	return i + n, true
}

// passportWords must stand shortly before a passport's number: the number
// alone looks like many others.
var passportWords = [...]string{"护照", "passport"}

const passportReach = 24 // bytes between the end of the word and the number

// passport looks for E, perhaps a letter, and the seven or eight digits at i.
func (f *finder) passport(i, n int) bool {
	if n != 7 && n != 8 {
		return false
	}
	start := i - 1
	switch {
	case f.left(i)|0x20 == 'e':
	case isLetter(f.left(i)) && f.left(i-1)|0x20 == 'e':
		start--
	default:
		return false
	}
	if isAlnum(f.left(start)) || isAlnum(f.right(i+n)) {
		return false
	}
	before := f.s[max(f.done, start-passportReach-len("passport")):start]
	for _, w := range passportWords {
		for j := 0; j+len(w) <= len(before); j++ {
			if strings.EqualFold(before[j:j+len(w)], w) {
				return f.hit(Passport, start, i+n)
			}
		}
	}
	return false
}

const (
	minDecimals = 4
	pairReach   = 24 // bytes between the two numbers of a pair
)

// latLon looks for two decimal degrees, the first with its whole part at i.
func (f *finder) latLon(i int) bool {
	if f.left(i) == '.' {
		return false
	}
	first, end, ok := degrees(f.s, i)
	if !ok {
		return false
	}
	j, ok := f.between(end)
	if !ok {
		return false
	}
	second, end, ok := degrees(f.s, j)
	if !ok || first > 90 && second > 90 {
		return false
	}
	if c := f.left(i); (c == '-' || c == '+') && !isAlnum(f.left(i-1)) {
		i--
	}
	return f.hit(LatLon, i, end)
}

// degrees reads a number of up to 180 with enough decimals. Whole degrees are
// enough to tell latitudes from longitudes.
func degrees(s string, i int) (whole, end int, ok bool) {
	n := digitsAt(s, i, 4)
	if n == 0 || n > 3 || i+n >= len(s) || s[i+n] != '.' {
		return 0, 0, false
	}
	for k := range n {
		whole = whole*10 + int(s[i+k]-'0')
	}
	decimals := digitsAt(s, i+n+1, 20)
	end = i + n + 1 + decimals
	more := end < len(s) && s[end] == '.' && end+1 < len(s) && isDigit(s[end+1])
	return whole, end, whole <= 180 && decimals >= minDecimals && decimals < 20 && !more
}

// pairWords may stand between the numbers of a pair, as in "lat: …, lon: …".
var pairWords = [...]string{
	"，", "°", "lat", "lon", "lng", "long", "latitude", "longitude", "n", "s", "e", "w", "x", "y",
	"经度", "纬度", "东经", "北纬", "；", "、", "：",
}

func isPairWord(s string) bool {
	for _, w := range pairWords {
		if strings.EqualFold(s, w) {
			return true
		}
	}
	return false
}

// between returns where the second number's digits begin, when what lies after
// the first one separates a pair.
func (f *finder) between(i int) (next int, ok bool) {
	s := f.s
	separated := false
	for from := i; i < len(s) && i-from < pairReach; {
		switch c := s[i]; {
		case isDigit(c):
			return i, separated
		case strings.IndexByte(" \t,;/|&", c) >= 0:
			separated = true
			i++
		case strings.IndexByte("\"':=()[]{}+-", c) >= 0:
			i++
		default:
			end := wordEnd(s, i)
			if !isPairWord(s[i:end]) {
				return 0, false
			}
			separated = separated || c == 0xEF || c == 0xE3
			i = end
		}
	}
	return 0, false
}

// wordEnd returns the end of the Latin word at i, or of the degree sign,
// punctuation mark or two characters of a Chinese word.
func wordEnd(s string, i int) int {
	end := i
	for end < len(s) && end-i < 16 && isLetter(s[end]) {
		end++
	}
	if end > i {
		return end
	}
	switch c := s[i]; {
	case c == 0xC2:
		end = i + 2
	case c == 0xEF || c == 0xE3:
		end = i + 3
	case c >= 0xE4:
		end = i + 6
	default:
		end = i + 1
	}
	return min(end, len(s))
}
