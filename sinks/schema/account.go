package schema

import (
	"github.com/sluice-events/sluice/policy"
)

// Names of the tables that belong to sluice itself.
const (
	AccountTable = "sluice_account"
	HistoryTable = "sluice_schema"
)

// accountTable holds what became of the events. It has no lifetime: its sums are compared
// with the log's own counts for as long as the installation lives. It holds no person.
func accountTable(p *policy.Policy, opt *Options) *Table {
	t := &Table{
		Name: AccountTable, Kind: KindAccount, Engine: "MergeTree", Partition: "toYYYYMM(ts)", Order: "kind, event, key, ts",
		Shard: "sipHash64(batch)", Comment: "what became of every event the log accepted",
		Columns: []Column{
			{Name: "batch", Type: "FixedString(16)", Codec: "ZSTD(1)", Comment: "of the rows, else of the account rows themselves"},
			{Name: "ts", Type: "DateTime(" + Quote(p.Zone.String()) + ")", Codec: "Delta(4), ZSTD(1)", Comment: "when the range was processed"},
			{Name: "kind", Type: "LowCardinality(String)", Comment: "accepted, stored, dropped, rejected, rows, withheld"},
			{Name: "event", Type: "LowCardinality(String)", Comment: "declared name, or other"},
			{Name: "key", Type: "LowCardinality(String)", Comment: "store, reason, or store:reason"},
			{Name: "n", Type: "UInt64", Codec: "ZSTD(1)"},
		},
		Settings: settings(opt, false),
	}
	if opt.Plain {
		plain(t)
	}
	return t
}

// historyTable records which schema was applied when.
func historyTable() *Table {
	return &Table{
		Name: HistoryTable, Kind: KindHistory, Engine: "MergeTree", Order: "policy, rev, ts", Comment: "schemas applied here",
		Columns: []Column{
			{Name: "ts", Type: "DateTime('UTC')"},
			{Name: "policy", Type: "String"},
			{Name: "rev", Type: "UInt32"},
			{Name: "hash", Type: "String", Comment: "SHA-256 of the policy file, hex"},
			{Name: "steps", Type: "UInt32"},
		},
	}
}

func plain(t *Table) {
	for i := range t.Columns {
		t.Columns[i].Codec = "NONE"
	}
}
