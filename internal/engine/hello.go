package engine

import (
	"bytes"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
)

// hello answers the question that clickhouse-go asks on every new connection,
// SELECT displayName(), version(), revision(), timezone(). The driver reads this one answer at its own
// protocol revision and all later blocks at the revision that the answer names. The engine writes blocks at
// revision 0, so this is what the answer says.
type hello struct{ version string }

func (hello) asked(q *request) bool {
	if q.wireFormat == 0 || !strings.EqualFold(q.format, "Native") || q.stmt.kind != kindSelect {
		return false
	}
	text := strings.Join(strings.Fields(string(bytes.TrimSpace(q.text))), "")
	return strings.EqualFold(text, "SELECTdisplayName(),version(),revision(),timezone()")
}

func (h hello) answer(a *answer, revision int) error {
	name, version, zone := new(proto.ColStr), new(proto.ColStr), new(proto.ColStr)
	number := new(proto.ColUInt32)
	name.Append("sluice")
	version.Append(h.version)
	number.Append(0)
	zone.Append("UTC")
	input := []proto.InputColumn{
		{Name: "displayName()", Data: name}, {Name: "version()", Data: version},
		{Name: "revision()", Data: number}, {Name: "timezone()", Data: zone},
	}
	block := proto.Block{Info: proto.BlockInfo{BucketNum: -1}, Rows: 1, Columns: len(input)}
	var buf proto.Buffer
	if err := block.EncodeBlock(&buf, revision, input); err != nil {
		return err
	}
	if _, err := a.Write(buf.Buf); err != nil {
		return nil // the client is gone
	}
	return a.close(a.finish(stats{}))
}
