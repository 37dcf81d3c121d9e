package web

import (
	"net/netip"
	"strings"
)

// The channels that Referrer tells apart.
const (
	Search   = "search"
	Social   = "social"
	Mail     = "mail"
	Ad       = "ad"
	Internal = "internal"
	Other    = "other"
)

// Referrer returns the host that a visit came from, in lower case and without
// port, and its channel. Both are empty for a direct visit. A host that is no
// name (an IP address, say) is left out and counts as other. ownHost is the
// host of the page itself, with or without port; it and the hosts below it are
// internal.
func Referrer(ref, ownHost string) (host, channel string) {
	ref = strings.TrimSpace(ref)
	if ref == "" || ref == "-" {
		return "", ""
	}
	host, ok := hostOf(ref)
	if !ok {
		return "", Other
	}
	if own, ok := hostName(ownHost); ok {
		own = strings.TrimPrefix(own, "www.")
		if host == own || strings.HasSuffix(host, own) && host[len(host)-len(own)-1] == '.' {
			return host, Internal
		}
	}
	return host, channelOf(host)
}

// hostOf returns the host of an absolute URL.
func hostOf(url string) (string, bool) {
	n := schemeEnd(url)
	if !strings.HasPrefix(url[n:], "//") {
		return "", false
	}
	host := url[n+2:]
	if i := strings.IndexAny(host, `/?#\`); i >= 0 {
		host = host[:i]
	}
	return hostName(host[strings.LastIndexByte(host, '@')+1:])
}

// hostName checks a host and puts it into lower case, without its port and a
// dot at its end.
func hostName(host string) (string, bool) {
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	host = strings.TrimSuffix(host, ".")
	if host == "" || len(host) > 253 {
		return "", false
	}
	for i := range len(host) {
		if c := host[i]; !isLetter(c) && !isDigit(c) && c != '-' && c != '.' && c != '_' {
			return "", false
		}
	}
	if isDigit(host[len(host)-1]) {
		if _, err := netip.ParseAddr(host); err == nil {
			return "", false
		}
	}
	return strings.ToLower(host), true
}

// channelOf looks the host up, then the domains above it.
func channelOf(host string) string {
	// Google, Yahoo and Yandex search under the domain of each country.
	for _, name := range [...]string{"google.", "www.google.", "yandex.", "www.yandex.", "search.yahoo."} {
		if strings.HasPrefix(host, name) {
			return Search
		}
	}
	for name := host; ; {
		if c := channels[name]; c != "" {
			return c
		}
		i := strings.IndexByte(name, '.')
		if i < 0 {
			return Other
		}
		name = name[i+1:]
	}
}

// channels maps domains, and the package names that Android apps give as host,
// to channels. The longest name that fits counts.
var channels = channelTable(map[string][]string{
	Search: {
		"baidu.com", "sogou.com", "so.com", "sm.cn", "bing.com", "haosou.com", "youdao.com", "chinaso.com", "toutiao.com",
		"duckduckgo.com", "ecosia.org", "qwant.com", "startpage.com", "ask.com", "aol.com", "naver.com", "daum.net",
		"seznam.cz", "search.brave.com", "ya.ru", "yahoo.co.jp", "search.yahoo.com", "kagi.com", "perplexity.ai",
		"com.google.android.googlequicksearchbox", "com.baidu.searchbox",
	},
	Social: {
		"weixin.qq.com", "mp.weixin.qq.com", "servicewechat.com", "qzone.qq.com", "qzone.com", "im.qq.com", "weibo.com", "weibo.cn", "t.cn",
		"zhihu.com", "douban.com", "tieba.baidu.com", "zhidao.baidu.com", "bilibili.com", "b23.tv", "douyin.com", "kuaishou.com",
		"xiaohongshu.com", "xhslink.com", "jianshu.com", "csdn.net", "dingtalk.com", "feishu.cn", "renren.com",
		"facebook.com", "fb.com", "messenger.com", "instagram.com", "twitter.com", "x.com", "t.co", "linkedin.com", "lnkd.in",
		"youtube.com", "youtu.be", "reddit.com", "pinterest.com", "tumblr.com", "tiktok.com", "vk.com", "ok.ru",
		"whatsapp.com", "wa.me", "t.me", "telegram.org", "discord.com", "threads.net", "bsky.app", "mastodon.social",
		"news.ycombinator.com", "quora.com", "line.me", "plus.google.com",
		"com.tencent.mm", "com.tencent.mobileqq", "com.sina.weibo", "com.facebook.katana", "com.twitter.android",
		"com.linkedin.android", "com.instagram.android", "com.reddit.frontpage", "com.zhihu.android",
	},
	Mail: {
		"mail.google.com", "mail.qq.com", "exmail.qq.com", "mail.163.com", "mail.126.com", "mail.yeah.net", "mail.sina.com.cn",
		"mail.sohu.com", "mail.aliyun.com", "mail.139.com", "mail.189.cn", "outlook.com", "outlook.live.com", "outlook.office.com",
		"outlook.office365.com", "mail.yahoo.com", "mail.aol.com", "mail.ru", "e.mail.ru", "mail.yandex.ru", "mail.yandex.com",
		"mail.proton.me", "gmx.net", "web.de", "fastmail.com", "com.google.android.gm", "com.microsoft.office.outlook",
		"com.tencent.androidqqmail", "com.netease.mail",
	},
	Ad: {
		"doubleclick.net", "googleadservices.com", "googlesyndication.com", "adservice.google.com", "ads.google.com",
		"cpro.baidu.com", "pos.baidu.com", "union.baidu.com", "e.baidu.com", "hmma.baidu.com", "gdt.qq.com", "e.qq.com",
		"oceanengine.com", "tanx.com", "alimama.com", "mediav.com", "taboola.com", "outbrain.com", "criteo.com", "adnxs.com",
		"amazon-adsystem.com", "ads.yahoo.com", "an.yandex.ru", "ads.linkedin.com", "adroll.com",
	},
})

func channelTable(lists map[string][]string) map[string]string {
	m := map[string]string{}
	for channel, names := range lists {
		for _, n := range names {
			m[n] = channel
		}
	}
	return m
}
