// Package archtest keeps the shape of the tree: which package may import which, who alone
// touches a third-party engine, where an identifying value may be revealed, and that there
// is no init function. In goes a source tree; out come violations, each with its place.
package archtest

// module is the path every import of ours begins with.
const module = "github.com/sluice-events/sluice/"

// allowed says which of our packages a package may import. A package that is missing here
// may import none. An entry ending in /... covers a folder and all below it.
func allowed() map[string][]string {
	leaf := []string{"privacy/detect", "privacy/place", "privacy/web"}
	return map[string][]string{
		"event":          {},
		"policy":         {"privacy/detect", "privacy/place"},
		"privacy":        join(leaf, "event", "policy", "internal/seal"),
		"privacy/detect": {}, "privacy/place": {}, "privacy/web": {},
		"collector":       join(leaf, "event", "policy", "internal/seal", "internal/stream"),
		"enricher":        join(leaf, "event", "policy", "privacy", "sinks", "enricher/ledger", "enricher/device", "enricher/geo", "internal/seal", "internal/stream"),
		"enricher/ledger": {"event", "policy", "privacy", "internal/seal", "internal/stream"},
		"enricher/device": {}, "enricher/device/genbots": {},
		"enricher/geo":       {"privacy/place"},
		"sinks":              {"policy", "privacy"},
		"sinks/clickhouse":   {"policy", "privacy", "sinks", "sinks/schema"},
		"sinks/schema":       {"policy", "privacy/place"},
		"sinks/sinktest/...": {"..."}, // a conformance suite sees all it drives
		"internal/stream":    {},
		"internal/seal":      {},
		"internal/daemon":    {},
		"internal/engine":    {},
		"internal/feed":      {},
		"internal/archtest":  {},
		"internal/embedded":  {"internal/stream"},
		"dashboards/web":     {},
		"deploy/policies":    {},
		"deploy/deps/geo":    {"privacy/place"},
		"cmd/...":            {"..."},
		"e2e/...":            {"..."},
		"benchmarks/...":     {"..."},
	}
}

func join(a []string, b ...string) []string { return append(append([]string(nil), a...), b...) }

// engines are third-party packages with exactly one importer: the folder that wraps them.
func engines() map[string][]string {
	return map[string][]string{
		"github.com/segmentio/kafka-go":        {"internal/stream"},
		"github.com/ClickHouse/clickhouse-go":  {"sinks/clickhouse"},
		"github.com/oschwald/geoip2-golang":    {"enricher/geo"},
		"github.com/oschwald/maxminddb-golang": {"enricher/geo", "deploy/deps/geo"},
		"github.com/valyala/fasthttp":          {"collector"},
		"github.com/ebitengine/purego":         {"internal/engine"},
		"github.com/twmb/franz-go/pkg/kfake":   {"internal/embedded"},
		"github.com/mileusna/useragent":        {"enricher/device"},
	}
}

// reveals pins every file that calls Reveal, with the number of calls in it. This is the
// complete list of places that see a person.
func reveals() map[string]int {
	return map[string]int{
		"event/codec.go":       2, // the ids go into the message body, which is sealed
		"event/act.go":         2, // the same for acts
		"event/event.go":       2, // canonical id: what pseudonyms and ledger keys are made of
		"collector/address.go": 1, // the sender's address, cut to its network and sealed
		"privacy/own.go":       2, // the ids, so that copies of them among the properties are found and dropped
		"privacy/pseudonym.go": 1, // the install id becomes the dev pseudonym
	}
}

// bypasses pins every file that imports unsafe or reflect, both of which see past types.
func bypasses() map[string][]string {
	return map[string][]string{
		"unsafe": {
			"collector/gather.go", "collector/request.go", "collector/scan.go", "event/codec.go", // strings over a body, without a copy
			"privacy/values.go", "privacy/detect/scrub.go", "sinks/clickhouse/native.go",
			"internal/engine/conn.go", "internal/engine/connection.go", "internal/engine/library.go", // the engine's C interface
			"internal/seal/cipher.go", // wipes keys
		},
		"reflect": {"internal/seal/cipher.go", "sinks/clickhouse/query.go"},
	}
}

// environment pins the files outside cmd that read the environment.
func environment() []string {
	return []string{"internal/engine/process.go" /* passed on to the child */, "internal/feed/progress.go" /* is it a terminal */, "sinks/sinktest/chtest/chtest.go" /* for tests */}
}

// badNames are package names that say nothing.
func badNames() []string {
	return []string{"util", "utils", "common", "helper", "helpers", "types", "misc"}
}
