package engine

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// errNotReady says that a process ended or was ended before it answered.
var errNotReady = errors.New("the embedded engine did not become ready; its own message stands above this one")

// once runs one process to its end.
func (c *Child) once(ready func()) error {
	if c.stopped() {
		return ErrStopped
	}
	file, err := c.listener.File()
	if err != nil {
		return fmt.Errorf("hand over the listener: %w", err)
	}
	defer func() { _ = file.Close() }() // only a copy
	config, err := c.cfg.Engine.line()
	if err != nil {
		return err
	}
	cmd := exec.Command(c.cfg.Exe, c.cfg.Args...)
	cmd.Env = append(append(os.Environ(), c.cfg.Env...), "TZ=UTC")
	cmd.Stdout, cmd.Stderr = c.cfg.Stderr, c.cfg.Stderr
	cmd.ExtraFiles = []*os.File{file}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("make the child's pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: %w", errNotReady, err)
	}
	c.setPID(cmd.Process.Pid)
	gone := make(chan struct{})
	up := make(chan bool, 1)
	go func() {
		_, _ = pipe.Write(config) // a child that died says so by itself
		up <- c.await(gone, ready)
	}()
	err = cmd.Wait()
	c.setPID(0)
	close(gone)
	if !<-up {
		return fmt.Errorf("%w (%w)", errNotReady, orExited(err))
	}
	return orExited(err)
}

var errExited = errors.New("it exited without an error")

func orExited(err error) error {
	if err == nil {
		return errExited
	}
	return err
}

func (c *Child) setPID(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pid = pid
}

// await asks /ping until it answers, and kills a process that does not answer in time.
func (c *Child) await(gone <-chan struct{}, ready func()) bool {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	deadline := time.After(c.cfg.ReadyTimeout)
	for {
		if r, err := client.Get("http://" + c.Addr() + "/ping"); err == nil {
			_ = r.Body.Close() // only the status counts
			if r.StatusCode == http.StatusOK {
				ready()
				return true
			}
		}
		select {
		case <-gone:
			return false
		case <-deadline:
			c.signal(syscall.SIGKILL)
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// line is the configuration as ReadConfig reads it.
func (c *Config) line() ([]byte, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write the engine's configuration: %w", err)
	}
	return append(b, '\n'), nil
}

// ReadConfig reads the configuration that Start sends, one line of JSON, and leaves what follows unread.
func ReadConfig(r io.Reader) (Config, error) {
	cfg := DefaultConfig()
	line, err := bufio.NewReaderSize(oneByte{r}, 16).ReadBytes('\n')
	if err != nil {
		return cfg, errors.New("the engine's configuration did not arrive")
	}
	if err := json.Unmarshal(line, &cfg); err != nil {
		return cfg, errors.New("the engine's configuration is no JSON of the right form")
	}
	return cfg, nil
}

// oneByte hands out one byte at a time, so that a buffer above it holds nothing back.
type oneByte struct{ io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.Reader.Read(p[:1]) }
