package policy

import "strings"

// Explanation is one line of `sluice explain`: what happened, why, and what would change it.
type Explanation struct {
	What   string // such as "analytics: dropped, no consent"
	Clause string // of the notice, "" where none applies
	Advice string
}

// reasonText says what a reason of the account means and what to do about it. {purpose}
// stands for the purpose's name, or for "the purpose".
var reasonText = map[string]struct{ what, advice string }{
	"kept":              {"stored", "nothing to do"},
	"no_consent":        {"dropped, no consent", `send context.consent with "{purpose}": true, or POST /v1/consent; without a user or install id only the event's own consent counts`},
	"undeclared_event":  {"dropped, the event is not in the tracking plan", "add it to the policy's events, with its purposes and fields"},
	"empty":             {"dropped, nothing of it was left", "send at least one field that {purpose} takes, or set empty_after_filter: keep"},
	"no_item":           {"dropped, the event names no item", "send the field listed under item of this event"},
	"duplicate":         {"dropped, this message id was seen before", "nothing to do: a retry was recognised; give new events new ids"},
	"minor":             {"dropped, closed to children or the guardian's act is missing", "let the guardian consent through /v1/consent, or send the tenant's token with the age band"},
	"not_before":        {"dropped, it happened before the person's data was deleted", "nothing to do: an old event arrived late"},
	"schema":            {"rejected, a required field is missing or an id is too long", "compare the event with the tracking plan's JSON Schema"},
	"corrupt":           {"rejected, the message does not open or decode", "look at the enricher's error counters: a broken disk, or two versions side by side"},
	"key_expired":       {"rejected, the key of its hour was destroyed", "the enricher fell behind by more than raw.retention: watch its lag"},
	"retention_expired": {"rejected, the broker deleted it unread", "the enricher fell behind by more than raw.retention: watch its lag"},
	"internal":          {"set aside, sealed: a fault of sluice", "please report it with the version and the counters, never with the event"},
	"too_large":         {"refused, the event is too large", "send less in one event"},
	"no_policy":         {"refused, the write key has no policy", "give the key's tenant a policy"},
}

// Advice says what would make an event that met this reason be kept, for a purpose or (nil)
// for all. An unknown reason gives "".
func Advice(reason string, purpose *Purpose) string {
	return strings.ReplaceAll(reasonText[reason].advice, "{purpose}", purposeWord(purpose))
}

func purposeWord(p *Purpose) string {
	if p == nil {
		return "the purpose"
	}
	return p.Name
}

// Explain puts a reason of the account into words, for a purpose or (nil) for all.
func (p *Policy) Explain(reason string, purpose *Purpose) Explanation {
	text, known := reasonText[reason]
	if !known {
		return Explanation{What: echo(reason) + ": no such reason"}
	}
	x := Explanation{What: text.what, Advice: Advice(reason, purpose)}
	if purpose != nil {
		x.What, x.Clause = purpose.Name+": "+text.what, purpose.Clause
	}
	if reason == "no_consent" && !p.Consent.SignalsMayGrant {
		x.Advice = "POST /v1/consent: under this policy a consent object sent with an event can only narrow; without a user or install id there is no consent"
	}
	return x
}

// ExplainClass says what becomes of the fields of a class, and how to have them kept.
func (p *Policy) ExplainClass(class string) Explanation {
	c, known := p.Classes[class]
	switch {
	case class == "undeclared":
		return Explanation{What: "dropped, the event does not declare this field", Advice: "add it to the event's fields with its class"}
	case !known:
		return Explanation{What: echo(class) + ": no such class"}
	}
	x := Explanation{What: class + ": " + doText[c.Do], Clause: c.Clause}
	switch {
	case c.Do == DoForbid && c.Built:
		x.Advice = "the file does not declare this class, so it forbids; declare it to have it treated"
	case c.Do == DoForbid:
		x.Advice = "do not send it; a field that only looks like it needs another name"
	case c.Needs != "":
		x.Advice = "needs the person's consent to " + c.Needs
	default:
		x.Advice = "nothing to do"
	}
	return x
}

// doText says what a way of treating values leaves.
var doText = [...]string{DoAllow: "kept as sent, unless the value shows something forbidden", DoPseudonym: "only a pseudonym is kept",
	DoScrub: "kept, with ids and numbers of persons replaced by tokens", DoGeneralize: "kept in a coarser form",
	DoTruncate: "kept as a network", DoCoarsen: "kept as a place no finer than the purpose may hold", DoForbid: "never taken"}

// ExplainField says what becomes of one property of an event, by its path.
func (p *Policy) ExplainField(event, path string) Explanation {
	e, ok := p.Event(event)
	if !ok {
		return p.Explain("undeclared_event", nil)
	}
	r := p.Rule(e, path)
	if r.Class == nil {
		return p.ExplainClass("undeclared")
	}
	x := p.ExplainClass(r.Class.Name)
	if r.Wild {
		x.Advice = "in the column " + p.Wildcard.Column + "; give it a field of its own to have a column"
	}
	return x
}
