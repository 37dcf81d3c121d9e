package policy

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// WritePrivacy writes the notice tables (docs/PRIVACY.md): what is taken for which purpose,
// what becomes of it, where it lies, how long, and under which clause of the notice.
func (p *Policy) WritePrivacy(w io.Writer) error {
	g := &page{}
	g.line("# Privacy tables / 隐私说明")
	g.line("")
	g.line("Generated from policy `%s`, revision %d, effective %s. Do not edit.", p.Name, p.Rev, p.Effective.Format(time.RFC3339))
	g.line("")
	g.line("- Notice / 政策: %s%s", p.Source.Title, hashText(p.Source.SHA256))
	g.line("- Answerable / 处理者: %s", p.Contact.Handler)
	g.line("- Officer / 负责人: %s; %s", p.Contact.Officer, strings.Join(p.Contact.Channels, ", "))
	g.line("- Kept in / 存放地: %s%s; days turn at midnight %s", p.Residency.Zone, map[bool]string{true: ", nothing is sent elsewhere"}[p.Residency.Deny], p.Zone)
	g.line("- Law / 法规: %s", map[Regime]string{PIPL: "PIPL", GDPR: "GDPR"}[p.Regime])
	p.privacyPurposes(g)
	for _, s := range p.Stores {
		p.privacyStore(g, s)
	}
	p.privacyNever(g)
	p.privacySwitches(g)
	p.privacyOut(g)
	p.privacyRights(g)
	_, err := io.WriteString(w, g.String())
	return err
}

func hashText(sum string) string {
	if sum == "" {
		return " (text not bound by a hash yet)"
	}
	return ", SHA-256 `" + sum + "`"
}

func (p *Policy) privacyPurposes(g *page) {
	g.line("\n## Purposes / 目的\n")
	g.head("Purpose", "Clause", "Basis", "Can be refused", "Store", "Kept", "Pseudonym lasts", "Time cut to", "Finest place")
	for _, q := range p.Purposes {
		if !q.Declared {
			g.row(q.Name, q.Clause, string(q.Basis), yesNo(q.Refusable), "none: reserved, not in use", "", "", "", "")
			continue
		}
		g.row(q.Name, q.Clause, string(q.Basis), yesNo(q.Refusable), "`"+q.Store+"`", keepText(q.Keep), pidText(q), spanWords(q.Grain), placeCell(q))
	}
}

func placeCell(q *Purpose) string {
	if q.WithLocation == q.Cap {
		return q.Cap.String()
	}
	return fmt.Sprintf("%s; %s with location on", q.Cap, q.WithLocation)
}

// privacyStore lists the fields of one store, each once, in the order of its columns.
func (p *Policy) privacyStore(g *page, s *Store) {
	q := s.Purpose
	g.line("\n## %s: `%s`\n", q.Name, s.Name)
	g.line("Beside what every row has (time, pseudonym, row and visit number, event name, the item the event is about, policy and consent revision, robot or not):\n")
	g.head("Field / 字段", "From events", "Class", "What happens / 处理", "Kept / 保存", "Clause / 条款")
	for _, f := range p.fieldsOf(q) {
		if f.name == anyName {
			g.row("any other", strings.Join(f.events, ", "), f.class.Name, treatment(f.class, q), keepText(q.Keep), clause(f.class, q))
			continue
		}
		g.row(f.name, strings.Join(f.events, ", "), f.class.Name, treatment(f.class, q), keepText(q.Keep), clause(f.class, q))
	}
	if q.Country {
		g.row("country", "all", "geo_point", "from the network of the address, always", keepText(q.Keep), q.Clause)
	}
}

// clause is the class's own, else the purpose's.
func clause(c *Class, q *Purpose) string {
	if c.Clause != "" {
		return c.Clause
	}
	return q.Clause
}

// taken is one field as the rows of a purpose hold it.
type taken struct {
	name   string
	class  *Class
	events []string
}

// fieldsOf lists what rows of a purpose hold, over all events, in declared order.
func (p *Policy) fieldsOf(q *Purpose) []*taken {
	var out []*taken
	at := make(map[string]*taken)
	add := func(name string, c *Class, event string) {
		t := at[name]
		if t == nil {
			t = &taken{name: name, class: c}
			at[name] = t
			out = append(out, t)
		}
		t.events = append(t.events, event)
	}
	var wild []string
	var wildClass *Class
	for _, e := range p.Order {
		if !e.takenBy(q) {
			continue
		}
		name := e.Name
		if name == anyName {
			name = "any other"
		}
		for _, f := range e.Fields {
			noPlace := f.Class.Name == "geo_point" && q.Cap == LevelNone && q.WithLocation == LevelNone
			if f.Class.Do != DoForbid && e.Takes(q, f.Name) && f.Class.Holds(q, "") && !noPlace {
				add(f.Name, f.Class, name)
			}
		}
		if e.WildText != nil && e.Takes(q, anyName) {
			wild, wildClass = append(wild, name), e.WildText
		}
	}
	for _, name := range wild {
		add(anyName, wildClass, name)
	}
	return out
}

