package collector

import (
	"net/url"
	"strings"

	"github.com/sluice-events/sluice/event"
)

// campaignOf reads the utm_ parameters of an address before its query is cut.
func campaignOf(address string) (c event.Campaign) {
	_, query, ok := strings.Cut(address, "?")
	if !ok || !strings.Contains(query, "utm_") {
		return c
	}
	query, _, _ = strings.Cut(query, "#")
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "utm_") || value == "" {
			continue
		}
		if plain, err := url.QueryUnescape(value); err == nil {
			takeCampaign(&c, name, plain)
		}
	}
	return c
}

// stripQuery cuts query, fragment and credentials off an address. What holds a document in
// itself (data:, javascript:, blob:) is no address of a page and gives "".
func stripQuery(s string) string {
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s = s[:i]
	}
	if i := strings.IndexByte(s, ':'); i > 0 && i < 11 {
		switch strings.ToLower(s[:i]) {
		case "data", "javascript", "blob":
			return ""
		}
	}
	i := strings.Index(s, "//")
	if i < 0 || strings.ContainsRune(s[:i], '/') {
		return s
	}
	i += len("//")
	end := len(s)
	if j := strings.IndexAny(s[i:], `/\`); j >= 0 {
		end = i + j
	}
	if at := strings.LastIndexByte(s[i:end], '@'); at >= 0 {
		return s[:i] + s[i+at+1:]
	}
	return s
}
