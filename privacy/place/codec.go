package place

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Source is what a table is built from.
type Source struct {
	Version string
	Admins  []Named
	Words   []Word
	Runs    []Run // ascending by Start
}

// Named is an administrative place and the name of its finest part.
type Named struct {
	Admin
	Name string
}

// Word is a text that names an administrative place in a region text. Short
// says that the text lacks the ending that marks it as a place ("中山" for
// "中山市"), so that it may be a part of something else.
type Word struct {
	Text  string
	Admin int // index into Source.Admins
	Short bool
}

// Run gives one owner to the cells from Start up to the next run's Start.
// Cells are counted as the 25 bits of a five-character geohash.
type Run struct {
	Start uint32
	Owner int // index into Source.Admins plus one; 0 is no place
}

const (
	magic     = "SLPLACE1"
	maxAdmins = 1<<16 - 1
	maxCell   = 1<<25 - 1
)

var errTable = errors.New("place table: damaged")

// Encode writes the source in the form that Decode reads: a magic text,
// varint-counted parts, and a CRC-32 (Castagnoli) of all before it.
func Encode(src Source) ([]byte, error) {
	if len(src.Admins) > maxAdmins {
		return nil, fmt.Errorf("place table: more than %d places", maxAdmins)
	}
	b := []byte(magic)
	b = appendText(b, src.Version)
	b = binary.AppendUvarint(b, uint64(len(src.Admins)))
	for _, a := range src.Admins {
		for _, s := range [...]string{a.Country, a.Province, a.City, a.Name} {
			b = appendText(b, s)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(src.Words)))
	for _, w := range src.Words {
		b = appendText(b, w.Text)
		n := uint64(w.Admin) << 1
		if w.Short {
			n |= 1
		}
		b = binary.AppendUvarint(b, n)
	}
	b = binary.AppendUvarint(b, uint64(len(src.Runs)))
	prev := uint32(0)
	for i, r := range src.Runs {
		if i > 0 && r.Start <= prev || r.Owner > len(src.Admins) {
			return nil, fmt.Errorf("place table: run %d out of order", i)
		}
		b = binary.AppendUvarint(b, uint64(r.Start-prev))
		b = binary.AppendUvarint(b, uint64(r.Owner))
		prev = r.Start
	}
	return binary.LittleEndian.AppendUint32(b, checksum(b)), nil
}

// Decode reads a table that Encode wrote. Damaged data gives an error and no table.
func Decode(data []byte) (*Table, error) {
	if len(data) < len(magic)+4 || string(data[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: not a place table", errTable)
	}
	body := data[:len(data)-4]
	if checksum(body) != binary.LittleEndian.Uint32(data[len(body):]) {
		return nil, fmt.Errorf("%w: checksum", errTable)
	}
	r := reader{b: body[len(magic):]}
	t := &Table{version: r.text()}
	r.admins(t)
	r.words(t)
	r.runs(t)
	if r.bad || len(r.b) != 0 {
		return nil, fmt.Errorf("%w: content", errTable)
	}
	return t, nil
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// reader takes values off b; after the first that does not fit, bad is set and
// everything reads as zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) number() uint64 {
	n, k := binary.Uvarint(r.b)
	if k <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[k:]
	return n
}

// count reads the length of a list whose items take at least one byte each.
func (r *reader) count() int {
	n := r.number()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return 0
	}
	return int(n)
}

func (r *reader) text() string {
	n := r.count()
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) admins(t *Table) {
	n := r.count()
	if n > maxAdmins {
		r.bad = true
		return
	}
	t.admins = make([]Admin, 0, n)
	t.names = make([]string, 0, n)
	t.byCode = make(map[string]int, n)
	for i := range n {
		a := Admin{Country: r.text(), Province: r.text(), City: r.text()}
		t.admins = append(t.admins, a)
		t.names = append(t.names, r.text())
		if code, _ := a.At(City); code != "" {
			t.byCode[code] = i
		}
	}
}

func (r *reader) words(t *Table) {
	n := r.count()
	t.regions = make(map[string][]word, n)
	for range n {
		text, v := r.text(), r.number()
		if v>>1 >= uint64(len(t.admins)) {
			r.bad = true
			return
		}
		t.regions[text] = append(t.regions[text], word{admin: uint16(v >> 1), short: v&1 == 1})
		t.longest = max(t.longest, len(text))
	}
}

func (r *reader) runs(t *Table) {
	n := r.count()
	t.starts = make([]uint32, 0, n)
	t.owners = make([]uint16, 0, n)
	var start uint64
	for i := range n {
		step, owner := r.number(), r.number()
		start += step
		if step == 0 && i > 0 || start > maxCell || owner > uint64(len(t.admins)) {
			r.bad = true
			return
		}
		t.starts = append(t.starts, uint32(start))
		t.owners = append(t.owners, uint16(owner))
	}
}
