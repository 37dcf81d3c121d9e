package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/sluice-events/sluice/internal/stream"
)

// Config describes the broker. Only Dir must be set.
type Config struct {
	// Dir holds the log. It is created with mode 0700, and tightened to it.
	Dir string
	// Topics are made at start, or checked: see stream.Client.EnsureTopic.
	// Settings of retention and compaction are ignored.
	Topics []stream.TopicSpec
	// MaxLogBytes is the size of the log from which Room reports ErrFull.
	// Default 1 GiB; starting takes about as much memory as the log's size.
	MaxLogBytes int64
	// MinFreeBytes is the free space of the disk below which Room reports
	// ErrFull. Default 256 MiB.
	MinFreeBytes int64
	// SegmentBytes is the size of a log file. Deleted records free their disk
	// space a file at a time. Default 16 MiB.
	SegmentBytes int
	// MaxMessageBytes is the largest batch taken. Default 8 MiB.
	MaxMessageBytes int
	// Sync makes every acknowledged batch survive a power loss, at the price of
	// an fsync each.
	Sync bool
	// Logger receives the broker's warnings; nil means none.
	Logger *slog.Logger
}

func (c *Config) defaults() {
	if c.MaxLogBytes <= 0 {
		c.MaxLogBytes = 1 << 30
	}
	if c.MinFreeBytes <= 0 {
		c.MinFreeBytes = 256 << 20
	}
	if c.SegmentBytes <= 0 {
		c.SegmentBytes = 16 << 20
	}
	if c.MaxMessageBytes <= 0 {
		c.MaxMessageBytes = 8 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Broker is a running broker. It is safe for concurrent use.
type Broker struct {
	cfg     Config
	lock    *lock
	cluster *kfake.Cluster
	socket  string
	unclean bool

	size   atomic.Int64 // bytes of log, as last measured
	free   atomic.Int64 // bytes free on its disk
	cancel context.CancelFunc
	done   chan struct{} // the measuring goroutine has ended
}

// StartBroker opens or creates the log in cfg.Dir and serves it. One process
// may use a folder at a time: a second gets ErrLocked. ctx bounds the start alone.
func StartBroker(ctx context.Context, cfg Config) (*Broker, error) {
	cfg.defaults()
	if cfg.Dir == "" {
		return nil, errors.New("embedded: no data folder given")
	}
	if err := privateDir(cfg.Dir); err != nil {
		return nil, err
	}
	l, err := takeLock(cfg.Dir)
	if err != nil {
		return nil, err
	}
	b := &Broker{cfg: cfg, lock: l, done: make(chan struct{})}
	if err := b.open(ctx); err != nil {
		l.release()
		return nil, err
	}
	measuring, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	b.measure()
	go b.measureLoop(measuring)
	if err := b.ensureTopics(ctx); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// open starts the cluster, twice after an unclean stop.
func (b *Broker) open(ctx context.Context) error {
	mark := filepath.Join(b.cfg.Dir, "running")
	_, err := os.Stat(mark)
	b.unclean = err == nil
	if err := writeSynced(mark, strconv.Itoa(os.Getpid())); err != nil {
		return fmt.Errorf("embedded: mark as running: %w", err)
	}
	if b.unclean {
		b.cfg.Logger.Warn("embedded broker was not stopped cleanly, repairing its log")
		c, err := b.openLog()
		if err != nil {
			return err
		}
		c.Close()
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("embedded: start: %w", context.Cause(ctx))
		}
	}
	b.cluster, err = b.openLog()
	return err
}

func (b *Broker) openLog() (*kfake.Cluster, error) {
	c, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.ClusterID("sluice-embedded"),
		kfake.DataDir(filepath.Join(b.cfg.Dir, "log")),
		kfake.ListenFn(b.listen),
		kfake.WithLogger(brokerLog{b.cfg.Logger}),
		kfake.GroupMinSessionTimeout(100*time.Millisecond),
		kfake.BrokerConfigs(brokerSettings(b.cfg)),
		syncOption(b.cfg.Sync),
	)
	if err != nil {
		return nil, fmt.Errorf("embedded: open the log: %w", err)
	}
	c.ControlKey(createTopicsKey, keepForEver)
	return c, nil
}

// Stream is the configuration of a client of this broker.
func (b *Broker) Stream() stream.Config { return ClientOf(b.socket) }

// Unclean reports whether the last process that used the folder was killed.
func (b *Broker) Unclean() bool { return b.unclean }

// Close writes the broker's state and frees the folder. Clients are cut off.
func (b *Broker) Close() error {
	if b.cancel != nil {
		b.cancel()
		<-b.done
	}
	b.cluster.Close()
	b.removeSocket()
	err := os.Remove(filepath.Join(b.cfg.Dir, "running"))
	b.lock.release()
	if err != nil {
		return fmt.Errorf("embedded: mark as stopped: %w", err)
	}
	return nil
}

func (b *Broker) ensureTopics(ctx context.Context) error {
	c, err := stream.NewClient(b.Stream())
	if err != nil {
		return err
	}
	defer c.Close()
	for _, t := range b.cfg.Topics {
		t.Replication = 1
		if err := c.EnsureTopic(ctx, t); err != nil {
			return err
		}
	}
	return nil
}
