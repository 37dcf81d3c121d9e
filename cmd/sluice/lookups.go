package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/sluice-events/sluice/enricher/device"
	"github.com/sluice-events/sluice/enricher/geo"
	"github.com/sluice-events/sluice/privacy"
	"github.com/sluice-events/sluice/privacy/place"
)

const (
	agentsRemembered = 1 << 14
	geoReload        = time.Minute
)

// lookups are the tables that the privacy stages ask.
type lookups struct {
	agents *device.Parser
	geo    *geo.DB
	places *place.Table
}

func openLookups(a assets) (*lookups, error) {
	places, err := place.Load(a.places())
	if err != nil {
		return nil, err
	}
	cities, err := geo.Open(a.cities())
	if err != nil {
		return nil, err
	}
	return &lookups{agents: device.NewParser(agentsRemembered), geo: cities, places: places}, nil
}

func (l *lookups) stages() privacy.Lookups {
	return privacy.Lookups{
		Agent: func(ua string) privacy.Agent {
			d := l.agents.Parse(ua)
			return privacy.Agent{OS: d.OS, Browser: d.UA, Bot: d.IsBot}
		},
		OS:      device.GeneralizeOS,
		Tier:    device.GeneralizeModel,
		Screen:  func(w, h uint32) string { return device.GeneralizeScreen(int(w), int(h)) },
		Lang:    device.GeneralizeLang,
		Network: l.geo.Lookup,
		City:    l.places.City,
		Region:  l.places.Region,
	}
}

// watch takes a new GeoIP database soon after somebody put it in place of the old one.
func (l *lookups) watch(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(geoReload)
	defer tick.Stop()
	said := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		changed, err := l.geo.Reload()
		switch {
		case err != nil && !said:
			log.Error("the new GeoIP database cannot be used, the old one stays", "error", err)
		case changed:
			log.Info("took a new GeoIP database")
		}
		said = err != nil
	}
}
