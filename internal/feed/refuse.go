package feed

import (
	"crypto/sha256"
	"encoding/binary"
)

// Refuses reports whether this person is among the share (0 to 1) of people who refuse.
// It depends on the user id, the seed and the share alone, and who refuses at a small
// share refuses at every larger one.
func Refuses(user string, seed uint64, share float64) bool {
	h := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seed), user...))
	return float64(binary.BigEndian.Uint64(h[:8])>>11)/(1<<53) < share
}
