package policy

import (
	"crypto/sha256"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"
	_ "time/tzdata" // the zone of a policy must not depend on what the host has installed
)

// compiler turns one file into one Policy. Sections are read in the order in which they
// need each other, whatever the order in the file.
type compiler struct {
	r          *reader
	p          *Policy
	classOrder []*Class
	bits       map[uint8]string // bit -> the purpose or feature that has it
	wildColumn value            // wildcard.column
	roleList   []string         // names of the roles, known before they are read
}

// Load reads and compiles the policy file at path. The error is Problems when the file
// could be read but does not compile.
func Load(path string) (*Policy, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("policy: load: %w", err)
	}
	return Parse(path, data)
}

// Parse compiles a policy. name is what problems call the file. On any problem there is no
// policy; the error is then of type Problems.
func Parse(name string, data []byte) (*Policy, error) {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	c := &compiler{r: &reader{file: name}, p: &Policy{Hash: sha256.Sum256(data)}, bits: make(map[uint8]string)}
	if root := c.r.open(data); !root.broken {
		c.file(root)
	}
	if len(c.r.problems) == 0 {
		c.buildStores()
	}
	if len(c.r.problems) > 0 {
		c.r.problems.sort(data)
		return nil, c.r.problems
	}
	c.r.warnings.sort(data)
	c.p.Warnings = c.r.warnings
	c.buildIndex()
	return c.p, nil
}

// file reads every section.
func (c *compiler) file(o *object) {
	p := c.p
	p.Classes, p.Events = make(map[string]*Class), make(map[string]*Event)
	p.Traits, p.Groups, p.ItemFields = make(map[string]*Trait), make(map[string]*Group), make(map[string]*Field)
	c.head(o)
	c.rights(o.must("rights", "deadlines of people's requests").object())
	c.purposes(o.must("purposes", "at least one purpose").object())
	c.features(o.opt("features"))
	c.location(o.must("location", "grid, crs, collector_cap, caps").object())
	c.raw(o.must("raw", "seal, retention, keep_at_least, key_epoch, rejected_retention").object())
	c.ledger(o.must("ledger", "kek_roll, late_window, idle").object())
	c.minors(o.must("minors", "guardian_below, unknown_age, no_guardian").object())
	c.consent(o.must("consent", "how grants are read").object())
	c.classes(o.must("classes", "at least the class behavior").object())
	c.wildcard(o.opt("wildcard"))
	c.events(o.must("events", "the tracking plan").object())
	c.dimensions(o)
	roles := o.must("roles", "who may query what")
	for _, e := range roles.object().entries {
		c.roleList = append(c.roleList, e.key)
	}
	c.aggregates(o.opt("aggregates"))
	c.roles(roles)
	c.shares(o.opt("shares"))
	c.holds(o.opt("holds"))
	c.audit(o.must("audit", "{chain: sha256, keep: 1095d, subject_ref: hmac_audit_key}").object())
	c.incident(o.must("incident", "report_to, within, notify").object())
	o.done()
}

// head reads who the policy is and what it stands under.
func (c *compiler) head(o *object) {
	p := c.p
	p.Name = o.must("policy", "the policy's name").filled("a name")
	p.Rev = uint32(o.must("rev", "1, then one more with every revision").integer(1, 1<<31))
	p.Effective = c.instant(o.must("effective", `"2026-12-01T00:00:00+08:00"`))
	src := o.must("source", "{title, sha256} of the notice").object()
	p.Source.Title = src.must("title", "the notice this policy carries out").filled("a title")
	sum := src.must("sha256", "SHA-256 of the notice text, or empty for the time being")
	p.Source.SHA256 = sum.text()
	if p.Source.SHA256 == "" {
		sum.warn("is empty", "bind the notice text by its SHA-256 before people rely on it")
	} else if len(p.Source.SHA256) != 64 || strings.Trim(p.Source.SHA256, "0123456789abcdef") != "" {
		sum.fail("not a SHA-256", "64 lower-case hexadecimal digits")
	}
	src.done()
	con := o.must("contact", "{handler, officer, channels}").object()
	p.Contact.Handler = con.must("handler", "who answers for the data").filled("who answers for the data")
	p.Contact.Officer = con.must("officer", "how to reach the officer").filled("how to reach the officer")
	p.Contact.Channels = con.must("channels", "at least one way to reach you").texts()
	con.done()
	p.Zone = c.zone(o.must("timezone", "a zone such as UTC or Asia/Shanghai"))
	p.Regime = Regime(o.must("regime", "pipl or gdpr").word("pipl", "gdpr"))
	res := o.must("residency", "{zone, egress: deny}").object()
	p.Residency.Zone = res.must("zone", "the zone every endpoint must match").filled("a zone")
	p.Residency.Deny = res.must("egress", "deny").word("deny", "allow") == "deny"
	res.done()
	o.must("default", "drop").word("drop")
	p.KeepEmpty = o.must("empty_after_filter", "drop or keep").word("drop", "keep") == "keep"
	cr := o.must("crypto", "{mac, aead, sign}").object()
	p.Crypto.MAC = cr.must("mac", "hmac-sha256").word("hmac-sha256", "hmac-sm3")
	p.Crypto.AEAD = cr.must("aead", "aes-256-gcm").word("aes-256-gcm", "sm4-gcm")
	p.Crypto.Sign = cr.must("sign", "ed25519").word("ed25519", "sm2")
	cr.done()
}

