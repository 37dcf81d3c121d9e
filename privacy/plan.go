package privacy

import (
	"fmt"

	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy/detect"
)

// op says where a column's value comes from. The zero op is the type's zero value, which
// is what a store holds for a field that an event lacks.
type op uint8

const (
	opZero op = iota
	opTenant
	opTime
	opPid
	opRowID
	opSession
	opSeq
	opBatch
	opBot
	opEvent
	opSrc
	opPolicyRev
	opConsentRev
	opItem
	opField // slot: a value of the event
	opPage
	opRefHost
	opRefChannel
	opCampaign // slot: which part
	opDevice   // slot: which part
	opIPNet
	opIPMac
	opIPSealed
	opDev
	opGeo
	opGeoLevel
	opGeoMap
	opProps
)

// commonOps are the ops of the columns every store has, by policy.C… number.
var commonOps = [policy.NumCommon]op{
	policy.CTenant: opTenant, policy.CTime: opTime, policy.CPid: opPid, policy.CRowID: opRowID, policy.CSession: opSession,
	policy.CSeq: opSeq, policy.CBatch: opBatch, policy.CBot: opBot, policy.CEvent: opEvent, policy.CSrc: opSrc,
	policy.CPolicyRev: opPolicyRev, policy.CConsentRev: opConsentRev, policy.CItem: opItem,
}

// cell is how one column of one purpose's row is filled.
type cell struct {
	op   op
	slot uint16
}

// purposePlan is what one event leaves in one purpose's store.
type purposePlan struct {
	purpose *policy.Purpose
	cells   []cell // one per column of the store
	geo     bool   // the event declares a place that this purpose takes
	given   bool   // the person stated this, it was not observed
	fields  int    // declared fields this purpose takes; 0 = the bare event is the row
}

// eventPlan is a tracking-plan entry made ready for the hot path.
type eventPlan struct {
	event    *policy.Event
	wild     bool // the "*" entry
	purposes []purposePlan
	slots    map[string]int // property path -> slot
	fields   []fieldPlan    // by slot
	items    []itemSource
	scrubber detect.Set // of the "*" field and of undeclared names, with what no value may show
	wildMax  int
	media    bool // places of this event come from media, not from the device
}

// fieldPlan is one declared value.
type fieldPlan struct {
	field  *policy.Field
	name   string
	detect detect.Set // scrub classes
	maxLen int
	scrub  bool
	region bool
	enum   map[string]int8
}

// itemSource is one candidate for the item: the page, or a slot, or an undeclared property.
type itemSource struct {
	page bool
	slot int // -1: look among the undeclared properties
	name string
}

// compile makes the plans of every event of a policy.
func compile(p *policy.Policy) (map[string]*eventPlan, *eventPlan, error) {
	plans := make(map[string]*eventPlan, len(p.Events))
	for name, e := range p.Events {
		pl, err := compileEvent(p, e)
		if err != nil {
			return nil, nil, err
		}
		plans[name] = pl
	}
	if p.Wild == nil {
		return plans, nil, nil
	}
	wild, err := compileEvent(p, p.Wild)
	if err != nil {
		return nil, nil, err
	}
	wild.wild = true
	return plans, wild, nil
}

func compileEvent(p *policy.Policy, e *policy.Event) (*eventPlan, error) {
	never, err := detect.Parse(p.ForbidDetectors())
	if err != nil {
		return nil, fmt.Errorf("privacy: forbidding classes: %w", err)
	}
	// A text may look for more than what is never taken, not for less.
	pl := &eventPlan{event: e, slots: make(map[string]int), scrubber: never}
	for _, f := range e.Fields {
		if err := pl.addField(f, never); err != nil {
			return nil, err
		}
	}
	if e.WildText != nil {
		set, err := detect.Parse(e.WildText.Detect)
		if err != nil {
			return nil, fmt.Errorf("privacy: class %s: %w", e.WildText.Name, err)
		}
		pl.scrubber, pl.wildMax = set|never, e.WildText.MaxLen
	}
	for _, name := range e.Item {
		src := itemSource{slot: -1, name: name}
		if f, ok := e.Field(name); ok {
			src.page = f.Class.Name == "url"
			if s, ok := pl.slots[f.Name]; ok {
				src.slot = s
			}
		}
		pl.items = append(pl.items, src)
	}
	for _, pu := range e.Purposes {
		pp, err := pl.compilePurpose(p, pu)
		if err != nil {
			return nil, err
		}
		pl.purposes = append(pl.purposes, pp)
	}
	return pl, nil
}

// addField gives slots to the properties in which a declared field's value arrives. Classes
// with a place of their own in event.Raw have none. never is what no value may show.
func (pl *eventPlan) addField(f *policy.Field, never detect.Set) error {
	fp := fieldPlan{field: f, name: f.Name}
	switch f.Class.Name {
	case "url", "referrer", "campaign", "device_info", "ip", "geo_point", "device_id", "user_id":
		return nil
	case "media_meta":
		pl.media = true
		pl.addMedia(f)
		return nil
	case "region_given":
		fp.region = true
	}
	if f.Class.Do == policy.DoForbid {
		return nil
	}
	if f.Class.Do == policy.DoScrub {
		names := f.Class.Detect
		if f.DetectSet {
			names = f.Detect
		}
		set, err := detect.Parse(names)
		if err != nil {
			return fmt.Errorf("privacy: field %s: %w", f.Name, err)
		}
		fp.scrub, fp.detect, fp.maxLen = true, set|never, f.Class.MaxLen
	}
	if f.Type == policy.TypeEnum {
		fp.enum = make(map[string]int8, len(f.Enum))
		for i, v := range f.Enum {
			fp.enum[v] = int8(i + 1)
		}
	}
	pl.addSlot(fp)
	return nil
}

