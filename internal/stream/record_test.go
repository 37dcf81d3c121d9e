package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/s2"
	"github.com/segmentio/kafka-go/compress"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// batchOf encodes records as a broker would hand them out, at offset base.
func batchOf(base int64, rs ...Record) []byte {
	b := appendBatch(nil, rs, time.UnixMilli(1_700_000_000_000))
	stamp(b, 7, 1, 3)
	binary.BigEndian.PutUint64(b, uint64(base)) // not under the checksum
	return b
}

// reseal changes the attributes and the body of a batch and signs it again.
func reseal(b []byte, attrs uint16, body []byte) []byte {
	b = append(b[:batchHeader:batchHeader], body...)
	binary.BigEndian.PutUint16(b[atAttributes:], attrs)
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-logOverhead))
	binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], castagnoli()))
	return b
}

// The encoder against kmsg's own decoder, and our decoder against both.
func TestBatchRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		field := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 0, 200))
		base := rapid.Int64Range(0, math.MaxInt64/2).Draw(t, "base")
		in := make([]Record, rapid.IntRange(1, 20).Draw(t, "n"))
		for i := range in {
			in[i] = Record{
				Key: field.Draw(t, "key"), Value: field.Draw(t, "value"),
				Offset: base + int64(i), Timestamp: rapid.Int64Range(1, 1<<42).Draw(t, "time"),
			}
		}
		b := batchOf(base, in...)

		var head kmsg.RecordBatch
		if err := head.ReadFrom(b); err != nil {
			t.Fatal(err)
		}
		if head.Magic != 2 || int(head.NumRecords) != len(in) || int(head.LastOffsetDelta) != len(in)-1 || head.ProducerID != 7 || head.ProducerEpoch != 1 || head.FirstSequence != 3 {
			t.Fatalf("header: %+v", head)
		}
		rest := head.Records
		for i := range in {
			r := kmsg.NewRecord()
			length, n := binary.Varint(rest)
			if err := r.ReadFrom(rest[:n+int(length)]); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(r.Key, in[i].Key) || !bytes.Equal(r.Value, in[i].Value) || (r.Value == nil) != (in[i].Value == nil) ||
				head.FirstTimestamp+r.TimestampDelta64 != in[i].Timestamp || r.OffsetDelta != int32(i) {
				t.Fatalf("record %d: %+v", i, r)
			}
			rest = rest[n+int(length):]
		}
		if len(rest) != 0 {
			t.Fatalf("%d bytes left", len(rest))
		}

		from := base + rapid.Int64Range(0, int64(len(in))).Draw(t, "from")
		var d decoder
		next, err := d.decode(b, from)
		if err != nil || next != base+int64(len(in)) {
			t.Fatalf("decode: next %d, %v", next, err)
		}
		if diff := cmp.Diff(append([]Record{}, in[from-base:]...), append([]Record{}, d.records...)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestDecode(t *testing.T) {
	k := []byte("01234567")
	one := batchOf(10, Record{Key: k, Value: []byte("a")}, Record{Key: k, Value: []byte("b")})
	two := batchOf(12, Record{Key: k, Value: []byte("c")})
	control := reseal(batchOf(13, Record{Key: []byte{0, 0, 0, 1}, Value: []byte("x")}), attrControl, batchOf(0, Record{Key: k})[batchHeader:])
	gapped := batchOf(14, Record{Key: k, Value: []byte("d")})
	binary.BigEndian.PutUint32(gapped[23:], 5) // compaction took offsets 15 to 19
	gapped = reseal(gapped, 0, gapped[batchHeader:])
	join := func(bs ...[]byte) []byte { return bytes.Join(bs, nil) }

	f := func(what string, src []byte, from, wantNext int64, want ...string) {
		t.Helper()
		d := decoder{keyLen: 8}
		next, err := d.decode(src, from)
		var got []string
		for _, r := range d.records {
			got = append(got, string(r.Value))
		}
		if err != nil || next != wantNext || !cmp.Equal(got, want) {
			t.Errorf("%s: next %d, records %q, %v; want next %d, %q", what, next, got, err, wantNext, want)
		}
	}
	f("nothing", nil, 10, 10)
	f("two batches", join(one, two), 10, 13, "a", "b", "c")
	f("inside the first", join(one, two), 11, 13, "b", "c")
	f("past the first", join(one, two), 12, 13, "c")
	f("cut in the second", join(one, two[:len(two)-1]), 10, 12, "a", "b")
	f("cut in a header", join(one, two[:9]), 10, 12, "a", "b")
	f("control batch", join(two, control), 12, 14, "c")
	f("compacted away at the end", join(control, gapped), 13, 20, "d")
	for _, c := range []compress.Compression{compress.Gzip, compress.Snappy, compress.Lz4, compress.Zstd} {
		var z bytes.Buffer
		w := c.Codec().NewWriter(&z) // for snappy, in xerial's frame
		w.Write(one[batchHeader:])
		w.Close()
		f(c.String(), join(reseal(one, uint16(c), z.Bytes()), two), 10, 13, "a", "b", "c")
	}
	f("bare snappy", join(reseal(one, uint16(compress.Snappy), s2.EncodeSnappy(nil, one[batchHeader:])), two), 10, 13, "a", "b", "c")
}

func TestDecodeCorrupt(t *testing.T) {
	good := batchOf(10, Record{Key: []byte("k"), Value: []byte("value")}, Record{Value: []byte("x")})
	f := func(what string, b []byte) {
		t.Helper()
		var d decoder
		if next, err := d.decode(b, 10); !errors.Is(err, ErrCorrupt) || next != 10 {
			t.Errorf("%s: next %d, %v; want ErrCorrupt and no step forward", what, next, err)
		}
	}
	// Every bit that the checksum covers.
	for i := atAttributes * 8; i < len(good)*8; i++ {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		f("flipped bit", b)
	}
	old := bytes.Clone(good)
	old[atMagic] = 1
	f("format 1", old)
	short := bytes.Clone(good)
	binary.BigEndian.PutUint32(short[atLength:], 3)
	f("length below the header", short)
	f("more records than bytes", reseal(bytes.Clone(good), 0, good[batchHeader:len(good)-4]))
	f("unknown compression", reseal(bytes.Clone(good), 7, good[batchHeader:]))
	// kafka-go's reader never comes back from this one.
	f("snappy frame", reseal(bytes.Clone(good), 2, []byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01\x20\x00\x00\x37\x35\xd0")))
	f("snappy bomb", reseal(bytes.Clone(good), 2, []byte("\xff\xff\xff\xff\x0f\x00")))
	f("not gzip", reseal(bytes.Clone(good), 1, good[batchHeader:]))
}

func FuzzDecode(f *testing.F) {
	f.Add(batchOf(10, Record{Key: []byte("01234567"), Value: []byte("a")})[atAttributes:], int64(10))
	f.Fuzz(func(t *testing.T, covered []byte, from int64) {
		if len(covered) < batchHeader-atAttributes || from < 0 {
			return
		}
		// A valid checksum, so that the fuzzer gets past it.
		b := append(make([]byte, atAttributes), covered...)
		binary.BigEndian.PutUint64(b, uint64(from))
		b[atMagic] = 2
		binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-logOverhead))
		binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], castagnoli()))
		d := decoder{keyLen: 8}
		next, err := d.decode(b, from)
		if next < from {
			t.Errorf("went back from %d to %d", from, next)
		}
		for _, r := range d.records {
			if err == nil && (r.Offset < from || len(r.Key) != 8) {
				t.Errorf("record at %d with a key of %d bytes", r.Offset, len(r.Key))
			}
		}
	})
}

// The hot paths allocate nothing for a record.
func TestAllocations(t *testing.T) {
	rs := make([]Record, 1000)
	for i := range rs {
		rs[i] = Record{Key: []byte("01234567"), Value: make([]byte, 300)}
	}
	now := time.Now()
	buf := appendBatch(nil, rs, now)
	if n := testing.AllocsPerRun(20, func() { buf = appendBatch(buf[:0], rs, now); stamp(buf, 1, 0, 0) }); n > 0 {
		t.Errorf("encoding 1000 records: %v allocations, want 0", n)
	}
	d := decoder{keyLen: 8}
	d.decode(buf, 0)
	if n := testing.AllocsPerRun(20, func() { d.records = d.records[:0]; d.decode(buf, 0) }); n > 0 {
		t.Errorf("decoding 1000 records: %v allocations, want 0", n)
	}
}
