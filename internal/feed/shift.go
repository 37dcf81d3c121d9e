package feed

import "time"

// Shift moves times by whole days of a zone, so that the time of day stays.
type Shift struct {
	Days int
	Zone *time.Location
}

// ShiftToYesterday returns the shift after which last lies on the day before now.
func ShiftToYesterday(last, now time.Time, zone *time.Location) Shift {
	return Shift{int(civilDay(now, zone)-civilDay(last, zone)) - 1, zone}
}

// Apply returns t moved. A time of day that does not exist on the new day, because a clock
// was put forward over it, moves on within that day and never to the day before.
func (s Shift) Apply(t time.Time) time.Time {
	if s.Days == 0 {
		return t
	}
	t = t.In(s.Zone)
	y, m, d := t.Date()
	h, mi, sec := t.Clock()
	to := time.Date(y, m, d+s.Days, h, mi, sec, t.Nanosecond(), s.Zone)
	if want := civilDay(t, s.Zone) + int64(s.Days); civilDay(to, s.Zone) < want {
		to = to.Add(time.Hour)
	}
	return to
}

// civilDay numbers the calendar days of a zone.
func civilDay(t time.Time, zone *time.Location) int64 {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
}