func (pl *eventPlan) addMedia(f *policy.Field) {
	for _, part := range mediaParts {
		if _, ok := f.Class.Rules[part]; ok {
			pl.addSlot(fieldPlan{field: f, name: f.Name + "." + part})
		}
	}
}

// mediaParts are the parts of a media_meta field that become columns.
var mediaParts = []string{"kind", "size", "taken"}

func (pl *eventPlan) addSlot(fp fieldPlan) {
	pl.slots[fp.name] = len(pl.fields)
	pl.fields = append(pl.fields, fp)
}

func (pl *eventPlan) compilePurpose(p *policy.Policy, pu *policy.Purpose) (purposePlan, error) {
	store := storeOf(p, pu)
	pp := purposePlan{purpose: pu, cells: make([]cell, len(store.Columns)), given: pu.Basis == policy.BasisUserSetting}
	for i := range store.Columns {
		if i < policy.NumCommon {
			if i != policy.CItem || pl.takesItem(pu) {
				pp.cells[i].op = commonOps[i]
			}
			continue
		}
		c, err := pl.columnCell(&store.Columns[i], pu)
		if err != nil {
			return pp, err
		}
		pp.cells[i] = c
	}
	for _, f := range pl.event.Fields {
		if !pl.event.Takes(pu, f.Name) {
			continue
		}
		if f.Class.Do != policy.DoForbid {
			pp.fields++
		}
		if f.Class.Name == "geo_point" || f.Class.Name == "media_meta" {
			pp.geo = true
		}
	}
	if pu.Country {
		pp.geo = true
	}
	if !pp.geo {
		pp.dropGeo(store)
	}
	return pp, nil
}

// takesItem reports whether a purpose may hold what the event is about: the item is a field
// like any other, so a purpose limited to other fields gets none.
func (pl *eventPlan) takesItem(pu *policy.Purpose) bool {
	for _, src := range pl.items {
		name := src.name
		if f, ok := pl.event.Field(name); ok {
			name = f.Name
		} else if pl.event.WildText != nil {
			name = "*"
		}
		if !pl.event.Takes(pu, name) {
			return false
		}
	}
	return true
}

// dropGeo leaves the place columns of a purpose empty for an event that declares no place.
func (pp *purposePlan) dropGeo(store *policy.Store) {
	for i := range pp.cells {
		switch pp.cells[i].op {
		case opGeo, opGeoLevel, opGeoMap:
			pp.cells[i] = cell{}
		}
	}
}

// columnCell finds how this event fills a column that a field brought.
func (pl *eventPlan) columnCell(c *policy.Column, pu *policy.Purpose) (cell, error) {
	switch c.Name {
	case policy.ColumnGeo:
		return cell{op: opGeo}, nil
	case policy.ColumnGeoLevel:
		return cell{op: opGeoLevel}, nil
	case policy.ColumnGeoMap:
		return cell{op: opGeoMap}, nil
	case policy.ColumnDevice: // one column, whatever the events call the field
		for _, f := range pl.event.Fields {
			if f.Class.Name == "device_id" && pl.event.Takes(pu, f.Name) {
				return cell{op: opDev}, nil
			}
		}
		return cell{}, nil
	}
	if c.Type == policy.ColJSON {
		if pl.event.WildText != nil && pl.event.Takes(pu, "*") {
			return cell{op: opProps}, nil
		}
		return cell{}, nil
	}
	f, ok := pl.event.Field(c.Field)
	if !ok || f.Name != c.Field || !pl.event.Takes(pu, f.Name) {
		return cell{}, nil
	}
	name := f.Name
	if f.Class.Name == "media_meta" {
		name += "." + c.Part
	}
	if slot, ok := pl.slots[name]; ok {
		return cell{op: opField, slot: uint16(slot)}, nil
	}
	return classCell(c, f)
}

// classCell is columnCell for the classes that have a place of their own in event.Raw.
func classCell(c *policy.Column, f *policy.Field) (cell, error) {
	part := func(names ...string) (uint16, bool) {
		for i, n := range names {
			if n == c.Part {
				return uint16(i), true
			}
		}
		return 0, false
	}
	o, slot, ok := opZero, uint16(0), true
	switch f.Class.Name {
	case "url":
		o = opPage
	case "referrer":
		slot, ok = part("host", "channel")
		o = opRefHost + op(slot)
	case "campaign":
		o = opCampaign
		slot, ok = part("source", "medium", "name", "term", "content")
	case "device_info":
		o = opDevice
		slot, ok = part("os", "model", "screen", "ua", "lang")
	case "ip":
		slot, ok = part("net", "mac_1d", "sealed")
		o = opIPNet + op(slot)
	}
	if !ok || o == opZero {
		return cell{}, fmt.Errorf("privacy: no rule fills column %s (class %s, part %s)", c.Name, f.Class.Name, c.Part)
	}
	return cell{op: o, slot: slot}, nil
}

// storeOf finds the store of a purpose.
func storeOf(p *policy.Policy, pu *policy.Purpose) *policy.Store {
	for _, s := range p.Stores {
		if s.Purpose == pu {
			return s
		}
	}
	return nil
}
