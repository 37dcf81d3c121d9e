package stream

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// decoder turns the bytes of a fetch response into records, without copying.
type decoder struct {
	keyLen  int // >0: skip records whose key has another length
	records []Record
	skipped int64
}

// decode appends to d.records those of src at offset from or later, and returns
// the offset to fetch next. A batch cut off at the end of src is left for the
// next fetch. Records of control batches (transaction markers) are skipped by
// their batch's flag; records with another key length are skipped and counted.
func (d *decoder) decode(src []byte, from int64) (next int64, err error) {
	next = from
	for len(src) >= logOverhead {
		n := int(int32(binary.BigEndian.Uint32(src[atLength:]))) + logOverhead
		if n < batchHeader {
			return next, fmt.Errorf("stream: decode: %w: length", ErrCorrupt)
		}
		if n > len(src) {
			break
		}
		if next, err = d.batch(src[:n], next); err != nil {
			return next, err
		}
		src = src[n:]
	}
	return next, nil
}

func (d *decoder) batch(b []byte, from int64) (next int64, err error) {
	if b[atMagic] != 2 {
		// Versions 0 and 1 ended with Kafka 0.11; a topic of ours has none.
		return from, fmt.Errorf("stream: decode: %w: message format %d", ErrCorrupt, b[atMagic])
	}
	if binary.BigEndian.Uint32(b[atCRC:]) != crc32.Checksum(b[atAttributes:], castagnoli()) {
		return from, fmt.Errorf("stream: decode: %w: checksum", ErrCorrupt)
	}
	base := int64(binary.BigEndian.Uint64(b))
	attrs := binary.BigEndian.Uint16(b[atAttributes:])
	// Compaction can take the last records of a batch but keeps the span in its
	// header: step over the span, or a reader waits for ever at the gap.
	next = base + int64(int32(binary.BigEndian.Uint32(b[23:]))) + 1
	if next <= from || attrs&attrControl != 0 {
		return max(next, from), nil
	}
	first := int64(binary.BigEndian.Uint64(b[27:]))
	count := int(int32(binary.BigEndian.Uint32(b[57:])))
	body := b[batchHeader:]
	if codec := attrs & attrCodec; codec != 0 {
		if body, err = inflate(codec, body); err != nil {
			return from, err
		}
	}
	for range count {
		if body, err = d.record(body, base, first, from); err != nil {
			return from, err
		}
	}
	return next, nil
}

// record decodes one record and returns what follows it.
func (d *decoder) record(src []byte, base, firstTime, from int64) ([]byte, error) {
	c := cursor{src: src}
	length := c.varint()
	if c.bad || length < 0 || length > int64(len(c.src)) {
		return nil, fmt.Errorf("stream: decode: %w: record length", ErrCorrupt)
	}
	rest := c.src[length:]
	c.src = c.src[:length]
	c.take(1) // attributes, unused
	r := Record{Timestamp: firstTime + c.varint(), Offset: base + c.varint()}
	r.Key, r.Value = c.bytes(), c.bytes()
	if c.bad {
		return nil, fmt.Errorf("stream: decode: %w: record", ErrCorrupt)
	}
	switch {
	case r.Offset < from: // a fetch answers from the start of the batch
	case d.keyLen > 0 && len(r.Key) != d.keyLen:
		d.skipped++
	default:
		d.records = append(d.records, r)
	}
	return rest, nil
}

// cursor reads the variable-length fields of a record.
type cursor struct {
	src []byte
	bad bool
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.src) // zigzag, as Kafka's
	if n <= 0 {
		c.bad = true
		return 0
	}
	c.src = c.src[n:]
	return v
}

func (c *cursor) take(n int64) []byte {
	if n < 0 || n > int64(len(c.src)) {
		c.bad = true
		return nil
	}
	b := c.src[:n:n]
	c.src = c.src[n:]
	return b
}

// bytes reads a length and that many bytes; length -1 is nil.
func (c *cursor) bytes() []byte {
	n := c.varint()
	if n == -1 || c.bad {
		return nil
	}
	return c.take(n)
}
