package feed

import (
	"cmp"
	"io"
	"slices"
	"time"
)

// Source hands out messages in the order in which they are to be sent. It is used by one
// goroutine at a time.
type Source interface {
	// Next fills m. At the end it returns io.EOF; no error carries a value from the input.
	Next(m *Message) error
	// Report tells what was read; complete once Next has returned io.EOF.
	Report() Report
	// Close frees files. It may be called at any time, more than once.
	Close() error
}

// Report is the account of what a source made of its input: Read + Unreadable is every
// line or record of it, apart from blank lines and headers.
type Report struct {
	Read       int
	Unreadable int
	Bad        []Place // where the unreadable ones are, the first maxPlaces of them
	Repaired   int     // records with bytes that are no UTF-8, each run of them replaced by U+FFFD
	First      time.Time
	Last       time.Time // after the shift
	ShiftDays  int
	People     int      // distinct user ids; counted by course logs only
	Refused    []string // user ids that refuse, sorted; course logs only
}

// Place is a line of an input file, counted from 1.
type Place struct {
	File string // base name
	Line int
}

// maxPlaces bounds the list of unreadable places; Report.Unreadable counts all of them.
const maxPlaces = 1000

func (r *Report) bad(file string, line, lines int) {
	for i := range lines {
		if len(r.Bad) < maxPlaces {
			r.Bad = append(r.Bad, Place{file, line + i})
		}
	}
	r.Unreadable += lines
}

func (r *Report) seen(t time.Time) {
	r.Read++
	if r.First.IsZero() || t.Before(r.First) {
		r.First = t
	}
	if t.After(r.Last) {
		r.Last = t
	}
}

// Options are common to the sources that read files.
type Options struct {
	Zone      *time.Location // the policy's; local times are read in it, and days turn at its midnight
	Now       time.Time
	KeepTimes bool     // do not move the events to end yesterday
	Purposes  []string // asked for, by the policy's names
	Refuse    float64  // share of people, 0 to 1, who say no to all of them
	Seed      uint64   // decides who refuses
	NoConsent bool     // say nothing about consent, as if nobody had been asked

	from func(path string) (io.ReadCloser, error) // opens files; nil = those of the system
}

func (o Options) open(path string) (io.ReadCloser, error) {
	if o.from != nil {
		return o.from(path)
	}
	return open(path)
}

// DefaultOptions asks for the purposes of the starter policy.
func DefaultOptions(now time.Time, zone *time.Location) Options {
	return Options{Zone: zone, Now: now, Purposes: []string{"analytics", "personalize", "diagnose"}}
}

// Total returns how many messages src will hand out, or 0 if it cannot know.
func Total(src Source) int64 {
	if s, ok := src.(interface{ total() int64 }); ok {
		return s.total()
	}
	return 0
}

// list is a source held in memory.
type list struct {
	msgs   []Message
	at     int
	report Report
}

func (l *list) Next(m *Message) error {
	if l.at == len(l.msgs) {
		return io.EOF
	}
	*m = l.msgs[l.at]
	l.at++
	return nil
}

func (l *list) total() int64   { return int64(len(l.msgs)) }
func (l *list) Report() Report { return l.report }
func (l *list) Close() error   { return nil }

// ordered returns in sorted by time, equal times in their old order. It moves each large
// element once, where a stable sort in place would move it many times.
func ordered[T any](in []T, when func(*T) time.Time) []T {
	at := make([]int, len(in))
	for i := range at {
		at[i] = i
	}
	slices.SortFunc(at, func(i, j int) int {
		return cmp.Or(when(&in[i]).Compare(when(&in[j])), cmp.Compare(i, j))
	})
	out := make([]T, len(in))
	for k, i := range at {
		out[k] = in[i]
	}
	return out
}