func (p *Policy) privacyNever(g *page) {
	g.line("\n## Never taken / 从不收集\n")
	g.line("A property of one of these names is dropped wherever it stands; a value of one of these kinds is dropped, in texts replaced by a token.\n")
	g.head("Class", "Names", "Kinds of values", "Clause / 条款")
	for _, c := range p.byFileOrder() {
		if c.Do == DoForbid && (len(kinds[c.Name].names) > 0 || len(c.Names) > 0 || !c.Built) {
			g.row(c.Name, strings.Join(append(append([]string{}, kinds[c.Name].names...), c.Names...), ", "), strings.Join(c.Detect, ", "), c.Clause)
		}
	}
	g.line("\n%s", map[bool]string{true: "Other undeclared properties go into the column of undeclared properties where an event says so.",
		false: "Whatever is not declared is dropped."}[p.hasWild()])
}

func (p *Policy) hasWild() bool {
	for _, e := range p.Order {
		if e.WildText != nil {
			return true
		}
	}
	return false
}

func (p *Policy) privacySwitches(g *page) {
	g.line("\n## Switches and consents / 开关与同意\n")
	g.head("What", "Clause", "A consent lasts", "While it is off or refused")
	for _, q := range p.Purposes {
		if q.Declared && q.NeedsConsent() {
			off := "no row is written; rows are deleted within " + spanWords(q.DeleteRows) + " of a withdrawal"
			if q.DeleteTags > 0 {
				off += ", tags within " + spanWords(q.DeleteTags)
			}
			g.row(q.Name, q.Clause, keepText(p.Consent.Expires[q.Name]), off)
		}
	}
	for _, f := range p.Features {
		var off []string
		for _, src := range sortedKeys(f.Off) {
			off = append(off, src+": "+f.Off[src])
		}
		g.row(f.Name, f.Clause, keepText(p.Consent.Expires[f.Name]), strings.Join(off, ", "))
	}
	g.line("\nA withdrawal holds within %s. After a refusal nobody is asked again for %s.", spanWords(p.Consent.EffectiveWithin), spanWords(p.Consent.ReaskAfter))
	g.line("\n## Children / 未成年人\n")
	m := p.Minors
	g.line("- A guardian consents below the age of %d; an unknown age counts as %s.", m.GuardianBelow, map[bool]string{true: "a child's", false: "an adult's"}[m.UnknownIsMinor])
	g.line("- Without a guardian's consent only %s take rows, without a pseudonym.", codeList(m.NoGuardian))
	g.line("- No place finer than %s.%s", m.LocationCap, map[bool]string{true: " Never for: " + strings.Join(m.Deny, ", ") + "."}[len(m.Deny) > 0])
}

func codeList(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }

func (p *Policy) privacyOut(g *page) {
	g.line("\n## Recipients / 接收方\n")
	if len(p.Shares) == 0 {
		g.line("None.")
	} else {
		g.head("Recipient", "Role", "Contract", "Until", "Zone", "Purposes", "Columns", "Groups of at least", "Clause")
		for _, s := range p.Shares {
			g.row(s.ID, s.Role, s.Contract, s.Expires.Format(time.DateOnly), s.Zone, purposeNames(s.Purposes), strings.Join(s.Columns, ", "), fmt.Sprint(s.MinGroup), s.Clause)
		}
	}
	g.line("\n## Who may read / 访问\n")
	g.head("Role", "Tables", "Groups of at least", "Needs approval")
	for _, r := range p.Roles {
		group := ""
		if r.MinGroup > 0 {
			group = fmt.Sprint(r.MinGroup)
		}
		g.row(r.Name, strings.Join(append(append([]string{}, r.Stores...), r.Reads...), ", "), group, yesNo(r.Approval))
	}
}

func (p *Policy) privacyRights(g *page) {
	g.line("\n## Rights and times / 权利与期限\n")
	g.head("Request", "Done within", "Law's ceiling")
	for _, act := range []string{"access", "correct", "delete", "withdraw", "cancel"} {
		d := p.Rights.Deadlines[act]
		g.row(act, spanWords(d.Ours), d.Ceiling)
	}
	g.line("\n- What was received is unreadable to all normally after %s, at the latest after %s; what was rejected after %s.", spanWords(p.Raw.KeepAtLeast+p.Raw.KeyEpoch), spanWords(p.Raw.Retention), spanWords(p.Raw.RejectedRetention))
	g.line("- Deleted rows leave the disk within %s, backups within %s.", spanWords(p.Rights.EraseBytes), spanWords(p.Rights.BackupHorizon))
	g.line("- The audit record is kept for %s. A breach is reported within %s to: %s.", spanWords(p.Audit.Keep), spanWords(p.Incident.Within), p.Incident.ReportTo)
}
