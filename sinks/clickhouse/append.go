package clickhouse

import (
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/shopspring/decimal"

	"github.com/sluice-events/sluice/policy"
)

// appendAll hands whole columns to a batch of the driver. Its errors may quote values and
// must not leave the package.
func appendAll(b driver.Batch, l *layout, src source) error {
	for i, c := range l.cols {
		if err := b.Column(i).Append(value(c.typ, src, i)); err != nil {
			return err
		}
	}
	return nil
}

// value is a column in a form that the driver takes whole.
func value(typ policy.ColumnType, src source, i int) any {
	switch typ {
	case policy.ColFixed16:
		all := src.Fixed(i)
		rows := make([][]byte, len(all)/16)
		for r := range rows {
			rows[r] = all[r*16 : r*16+16]
		}
		return rows
	case policy.ColUInt32:
		return src.Uint32s(i)
	case policy.ColUInt64:
		return src.Uint64s(i)
	case policy.ColInt64, policy.ColDateTime:
		return src.Int64s(i)
	case policy.ColDecimal:
		v := src.Int64s(i)
		rows := make([]decimal.Decimal, len(v))
		for r := range rows {
			rows[r] = decimal.New(v[r], -4)
		}
		return rows
	case policy.ColFloat64:
		return src.Float64s(i)
	case policy.ColBool:
		return src.Bools(i)
	case policy.ColEnum:
		return src.Enums(i)
	case policy.ColJSON:
		v := src.Strings(i)
		rows := make([]string, len(v))
		for r := range rows {
			if rows[r] = v[r]; v[r] == "" {
				rows[r] = "{}"
			}
		}
		return rows
	}
	return src.Strings(i)
}
