package feed

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// Agent is a user agent and how common it is.
type Agent struct {
	UA     string
	Weight float64
}

// maxAgents bounds how many are read from a file.
const maxAgents = 100_000

// ReadAgents reads a list of user agents, one a line: the user agent alone, a weight
// before or after it with a tab between, a weight before it with a space between, or a
// JSON object with userAgent and weight. Lines that start with # and empty ones are passed
// over. A list without any user agent is an error.
func ReadAgents(r io.Reader) ([]Agent, error) {
	var all []Agent
	in := newLines(r)
	for {
		raw, whole, err := in.next()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read user agents, line %d: %w", in.n+1, err)
		}
		line := strings.TrimSpace(strings.ToValidUTF8(string(raw), ""))
		if !whole || line == "" || line[0] == '#' {
			continue
		}
		if a, ok := parseAgent(line); ok && len(all) < maxAgents {
			all = append(all, a)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("read user agents: none in %d lines", in.n)
	}
	return all, nil
}

func parseAgent(line string) (Agent, bool) {
	if line[0] == '{' {
		var o struct {
			UserAgent string  `json:"userAgent"`
			UA        string  `json:"ua"`
			Weight    float64 `json:"weight"`
		}
		if json.Unmarshal([]byte(line), &o) != nil {
			return Agent{}, false
		}
		if o.UserAgent == "" {
			o.UserAgent = o.UA
		}
		return agent(o.UserAgent, o.Weight)
	}
	if head, tail, ok := strings.Cut(line, "\t"); ok {
		if w, err := strconv.ParseFloat(strings.TrimSpace(head), 64); err == nil {
			return agent(tail, w)
		}
		if w, err := strconv.ParseFloat(strings.TrimSpace(tail), 64); err == nil {
			return agent(head, w)
		}
		return agent(head, 1)
	}
	if head, tail, ok := strings.Cut(line, " "); ok {
		if w, err := strconv.ParseFloat(head, 64); err == nil {
			return agent(tail, w)
		}
	}
	return agent(line, 1)
}

// agent refuses weights that are no number above zero: one NaN would spoil every draw.
func agent(ua string, w float64) (Agent, bool) {
	ua = strings.TrimSpace(ua)
	if w == 0 {
		w = 1
	}
	return Agent{ua, w}, ua != "" && len(ua) <= 1024 && w > 0 && w < 1e9
}

// BuiltinAgents is the short list for a machine without the fetched one.
func BuiltinAgents() []Agent {
	return []Agent{
		{"Mozilla/5.0 (Linux; Android 14; ALN-AL10) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36", 9},
		{"Mozilla/5.0 (Linux; Android 13; V2227A) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/121.0.0.0 Mobile Safari/537.36", 7},
		{"Mozilla/5.0 (Linux; Android 12; 2201123C) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/118.0.0.0 Mobile Safari/537.36", 6},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1", 6},
		{"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1", 4},
		{"Mozilla/5.0 (Linux; Android 12; SM-X200) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36", 3},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36", 10},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36 Edg/125.0.0.0", 6},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0", 2},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15", 2},
	}
}

// crawlers visit the demo school as well.
func crawlers() []Agent {
	return []Agent{
		{"Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", 5},
		{"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", 3},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", 2},
		{"Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)", 2},
		{"python-requests/2.31.0", 1},
	}
}

type form uint8 // of a device

const (
	phone form = iota
	tablet
	desktop
	forms
)

// formOf guesses a device's form from its user agent; Android says Mobile on phones only.
func formOf(ua string) form {
	has := func(s string) bool { return strings.Contains(ua, s) }
	switch {
	case has("iPad"), has("Android") && !has("Mobile"):
		return tablet
	case has("Mobile"), has("iPhone"):
		return phone
	}
	return desktop
}

// osOf reads the system out of a user agent as an app on that device would report it.
func osOf(ua string) (name, version string) {
	after := func(mark, stop string) string {
		_, rest, _ := strings.Cut(ua, mark)
		if i := strings.IndexAny(rest, stop); i >= 0 {
			rest = rest[:i]
		}
		return strings.ReplaceAll(rest, "_", ".")
	}
	switch {
	case strings.Contains(ua, "iPhone OS "):
		return "iOS", after("iPhone OS ", " ;)")
	case strings.Contains(ua, "iPad"):
		return "iOS", after("CPU OS ", " ;)")
	case strings.Contains(ua, "Android "):
		return "Android", after("Android ", " ;)")
	case strings.Contains(ua, "Windows NT "):
		return "Windows", after("Windows NT ", ";)")
	case strings.Contains(ua, "Mac OS X "):
		return "macOS", after("Mac OS X ", " ;)")
	}
	return "Linux", ""
}
