package collector

import (
	"strconv"
	"strings"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/policy"
)

// device takes one part of the client's machine, still as it was written: the enricher
// makes it coarse.
func (n *normaliser) device(raw *event.Raw, part string, v event.Value) bool {
	s := v.Str()
	if s == "" {
		return false
	}
	d := &raw.Device
	switch fold(part) {
	case "os":
		d.OS = cutText(s, maxPart)
	case "osversion":
		d.OSVersion = cutText(s, maxPart)
	case "model":
		d.Model = cutText(s, maxPart)
	case "lang":
		d.Lang = cutText(s, maxPart)
	case "ua":
		raw.UserAgent = cutText(s, maxUA)
	case "screen":
		d.Width, d.Height = parseScreen(s)
		return d.Width > 0
	default:
		return false
	}
	return true
}

// parseScreen reads "1080x2400"; anything else gives zeros.
func parseScreen(s string) (w, h uint32) {
	a, b, ok := strings.Cut(s, "x")
	if !ok {
		return 0, 0
	}
	x, errX := strconv.ParseUint(strings.TrimSpace(a), 10, 17)
	y, errY := strconv.ParseUint(strings.TrimSpace(b), 10, 17)
	if errX != nil || errY != nil || x == 0 || y == 0 {
		return 0, 0
	}
	return uint32(x), uint32(y)
}

// media takes one part of what is known of a photo or video: its kind, its size as a
// bucket, the month it was taken, and its position as a cell. Everything else that a file
// tells about its camera and owner is dropped.
func (n *normaliser) media(raw *event.Raw, rule *policy.Rule, v event.Value) bool {
	field := n.e.media
	if rule.Field != nil {
		field = rule.Field.Name
	}
	part := fold(lastSegment(rule.Part))
	var value string
	switch part {
	case "kind":
		value = mediaKind(v.Str())
	case "size":
		value = sizeBucket(v)
	case "taken":
		value = monthOf(v.Str())
	default:
		return n.mediaPoint(part, v)
	}
	if value == "" {
		return false
	}
	key, err := n.join(field, part)
	if err != nil || key == "" {
		return false
	}
	raw.Props = append(raw.Props, event.Prop{Key: key, Value: event.StringValue(value)})
	return true
}

// mediaPoint gathers the position of a photo; EXIF counts in WGS-84.
func (n *normaliser) mediaPoint(part string, v event.Value) bool {
	c := coordinateOf(part)
	if c == notCoordinate || c == pair || n.headers.query {
		return false
	}
	if strings.HasPrefix(part, "gps") {
		n.at.exif = true
	}
	return n.at.take(c, v)
}

// mediaKind knows the kinds there are; a kind is a word, not a file name.
func mediaKind(s string) string {
	switch k := strings.ToLower(s); k {
	case "image", "video", "audio", "file":
		return k
	}
	return ""
}

// sizeBucket tells a size in bytes no closer than a share of people can have it.
func sizeBucket(v event.Value) string {
	f := v.Float()
	if v.Kind() == event.String {
		var err error
		if f, err = strconv.ParseFloat(v.Str(), 64); err != nil {
			return ""
		}
	}
	const mb = 1 << 20
	switch {
	case v.Kind() == event.Bool, v.Kind() == event.Null, !(f >= 0):
		return ""
	case f < mb:
		return "0-1MB"
	case f < 5*mb:
		return "1-5MB"
	case f < 20*mb:
		return "5-20MB"
	case f < 100*mb:
		return "20-100MB"
	}
	return "100MB+"
}

// monthOf cuts a date such as 2026-11-20T14:03:22+08:00, or EXIF's 2026:11:20, to its month.
func monthOf(s string) string {
	if len(s) < 7 || s[4] != '-' && s[4] != ':' {
		return ""
	}
	year, errY := strconv.ParseUint(s[:4], 10, 16)
	month, errM := strconv.ParseUint(s[5:7], 10, 8)
	if errY != nil || errM != nil || year < 1990 || year > 2200 || month < 1 || month > 12 {
		return ""
	}
	if s[4] == '-' {
		return s[:7]
	}
	return s[:4] + "-" + s[5:7]
}
