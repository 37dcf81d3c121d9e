package seal

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// record is one key file: a line of JSON that says what the key is, so that a
// file under another name, or for another algorithm, is never taken for the
// right one. check guards against a damaged disk only: a pseudonym key with
// one bit wrong would silently make every person a new one.
type record struct {
	Version   int       `json:"version"`
	Name      string    `json:"name"` // the file it belongs to
	Algorithm Algorithm `json:"algorithm"`
	Half      string    `json:"half"` // one of the halves below
	ID        uint64    `json:"id"`   // 0 where the name says it all
	Made      time.Time `json:"made"`
	Key       string    `json:"key"` // base64
	Check     string    `json:"check"`
}

const (
	halfSecret  = "secret"  // of a symmetric key
	halfPrivate = "private" // of a pair
	halfPublic  = "public"
)

// meta is a record without its key.
type meta struct {
	name string
	alg  Algorithm
	half string
	id   uint64
	made time.Time
}

func (m meta) encode(key []byte) []byte {
	r := record{
		Version: 1, Name: m.name, Algorithm: m.alg, Half: m.half, ID: m.id,
		Made: m.made.UTC().Truncate(time.Second), Key: base64.StdEncoding.EncodeToString(key),
	}
	r.Check = r.sum(key)
	b, err := json.Marshal(&r)
	if err != nil { // strings, numbers and a time of this century
		panic("seal: key record: " + err.Error())
	}
	return append(b, '\n')
}

func (r *record) sum(key []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d\x00%s\x00%s\x00%s\x00%d\x00%d\x00", r.Version, r.Name, r.Algorithm, r.Half, r.ID, r.Made.Unix())
	h.Write(key)
	return base64.StdEncoding.EncodeToString(h.Sum(nil)[:9])
}

// decode checks a record against what is wanted of it: name, algorithm and
// half. It overwrites data.
func (m *meta) decode(data []byte, key *[KeySize]byte) error {
	defer clear(data)
	var r record
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if d.Decode(&r) != nil {
		return ErrBadRecord
	}
	b, err := base64.StdEncoding.DecodeString(r.Key)
	defer clear(b)
	switch {
	case r.Version != 1:
		return ErrUnsupported
	case err != nil || len(b) != KeySize,
		subtle.ConstantTimeCompare([]byte(r.sum(b)), []byte(r.Check)) != 1,
		r.Name != m.name, r.Half != m.half:
		return ErrBadRecord
	case r.Algorithm != m.alg:
		return ErrUnsupported
	}
	m.id, m.made = r.ID, r.Made
	copy(key[:], b)
	return nil
}
