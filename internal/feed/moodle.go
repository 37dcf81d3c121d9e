package feed

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// course is one layout of a course log: which columns it must have and how a record of it
// becomes a message.
type course struct {
	needs  []string
	layout string // of the time column, the first of needs
	fill   func(m *Message, cell func(column string) string)
}

// courses are the layouts known: the log of a course published with the columns
// "Event.context,user,timecreated,…", and Moodle's own export of its log report.
func courses() []course {
	return []course{
		{[]string{"timecreated", "user", "Event.context", "Event.name"}, "2006-01-02T15:04:05", fillCourse},
		{[]string{"Time", "Event context", "Event name", "Description"}, "2/01/06, 15:04", fillReport},
	}
}

func fillCourse(m *Message, cell func(string) string) {
	m.Name, m.User = cell("Event.name"), cell("user")
	m.Props = []Prop{Str("item_id", cell("Event.context"))}
	for _, c := range [][2]string{{"component", "Component"}, {"log", "Log"}, {"action", "Action"}} {
		m.Props = appendFilled(m.Props, c[0], cell(c[1]))
	}
}

// fillReport leaves the columns "User full name" and "Affected user" out: a name and
// another person. Who acted stands in the description, as a number.
func fillReport(m *Message, cell func(string) string) {
	m.Name, m.Client.IP = cell("Event name"), cell("IP address")
	m.User = actor(cell("Description"))
	m.Props = []Prop{Str("item_id", cell("Event context"))}
	for _, c := range [][2]string{{"component", "Component"}, {"origin", "Origin"}, {"description", "Description"}} {
		m.Props = appendFilled(m.Props, c[0], cell(c[1]))
	}
}

func appendFilled(props []Prop, key, v string) []Prop {
	if v == "" {
		return props
	}
	return append(props, Str(key, v))
}

// actor finds the number in "The user with id '4' …".
func actor(description string) string {
	_, rest, ok := strings.Cut(description, "The user with id '")
	if !ok {
		return ""
	}
	id, _, ok := strings.Cut(rest, "'")
	if !ok || id == "" || strings.Trim(id, "0123456789") != "" {
		return ""
	}
	return id
}

// OpenMoodle reads course logs (csv, also gzip) whole and returns their events in order of
// time, then of file and line, since such files are not sorted and a person's consent must
// come before what rests on it. Times without a zone are read in opt.Zone.
func OpenMoodle(paths []string, opt Options) (Source, error) {
	l := &list{}
	var at []Place // of each message, File being the path
	for _, path := range paths {
		f, err := opt.open(path)
		if err != nil {
			return nil, fmt.Errorf("course log: %w", err)
		}
		err = l.readCourse(f, path, opt.Zone, &at)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("course log %s: %w", filepath.Base(path), err)
		}
	}
	l.finish(at, opt)
	return l, nil
}

// ErrNoCourseLog is returned for a file without the columns of a known course log.
var ErrNoCourseLog = errors.New("not a course log: its first line lacks the columns of one")

func (l *list) readCourse(r io.Reader, path string, zone *time.Location, at *[]Place) error {
	c := csv.NewReader(r)
	c.FieldsPerRecord, c.ReuseRecord = -1, true
	head, err := c.Read()
	if err != nil {
		return ErrNoCourseLog
	}
	col := map[string]int{}
	for i, name := range head {
		col[strings.TrimPrefix(name, "\ufeff")] = i
	}
	k := slices.IndexFunc(courses(), func(k course) bool {
		return !slices.ContainsFunc(k.needs, func(n string) bool { _, ok := col[n]; return !ok })
	})
	if k < 0 {
		return ErrNoCourseLog
	}
	how, width := courses()[k], len(head)
	for {
		rec, err := c.Read()
		if err == io.EOF {
			return nil
		}
		var pe *csv.ParseError
		if errors.As(err, &pe) {
			l.report.bad(filepath.Base(path), pe.StartLine, max(pe.Line-pe.StartLine, 0)+1)
			continue
		} else if err != nil {
			return err // of the disk or the packing
		}
		line, _ := c.FieldPos(0)
		if len(rec) != width || !l.addCourse(how, col, rec, zone) {
			l.report.bad(filepath.Base(path), line, 1)
			continue
		}
		*at = append(*at, Place{path, line})
	}
}

func (l *list) addCourse(how course, col map[string]int, rec []string, zone *time.Location) bool {
	t, err := time.ParseInLocation(how.layout, rec[col[how.needs[0]]], zone)
	if err != nil {
		return false
	}
	m, repaired := Message{Time: t}, 0
	how.fill(&m, func(column string) string {
		i, ok := col[column]
		if !ok {
			return ""
		}
		if !utf8.ValidString(rec[i]) {
			repaired = 1
			return strings.ToValidUTF8(rec[i], "\ufffd")
		}
		return rec[i]
	})
	if m.Name == "" {
		return false
	}
	l.report.Repaired += repaired
	l.msgs = append(l.msgs, m)
	return true
}

// finish shifts, names and sorts the messages and lets everybody answer.
func (l *list) finish(at []Place, opt Options) {
	var last time.Time
	for i := range l.msgs {
		if l.msgs[i].Time.After(last) {
			last = l.msgs[i].Time
		}
	}
	shift := Shift{0, opt.Zone}
	if !opt.KeepTimes && len(l.msgs) > 0 {
		shift = ShiftToYesterday(last, opt.Now, opt.Zone)
	}
	names := map[string]func(int) string{}
	people := map[string]bool{} // user → refuses
	yes, no := All(opt.Purposes, true), All(opt.Purposes, false)
	for i := range l.msgs {
		m := &l.msgs[i]
		if names[at[i].File] == nil {
			names[at[i].File] = namer(at[i].File, shift.Days)
		}
		m.ID, m.Time = names[at[i].File](at[i].Line), shift.Apply(m.Time)
		l.report.seen(m.Time)
		refuses, known := people[m.User]
		if !known && m.User != "" {
			refuses = Refuses(m.User, opt.Seed, opt.Refuse)
			people[m.User] = refuses
		}
		switch {
		case opt.NoConsent:
		case refuses:
			m.Consent = no
		default:
			m.Consent = yes
		}
	}
	l.msgs = ordered(l.msgs, func(m *Message) time.Time { return m.Time })
	l.report.ShiftDays, l.report.People = shift.Days, len(people)
	for user, refuses := range people {
		if refuses {
			l.report.Refused = append(l.report.Refused, user)
		}
	}
	slices.Sort(l.report.Refused)
}
