package detect

// digits examines the run of digits that begins at i. It is called once per
// run, at its first digit, so a longer run never hides a shorter number.
func (f *finder) digits(i int) bool {
	n := digitsAt(f.s, i, len(f.s))
	f.pos = i + n
	if f.set&Plate != 0 && f.plate(i) {
		return true
	}
	if n <= 3 && f.right(i+n) == '.' {
		return f.set&Mobile != 0 && (n == 3 && f.mobile(i, n) || f.phone(i)) || f.set&IP != 0 && f.ipv4(i) || f.set&LatLon != 0 && f.latLon(i)
	}
	return f.set&CNID != 0 && f.residentID(i, n) || f.set&Mobile != 0 && (f.mobile(i, n) || f.phone(i)) ||
		f.set&BankCard != 0 && (f.bankCard(i, n) || f.iban(i)) || f.set&Passport != 0 && f.passport(i, n) ||
		f.set&IMEI != 0 && n == 15 && luhn(f.s[i:i+n]) && !f.fraction(i) && f.hit(IMEI, i, i+n)
}

// fraction tells whether the digits at i are the decimals of a number.
func (f *finder) fraction(i int) bool {
	return f.left(i) == '.' && i-1 > f.done && isDigit(f.s[i-2])
}

// residentID knows the number of 18 characters (GB 11643), the old one of 15
// digits, and the first written in groups of 6, 8 and 4.
func (f *finder) residentID(i, n int) bool {
	s := f.s
	switch n {
	case 6:
		return f.residentIDGroups(i)
	case 15:
		return isProvince(s[i:]) && isDate(19, s[i+6:i+12]) && !f.fraction(i) && f.hit(CNID, i, i+n)
	case 17:
		return f.right(i+n)|0x20 == 'x' && !isDigit(f.right(i+n+1)) &&
			isResidentID(s[i:i+n], 'X') && !f.fraction(i) && f.hit(CNID, i, i+n+1)
	case 18:
		return isResidentID(s[i:i+17], s[i+17]) && !f.fraction(i) && f.hit(CNID, i, i+n)
	}
	return false
}

func (f *finder) residentIDGroups(i int) bool {
	const length = len("dddddd dddddddd dddx")
	sep := f.right(i + 6)
	if sep != ' ' && sep != '-' || digitsAt(f.s, i+7, 9) != 8 || f.right(i+15) != sep {
		return false
	}
	check := f.right(i + 19)
	switch n := digitsAt(f.s, i+16, 5); {
	case n == 3 && check|0x20 == 'x' && !isDigit(f.right(i+length)):
		check = 'X'
	case n != 4:
		return false
	}
	var b [17]byte
	copy(b[:], f.s[i:i+6])
	copy(b[6:], f.s[i+7:i+15])
	copy(b[14:], f.s[i+16:i+19])
	return isResidentID(view(b[:]), check) && f.hit(CNID, i, i+length)
}

// isResidentID checks province, date of birth and the check character of
// ISO 7064 MOD 11-2.
func isResidentID(body string, check byte) bool {
	const weights = "\x07\x09\x0a\x05\x08\x04\x02\x01\x06\x03\x07\x09\x0a\x05\x08\x04\x02"
	const checks = "10X98765432"
	if !isProvince(body) {
		return false
	}
	century := int(body[6]-'0')*10 + int(body[7]-'0')
	if century != 18 && century != 19 && century != 20 || !isDate(century, body[8:14]) {
		return false
	}
	sum := 0
	for i := range len(body) {
		sum += int(body[i]-'0') * int(weights[i])
	}
	return checks[sum%11] == check
}

// isDate tells whether six digits YYMMDD are a day of the century.
func isDate(century int, s string) bool {
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	year, month, day := century*100+two(0), two(2), two(4)
	if month < 1 || month > 12 || day < 1 {
		return false
	}
	last := 31
	switch month {
	case 4, 6, 9, 11:
		last = 30
	case 2:
		last = 28
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			last = 29
		}
	}
	return day <= last
}

func isProvince(s string) bool { return provinces[(s[0]-'0')*10+s[1]-'0'] }

// provinces are the first two digits of GB/T 2260, and 83 of residence permits
// for people from Taiwan.
var provinces = func() (t [100]bool) {
	for _, p := range [...]int{
		11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46,
		50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83,
	} {
		t[p] = true
	}
	return t
}()

