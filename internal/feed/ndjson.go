package feed

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// errShape stands for every way a line is no native event; the place is in the report.
var errShape = errors.New("not a native event")

// parseNative reads one event of the native protocol. Members that it does not know are
// kept as they are; a known one of the wrong type, a member given twice or text after the
// object make the line unreadable.
func parseNative(m *Message, line string) bool {
	*m = Message{Context: m.Context[:0], Props: m.Props[:0], Extra: m.Extra[:0]}
	err := members([]byte(line), func(key string, v jsontext.Value) error {
		switch key {
		case "event":
			return text(v, &m.Name)
		case "id":
			return text(v, &m.ID)
		case "user_id":
			return text(v, &m.User)
		case "install_id":
			return text(v, &m.Install)
		case "session":
			return text(v, &m.Session)
		case "time":
			return instant(v, &m.Time)
		case "sent_at":
			return nil
		case "consent":
			return members(v, func(key string, v jsontext.Value) error { return choice(v, key, &m.Consent) })
		case "context":
			return members(v, func(key string, v jsontext.Value) error { return native(m, key, v) })
		case "props":
			return members(v, func(key string, v jsontext.Value) error {
				m.Props = append(m.Props, JSON(key, v))
				return nil
			})
		}
		m.Extra = append(m.Extra, JSON(key, v))
		return nil
	})
	return err == nil && m.Name != ""
}

func native(m *Message, key string, v jsontext.Value) error {
	switch key {
	case "page":
		return text(v, &m.Client.Page)
	case "referrer":
		return text(v, &m.Client.Ref)
	case "ua":
		return text(v, &m.Client.UA)
	case "ip":
		return text(v, &m.Client.IP)
	}
	m.Context = append(m.Context, JSON(key, v))
	return nil
}

// members calls f for each member of the object in v, which must hold nothing else. A
// null in place of the object has none.
func members(v []byte, f func(key string, v jsontext.Value) error) error {
	d := jsontext.NewDecoder(bytes.NewReader(v))
	start, err := d.ReadToken()
	if err != nil || start.Kind() != '{' {
		if err == nil && start.Kind() == 'n' {
			return nil
		}
		return errShape
	}
	for d.PeekKind() != '}' {
		key, err := d.ReadToken()
		if err != nil {
			return errShape
		}
		name := key.String()
		val, err := d.ReadValue()
		if err != nil {
			return errShape
		}
		if err := f(name, val); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return errShape
	}
	if _, err := d.ReadToken(); err != io.EOF { // text after the end
		return errShape
	}
	return nil
}

func text(v jsontext.Value, to *string) error {
	switch v.Kind() {
	case 'n':
		return nil
	case '"':
		b, err := jsontext.AppendUnquote(nil, v)
		*to = string(b)
		return err
	}
	return errShape
}

func choice(v jsontext.Value, name string, to *Choices) error {
	if k := v.Kind(); k != 't' && k != 'f' {
		return errShape // anything else could be read as a grant somewhere
	}
	*to = append(*to, Choice{name, v.Kind() == 't'})
	return nil
}

// instant reads RFC 3339 or Unix milliseconds.
func instant(v jsontext.Value, to *time.Time) (err error) {
	switch v.Kind() {
	case 'n':
		return nil
	case '"':
		var s string
		if err := text(v, &s); err != nil {
			return err
		}
		if *to, err = time.Parse(time.RFC3339Nano, s); err != nil {
			return errShape
		}
		return nil
	case '0':
		ms, ok := digits(string(v))
		if !ok {
			return errShape
		}
		*to = time.UnixMilli(ms)
		return nil
	}
	return errShape
}
