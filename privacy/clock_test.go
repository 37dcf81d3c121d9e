package privacy

import (
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/sluice-events/sluice/policy"
)

// A day begins with its first moment in the policy's zone, also where the clocks change, at
// midnight or by half an hour.
func TestDayGrain(t *testing.T) {
	for _, zone := range []string{"UTC", "Asia/Shanghai", "Europe/Berlin", "Africa/Cairo", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns"} {
		t.Run(zone, func(t *testing.T) {
			b := benchOf(t, edited(t, "starter", "timezone: UTC", "timezone: "+zone))
			day := &policy.Purpose{Grain: 24 * time.Hour}
			loc := b.p.Zone
			changes := 0
			for noon := time.Date(2026, 1, 1, 12, 0, 0, 0, loc); noon.Year() == 2026; noon = noon.AddDate(0, 0, 1) {
				first := noon
				for first.Add(-15*time.Minute).Day() == noon.Day() {
					first = first.Add(-15 * time.Minute)
				}
				last := noon
				for last.Add(15*time.Minute).Day() == noon.Day() {
					last = last.Add(15 * time.Minute)
				}
				if last.Sub(first) != 23*time.Hour+45*time.Minute {
					changes++
				}
				for at := first; !at.After(last); at = at.Add(15 * time.Minute) {
					if got := b.w.grain(at.UnixMilli(), day); got != first.Unix() {
						t.Fatalf("%v is cut to %v, want %v", at, time.Unix(got, 0).In(loc), first)
					}
				}
			}
			if want := map[string]int{"Europe/Berlin": 2, "Africa/Cairo": 2, "Australia/Lord_Howe": 2, "America/St_Johns": 2}[zone]; changes != want {
				t.Errorf("the clocks changed on %d days of 2026, this test was written for %d", changes, want)
			}
		})
	}
}
