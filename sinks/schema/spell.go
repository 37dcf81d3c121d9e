package schema

import (
	"fmt"
	"strings"

	"github.com/sluice-events/sluice/policy"
)

// Quote writes a string literal as the server prints it.
func Quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\t", `\t`, "\r", `\r`, "\x00", `\0`).Replace(s) + "'"
}

// Ident writes an identifier, in backticks unless it is a plain word.
func Ident(s string) string {
	plain := s != ""
	for i, r := range s {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || i > 0 && r >= '0' && r <= '9' {
			continue
		}
		plain = false
	}
	if plain {
		return s
	}
	return tick(s)
}

func tick(s string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(s) + "`"
}

// TypeOf is the server's spelling of a policy column's type.
func TypeOf(p *policy.Policy, c *policy.Column) (string, error) {
	switch c.Type {
	case policy.ColString:
		return "String", nil
	case policy.ColLowCard:
		return "LowCardinality(String)", nil
	case policy.ColFixed16:
		return "FixedString(16)", nil
	case policy.ColUInt32:
		return "UInt32", nil
	case policy.ColUInt64:
		return "UInt64", nil
	case policy.ColInt64:
		return "Int64", nil
	case policy.ColFloat64:
		return "Float64", nil
	case policy.ColDecimal:
		return "Decimal(18, 4)", nil
	case policy.ColBool:
		return "Bool", nil
	case policy.ColDateTime:
		return "DateTime(" + Quote(p.Zone.String()) + ")", nil
	case policy.ColEnum:
		return enumType(c)
	case policy.ColJSON:
		return wildType(p), nil
	}
	return "", fmt.Errorf("schema: column %s has no type the store knows", c.Name)
}

// enumType numbers the values explicitly, so that a later revision can only append.
func enumType(c *policy.Column) (string, error) {
	if len(c.Enum) == 0 || len(c.Enum) != len(c.Numbers) {
		return "", fmt.Errorf("schema: column %s: an enum needs values and as many numbers", c.Name)
	}
	var parts []string
	if c.ZeroEmpty {
		parts = append(parts, "'' = 0") // not said
	}
	for i, v := range c.Enum {
		parts = append(parts, fmt.Sprintf("%s = %d", Quote(v), c.Numbers[i]))
	}
	return "Enum8(" + strings.Join(parts, ", ") + ")", nil
}

// Create is the statement that makes a table.
func (s *Schema) Create(t *Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS %s.%s%s\n(\n", Ident(s.Options.Database), Ident(t.Name), s.onCluster())
	for i, c := range t.Columns {
		if i > 0 {
			b.WriteString(",\n")
		}
		b.WriteString("    " + c.DDL())
	}
	for _, c := range t.Constraints {
		fmt.Fprintf(&b, ",\n    CONSTRAINT %s CHECK %s", Ident(c.Name), c.Check)
	}
	b.WriteString("\n)\nENGINE = " + s.engine(t))
	if t.Partition != "" {
		b.WriteString("\nPARTITION BY " + t.Partition)
	}
	if t.Order != "" {
		b.WriteString("\nORDER BY (" + t.Order + ")")
	}
	if t.TTL != "" {
		b.WriteString("\nTTL " + t.TTL)
	}
	for i, st := range t.Settings {
		b.WriteString([]string{"\nSETTINGS ", ", "}[min(i, 1)] + st.Name + " = " + st.Value)
	}
	if t.Comment != "" {
		b.WriteString("\nCOMMENT " + Quote(t.Comment))
	}
	return b.String()
}

// DDL is the column as it stands in CREATE TABLE and ADD COLUMN.
func (c *Column) DDL() string {
	out := tick(c.Name) + " " + c.Type
	if c.Default != "" {
		out += " " + c.Default
	}
	if c.Comment != "" {
		out += " COMMENT " + Quote(c.Comment)
	}
	if c.Codec != "" {
		out += " CODEC(" + c.Codec + ")"
	}
	return out
}

func (s *Schema) engine(t *Table) string {
	if t.Kind == KindSpread || s.Options.Engine != Replicated {
		return t.Engine
	}
	name, args, _ := strings.Cut(strings.TrimSuffix(t.Engine, ")"), "(")
	if args != "" {
		args = ", " + args
	}
	return fmt.Sprintf("Replicated%s('/clickhouse/tables/{shard}/%s/%s', '{replica}'%s)", name, s.Options.Database, t.Name, args)
}

func (s *Schema) onCluster() string {
	if s.Options.Cluster == "" {
		return ""
	}
	return " ON CLUSTER " + Ident(s.Options.Cluster)
}

// CreateView is the statement that makes a view.
func (s *Schema) CreateView(v *View) string {
	db := Ident(s.Options.Database)
	if v.To == "" {
		return fmt.Sprintf("CREATE OR REPLACE VIEW %s.%s%s AS %s", db, Ident(v.Name), s.onCluster(), v.Select)
	}
	return fmt.Sprintf("CREATE MATERIALIZED VIEW IF NOT EXISTS %s.%s%s TO %s.%s AS %s", db, Ident(v.Name), s.onCluster(), db, Ident(v.To), v.Select)
}
