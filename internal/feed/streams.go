package feed

import (
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"
)

// stream reads line files one after the other, holding one line at a time. Files are read
// twice when times are shifted: once for the last time, once for the events.
type stream struct {
	what    string
	paths   []string
	from    func(path string) (io.ReadCloser, error)
	shift   Shift
	parse   func(m *Message, line string) bool // sets Time
	file    io.Closer
	lines   *lines
	name    func(line int) string
	counted int64 // messages found by the first reading
	report  Report
}

// OpenApache reads web server logs in the combined format (also gzip). Each line becomes a
// page_view without any id; host, as in https://shop.example, stands before the path, and
// https is meant when it names no scheme.
func OpenApache(paths []string, host string, opt Options) (Source, error) {
	if !strings.Contains(host, "://") {
		host = "https://" + host
	}
	var yes Choices
	if !opt.NoConsent {
		yes = All(opt.Purposes, true)
	}
	return openStream("web server log", paths, opt, func(m *Message, line string) bool {
		a, ok := parseAccess(line)
		if !ok {
			return false
		}
		*m = Message{Name: "page_view", Time: a.time, Consent: yes, Props: m.Props[:0]}
		m.Client = Client{UA: a.agent, Ref: a.referrer, Page: a.target}
		if strings.HasPrefix(a.target, "/") {
			m.Client.Page = strings.TrimSuffix(host, "/") + a.target
		}
		if addr, err := netip.ParseAddr(a.host); err == nil {
			m.Client.IP = addr.String() // a host name instead of an address is nobody's place
		}
		m.Props = append(m.Props, Str("method", a.method), Int("status", a.status), Int("bytes", a.bytes))
		return true
	})
}

// OpenNDJSON reads native events, one JSON object a line (also gzip). Consent is as the
// events say it; opt.Purposes and opt.Refuse do not touch it. sent_at is left out: it
// corrects a device's clock at the moment of sending and would move a replayed event.
func OpenNDJSON(paths []string, opt Options) (Source, error) {
	return openStream("native events", paths, opt, parseNative)
}

func openStream(what string, paths []string, opt Options, parse func(*Message, string) bool) (Source, error) {
	s := &stream{what: what, paths: paths, from: opt.open, parse: parse, shift: Shift{0, opt.Zone}}
	if opt.KeepTimes {
		return s, nil
	}
	var last time.Time
	var m Message
	for {
		err := s.Next(&m)
		if err == io.EOF {
			break
		} else if err != nil {
			s.Close()
			return nil, err
		}
		if m.Time.After(last) {
			last = m.Time
		}
	}
	*s = stream{what: what, paths: paths, from: opt.open, parse: parse, shift: Shift{0, opt.Zone}, counted: int64(s.report.Read)}
	if !last.IsZero() {
		s.shift = ShiftToYesterday(last, opt.Now, opt.Zone)
	}
	s.report.ShiftDays = s.shift.Days
	return s, nil
}

func (s *stream) Next(m *Message) error {
	for {
		if s.lines == nil {
			if err := s.nextFile(); err != nil {
				return err
			}
		}
		raw, whole, err := s.lines.next()
		if err == io.EOF {
			s.Close()
			s.lines, s.paths = nil, s.paths[1:]
			continue
		} else if err != nil {
			return fmt.Errorf("%s %s line %d: %w", s.what, filepath.Base(s.paths[0]), s.lines.n+1, err)
		}
		if whole && len(raw) == 0 {
			continue
		}
		line := string(raw)
		valid := utf8.ValidString(line)
		if !valid {
			line = strings.ToValidUTF8(line, "\ufffd")
		}
		if !whole || !s.parse(m, line) {
			s.report.bad(filepath.Base(s.paths[0]), s.lines.n, 1)
			continue
		}
		if !valid {
			s.report.Repaired++
		}
		if m.ID == "" {
			m.ID = s.name(s.lines.n)
		}
		if !m.Time.IsZero() { // without a time the collector takes its own
			m.Time = s.shift.Apply(m.Time)
		}
		s.report.seen(m.Time)
		return nil
	}
}

func (s *stream) nextFile() error {
	if len(s.paths) == 0 {
		return io.EOF
	}
	f, err := s.from(s.paths[0])
	if err != nil {
		return fmt.Errorf("%s: %w", s.what, err)
	}
	s.file, s.lines, s.name = f, newLines(f), namer(s.paths[0], s.shift.Days)
	return nil
}

func (s *stream) total() int64   { return s.counted }
func (s *stream) Report() Report { return s.report }

func (s *stream) Close() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return f.Close()
}
