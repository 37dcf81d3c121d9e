package policy

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// columnNames are ClickHouse's names of the column types; an enum's values and the zone of
// a time stand beside them where that matters.
var columnNames = [...]string{"String", "LowCardinality(String)", "FixedString(16)", "UInt32", "UInt64", "Int64", "Float64", "Decimal(18,4)", "Bool", "DateTime", "Enum8", "JSON"}

func (t ColumnType) String() string { return columnNames[t] }

// treatment says in a sentence what becomes of the values of a class under a purpose.
func treatment(c *Class, p *Purpose) string {
	switch c.Do {
	case DoForbid:
		return "never taken"
	case DoPseudonym:
		return "replaced by a keyed pseudonym of this purpose"
	case DoScrub:
		return fmt.Sprintf("ids and numbers of persons become tokens, at most %d characters kept", c.MaxLen)
	case DoTruncate:
		return truncation(c, p)
	case DoCoarsen:
		return placeText(p)
	case DoGeneralize:
		return generalization(c, p)
	}
	return "stored as sent"
}

func truncation(c *Class, p *Purpose) string {
	made := map[string]string{"net": fmt.Sprintf("cut to its /%d (IPv4) or /%d (IPv6) network", c.V4, c.V6),
		"mac_1d": "a keyed hash whose key lives a day", "sealed": "a copy only two officers together can open"}
	var out []string
	for _, part := range ipParts {
		if c.Holds(p, part) {
			out = append(out, made[part])
		}
	}
	return strings.Join(out, "; ")
}

func placeText(p *Purpose) string {
	switch {
	case p.Country && p.WithLocation == p.Cap:
		return "cut to the country"
	case p.WithLocation == LevelNone:
		return "no place is kept"
	case p.WithLocation == p.Cap:
		return "cut to " + p.Cap.String()
	}
	return "cut to " + p.Cap.String() + "; to " + p.WithLocation.String() + " where the person switched location on"
}

func generalization(c *Class, p *Purpose) string {
	switch c.Name {
	case "url":
		return "only the path is kept, ids in it become :id"
	case "referrer":
		return "only host and kind of source are kept"
	}
	var out []string
	for _, part := range sortedKeys(c.Rules) {
		switch rule := c.Rules[part]; {
		case rule == "drop":
			out = append(out, part+" dropped")
		case rule == "as_location":
			out = append(out, "place: "+placeText(p))
		case part == rule:
			out = append(out, part)
		default:
			out = append(out, part+": "+rule)
		}
	}
	return "made coarse (" + strings.Join(out, ", ") + ")"
}

// pidText says how long a pseudonym of the purpose lasts.
func pidText(p *Purpose) string {
	if p.Lasting {
		return "until withdrawn"
	}
	if p.PidDays == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", p.PidDays)
}

func keepText(d time.Duration) string {
	if d == 0 {
		return "as long as the account"
	}
	return spanWords(d)
}

// spanWords writes a duration for readers: "1 minute", "24 hours", "180 days".
func spanWords(d time.Duration) string {
	n, unit := int64(d/time.Second), "second"
	switch {
	case d >= 2*day && d%day == 0:
		n, unit = int64(d/day), "day"
	case d >= time.Hour && d%time.Hour == 0:
		n, unit = int64(d/time.Hour), "hour"
	case d >= time.Minute && d%time.Minute == 0:
		n, unit = int64(d/time.Minute), "minute"
	}
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func purposeNames(ps []*Purpose) string {
	names := make([]string, len(ps))
	for i, p := range ps {
		names[i] = p.Name
	}
	return strings.Join(names, ", ")
}

func classNameOf(c *Class) string {
	if c == nil {
		return ""
	}
	return c.Name
}

// byFileOrder lists the classes of the file, then the built-in ones, forbidding ones first.
func (p *Policy) byFileOrder() []*Class {
	out := make([]*Class, 0, len(p.Classes))
	for _, c := range p.Classes {
		out = append(out, c)
	}
	rank := make(map[string]int, len(kindOrder))
	for i, n := range kindOrder {
		rank[n] = i + 1
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if ra, rb := rank[a.Name], rank[b.Name]; ra != rb {
			return rb == 0 || ra != 0 && ra < rb
		}
		return a.Name < b.Name
	})
	return out
}

// page builds Markdown in memory; one write, one error.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) {
	fmt.Fprintf(&p.Builder, format+"\n", args...)
}

// row writes one row of a table. A bar or a line break inside a cell would end it.
func (p *page) row(cells ...string) {
	for _, c := range cells {
		p.WriteString("| " + cellText.Replace(c) + " ")
	}
	p.WriteString("|\n")
}

var cellText = strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ")

// head writes a table's head.
func (p *page) head(cells ...string) {
	p.row(cells...)
	p.WriteString(strings.Repeat("|---", len(cells)) + "|\n")
}
