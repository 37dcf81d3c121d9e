package privacy

import "github.com/sluice-events/sluice/policy"

// Filled names the columns of the last row of purpose number i that hold something, common
// columns left out. It shows what was kept without showing any of it.
func (w *Worker) Filled(i int) []string {
	cl := &w.clean[i]
	if cl.rows == 0 {
		return nil
	}
	var names []string
	for n := policy.CItem; n < len(cl.cols); n++ {
		if cl.filled(n, cl.rows-1) {
			names = append(names, cl.store.Columns[n].Name)
		}
	}
	return names
}

func (c *Clean) filled(col, row int) bool {
	v := &c.cols[col]
	switch c.store.Columns[col].Type {
	case policy.ColString, policy.ColLowCard:
		return v.str[row] != ""
	case policy.ColJSON:
		return v.str[row] != "{}"
	case policy.ColFixed16:
		return ID(v.fixed[16*row:16*row+16]) != ID{}
	case policy.ColUInt32:
		return v.u32[row] != 0
	case policy.ColUInt64:
		return v.u64[row] != 0
	case policy.ColInt64, policy.ColDecimal, policy.ColDateTime:
		return v.i64[row] != 0
	case policy.ColFloat64:
		return v.f64[row] != 0
	case policy.ColBool:
		return v.bit[row]
	case policy.ColEnum:
		return v.enum[row] != 0
	}
	return false
}

// Purposes gives the purposes an event of this name is for; none when the policy takes no
// such event.
func (w *Worker) Purposes(event string) []*policy.Purpose {
	plan := w.plans[event]
	if plan == nil {
		plan = w.wild
	}
	if plan == nil {
		return nil
	}
	return plan.event.Purposes
}
