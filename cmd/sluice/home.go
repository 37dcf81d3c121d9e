package main

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/sluice-events/sluice/deploy/policies"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/policy"
)

// home is a data folder: everything an embedded installation keeps.
//
//	sluice.yaml   settings, with the write keys
//	policy.yaml   the policy in force
//	policies/     every revision that was ever in force, by number
//	keys/         the keyring
//	kafka/        the local broker's log
//	clickhouse/   the stores
//	secrets/      passwords of the stores
//	run/          addresses of what is running
type home struct{ dir string }

func (h home) path(elem ...string) string { return filepath.Join(append([]string{h.dir}, elem...)...) }

// exists reports whether the folder has been set up.
func (h home) exists() bool {
	_, err := os.Stat(h.path("sluice.yaml"))
	return err == nil
}

// errNoHome tells a newcomer what to do.
func (h home) require() error {
	if h.exists() {
		return nil
	}
	return fmt.Errorf("%s is no data folder of sluice: start it once with `sluice up --data %s`, or name another one with --data", h.dir, h.dir)
}

// create sets a new folder up: settings with fresh write keys, the policy, passwords and
// the keyring. What is there already stays; settings come last, so that an interrupted
// start begins again.
func (h home) create(policyName string) error {
	for _, d := range []string{"", "policies", "secrets", "run", "kafka", "clickhouse"} {
		if err := os.MkdirAll(h.path(d), 0o700); err != nil {
			return fmt.Errorf("data folder: %w", err)
		}
	}
	if err := seal.CreateRing(h.path("keys")); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	text, err := policies.Read(policyName)
	if err != nil {
		return err
	}
	if err := writeNew(h.path("policy.yaml"), text); err != nil {
		return err
	}
	for _, user := range []string{"sluice", "reader"} {
		if err := writeNew(h.path("secrets", user+".password"), []byte(randomToken(20)+"\n")); err != nil {
			return err
		}
	}
	c := defaults()
	c.Collector.WriteKeys = []writeKey{
		{Key: "wk_" + randomToken(12), Origins: []string{"*"}},
		{Key: "sk_" + randomToken(12), Server: true},
	}
	out, err := yaml.MarshalWithOptions(c, yaml.Indent(2))
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return writeNew(h.path("sluice.yaml"), append([]byte("# Settings of this installation. A key that is not known is an error. Write keys are public: they only say whose events these are.\n"), out...))
}

// writeNew writes a file whole, unless it is there.
func writeNew(path string, data []byte) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}

// randomToken gives n random bytes in letters and digits.
func randomToken(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// config reads the settings.
func (h home) config() (config, error) {
	if err := h.require(); err != nil {
		return config{}, err
	}
	return readConfig(h.path("sluice.yaml"))
}

// policy compiles the policy in force and keeps a copy of the revision: ranges that were
// begun under it are replayed under it.
func (h home) policy() (*policy.Policy, error) {
	p, err := policy.Load(h.path("policy.yaml"))
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(h.path("policy.yaml"))
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	kept := h.revisionPath(p.Rev)
	if old, err := policy.Load(kept); err == nil && old.Hash != p.Hash {
		return nil, fmt.Errorf("policy: revision %d is in force with another text already (%s…): raise rev in %s", p.Rev, hex.EncodeToString(old.Hash[:4]), h.path("policy.yaml"))
	}
	return p, writeNew(kept, data)
}

func (h home) revisionPath(rev uint32) string { return h.path("policies", fmt.Sprintf("%d.yaml", rev)) }

// revision compiles a revision that was in force earlier.
func (h home) revision(rev uint32) (*policy.Policy, error) { return policy.Load(h.revisionPath(rev)) }

// password reads a store password.
func (h home) password(user string) (string, error) {
	b, err := os.ReadFile(h.path("secrets", user+".password"))
	if err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// ring opens the keyring.
func (h home) ring() (*seal.Ring, error) { return seal.OpenRing(h.path("keys"), time.Now) }

// addr reads where a running part listens.
func (h home) addr(part string) (string, error) {
	b, err := os.ReadFile(h.path("run", part+".addr"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("nothing runs on %s: start it with `sluice up --data %s`", h.dir, h.dir)
	}
	return strings.TrimSpace(string(b)), err
}

// announce writes where a part listens.
func (h home) announce(part, addr string) error {
	path := h.path("run", part+".addr")
	os.Remove(path)
	return writeNew(path, []byte(addr+"\n"))
}
