package detect

// phone knows an international number by the plus sign before its first digit, at i: 8 to
// 15 digits (ITU-T E.164), in one run or in groups of two and more that a blank, a dash, a
// dot or brackets part.
func (f *finder) phone(i int) bool {
	const minDigits, maxDigits = 8, 15
	if f.left(i) != '+' || isAlnum(f.left(i-1)) || f.s[i] == '0' {
		return false
	}
	total, end := 0, i
	for p := i; ; {
		n := digitsAt(f.s, p, maxDigits+1)
		// Only the country code and an area's 0 in brackets are single digits.
		if n == 0 || n == 1 && p != i && f.s[p-1] != '(' || total+n > maxDigits {
			break
		}
		total += n
		p += n
		end = p
		for k := 0; k < 2 && phoneSeparator(f.right(p)); k++ {
			p++
		}
		if p == end {
			break
		}
	}
	// What goes on with letters or as a decimal is another thing.
	if c := f.right(end); isLetter(c) || c == '_' || total < minDigits {
		return false
	}
	return f.hit(Mobile, i-1, end)
}

func phoneSeparator(c byte) bool { return c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' }

// iban knows an International Bank Account Number by its check digits, the first at i: two
// letters of a country before them, as many characters as that country's have, and the
// remainder of ISO 7064 MOD 97-10. It may be written in groups of four.
func (f *finder) iban(i int) bool {
	start := i - 2
	if start < f.done || !isLetter(f.s[start]) || !isLetter(f.s[start+1]) || isAlnum(f.left(start)) {
		return false
	}
	country := [2]byte{f.s[start] &^ 0x20, f.s[start+1] &^ 0x20}
	length := ibanLength(country)
	if length == 0 {
		return false
	}
	// The country and the check digits count as if they stood at the end.
	rest, tail, n, p := 0, 0, 0, start
	for ; n < length; n++ {
		if n > 0 && n%4 == 0 && f.right(p) == ' ' {
			p++
		}
		c := f.right(p)
		if !isAlnum(c) || n >= 2 && n < 4 && !isDigit(c) {
			return false
		}
		if n < 4 {
			tail = appendMod97(tail, c)
		} else {
			rest = appendMod97(rest, c)
		}
		p++
	}
	if isAlnum(f.right(p)) {
		return false
	}
	const shift = 1_000_000 // country and check digits are six decimal places
	return (rest*(shift%97)+tail)%97 == 1 && f.hit(BankCard, start, p)
}

// appendMod97 appends a character to a number modulo 97; A is 10, Z is 35.
func appendMod97(m int, c byte) int {
	if isDigit(c) {
		return (m*10 + int(c-'0')) % 97
	}
	return (m*100 + int(c&^0x20-'A') + 10) % 97
}

// ibanLength is the length of a country's IBAN by the registry of ISO 13616, 0 for
// countries without one.
func ibanLength(country [2]byte) int {
	const registry = "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27" +
		"GB22GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24" +
		"ME22MK19MR27MT31MU30NL18NO15PK24PL28PS29PT25QA29RO24RS22SA24SC31SE24SI19SK24SM27ST25SV28TL23TN24TR26UA29VA22VG24XK20"
	for i := 0; i < len(registry); i += 4 {
		if registry[i] == country[0] && registry[i+1] == country[1] {
			return int(registry[i+2]-'0')*10 + int(registry[i+3]-'0')
		}
	}
	return 0
}
