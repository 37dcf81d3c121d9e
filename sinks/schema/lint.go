package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Lint holds an aggregate to its class.
//
// One of class A is keyed by person, else nobody could be taken out of it. One of class B or
// C counts people, and must not be able to give one of them away: it has no column that is
// named after, or could hold, a person's key, and no state, because a state cannot be made
// to forget one person. What may stand there is a list: words, days and numbers, and sums
// of numbers.
func Lint(t *Table) error {
	switch t.Class {
	case 'A':
		if !slices.Contains(strings.Split(t.Order, ", "), "pid") {
			return fmt.Errorf("schema: table %s of class A is not sorted by pid", t.Name)
		}
	case 'B', 'C':
		for _, c := range t.Columns {
			if personal(c.Name) {
				return fmt.Errorf("schema: table %s of class %c has a column %s", t.Name, t.Class, c.Name)
			}
			if !countable().MatchString(c.Type) {
				return fmt.Errorf("schema: table %s of class %c: column %s is of type %s; only words, days, numbers and sums may stand there", t.Name, t.Class, c.Name, c.Type)
			}
		}
	}
	return nil
}

// personal are the columns of a store that tell people apart.
func personal(column string) bool {
	return slices.Contains([]string{"pid", "dev", "row_id", "session", "seq", "batch"}, column)
}

func countable() *regexp.Regexp {
	return regexp.MustCompile(`^(String|LowCardinality\(String\)|Date|DateTime\('[^']*'\)|Bool|Enum8\(.*\)|U?Int(8|16|32|64)|Float64|SimpleAggregateFunction\(sum, (U?Int64|Float64)\))$`)
}
