package feed

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
)

// maxLine bounds a line of a log file in bytes; a longer one counts as unreadable.
const maxLine = 1 << 20

// open opens a file, unpacked if it is gzip, which its first bytes tell.
func open(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b := bufio.NewReaderSize(f, 64<<10)
	if magic, _ := b.Peek(2); len(magic) < 2 || magic[0] != 0x1f || magic[1] != 0x8b {
		return &opened{b, f}, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("unpack %s: %w", filepath.Base(path), err)
	}
	return &opened{z, f}, nil
}

type opened struct {
	io.Reader
	f *os.File
}

func (o *opened) Close() error { return o.f.Close() }

// lines reads lines one by one and counts them.
type lines struct {
	r   *bufio.Reader
	n   int // of the line last returned, from 1
	buf []byte
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 64<<10)} }

// next returns the next line without its end; whole is false for one over maxLine, of
// which nothing is returned. The slice is valid until the next call.
func (l *lines) next() (line []byte, whole bool, err error) {
	l.buf, whole = l.buf[:0], true
	for {
		part, err := l.r.ReadSlice('\n')
		if whole = whole && len(l.buf)+len(part) <= maxLine+1; whole {
			l.buf = append(l.buf, part...)
		} else {
			l.buf = l.buf[:0]
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == io.EOF && len(part) == 0 && len(l.buf) == 0 && whole:
			return nil, true, io.EOF
		case err != nil && err != io.EOF:
			return nil, false, err
		}
		l.n++
		if !whole {
			return nil, false, nil
		}
		return bytes.TrimRight(l.buf, "\r\n"), true, nil
	}
}

// namer makes message ids from a record's place: the same file replayed again on the same
// day gives the same ids, so that nothing counts twice; on a later day it is new.
func namer(path string, shiftDays int) func(line int) string {
	head := fmt.Sprintf("replay-%08x-%d-", uint32(xxhash.Sum64String(filepath.Base(path))), shiftDays)
	return func(line int) string { return fmt.Sprintf("%s%d", head, line) }
}
