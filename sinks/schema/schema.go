package schema

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluice-events/sluice/policy"
)

// Engine is a family of table engines.
type Engine string

const (
	MergeTree  Engine = "MergeTree"
	Replicated Engine = "ReplicatedMergeTree"
)

// Options say where the schema is going to live. The zero value is one server.
type Options struct {
	Database string // default "sluice"
	Engine   Engine // default MergeTree
	Cluster  string // ON CLUSTER; needed for Sharded
	Sharded  bool   // tables become NAME_local and a Distributed NAME on top, split by person

	// Partitions of the raw topic and inserts a second of each: together with the hours
	// they must be remembered they size the deduplication window. Defaults 4, 1 and 2.
	Partitions       int
	InsertsPerSecond float64
	WindowHours      float64

	// WholeParts drops expired rows only when their whole part has expired. Saves the daily
	// rewriting of the oldest month, and keeps rows up to a month longer than the policy
	// says: for installations where that is agreed.
	WholeParts bool
	// Plain stores every column uncompressed, for tests that search the bytes on disk.
	Plain bool
}

func (o *Options) defaults() error {
	if o.Database == "" {
		o.Database = "sluice"
	}
	if o.Engine == "" {
		o.Engine = MergeTree
	}
	if o.Partitions == 0 {
		o.Partitions = 4
	}
	if o.InsertsPerSecond == 0 {
		o.InsertsPerSecond = 1
	}
	if o.WindowHours == 0 {
		o.WindowHours = 2
	}
	switch {
	case o.Engine != MergeTree && o.Engine != Replicated:
		return fmt.Errorf("schema: unknown engine family %q", o.Engine)
	case o.Sharded && o.Cluster == "":
		return errors.New("schema: a sharded schema needs a cluster")
	case o.Partitions < 0 || o.InsertsPerSecond < 0 || o.WindowHours < 0:
		return errors.New("schema: partitions, inserts per second and hours cannot be negative")
	}
	return nil
}

// LeastWindow is the smallest deduplication window that a table gets.
const LeastWindow = 1000

// Window is how many inserted parts a table remembers. A token that fell out of it no
// longer guards against a second insert, so it covers hours, not minutes.
func (o *Options) Window() int {
	return max(LeastWindow, int(float64(o.Partitions)*o.InsertsPerSecond*o.WindowHours*3600))
}

// Kind says what a table is for.
type Kind uint8

const (
	KindStore   Kind = iota // rows of one purpose
	KindAccount             // what became of the events
	KindHistory             // which schema was applied when
	KindA                   // aggregate keyed by pid
	KindB                   // aggregate that counts people
	KindSpread              // Distributed table over the shards
)

// Schema is everything a policy wants of a server.
type Schema struct {
	Policy   string
	Rev      uint32
	Hash     [32]byte
	Zone     *time.Location
	Options  Options
	Tables   []*Table
	Views    []*View
	Rebuilds []*Rebuild
}

// Table is one table.
type Table struct {
	Name        string
	Kind        Kind
	Class       byte // 'A' to 'D' of an aggregate
	Columns     []Column
	Constraints []Constraint
	Engine      string // without the Replicated prefix
	Partition   string
	Order       string // comma separated
	TTL         string
	Settings    []Setting
	Comment     string
	Shard       string // sharding key, when the schema is sharded
}

// Column is one column in the server's spelling.
type Column struct {
	Name, Type, Codec, Comment string
	Default                    string // "EPHEMERAL" or "DEFAULT expression"; see WildText
}

// Constraint is a CHECK that a row must pass.
type Constraint struct{ Name, Check string }

// Setting is one setting of a table.
type Setting struct{ Name, Value string }

// View is a view; with To a materialized one that fills that table with what comes into
// the table From.
type View struct{ Name, From, To, Select string }

// Statement is one step.
type Statement struct {
	Object string // what it is about
	SQL    string
}

// Generate makes the schema of a policy. Its errors name what the policy declares and the
// schema cannot hold.
func Generate(p *policy.Policy, opt Options) (*Schema, error) {
	if err := opt.defaults(); err != nil {
		return nil, err
	}
	s := &Schema{Policy: p.Name, Rev: p.Rev, Hash: p.Hash, Zone: p.Zone, Options: opt}
	for _, st := range p.Stores {
		t, err := storeTable(p, st, &opt)
		if err != nil {
			return nil, err
		}
		s.Tables = append(s.Tables, t)
	}
	s.Tables = append(s.Tables, accountTable(p, &opt), historyTable())
	for _, a := range p.Aggregates {
		if err := s.addAggregate(p, a); err != nil {
			return nil, err
		}
	}
	if opt.Sharded {
		s.spread()
	}
	for _, t := range s.Tables {
		if err := Lint(t); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Table finds a table.
func (s *Schema) Table(name string) (*Table, bool) {
	i := slices.IndexFunc(s.Tables, func(t *Table) bool { return t.Name == name })
	if i < 0 {
		return nil, false
	}
	return s.Tables[i], true
}

// local is the name of the table that holds the rows of name on a shard.
func (s *Schema) local(name string) string {
	if s.Options.Sharded {
		return name + "_local"
	}
	return name
}

// spread turns every table that has a sharding key into a local one and a Distributed one.
func (s *Schema) spread() {
	var over []*Table
	for _, t := range s.Tables {
		if t.Shard == "" {
			continue
		}
		d := &Table{Name: t.Name, Kind: KindSpread, Shard: t.Shard, Comment: t.Comment}
		for _, c := range t.Columns {
			c.Codec = ""
			d.Columns = append(d.Columns, c)
		}
		t.Name += "_local"
		d.Engine = fmt.Sprintf("Distributed(%s, %s, %s, %s)", Quote(s.Options.Cluster), Quote(s.Options.Database), Quote(t.Name), t.Shard)
		over = append(over, d)
	}
	s.Tables = append(s.Tables, over...)
}

func (s *Schema) createDatabase() Statement {
	return Statement{s.Options.Database, "CREATE DATABASE IF NOT EXISTS " + Ident(s.Options.Database) + s.onCluster()}
}

// Statements creates the whole schema on an empty server, in order.
func (s *Schema) Statements() []Statement {
	out := []Statement{s.createDatabase()}
	for _, t := range s.Tables {
		out = append(out, Statement{t.Name, s.Create(t)})
	}
	for _, v := range s.Views {
		out = append(out, Statement{v.Name, s.CreateView(v)})
	}
	return out
}
