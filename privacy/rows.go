package privacy

import (
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy/place"
)

// row is what identify and where found for one purpose.
type row struct {
	c       *coarse
	pp      *purposePlan
	ts      int64
	pid     ID
	rowID   ID
	session ID
	dev     ID
	seq     uint32
	geo     string
	level   place.Level
}

// Sources of a row (column src).
const (
	srcGiven    int8 = 1
	srcObserved int8 = 2
)

// isEmpty reports whether no declared field is left.
func (w *Worker) isEmpty(r *row) bool {
	for i, c := range r.pp.cells {
		if i >= policy.NumCommon && w.hasValue(r, c) {
			return false
		}
	}
	return true
}

func (w *Worker) hasValue(r *row, c cell) bool {
	co := r.c
	switch c.op {
	case opField:
		return w.vals[c.slot].set
	case opPage:
		return co.page != ""
	case opRefHost:
		return co.refHost != ""
	case opCampaign:
		return w.campaign(co, c.slot) != ""
	case opDevice:
		return co.device[c.slot] != ""
	case opIPNet:
		return co.raw.Net.IsValid()
	case opDev:
		return !co.raw.Install.IsZero()
	case opGeo:
		return r.geo != "" && !r.pp.purpose.Country
	case opProps:
		return co.props != ""
	}
	return false
}

func (w *Worker) campaign(c *coarse, part uint16) string {
	ca := &c.raw.Campaign
	switch part {
	case 0:
		return ca.Source
	case 1:
		return ca.Medium
	case 2:
		return ca.Name
	case 3:
		return ca.Term
	}
	return ca.Content
}

// appendRow writes the row into the columns of its store. Every column gets exactly one
// value, so the columns stay of equal length.
func (w *Worker) appendRow(r *row) {
	cl := &w.clean[r.pp.purpose.Index]
	for i := range cl.cols {
		col, c := &cl.cols[i], r.pp.cells[i]
		switch cl.store.Columns[i].Type {
		case policy.ColString, policy.ColLowCard, policy.ColJSON:
			col.str = append(col.str, w.stringCell(r, c))
		case policy.ColFixed16:
			id := w.idCell(r, c)
			col.fixed = append(col.fixed, id[:]...)
		case policy.ColUInt32:
			col.u32 = append(col.u32, w.uint32Cell(r, c))
		case policy.ColUInt64:
			col.u64 = append(col.u64, w.uint64Cell(r, c))
		case policy.ColInt64, policy.ColDecimal, policy.ColDateTime:
			col.i64 = append(col.i64, w.int64Cell(r, c))
		case policy.ColFloat64:
			col.f64 = append(col.f64, w.floatCell(c))
		case policy.ColBool:
			col.bit = append(col.bit, w.boolCell(r, c))
		case policy.ColEnum:
			col.enum = append(col.enum, w.enumCell(r, c))
		}
	}
	cl.rows++
}

func (w *Worker) stringCell(r *row, c cell) string {
	co := r.c
	switch c.op {
	case opTenant:
		return co.raw.Tenant
	case opEvent:
		return w.name
	case opItem:
		return co.item
	case opField:
		return w.vals[c.slot].str
	case opPage:
		return co.page
	case opRefHost:
		return co.refHost
	case opRefChannel:
		return co.refChan
	case opCampaign:
		return w.campaign(co, c.slot)
	case opDevice:
		return co.device[c.slot]
	case opIPNet:
		if co.raw.Net.IsValid() {
			return w.keep(co.raw.Net.AppendTo(w.room()))
		}
	case opIPSealed:
		return string(co.raw.IPSealed)
	case opGeo:
		return r.geo
	case opProps:
		if co.props == "" {
			return "{}"
		}
		return co.props
	}
	return ""
}

func (w *Worker) idCell(r *row, c cell) ID {
	switch c.op {
	case opPid:
		return r.pid
	case opRowID:
		return r.rowID
	case opSession:
		return r.session
	case opBatch:
		return w.batch[r.pp.purpose.Index]
	case opIPMac:
		return r.c.raw.IPMac
	case opDev:
		return r.dev
	}
	return ID{}
}

func (w *Worker) uint32Cell(r *row, c cell) uint32 {
	switch c.op {
	case opSeq:
		return r.seq
	case opPolicyRev:
		return w.pol.Rev
	}
	return 0
}

func (w *Worker) uint64Cell(r *row, c cell) uint64 {
	switch c.op {
	case opConsentRev:
		return r.c.rev
	case opField:
		return w.vals[c.slot].u64
	}
	return 0
}

func (w *Worker) int64Cell(r *row, c cell) int64 {
	switch c.op {
	case opTime:
		return r.ts
	case opField:
		return w.vals[c.slot].i64
	}
	return 0
}

func (w *Worker) floatCell(c cell) float64 {
	if c.op == opField {
		return w.vals[c.slot].f64
	}
	return 0
}

func (w *Worker) boolCell(r *row, c cell) bool {
	switch c.op {
	case opBot:
		return r.c.agent.Bot
	case opField:
		return w.vals[c.slot].bit
	}
	return false
}

func (w *Worker) enumCell(r *row, c cell) int8 {
	switch c.op {
	case opSrc:
		if r.pp.given {
			return srcGiven
		}
		return srcObserved
	case opGeoLevel:
		return int8(r.level)
	case opField:
		return int8(w.vals[c.slot].i64)
	}
	return 0
}
