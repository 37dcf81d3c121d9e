package engine

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
)

// account is a user as the front keeps it: the password as a hash, the engine's role beside it.
type account struct {
	name       string
	hash       [32]byte
	role       Role
	engineRole string
	database   string
}

func accounts(users []User) []account {
	out := make([]account, len(users))
	for i, u := range users {
		out[i] = account{u.Name, sha256.Sum256([]byte(u.Password)), u.Role, engineRole(u, i), u.Database}
	}
	return out
}

// errLogin is the same for an unknown name and a wrong password.
var errLogin = refuse(516, "AUTHENTICATION_FAILED", "Authentication failed: password is incorrect, or there is no user with such name")

// login finds the account by HTTP Basic, by X-ClickHouse-User and -Key, or by the arguments user and
// password, in this order, and takes these arguments away so that nothing behind it can show them. Every
// account is compared in full, so the time tells neither names nor passwords.
func login(list []account, r *http.Request, args url.Values) (*account, error) {
	name, password, ok := r.BasicAuth()
	if !ok {
		name, password = r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key")
		ok = name != "" || password != ""
	}
	if !ok {
		name, password = args.Get("user"), args.Get("password")
	}
	args.Del("user")
	args.Del("password")
	if name == "" {
		name = "default"
	}
	hash, nameHash := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(name))
	var found *account
	for i := range list {
		a := &list[i]
		want := sha256.Sum256([]byte(a.name))
		same := subtle.ConstantTimeCompare(nameHash[:], want[:]) & subtle.ConstantTimeCompare(hash[:], a.hash[:])
		if same == 1 {
			found = a
		}
	}
	if found == nil {
		return nil, errLogin
	}
	return found, nil
}
