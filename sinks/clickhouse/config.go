package clickhouse

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// Protocols and compressions of Config.
const (
	HTTP   = "http"
	Native = "native"

	NoCompression = "none"
	LZ4           = "lz4"
	ZSTD          = "zstd"
)

// Config says how to reach a server.
type Config struct {
	Addr        []string // host:port, tried in order
	Protocol    string   // http (default) or native
	Database    string   // default "sluice"
	User        string
	Password    string
	TLS         *tls.Config
	Compression string        // of inserts: lz4, zstd or none; default none on loopback, else lz4
	DialTimeout time.Duration // default 5 s
	Timeout     time.Duration // of one call without an earlier deadline of its own; default 60 s
	MaxConns    int           // calls at once; default 4

	// Cluster makes inserts wait for the shards and for a majority of the replicas.
	Cluster bool
}

func (c *Config) defaults() error {
	if c.Protocol == "" {
		c.Protocol = HTTP
	}
	if c.Database == "" {
		c.Database = "sluice"
	}
	if c.DialTimeout == 0 {
		c.DialTimeout = 5 * time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	if c.MaxConns == 0 {
		c.MaxConns = 4
	}
	if len(c.Addr) == 0 {
		return errors.New("clickhouse: no address")
	}
	if c.Compression == "" {
		c.Compression = LZ4
		if local(c.Addr) {
			c.Compression = NoCompression // costs more than it saves within one machine
		}
	}
	if c.Protocol != HTTP && c.Protocol != Native {
		return fmt.Errorf("clickhouse: protocol is neither %s nor %s", HTTP, Native)
	}
	if c.Compression != NoCompression && c.Compression != LZ4 && c.Compression != ZSTD {
		return fmt.Errorf("clickhouse: compression is none of %s, %s, %s", LZ4, ZSTD, NoCompression)
	}
	return nil
}

func local(addrs []string) bool {
	for _, a := range addrs {
		host, _, err := net.SplitHostPort(a)
		if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}

// options translates the configuration for the driver. The driver gets no logger: it logs
// statements and errors as they are.
func (c *Config) options() *ch.Options {
	o := &ch.Options{
		Protocol: ch.HTTP, Addr: c.Addr, TLS: c.TLS, DialTimeout: c.DialTimeout, ReadTimeout: c.Timeout,
		Auth:         ch.Auth{Database: "default", Username: c.User, Password: c.Password},
		MaxOpenConns: c.MaxConns, MaxIdleConns: c.MaxConns, ConnMaxLifetime: time.Hour,
		TransportFunc: transport,
	}
	if c.Protocol == Native {
		o.Protocol = ch.Native
	}
	switch c.Compression {
	case LZ4:
		o.Compression = &ch.Compression{Method: ch.CompressionLZ4}
	case ZSTD:
		o.Compression = &ch.Compression{Method: ch.CompressionZSTD}
	}
	return o
}
