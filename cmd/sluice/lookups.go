package main

import (
	"net/netip"
	"strings"

	"github.com/sluice-events/sluice/privacy"
	"github.com/sluice-events/sluice/privacy/place"
)

// openLookups is a stand-in until device and geo exist.
func openLookups(a assets) (privacy.Lookups, error) {
	t, err := place.Load(a.places())
	if err != nil {
		return privacy.Lookups{}, err
	}
	return privacy.Lookups{
		Agent:   func(ua string) privacy.Agent { return privacy.Agent{Bot: strings.Contains(ua, "bot")} },
		OS:      func(n, v string) string { return n },
		Tier:    func(string) string { return "unknown" },
		Screen:  func(w, h uint32) string { return "" },
		Lang:    func(s string) string { return s[:2] },
		Network: func(netip.Prefix) place.Admin { return place.Admin{} },
		City:    t.City,
		Region:  t.Region,
	}, nil
}
