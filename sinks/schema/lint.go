package schema

import (
	"fmt"
	"strings"
)

// Lint refuses an aggregate that counts people and could give one of them away: a column of
// person keys, or a state that holds them. Counts are numbers there, nothing else, because
// a state cannot be made to forget one person.
func Lint(t *Table) error {
	if t.Class != 'B' && t.Class != 'C' {
		return nil
	}
	for _, c := range t.Columns {
		switch {
		case c.Name == "pid" || c.Name == "dev" || c.Name == "row_id" || c.Name == "session" || c.Name == "batch":
			return fmt.Errorf("schema: table %s of class %c has a column %s", t.Name, t.Class, c.Name)
		case strings.Contains(c.Type, "FixedString(16)"):
			return fmt.Errorf("schema: table %s of class %c: column %s can hold a person key", t.Name, t.Class, c.Name)
		case strings.Contains(c.Type, "AggregateFunction("):
			if err := lintState(t, c.Name, c.Type); err != nil {
				return err
			}
		}
	}
	return nil
}

func lintState(t *Table, name, typ string) error {
	_, args, _ := strings.Cut(typ, "AggregateFunction(")
	fn, _, _ := strings.Cut(args, ",")
	if strings.HasPrefix(typ, "Simple") && fn == "sum" {
		return nil
	}
	return fmt.Errorf("schema: table %s of class %c: column %s is a state of %s; only sums may stand there", t.Name, t.Class, name, fn)
}
