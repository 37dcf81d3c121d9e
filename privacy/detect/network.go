package detect

import "strings"

// ipv4 reads four octets at i, and no fifth.
func (f *finder) ipv4(i int) bool {
	c := f.left(i)
	if c == '.' || c|0x20 == 'v' { // 1.2.3.4.5 and v1.2.3.4 are versions
		return false
	}
	end, zeros, ok := octets(f.s, i)
	// Browsers write Chrome/126.0.0.0; no host has such an address.
	product := zeros == 3 && c == '/' && isLetter(f.left(i-1))
	return ok && !product && f.hit(IP, i, end)
}

// octets reads a dotted quad and counts how many octets at its end are 0.
func octets(s string, i int) (end, zeros int, ok bool) {
	for k := range 4 {
		n := digitsAt(s, i, 4)
		if n == 0 || n > 3 {
			return 0, 0, false
		}
		v := 0
		for j := range n {
			v = v*10 + int(s[i+j]-'0')
		}
		if v > 255 {
			return 0, 0, false
		}
		if zeros++; v != 0 {
			zeros = 0
		}
		i += n
		if k == 3 {
			break
		}
		if i >= len(s) || s[i] != '.' {
			return 0, 0, false
		}
		i++
	}
	if i+1 < len(s) && s[i] == '.' && isDigit(s[i+1]) {
		return 0, 0, false
	}
	return i, zeros, true
}

// ipv6 looks for an address whose first colon is at i. It must hold a decimal
// digit, so that "abc::def" in a program's log stays.
func (f *finder) ipv6(i int) bool {
	start := i
	for n := 0; n < 5 && isHex(f.left(start)); n++ {
		start--
	}
	if c := f.left(start); isAlnum(c) || c == ':' || c == '.' || c == '_' {
		return false
	}
	s := f.s
	groups, gap, digit := 0, false, false
	p := start
	if i == start { // begins with the gap
		if f.right(i+1) != ':' {
			return false
		}
		gap = true
		p = i + 2
	}
	end := p
	for groups < 8 {
		n := 0
		for n < 5 && p+n < len(s) && isHex(s[p+n]) {
			digit = digit || isDigit(s[p+n])
			n++
		}
		if n == 0 || n > 4 {
			break
		}
		if groups >= 2 || gap {
			if quad, _, ok := octets(s, p); ok && (gap || groups == 6) {
				groups += 2
				end = quad
				break
			}
		}
		groups++
		p += n
		end = p
		if f.right(p) != ':' {
			break
		}
		if p++; f.right(p) == ':' {
			if gap {
				return false
			}
			gap = true
			p++
			end = p
		}
	}
	c := f.right(end)
	whole := groups == 8 && !gap || gap && groups >= 1 && groups <= 7
	if !whole || !digit || isAlnum(c) || c == ':' || c == '_' {
		return false
	}
	return f.hit(IP, start, end)
}

// mac looks for six pairs of hexadecimal digits, the first before the colon or
// dash at i.
func (f *finder) mac(i int) bool {
	s, sep, start := f.s, f.s[i], i-2
	if start < f.done || !isHex(s[i-1]) || !isHex(s[i-2]) || i+15 > len(s) {
		return false
	}
	if c := f.left(start); isAlnum(c) || c == sep {
		return false
	}
	for k := i; k < i+15; k += 3 {
		if s[k] != sep || !isHex(s[k+1]) || !isHex(s[k+2]) {
			return false
		}
	}
	end := i + 15
	if c := f.right(end); isAlnum(c) || c == sep && isHex(f.right(end+1)) {
		return false
	}
	return f.hit(MAC, start, end)
}

// dottedMAC looks for three groups of four hexadecimal digits around dots, the
// first dot at i. One of them must be a letter.
func (f *finder) dottedMAC(i int) bool {
	start, end := i-4, i+10
	if start < f.done || end > len(f.s) || f.s[i+5] != '.' {
		return false
	}
	letter := false
	for k := start; k < end; k++ {
		if k == i || k == i+5 {
			continue
		}
		if !isHex(f.s[k]) {
			return false
		}
		letter = letter || isLetter(f.s[k])
	}
	if c := f.left(start); isAlnum(c) || c == '.' {
		return false
	}
	if c := f.right(end); isAlnum(c) || c == '.' && isHex(f.right(end+1)) {
		return false
	}
	return letter && f.hit(MAC, start, end)
}

// nextMail finds the next email address at or after the end of the last hit.
func (f *finder) nextMail() {
	f.mail = span{}
	for f.at >= 0 {
		at := f.at
		f.at = -1
		if n := strings.IndexByte(f.s[at+1:], '@'); n >= 0 {
			f.at = at + 1 + n
		}
		start := at
		for start > f.done && isLocal(f.s[start-1]) {
			start--
		}
		for start < at && !isAlnum(f.s[start]) && f.s[start] != '_' {
			start++
		}
		if end, ok := domain(f.s, at+1); ok && start < at {
			f.mail = span{start, end}
			return
		}
	}
}

// isLocal tells whether the byte may stand in the local part in practice.
func isLocal(c byte) bool {
	return isAlnum(c) || c == '.' || c == '_' || c == '-' || c == '+' || c == '%'
}

// domain reads labels and dots at i; the last label begins with at least two
// letters.
func domain(s string, i int) (end int, ok bool) {
	for label := 0; ; label++ {
		start := i
		letters := 0
		for i < len(s) && (isAlnum(s[i]) || s[i] == '-') {
			if i-start == letters && isLetter(s[i]) {
				letters++
			}
			i++
		}
		if i == start {
			return end, ok
		}
		if label > 0 && letters >= 2 {
			end, ok = start+letters, true
			if i-start > 4 && s[start:start+4] == "xn--" {
				end = i
			}
		}
		if i >= len(s) || s[i] != '.' {
			return end, ok
		}
		i++
	}
}
