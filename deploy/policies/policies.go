// Package policies carries the policies that sluice ships.
package policies

import (
	"embed"
	"fmt"
)

//go:embed *.yaml
var files embed.FS

// Read gives the text of a shipped policy: starter or cn-edu.
func Read(name string) ([]byte, error) {
	b, err := files.ReadFile(name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("there is no shipped policy of that name: starter and cn-edu are")
	}
	return b, nil
}
