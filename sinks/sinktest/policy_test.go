package sinktest

import "testing"

func TestPolicyCompiles(t *testing.T) {
	p := Policy(t)
	if len(p.Stores) != 3 || len(p.Aggregates) != 4 {
		t.Errorf("%d stores and %d aggregates, want 3 and 4", len(p.Stores), len(p.Aggregates))
	}
}
