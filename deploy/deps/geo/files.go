package main

import (
	"os"
	"path/filepath"
)

// stampPath is where the stamp of a made file stands.
func stampPath(path string) string { return path + ".from" }

func upToDate(path, stamp string) bool {
	had, err := os.ReadFile(stampPath(path))
	if err != nil || string(had) != stamp {
		return false
	}
	_, err = os.Stat(path)
	return err == nil
}

// writeFile puts a file in its place whole: processes that read the old one
// see either all of it or all of the new one. The stamp goes first and comes
// last, so that a run cut in between is made again.
func writeFile(path, stamp string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Remove(stampPath(path)); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := replace(path, data); err != nil {
		return err
	}
	return replace(stampPath(path), []byte(stamp))
}

func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
