package web

import "strings"

// Channels a visit can come through.
const (
	Search   = "search"
	Social   = "social"
	Mail     = "mail"
	Ad       = "ad"
	Internal = "internal"
	Other    = "other"
)

// channelOf gives the channel of a known registrable host; the longest suffix decides.
func channelOf(host string) string {
	for h := host; h != ""; {
		switch h {
		case "baidu.com", "sogou.com", "so.com", "sm.cn", "bing.com", "duckduckgo.com", "yandex.ru", "yandex.com", "ecosia.org", "qwant.com",
			"search.yahoo.com", "yahoo.co.jp", "naver.com", "seznam.cz", "ask.com", "toutiao.com", "startpage.com", "search.brave.com", "google.cn":
			return Search
		case "mail.google.com", "mail.qq.com", "mail.163.com", "mail.126.com", "outlook.live.com", "outlook.office.com", "mail.yahoo.com":
			return Mail
		case "weibo.com", "weibo.cn", "t.cn", "zhihu.com", "douyin.com", "xiaohongshu.com", "bilibili.com", "tieba.baidu.com", "weixin.qq.com", "qzone.qq.com",
			"facebook.com", "t.co", "twitter.com", "x.com", "linkedin.com", "lnkd.in", "reddit.com", "instagram.com", "youtube.com", "news.ycombinator.com", "vk.com", "pinterest.com":
			return Social
		case "doubleclick.net", "googleadservices.com", "googlesyndication.com", "pos.baidu.com", "e.qq.com":
			return Ad
		}
		if strings.HasPrefix(h, "google.") {
			return Search
		}
		_, h, _ = strings.Cut(h, ".")
	}
	return Other
}

// Referrer gives the host a visit came from and its channel; ownHost, the page's own host,
// makes it internal. An empty or unreadable referrer gives two empty texts.
func Referrer(referrer, ownHost string) (host, channel string) {
	host = Host(referrer)
	if host == "" {
		return "", ""
	}
	if own := strings.ToLower(ownHost); own != "" && strings.TrimPrefix(host, "www.") == strings.TrimPrefix(own, "www.") {
		return host, Internal
	}
	return host, channelOf(host)
}
