package detect

import (
	"encoding/base64"
	"strings"
)

func isBase64URL(c byte) bool { return isAlnum(c) || c == '_' || c == '-' }

func isToken68(c byte) bool {
	return isAlnum(c) || strings.IndexByte("-._~+/=", c) >= 0
}

// jwt looks for header.payload[.signature…] whose header begins with "eyJ", the
// J at i. Without a signature the payload must begin like that too.
func (f *finder) jwt(i int) bool {
	start := i - 2
	if start < f.done || f.s[start:i] != "ey" || isBase64URL(f.left(start)) {
		return false
	}
	parts, end := 0, start
	object := false
	for p := start; ; parts++ {
		q := p
		for q < len(f.s) && isBase64URL(f.s[q]) {
			q++
		}
		if parts == 0 && q-p < 8 || parts == 1 && q-p < 4 {
			break
		}
		if parts == 1 {
			object = strings.HasPrefix(f.s[p:], "eyJ")
		}
		end = q
		if f.right(q) != '.' {
			parts++
			break
		}
		p = q + 1
	}
	return (parts >= 3 || parts == 2 && object) && f.hit(JWT, start, end)
}

// bearer looks for "Bearer" or "Basic" and their value, the B at i.
func (f *finder) bearer(i int) bool {
	if isAlnum(f.left(i)) {
		return false
	}
	for _, scheme := range [...]string{"bearer", "basic"} {
		p := i + len(scheme)
		if p >= len(f.s) || !strings.EqualFold(f.s[i:p], scheme) {
			continue
		}
		from := p
		for p < len(f.s) && p-from < 4 && strings.IndexByte(" :=\t", f.s[p]) >= 0 {
			p++
		}
		// The beginning of the value decides, so that a long one is read once.
		end := tokenEnd(f.s, p, p+len(head{}))
		if p == from || end-p < 8 || scheme == "bearer" && !looksRandom(f.s[p:end]) ||
			scheme == "basic" && !isUserAndPassword(f.s[p:end]) {
			return false
		}
		return f.hit(Bearer, i, tokenEnd(f.s, end, len(f.s)))
	}
	return false
}

// head is as much of a value as is looked at to tell what it is.
type head [64]byte

func tokenEnd(s string, i, limit int) int {
	for i < min(limit, len(s)) && isToken68(s[i]) {
		i++
	}
	return i
}

// looksRandom tells tokens from words that happen to follow "bearer".
func looksRandom(s string) bool {
	if len(s) >= 20 {
		return true
	}
	for i := range len(s) {
		if isDigit(s[i]) || s[i] == '=' {
			return true
		}
	}
	return false
}

// isUserAndPassword tells whether the text is base64 of a text with a colon.
func isUserAndPassword(s string) bool {
	var in, out head
	n := copy(in[:], strings.TrimRight(s, "="))
	n, err := base64.RawStdEncoding.Decode(out[:], in[:n-n%4])
	return err == nil && strings.IndexByte(view(out[:n]), ':') > 0
}

// credential notes a secret in a URL, under the first of the
// kinds for secrets that the set has.
func (f *finder) credential(start, end int) bool {
	if start >= end || f.s[start] == '[' {
		return false // nothing, or replaced before
	}
	kind := f.set & credentials
	for _, k := range [...]Set{Bearer, JWT, PasswordField} {
		if f.set&k != 0 {
			kind = k
			break
		}
	}
	f.hit(kind, start, end)
	f.secret = true
	return true
}

const authorityReach = 256

// userPart looks for "user:password@" at the beginning of an authority.
func (f *finder) userPart(i int) bool {
	end := -1
	for p := i; p < len(f.s) && p-i < authorityReach; p++ {
		c := f.s[p]
		if c == '@' {
			end = p
		}
		if c <= ' ' || strings.IndexByte("/?#\"'<>\\", c) >= 0 {
			break
		}
	}
	if end < 0 {
		return false
	}
	return f.credential(i, end)
}

// secretNames are parameters whose value opens something.
var secretNames = map[string]bool{
	"token": true, "access_token": true, "accesstoken": true, "id_token": true, "refresh_token": true, "auth_token": true,
	"auth": true, "authorization": true, "jwt": true, "api_key": true, "apikey": true, "api-key": true,
	"secret": true, "client_secret": true, "app_secret": true, "appsecret": true,
	"password": true, "passwd": true, "pwd": true, "sig": true, "signature": true, "ticket": true,
	"session": true, "session_id": true, "sessionid": true, "sid": true, "session_key": true, "phpsessid": true, "jsessionid": true,
	"x-amz-signature": true, "x-amz-security-token": true,
}

const nameReach = 24

// parameter looks for name=value after the ?, & or # at i.
func (f *finder) parameter(i int) bool {
	var name [nameReach]byte
	n := 0
	for i++; i < len(f.s) && f.s[i] != '='; i++ {
		c := f.s[i]
		if n == len(name) || !isAlnum(c) && c != '_' && c != '-' {
			return false
		}
		if c-'A' < 26 {
			c |= 0x20
		}
		name[n] = c
		n++
	}
	if !secretNames[string(name[:n])] || f.right(i+1) == '[' {
		return false
	}
	return f.credential(i+1, valueEnd(f.s, i+1))
}

func valueEnd(s string, i int) int {
	for i < len(s) && s[i] > ' ' && strings.IndexByte("&#\"'<>(){},;", s[i]) < 0 {
		i++
	}
	return i
}

// passwordNames end the names of fields that hold a password.
var passwordNames = [...]string{"password", "passwd", "pwd", "passcode", "secret", "密码", "口令"}

// password looks for a password's name before the sign at i and its value at
// next. It knows bare and quoted values.
func (f *finder) password(i, next int) bool {
	for n := 0; n < 3 && i > f.done && strings.IndexByte(" \"'", f.s[i-1]) >= 0; n++ {
		i--
	}
	name := f.s[f.done:i]
	known := false
	for _, w := range passwordNames {
		known = known || len(name) >= len(w) && strings.EqualFold(name[len(name)-len(w):], w)
	}
	if !known {
		return false
	}
	for n := 0; n < 3 && next < len(f.s) && f.s[next] == ' '; n++ {
		next++
	}
	quote := f.right(next)
	if quote == '"' || quote == '\'' {
		next++
	}
	// PWD=/home/x is a folder; a token stands for what was replaced before.
	if c := f.right(next); c == '[' || c == '/' {
		return false
	}
	end := valueEnd(f.s, next)
	if quote == '"' || quote == '\'' {
		end = quotedEnd(f.s, next, quote)
	}
	return end-next >= 4 && f.hit(PasswordField, next, end)
}

func quotedEnd(s string, i int, quote byte) int {
	for ; i < len(s) && s[i] != quote; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return min(i, len(s))
}
