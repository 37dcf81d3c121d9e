package policy

import (
	"fmt"
	"io"
	"strings"
)

// WriteDictionary writes the data dictionary: every column of every store with its type,
// class, meaning, unit and clause, then the tables beside the events.
func (p *Policy) WriteDictionary(w io.Writer) error {
	g := &page{}
	g.line("# Data dictionary")
	g.line("")
	g.line("Generated from policy `%s`, revision %d. Do not edit.", p.Name, p.Rev)
	g.line("")
	g.line("A value that was not sent is the zero of its type: `''`, 0, false, 1970-01-01, `{}`. Name the event in every query, and mark a field `required` where zero and not sent must differ.")
	for _, s := range p.Stores {
		p.dictionaryStore(g, s)
	}
	p.dictionaryBeside(g)
	_, err := io.WriteString(w, g.String())
	return err
}

func (p *Policy) dictionaryStore(g *page, s *Store) {
	q := s.Purpose
	g.line("\n## `%s`\n", s.Name)
	g.line("Purpose %s, clause %s, kept %s, times cut to %s.\n", q.Name, q.Clause, keepText(q.Keep), spanWords(q.Grain))
	g.head("Column", "Type", "Class", "Meaning", "Unit", "Clause")
	for i := range s.Columns {
		c := &s.Columns[i]
		clause := q.Clause
		if c.Class != nil && c.Class.Clause != "" {
			clause = c.Class.Clause
		}
		g.row("`"+c.Name+"`", p.typeText(c), classNameOf(c.Class), p.meaning(c, q), c.Unit, clause)
	}
}

// typeText is the column's type with what its name alone does not say.
func (p *Policy) typeText(c *Column) string {
	switch c.Type {
	case ColDateTime:
		return c.Type.String() + " (" + p.Zone.String() + ")"
	case ColJSON:
		if !p.Wildcard.JSON {
			return "Map"
		}
	case ColEnum:
		var values []string
		if c.ZeroEmpty {
			values = append(values, "'' = 0")
		}
		for i, v := range c.Enum {
			values = append(values, fmt.Sprintf("%s = %d", v, c.Numbers[i]))
		}
		return c.Type.String() + " (" + strings.Join(values, ", ") + ")"
	}
	return c.Type.String()
}

// meaning is the column's description, else which field of which events it holds.
func (p *Policy) meaning(c *Column, q *Purpose) string {
	if c.Desc != "" {
		return c.Desc
	}
	for _, t := range p.fieldsOf(q) {
		if t.name == c.Field {
			return c.Field + " of " + strings.Join(t.events, ", ")
		}
	}
	return ""
}

func (p *Policy) dictionaryBeside(g *page) {
	if len(p.Aggregates) > 0 {
		g.line("\n## Aggregates\n")
		g.head("Table", "Class", "Built from", "Kept", "Written by", "Read by")
		for _, a := range p.Aggregates {
			g.row("`"+a.Name+"`", string(a.Class), a.From.Name, keepText(a.TTL), strings.Join(a.Writers, ", "), strings.Join(a.Readers, ", "))
		}
	}
	if len(p.Traits) > 0 {
		g.line("\n## Traits of persons, by pseudonym\n")
		g.head("Trait", "Type", "Class", "Meaning", "Purposes")
		for _, name := range sortedKeys(p.Traits) {
			t := p.Traits[name]
			g.row(append(fieldRow(t.Field), purposeNames(t.Purposes))...)
		}
	}
	for _, name := range sortedKeys(p.Groups) {
		gr := p.Groups[name]
		g.line("\n## Group `%s`\n", name)
		g.line("Membership by pseudonym, purposes: %s.\n", purposeNames(gr.Purposes))
		g.fields(gr.Fields)
	}
	if len(p.ItemFields) > 0 {
		g.line("\n## Items\n")
		g.fields(p.ItemFields)
	}
}

func (g *page) fields(fields map[string]*Field) {
	g.head("Field", "Type", "Class", "Meaning", "Unit")
	for _, name := range sortedKeys(fields) {
		g.row(append(fieldRow(fields[name]), fields[name].Unit)...)
	}
}

func fieldRow(f *Field) []string {
	typ := f.Type.String()
	if len(f.Enum) > 0 {
		typ += " (" + strings.Join(f.Enum, ", ") + ")"
	}
	return []string{"`" + f.Name + "`", typ, f.Class.Name, f.Desc}
}
