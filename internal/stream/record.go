package stream

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Record is one message. The bytes of a fetched record belong to its Fetcher
// and are valid until its next call; a produced record's bytes are copied.
type Record struct {
	Key, Value []byte // a nil Value is a tombstone in a compacted topic
	Offset     int64  // set by fetch, ignored by produce
	Timestamp  int64  // ms since 1970; 0 at produce means now
}

// Offsets into the header of a RecordBatch v2, from the protocol guide
// ("Record Batch"). The checksum covers everything from attributes on.
const (
	atLength     = 8
	atMagic      = 16
	atCRC        = 17
	atAttributes = 21
	batchHeader  = 61
	logOverhead  = 12 // first offset and length, which the length does not count
)

const (
	attrCodec   = 0x07
	attrControl = 0x20
)

// castagnoli builds the table for CRC-32C. hash/crc32 keeps it and recognises
// it, so the call is cheap and the checksum runs on the processor's instruction.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// appendBatch appends records to dst as one uncompressed batch: values arrive
// compressed. The producer fields are filled by stamp.
func appendBatch(dst []byte, records []Record, now time.Time) []byte {
	at := len(dst)
	first := stampOf(records[0], now)
	last := first
	dst = append(dst, make([]byte, batchHeader)...)
	for i := range records {
		ts := stampOf(records[i], now)
		last = max(last, ts)
		r := kmsg.Record{Key: records[i].Key, Value: records[i].Value, OffsetDelta: int32(i), TimestampDelta64: ts - first}
		r.Length = recordLength(&r)
		dst = r.AppendTo(dst)
	}
	head := kmsg.RecordBatch{
		Length:               int32(len(dst) - at - logOverhead),
		PartitionLeaderEpoch: -1,
		Magic:                2,
		LastOffsetDelta:      int32(len(records) - 1),
		FirstTimestamp:       first,
		MaxTimestamp:         last,
		ProducerID:           -1,
		ProducerEpoch:        -1,
		FirstSequence:        -1,
		NumRecords:           int32(len(records)),
	}
	head.AppendTo(dst[:at]) // writes exactly the reserved header, in place
	return dst
}

func stampOf(r Record, now time.Time) int64 {
	if r.Timestamp != 0 {
		return r.Timestamp
	}
	return now.UnixMilli()
}

// stamp writes the producer's identity and the checksum into an encoded batch.
func stamp(batch []byte, id int64, epoch int16, sequence int32) {
	binary.BigEndian.PutUint64(batch[43:], uint64(id))
	binary.BigEndian.PutUint16(batch[51:], uint16(epoch))
	binary.BigEndian.PutUint32(batch[53:], uint32(sequence))
	binary.BigEndian.PutUint32(batch[atCRC:], crc32.Checksum(batch[atAttributes:], castagnoli()))
}

// recordLength is the length field of r: what follows the field itself.
func recordLength(r *kmsg.Record) int32 {
	n := 1 + varintLen(r.TimestampDelta64) + varintLen(int64(r.OffsetDelta)) + 1 // attributes …, no headers
	n += bytesLen(r.Key) + bytesLen(r.Value)
	return int32(n)
}

func bytesLen(b []byte) int {
	if b == nil {
		return 1 // length -1
	}
	return varintLen(int64(len(b))) + len(b)
}

// varintLen is the size of a zigzag varint.
func varintLen(v int64) int {
	u := uint64(v<<1) ^ uint64(v>>63)
	return (bits.Len64(u|1) + 6) / 7
}
