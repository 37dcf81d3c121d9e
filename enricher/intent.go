package enricher

import (
	"encoding/json"
	"fmt"
)

// intent is what a fenced commit says of the range that is about to be inserted: a replay
// after a crash must cover the same offsets with the same clock and the same versions, so
// that it makes the same tokens and takes the same decisions. The range begins at the
// committed offset itself.
type intent struct {
	To        int64  `json:"b"`   // the range ends before it
	Now       int64  `json:"now"` // time of processing, Unix ms
	PolicyRev uint32 `json:"rev"`
}

func (i intent) String() string {
	b, _ := json.Marshal(i) // three integers
	return string(b)
}

// parseIntent reads a commit's metadata; empty metadata is no intent.
func parseIntent(metadata string) (in intent, open bool, err error) {
	if metadata == "" {
		return in, false, nil
	}
	if err := json.Unmarshal([]byte(metadata), &in); err != nil || in.To <= 0 {
		return in, false, fmt.Errorf("enricher: the committed metadata is no intent of this program")
	}
	return in, true, nil
}
