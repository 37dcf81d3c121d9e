package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/sluice-events/sluice/collector"
	"github.com/sluice-events/sluice/enricher"
)

// config is sluice.yaml. A key that is not known is an error.
type config struct {
	Tenant     string           `yaml:"tenant"` // whose events these are
	Collector  collectorConfig  `yaml:"collector"`
	Admin      adminConfig      `yaml:"admin"`
	ClickHouse clickhouseConfig `yaml:"clickhouse"`
	Broker     brokerConfig     `yaml:"broker"`
	Enricher   enricher.Config  `yaml:"enricher"`
	Log        logConfig        `yaml:"log"`
}

type collectorConfig struct {
	Listen    string     `yaml:"listen"`
	WriteKeys []writeKey `yaml:"write_keys"`
	Trusted   []string   `yaml:"trusted_proxies,omitempty"` // networks whose X-Forwarded-For is believed
}

type writeKey struct {
	Key     string   `yaml:"key"`
	Origins []string `yaml:"origins,omitempty"` // browsers' origins that may use it; "*" = any
	Quota   float64  `yaml:"quota,omitempty"`   // events a second, 0 = no limit
	Burst   int      `yaml:"burst,omitempty"`
	Server  bool     `yaml:"server,omitempty"` // used by servers: the end user's address comes inside the event
}

type adminConfig struct {
	Listen string   `yaml:"listen"`          // loopback or an internal network
	Hosts  []string `yaml:"hosts,omitempty"` // further names it is reached under, as behind a proxy; any other is refused
}

type clickhouseConfig struct {
	Listen string `yaml:"listen"` // of the embedded engine's HTTP interface; loopback only
	Memory int64  `yaml:"memory"` // bytes
}

type brokerConfig struct {
	Partitions int           `yaml:"partitions"`
	MaxLog     int64         `yaml:"max_log"` // bytes; beyond it the collector answers 503
	Keep       time.Duration `yaml:"keep"`    // how long messages stay that are dealt with
}

type logConfig struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // text or json
}

// defaults is what a new data folder begins with.
func defaults() config {
	return config{
		Tenant:     "main",
		Collector:  collectorConfig{Listen: "127.0.0.1:8080"},
		Admin:      adminConfig{Listen: "127.0.0.1:8081"},
		ClickHouse: clickhouseConfig{Listen: "127.0.0.1:8123", Memory: 1 << 30},
		Broker:     brokerConfig{Partitions: 4, MaxLog: 1 << 30, Keep: 2 * time.Hour},
		Enricher:   enricher.DefaultConfig(),
		Log:        logConfig{Level: "info", Format: "text"},
	}
}

// readConfig reads a file over the defaults.
func readConfig(path string) (config, error) {
	c := defaults()
	data, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("configuration: %w", err)
	}
	if err := yaml.UnmarshalWithOptions(data, &c, yaml.DisallowUnknownField()); err != nil {
		return c, fmt.Errorf("configuration %s: %s", path, yaml.FormatError(err, false, false))
	}
	return c, c.validate()
}

func (c config) validate() error {
	switch {
	case c.Tenant == "":
		return errors.New("configuration: tenant is missing")
	case len(c.Collector.WriteKeys) == 0:
		return errors.New("configuration: collector.write_keys is empty: nobody could send events")
	case c.Broker.Partitions < 1 || c.Broker.Partitions > 4096:
		return errors.New("configuration: broker.partitions must be between 1 and 4096")
	case c.Broker.Keep < c.Enricher.WarmUp:
		return errors.New("configuration: broker.keep must not be shorter than enricher.warm_up, which reads that much of the log again")
	}
	return c.Enricher.Validate()
}

// collector gives the collector's settings.
func (c config) collector() (collector.Config, error) {
	out := collector.DefaultConfig()
	out.Listen, out.Partitions = c.Collector.Listen, c.Broker.Partitions
	for _, k := range c.Collector.WriteKeys {
		out.Keys = append(out.Keys, collector.WriteKey{Key: k.Key, Tenant: c.Tenant, Origins: k.Origins, Quota: k.Quota, Burst: k.Burst, Server: k.Server})
	}
	for i, t := range c.Collector.Trusted {
		p, err := netip.ParsePrefix(t)
		if err != nil {
			return out, fmt.Errorf("configuration: collector.trusted_proxies[%d] is no network such as 10.0.0.0/8", i)
		}
		out.Trusted = append(out.Trusted, p)
	}
	return out, out.Validate()
}
