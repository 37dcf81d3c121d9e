package stream

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"
	"github.com/segmentio/kafka-go/compress"
)

// maxInflated bounds one batch that was compressed on its way, in bytes, so that
// a crafted one cannot take the memory of the process.
const maxInflated = 64 << 20

// inflate unpacks the records of a batch that a broker (compression.type) or
// another producer compressed; ours does not. The result is a buffer of its own,
// since records point into it.
func inflate(codec uint16, body []byte) ([]byte, error) {
	if compress.Compression(codec) == compress.Snappy {
		// kafka-go's reader of this one loops for ever on some broken input.
		return unsnap(body)
	}
	c := compress.Compression(codec).Codec()
	if c == nil {
		return nil, fmt.Errorf("stream: decode: %w: compression %d", ErrCorrupt, codec)
	}
	r := c.NewReader(bytes.NewReader(body))
	defer r.Close()
	var out bytes.Buffer
	n, err := out.ReadFrom(io.LimitReader(r, maxInflated+1))
	if err != nil || n > maxInflated {
		return nil, fmt.Errorf("stream: decode: %w: compressed batch", ErrCorrupt)
	}
	return out.Bytes(), nil
}

// Java clients wrap Snappy blocks in a frame of the xerial library: a magic, two
// version numbers, then for each block its length (big endian) and its bytes.
// Others send one bare block.
const (
	xerialMagic  = "\x82SNAPPY\x00"
	xerialHeader = len(xerialMagic) + 8
)

func unsnap(body []byte) ([]byte, error) {
	if len(body) < xerialHeader || string(body[:len(xerialMagic)]) != xerialMagic {
		return unsnapBlock(nil, body)
	}
	var out []byte
	for body = body[xerialHeader:]; len(body) > 0; {
		if len(body) < 4 || uint64(binary.BigEndian.Uint32(body)) > uint64(len(body)-4) {
			return nil, fmt.Errorf("stream: decode: %w: snappy frame", ErrCorrupt)
		}
		n := 4 + int(binary.BigEndian.Uint32(body))
		var err error
		if out, err = unsnapBlock(out, body[4:n]); err != nil {
			return nil, err
		}
		body = body[n:]
	}
	return out, nil
}

func unsnapBlock(out, block []byte) ([]byte, error) {
	n, err := s2.DecodedLen(block) // s2 reads Snappy
	if err != nil || n > maxInflated-len(out) {
		return nil, fmt.Errorf("stream: decode: %w: snappy length", ErrCorrupt)
	}
	b, err := s2.Decode(nil, block)
	if err != nil {
		return nil, fmt.Errorf("stream: decode: %w: snappy block", ErrCorrupt)
	}
	return append(out, b...), nil
}
