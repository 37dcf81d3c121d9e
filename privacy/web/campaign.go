package web

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Campaign holds the utm_* parameters of a URL. They are written by whoever
// made the link, so a detector must look at them as at any other text.
type Campaign struct {
	Source, Medium, Name, Term, Content string
}

const maxCampaign = 128 // bytes of a value; longer ones are left out

// CampaignOf reads the campaign parameters behind a URL's first question mark,
// which in addresses of one-page applications may stand in the fragment. The
// first of several values counts; values that are no text are left out.
func CampaignOf(url string) Campaign {
	var c Campaign
	_, query, ok := strings.Cut(url, "?")
	if !ok {
		return c
	}
	query, _, _ = strings.Cut(query, "#")
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(pair, "=")
		into := c.field(name)
		if into == nil || *into != "" {
			continue
		}
		*into = campaignValue(value)
	}
	return c
}

func (c *Campaign) field(name string) *string {
	const prefix = "utm_"
	if len(name) <= len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) {
		return nil
	}
	switch strings.ToLower(name[len(prefix):]) {
	case "source":
		return &c.Source
	case "medium":
		return &c.Medium
	case "campaign":
		return &c.Name
	case "term":
		return &c.Term
	case "content":
		return &c.Content
	}
	return nil
}

func campaignValue(raw string) string {
	if len(raw) > 3*maxCampaign {
		return ""
	}
	v, err := url.QueryUnescape(raw)
	if err != nil || len(v) > maxCampaign || !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl) {
		return ""
	}
	return strings.Clone(strings.TrimSpace(v))
}

// StripQuery takes the campaign from a URL and cuts the query, the fragment
// and the user part off it. What is cut cannot be had from the result: it is a
// part of the argument only where nothing secret lies behind it.
func StripQuery(url string) (clean string, c Campaign) {
	c = CampaignOf(url)
	if i := strings.IndexAny(url, "?#"); i >= 0 {
		url = strings.Clone(url[:i])
	}
	n := schemeEnd(url)
	if !strings.HasPrefix(url[n:], "//") {
		return url, c
	}
	n += len("//")
	end := len(url)
	if i := strings.IndexAny(url[n:], `/\`); i >= 0 {
		end = n + i
	}
	if i := strings.LastIndexByte(url[n:end], '@'); i >= 0 {
		url = url[:n] + url[n+i+1:]
	}
	return url, c
}