func (c *compiler) instant(v value) time.Time {
	s := v.text()
	t, err := time.Parse(time.RFC3339, s)
	if err != nil && isText(v.node) {
		v.fail("not a point in time", `such as "2026-12-01T00:00:00+08:00"`)
	}
	return t
}

func (c *compiler) zone(v value) *time.Location {
	s := v.text()
	if !isText(v.node) {
		return time.UTC
	}
	loc, err := time.LoadLocation(s)
	if err != nil || s == "" || s == "Local" {
		v.fail("not a time zone", "a zone such as UTC or Asia/Shanghai")
		return time.UTC
	}
	return loc
}

// sealSuite is the one suite raw events are sealed with.
const sealSuite = "hpke-x25519-hkdf-sha256-aes-256-gcm"

func (c *compiler) raw(o *object) {
	r := &c.p.Raw
	r.Seal = o.must("seal", sealSuite).word(sealSuite)
	r.Retention = o.must("retention", "such as 72h").span()
	least := o.must("keep_at_least", "such as 24h")
	r.KeepAtLeast = least.span()
	epoch := o.must("key_epoch", "1h")
	if r.KeyEpoch = epoch.span(); r.KeyEpoch != 0 && r.KeyEpoch != time.Hour {
		epoch.fail("keys are made by the hour", "1h")
	}
	r.RejectedRetention = o.must("rejected_retention", "such as 72h").span()
	if r.Retention != 0 && r.KeepAtLeast > r.Retention {
		least.fail("above retention ("+spanText(r.Retention)+")", "at most retention")
	}
	o.done()
}

func (c *compiler) ledger(o *object) {
	l, r := &c.p.Ledger, &c.p.Raw
	o.must("secret", "random_per_subject").word("random_per_subject")
	o.must("sealed_under", "kek").word("kek")
	roll := o.must("kek_roll", "{after_erasure: 24h, at_least: 7d}").object()
	after := roll.must("after_erasure", "24h or less")
	if l.KEKRollAfterErasure = after.span(); l.KEKRollAfterErasure > day {
		after.fail("later than a day after an erasure", "24h or less")
	}
	least := roll.must("at_least", "7d or less")
	if l.KEKRollAtLeast = least.span(); l.KEKRollAtLeast > 7*day {
		least.fail("copies of the old key would outlive a week", "7d or less")
	}
	roll.done()
	late := o.must("late_window", "at least raw.retention + raw.rejected_retention")
	l.LateWindow = late.span()
	if least := r.Retention + r.RejectedRetention; l.LateWindow != 0 && l.LateWindow < least {
		late.fail("shorter than raw.retention + raw.rejected_retention", "at least "+spanText(least))
	}
	l.Idle = o.must("idle", "such as 400d").span()
	o.done()
}

func (c *compiler) audit(o *object) {
	a := &c.p.Audit
	a.Chain = o.must("chain", "sha256").word("sha256")
	keep := o.must("keep", "1095d or more")
	if a.Keep = keep.span(); a.Keep != 0 && a.Keep < 1095*day {
		keep.fail("shorter than three years", "1095d or more")
	}
	a.SubjectRef = o.must("subject_ref", "hmac_audit_key").word("hmac_audit_key")
	o.done()
}

func (c *compiler) incident(o *object) {
	i := &c.p.Incident
	i.ReportTo = o.must("report_to", "the authority").filled("the authority")
	i.Within = o.must("within", "such as 72h").span()
	i.Notify = o.must("notify", "[subject, guardian]").words("subject", "guardian")
	o.done()
}

func (c *compiler) holds(v value) {
	if !v.ok() {
		return
	}
	o, h := v.object(), &c.p.Holds
	h.Roles = o.must("roles", "who may place a hold").words(c.roleNames()...)
	h.Needs = o.must("needs", "[case_id, clause, expiry]").words("case_id", "clause", "expiry")
	if !o.broken && !contains(h.Needs, "expiry") {
		o.opt("needs").fail("a hold without an end", "include expiry")
	}
	h.Max = o.must("max", "such as 730d").span()
	h.Scope = o.must("scope", "copy_then_delete_rest").word("copy_then_delete_rest")
	o.done()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func containsAny(s, chars string) bool { return strings.ContainsAny(s, chars) }
