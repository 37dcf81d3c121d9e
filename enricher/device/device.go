// Package device turns what a client says about its device into coarse
// families. In come user agents, model codes, system versions, screen sizes
// and languages; out go words from small closed sets, so that neither a
// version nor a model, nor any text that somebody put into a user agent,
// reaches a store.
package device

import (
	"strings"

	"github.com/mileusna/useragent"
)

// Device is what a user agent comes down to.
type Device struct {
	OS    string // family and major version, "Android 14"; empty when unknown
	UA    string // browser family, "Chrome"; "Other" for one not known, empty without a user agent
	Form  string // "desktop", "mobile", "tablet", or empty
	Tier  string // of the model, as GeneralizeModel says; "unknown" when none is named
	IsBot bool
}

// maxAgent is how many bytes of a user agent are looked at.
const maxAgent = 512

// Parser reads user agents and remembers the last ones. It may be used by
// several goroutines.
type Parser struct {
	bots  *matcher
	cache cache
}

// NewParser makes a parser that remembers up to size user agents, at most
// about a kilobyte each.
func NewParser(size int) *Parser {
	return &Parser{bots: newMatcher(botList), cache: newCache(size)}
}

// Parse reads a user agent. The empty one is an unknown device and no bot:
// SDKs and log lines often come without. Agents of programming libraries and
// tools such as curl count as bots, since no person looks at a page with them;
// the HTTP client of Android apps does not.
func (p *Parser) Parse(agent string) Device {
	if agent == "" {
		return Device{Tier: Unknown}
	}
	if len(agent) > maxAgent {
		return p.parse(agent[:maxAgent])
	}
	if d, ok := p.cache.get(agent); ok {
		return d
	}
	d := p.parse(agent)
	p.cache.put(agent, d)
	return d
}

func (p *Parser) parse(agent string) Device {
	ua := useragent.Parse(agent)
	d := Device{
		OS:    GeneralizeOS(ua.OS, ua.OSVersion),
		UA:    browser(agent, ua.Name),
		Tier:  GeneralizeModel(ua.Device),
		IsBot: p.bots.match(agent),
	}
	switch {
	case ua.Tablet:
		d.Form = "tablet"
	case ua.Mobile:
		d.Form = "mobile"
	case ua.Desktop:
		d.Form = "desktop"
	}
	return d
}

// inApp are marks of browsers that otherwise look like Chrome or Safari, most
// telling first.
var inApp = [...]struct{ mark, family string }{
	{"MicroMessenger/", "WeChat"}, {"DingTalk/", "DingTalk"}, {"AliApp(", "Alipay"}, {"Weibo", "Weibo"},
	{"QQ/", "QQ"}, {"MQQBrowser/", "QQ Browser"}, {"QQBrowser/", "QQ Browser"}, {"UCBrowser/", "UC Browser"}, {"UBrowser/", "UC Browser"},
	{"Quark/", "Quark"}, {"baiduboxapp/", "Baidu"}, {"BIDUBrowser/", "Baidu"}, {"HuaweiBrowser/", "Huawei Browser"},
	{"MiuiBrowser/", "Miui Browser"}, {"VivoBrowser/", "Vivo Browser"}, {"HeyTapBrowser/", "HeyTap Browser"}, {"HonorBrowser/", "Honor Browser"},
	{"MetaSr", "Sogou Explorer"}, {"SogouMobileBrowser/", "Sogou Explorer"}, {"QIHU", "360 Browser"}, {"360SE", "360 Browser"},
	{"YaBrowser/", "Yandex"}, {"coc_coc_browser", "Coc Coc"},
}

// families are the names that the parser library finds and that are kept.
var families = map[string]string{
	useragent.Chrome: "Chrome", useragent.Firefox: "Firefox", useragent.Safari: "Safari", useragent.Edge: "Edge",
	useragent.Opera: "Opera", useragent.OperaMini: "Opera", useragent.OperaTouch: "Opera", useragent.Vivaldi: "Vivaldi",
	useragent.InternetExplorer: "Internet Explorer", useragent.SamsungBrowser: "Samsung Browser",
	useragent.HeadlessChrome: "Chrome", useragent.FacebookApp: "Facebook", useragent.InstagramApp: "Instagram",
	useragent.TiktokApp: "TikTok", "Android browser": "Android Browser", "Mobile Safari": "Safari",
}

// browser never returns a part of the agent itself.
func browser(agent, name string) string {
	for _, a := range inApp {
		if strings.Contains(agent, a.mark) {
			return a.family
		}
	}
	if f, ok := families[name]; ok {
		return f
	}
	if strings.Contains(agent, "Trident/") {
		return "Internet Explorer"
	}
	return "Other"
}
