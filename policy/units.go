package policy

import (
	"strconv"
	"strings"
	"time"
)

// day is a calendar day of 24 hours. Where a local midnight matters, Policy.Zone decides.
const day = 24 * time.Hour

// maxSpan bounds every duration in the file: 100 years.
const maxSpan = 36500 * day

// unitOf gives the length of a unit. Working days and months have no fixed length; as
// ceilings they are read on the strict side: a working day is at least a day, a month at
// least 28.
func unitOf(unit string, ceiling bool) (time.Duration, bool) {
	switch unit {
	case "s":
		return time.Second, true
	case "m":
		return time.Minute, true
	case "h":
		return time.Hour, true
	case "d":
		return day, true
	case "wd":
		return day, ceiling
	case "mo":
		return 28 * day, ceiling
	}
	return 0, false
}

// parseSpan reads "30d", "1h", "60s"; with ceiling also "15wd" (working days) and "1mo".
func parseSpan(s string, ceiling bool) (time.Duration, bool) {
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || n == 0 {
		return 0, false
	}
	unit, ok := unitOf(s[len(digits):], ceiling)
	if !ok || time.Duration(n) > maxSpan/unit {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

// spanText writes a duration in the largest unit of the file's own that divides it.
func spanText(d time.Duration) string {
	for _, u := range []struct {
		name string
		len  time.Duration
	}{{"d", day}, {"h", time.Hour}, {"m", time.Minute}} {
		if d >= u.len && d%u.len == 0 {
			return strconv.FormatInt(int64(d/u.len), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(d/time.Second), 10) + "s"
}

// parseLevel finds a level by its spelling in the file.
func parseLevel(s string) (Level, bool) {
	for i, name := range levelNames {
		if s == name {
			return Level(i), true
		}
	}
	return 0, false
}