// mobile knows 1[3-9] and nine digits, alone, in groups of 3, 4 and 4, and
// behind +86, 86 or 0086. The neighbours must not be digits.
func (f *finder) mobile(i, n int) bool {
	s, start, end := f.s, i, i+n
	switch {
	case n == 11:
		if !isMobile(s[i:]) {
			return false
		}
	case n == 3 && f.left(i) == '(' && f.right(end) == ')':
		end = f.mobileBehindBracket(i)
		return end > 0 && f.hit(Mobile, i-1, end)
	case n == 3:
		end = f.mobileGroups(i)
		return end > 0 && f.hit(Mobile, i, end)
	case n == 13 && s[i:i+2] == "86" && isMobile(s[i+2:]):
	case n == 15 && s[i:i+4] == "0086" && isMobile(s[i+4:]):
	case n == 2 && s[i:i+2] == "86", n == 4 && s[i:i+4] == "0086":
		if end = f.mobileAfter(end); end == 0 {
			return false
		}
	default:
		return false
	}
	if f.left(start) == '+' {
		start--
	}
	return f.hit(Mobile, start, end)
}

func isMobile(s string) bool { return s[0] == '1' && s[1] >= '3' && s[1] <= '9' }

// mobileAfter returns the end of a number behind the country code that ends at
// i, 0 for none.
func (f *finder) mobileAfter(i int) int {
	if sep := f.right(i); sep != ' ' && sep != '-' {
		return 0
	}
	i++
	switch n := digitsAt(f.s, i, 12); {
	case n == 11 && isMobile(f.s[i:]):
		return i + n
	case n == 3:
		return f.mobileGroups(i)
	}
	return 0
}

// mobileBehindBracket returns the end of (ddd)dddddddd, whose digits begin at i, 0 for none.
// A blank or a dash may follow the bracket and part the eight digits.
func (f *finder) mobileBehindBracket(i int) int {
	if !isMobile(f.s[i:]) {
		return 0
	}
	i += len("ddd)")
	if c := f.right(i); c == ' ' || c == '-' {
		i++
	}
	switch digitsAt(f.s, i, 9) {
	case 8:
		return i + 8
	case 4:
		if c := f.right(i + 4); (c == ' ' || c == '-') && digitsAt(f.s, i+5, 5) == 4 {
			return i + 9
		}
	}
	return 0
}

// mobileGroups returns the end of ddd-dddd-dddd with blanks, dashes or dots at i,
// 0 for none.
func (f *finder) mobileGroups(i int) int {
	sep := f.right(i + 3)
	if sep != ' ' && sep != '-' && sep != '.' || !isMobile(f.s[i:]) ||
		digitsAt(f.s, i+4, 5) != 4 || f.right(i+8) != sep || digitsAt(f.s, i+9, 5) != 4 {
		return 0
	}
	return i + len("ddd-dddd-dddd")
}

// bankCard knows 16 to 19 digits in a row, or in groups of four.
func (f *finder) bankCard(i, n int) bool {
	if n != 4 && n < 16 || n > 19 {
		return false
	}
	if c := f.s[i]; c != '4' && c != '5' && (c != '6' || f.right(i+1) != '2') {
		return false
	}
	if n > 4 {
		return luhn(f.s[i:i+n]) && !f.fraction(i) && f.hit(BankCard, i, i+n)
	}
	sep := f.right(i + 4)
	if sep != ' ' && sep != '-' {
		return false
	}
	var b [19]byte
	copy(b[:], f.s[i:i+4])
	for g := 1; g < 4; g++ {
		j := i + 5*g
		if f.right(j-1) != sep || digitsAt(f.s, j, 5) != 4 {
			return false
		}
		copy(b[4*g:], f.s[j:j+4])
	}
	if extra := digitsAt(f.s, i+20, 4); f.right(i+19) == sep && extra >= 1 && extra <= 3 {
		copy(b[16:], f.s[i+20:i+20+extra])
		if luhn(view(b[:16+extra])) {
			return f.hit(BankCard, i, i+20+extra)
		}
	}
	return luhn(view(b[:16])) && f.hit(BankCard, i, i+19)
}

// luhn checks the last digit by ISO/IEC 7812-1 annex B.
func luhn(s string) bool {
	sum := 0
	double := false
	for i := len(s) - 1; i >= 0; i-- {
		d := int(s[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		double = !double
	}
	return sum%10 == 0
}
