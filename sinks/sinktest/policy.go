package sinktest

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/sluice-events/sluice/policy"
)

//go:embed testdata/policy.yaml
var policyFile string

// Policy compiles the policy of the tests. change gives pairs of texts to replace in the
// file first; each must be there.
func Policy(t testing.TB, change ...string) *policy.Policy {
	t.Helper()
	text := policyFile
	for i := 0; i < len(change); i += 2 {
		if !strings.Contains(text, change[i]) {
			t.Fatalf("the policy of the tests does not hold %q", change[i])
		}
		text = strings.ReplaceAll(text, change[i], change[i+1])
	}
	p, err := policy.Parse("sinktest.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
