// Package detect finds personal data in values by their shape: numbers of
// persons and cards, phone numbers, addresses, credentials, positions. In come
// a text or a number and the set of kinds to look for; out goes the same text
// with each hit replaced by a token such as "[mobile]", or just the kinds that
// were found. It is the last guard for free text; what a field is called and
// declared to be decides first, elsewhere.
//
// All functions run in time linear in the text, keep no state, and may be
// called concurrently.
package detect

import (
	"fmt"
	"math/bits"
	"strings"
)

// Set is a set of kinds. The zero Set finds nothing.
type Set uint32

// The kinds, in the order in which a value that fits several is named.
const (
	CNID          Set = 1 << iota // resident ID of China, 18 or 15 digits with a valid province and date
	Mobile                        // mobile number of China, and any number in the form +country code and subscriber (ITU-T E.123)
	BankCard                      // 16 to 19 digits with a card's prefix and check digit; an IBAN (ISO 13616)
	Passport                      // passport of China, only after a word that says so
	Plate                         // number plate of China
	Email                         // address with a domain of at least two labels
	JWT                           // JSON Web Token in compact form
	Bearer                        // the value of an Authorization header
	LatLon                        // a pair of decimal degrees with at least four decimals each
	IP                            // IPv4 or IPv6 address
	MAC                           // hardware address of six octets
	IMEI                          // 15 digits with a check digit
	FaceImage                     // an image inside the text: a data URI, or the base64 or bytes of an image file
	PasswordField                 // the value after the name of a password, as in "pwd=…" or "密码：…"

	end
	// All holds every kind.
	All = end - 1
)

// credentials are the kinds that stand for secrets. Any of them also covers
// secrets in URLs: the user part of an address and parameters such as ?token=.
const credentials = JWT | Bearer | PasswordField

var kinds = [...]struct{ name, token string }{
	{"cn_id", "[cn_id]"},
	{"cn_mobile", "[mobile]"},
	{"bankcard", "[bankcard]"},
	{"passport", "[passport]"},
	{"plate", "[plate]"},
	{"email", "[email]"},
	{"jwt", "[jwt]"},
	{"bearer", "[bearer]"},
	{"latlon", "[latlon]"},
	{"ip", "[ip]"},
	{"mac", "[mac]"},
	{"imei", "[imei]"},
	{"face_image", "[image]"},
	{"password_field", "[password]"},
}

const (
	credentialToken = "[credential]"
	lastResort      = "[scrubbed]"
)

// Parse turns the names of a policy's detect list into a Set.
func Parse(names []string) (Set, error) {
	var set Set
	for _, name := range names {
		found := false
		for i, k := range kinds {
			if k.name == name {
				set |= 1 << i
				found = true
			}
		}
		if !found {
			return 0, fmt.Errorf("detect: unknown kind %q", name)
		}
	}
	return set, nil
}

// Names returns the names of the kinds in the set, as Parse reads them.
func (s Set) Names() []string {
	var names []string
	for rest := s & All; rest != 0; rest &= rest - 1 {
		names = append(names, kinds[bits.TrailingZeros32(uint32(rest))].name)
	}
	return names
}

// String joins the names with commas.
func (s Set) String() string { return strings.Join(s.Names(), ",") }

// Token returns what stands in place of a value of the set's first kind, and
// nothing for the empty set.
func (s Set) Token() string {
	if s &= All; s != 0 {
		return kinds[bits.TrailingZeros32(uint32(s))].token
	}
	return ""
}
