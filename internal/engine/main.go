package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrLocked says that another process uses the data folder.
var ErrLocked = errors.New("the data folder is in use by another process: stop that one first, or give this one a folder of its own")

// errStart says that the engine came up with nothing; it has written why to the standard error output.
var errStart = errors.New("the ClickHouse engine did not start; its own message stands above this one")

func (c *Config) tempDir() string { return filepath.Join(c.DataDir, "answers") }

// Main is the body of the engine's process: it loads the library, starts the engine on cfg.DataDir, serves
// HTTP, and returns when ctx ends or SIGTERM or SIGINT comes, after the running statements have ended or
// cfg.GraceSeconds are over. It may be called once in a process, and the process should exit when it returns:
// the engine's threads go on until then.
//
// parent, if not nil, is read to its end; the end means that the parent is gone, and is taken as a stop.
func Main(ctx context.Context, cfg Config, parent io.Reader, log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("the engine's configuration: %w", err)
	}
	if parent != nil {
		go func() {
			_, _ = io.Copy(io.Discard, parent) // an error is an end too
			stop()
		}()
	}
	listener, err := cfg.listen()
	if err != nil {
		return err
	}
	f, err := startFront(cfg, log)
	if err != nil {
		_ = listener.Close() // nothing was served yet
		return err
	}
	if err := cfg.announce(listener.Addr()); err != nil {
		_ = listener.Close() // nothing was served yet
		return err
	}
	log.Info("the embedded engine is ready", "address", listener.Addr().String(), "version", f.hello.version)
	return serve(ctx, listener, f, time.Duration(cfg.GraceSeconds)*time.Second)
}

// listen opens the address, or takes the listener that the parent keeps open over restarts.
func (c *Config) listen() (net.Listener, error) {
	if c.Inherited {
		l, err := net.FileListener(os.NewFile(inheritedDescriptor, "listener"))
		if err != nil {
			return nil, fmt.Errorf("take over the listener of the parent: %w", err)
		}
		return l, nil
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, errors.New("listen is no loopback address with a port: the embedded engine serves its own machine only")
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP: %w", err)
	}
	return l, nil
}

// announce writes the address beside its place and renames it, so that a reader sees all of it or nothing.
func (c *Config) announce(addr net.Addr) error {
	if c.AddrFile == "" {
		return nil
	}
	temp := c.AddrFile + ".new"
	if err := os.WriteFile(temp, []byte(addr.String()+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the address file: %w", err)
	}
	if err := os.Rename(temp, c.AddrFile); err != nil {
		return fmt.Errorf("write the address file: %w", err)
	}
	return nil
}

// startFront starts the engine and asks it what the front needs to know.
func startFront(cfg Config, log *slog.Logger) (*front, error) {
	for _, dir := range []string{cfg.DataDir, cfg.tempDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the data folder: %w", err)
		}
	}
	dir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return nil, fmt.Errorf("find the data folder: %w", err)
	}
	cfg.DataDir = dir
	if err := free(filepath.Join(dir, "store", "status"), filepath.Join(dir, "status")); err != nil {
		return nil, err
	}
	if err := makeDefaultDatabase(dir); err != nil {
		return nil, err
	}
	config, err := cfg.writeSettings()
	if err != nil {
		return nil, err
	}
	lib, err := loadLibrary(cfg.LibPath)
	if err != nil {
		return nil, err
	}
	args := []string{"clickhouse", "--path=" + dir, "--config-file=" + config}
	root, err := lib.open(args) // stays open: the engine lives as long as its first connection
	if err != nil {
		return nil, errStart
	}
	f := &front{cfg: cfg, lib: lib, args: args[:2], accounts: accounts(cfg.Users), slots: make(chan struct{}, cfg.MaxRequests),
		sessions: newSessions(), log: log, mark: exceptionTag()}
	return f, f.learn(root)
}

// learn asks the engine for its version and its table functions.
func (f *front) learn(root *conn) error {
	var functions string
	ask := func(q string, into *string) error {
		_, err := root.run(q, "TSVRaw", nil, func(out []byte, _ stats) error {
			*into = strings.TrimSpace(string(out))
			return nil
		})
		return err
	}
	if err := ask("SELECT version()", &f.hello.version); err != nil {
		return fmt.Errorf("ask the engine's version: %w", err)
	}
	if err := ask("SELECT name FROM system.table_functions", &functions); err != nil {
		return fmt.Errorf("ask the engine's table functions: %w", err)
	}
	f.guard = newGuard(strings.Fields(functions))
	return nil
}

// free reports ErrLocked if another process holds the engine's lock on the folder. The engine checks it too,
// but says so on its error output only.
func free(paths ...string) error {
	for _, path := range paths {
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look at the lock of the data folder: %w", err)
		}
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		_ = file.Close() // gives the lock back
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return ErrLocked
		}
	}
	return nil
}

// serve answers requests until ctx ends, then lets the running ones finish within grace and cancels the rest.
func serve(ctx context.Context, l net.Listener, f *front, grace time.Duration) error {
	life, cancel := context.WithCancel(context.Background())
	defer cancel()
	srv := &http.Server{
		Handler: f, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 4 << 20,
		BaseContext: func(net.Listener) context.Context { return life },
		ErrorLog:    slog.NewLogLogger(f.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}
	wait, done := context.WithTimeout(context.Background(), grace)
	defer done()
	if srv.Shutdown(wait) == nil {
		return nil
	}
	cancel() // ends what still runs
	last, done := context.WithTimeout(context.Background(), 2*time.Second)
	defer done()
	if srv.Shutdown(last) != nil {
		_ = srv.Close() // the process exits now
	}
	return nil
}
