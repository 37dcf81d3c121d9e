package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// assets is the folder with the engine and the tables, which are not part of the binary.
type assets struct{ dir string }

// findAssets looks where a build from source and an installation keep them.
func findAssets(flag string) (assets, error) {
	var tried []string
	candidates := []string{flag}
	if flag == "" {
		candidates = []string{os.Getenv("SLUICE_ASSETS")}
		if exe, err := os.Executable(); err == nil {
			candidates = append(candidates, filepath.Join(filepath.Dir(exe), "..", ".deps"), filepath.Join(filepath.Dir(exe), "..", "share", "sluice"))
		}
		candidates = append(candidates, ".deps", "/usr/share/sluice")
	}
	for _, dir := range candidates {
		if dir == "" {
			continue
		}
		a := assets{dir}
		if _, err := os.Stat(a.lib()); err == nil {
			return a, nil
		}
		tried = append(tried, dir)
	}
	return assets{}, refused(fmt.Errorf("the ClickHouse engine (lib/libchdb.so) is not in any of %q: run `make deps`, or name its folder with --assets or SLUICE_ASSETS", tried))
}

func (a assets) lib() string    { return filepath.Join(a.dir, "lib", "libchdb.so") }
func (a assets) cities() string { return filepath.Join(a.dir, "geo", "city.mmdb") }
func (a assets) places() string { return filepath.Join(a.dir, "geo", "places.bin") }
func (a assets) agents() string { return filepath.Join(a.dir, "ua", "agents.txt") }
