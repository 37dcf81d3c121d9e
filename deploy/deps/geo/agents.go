package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxAgents is how many user agents the demonstration gets; the rest are rare.
const maxAgents = 400

// agents makes ua/agents.txt: after lines that begin with '#', one user agent
// a line, its share in parts per million before it and a tab between, the most
// frequent first.
func (s *site) agents() ([]byte, error) {
	var rows []struct {
		UserAgent string
		Weight    float64
	}
	if err := s.packages.readJSON(agentsPkg, "dist/user-agents.json", &rows); err != nil {
		return nil, err
	}
	version, err := s.packages.stamp(agentsPkg)
	if err != nil {
		return nil, err
	}
	weight := map[string]float64{}
	total := 0.0
	for _, r := range rows {
		if r.Weight <= 0 || r.UserAgent == "" || strings.ContainsAny(r.UserAgent, "\t\r\n") {
			continue
		}
		weight[r.UserAgent] += r.Weight
		total += r.Weight
	}
	agents := slices.SortedFunc(maps.Keys(weight), func(a, b string) int {
		return cmp.Or(cmp.Compare(weight[b], weight[a]), cmp.Compare(a, b))
	})
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Real user agents and their shares in parts per million, from the package user-agents\n"+
		"# by Intoli, LLC (BSD 2-Clause). %s.\n", version)
	for _, a := range agents[:min(len(agents), maxAgents)] {
		fmt.Fprintf(&out, "%d\t%s\n", max(1, int(weight[a]/total*1e6)), a)
	}
	return out.Bytes(), nil
}
