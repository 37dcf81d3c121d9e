package device

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	p := NewParser(16)
	f := func(agent string, want Device) {
		t.Helper()
		for range 2 { // parsed, then remembered
			if got := p.Parse(agent); got != want {
				t.Errorf("Parse(%q) = %+v, want %+v", agent, got, want)
			}
		}
	}
	const safari = "AppleWebKit/537.36 (KHTML, like Gecko)"
	f("Mozilla/5.0 (Linux; Android 14; ALN-AL10) "+safari+" Chrome/126.0.6478.110 Mobile Safari/537.36",
		Device{"Android 14", "Chrome", "mobile", High, false})
	f("Mozilla/5.0 (Linux; Android 10; K) "+safari+" Chrome/126.0.0.0 Mobile Safari/537.36",
		Device{"Android 10", "Chrome", "mobile", Unknown, false})
	f("Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.6.1 Mobile/15E148 Safari/604.1",
		Device{"iOS 18", "Safari", "mobile", High, false})
	f("Mozilla/5.0 (Windows NT 10.0; Win64; x64) "+safari+" Chrome/153.0.0.0 Safari/537.36 Edg/153.0.0.0",
		Device{"Windows 10", "Edge", "desktop", Unknown, false})
	f("Mozilla/5.0 (Linux; Android 13; 23049RAD8C Build/TKQ1) "+safari+" Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 MicroMessenger/8.0.44",
		Device{"Android 13", "WeChat", "mobile", Mid, false})
	f("Mozilla/5.0 (Linux; Android 11; CUBOT NOTE 7) "+safari+" Chrome/99.0 Mobile Safari/537.36",
		Device{"Android 11", "Chrome", "mobile", Unknown, false})
	f("okhttp/4.9.3", Device{"", "Other", "", Unknown, false})
	f("", Device{Tier: Unknown})
	f("call 13812345678", Device{"", "Other", "", Unknown, false})
}

func TestBots(t *testing.T) {
	p := NewParser(1)
	f := func(agent string, want bool) {
		t.Helper()
		if got := p.Parse(agent).IsBot; got != want {
			t.Errorf("IsBot of %q = %v", agent, got)
		}
	}
	for _, agent := range []string{
		"Googlebot/2.1", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
		"Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", "Sogou web spider/4.0",
		"curl/8.5.0", "Wget/1.21", "python-requests/2.31.0", "Go-http-client/1.1", "axios/1.6", "node-fetch", "Scrapy/2.11",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36",
		"facebookexternalhit/1.1", "Mozilla/5.0 (compatible; Bytespider; spider-feedback@bytedance.com)", "SomethingNewBot/0.1", "CRAWLER",
	} {
		f(agent, true)
	}
	for _, agent := range []string{
		"", "okhttp/4.9.3", "MyApp/1.0 CFNetwork/1410 Darwin/22.6.0", "Dalvik/2.1.0 (Linux; U; Android 13; SM-A536B)",
		"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/86.0.0.0 Safari/537.36 SE 2.X MetaSr 1.0",
		"LEARNING/1.0 app", "Mozilla/5.0 (Linux; Android 12; Cubot P50) Chrome/99 Mobile",
	} {
		f(agent, false)
	}
}

func TestMatcher(t *testing.T) {
	m := newMatcher("# a comment\n^he\nshe\nhers/\nbot\n")
	f := func(s string, want bool) {
		t.Helper()
		if got := m.match(s); got != want {
			t.Errorf("match(%q) = %v", s, got)
		}
	}
	f("he", true)
	f("a he", false)
	f("she", true)
	f("ushe", false)
	f("u she", true)
	f("xhers/", false)
	f("x hers/", true)
	f("shshe she", true)
	f("xbotx", true)
	f("cubot", false)
	f("cubot bot", true)
	f("", false)
}

func TestGeneralize(t *testing.T) {
	eq := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s = %q, want %q", what, got, want)
		}
	}
	for in, want := range map[[2]string]string{
		{"Android", "14.0.2"}: "Android 14", {"Android 14.0.2", ""}: "Android 14", {"iPhone OS", "17.5"}: "iOS 17",
		{"ios", "9"}: "iOS 9", {"Mac OS X", "10.15.7"}: "macOS 10", {"Windows", "10.0"}: "Windows 10", {"Windows", "6.1"}: "Windows 7", {"Windows", "5.1"}: "Windows XP", {"Windows", "11"}: "Windows 11", {"HarmonyOS", "4.2.0"}: "HarmonyOS 4",
		{"Linux", "x86_64"}: "Linux", {"android", ""}: "Android", {"Android", "13812345678"}: "Android",
		{"王小明", "1"}: "Other", {"", "14"}: "",
	} {
		eq(fmt.Sprint("GeneralizeOS", in), GeneralizeOS(in[0], in[1]), want)
	}
	for in, want := range map[string]string{
		"ALN-AL10": High, "aln-al00": High, "SM-S9180": High, "SM-A5360": Mid, "Redmi Note 12": Mid, "Redmi 12C": Low, "Pixel 8": High, "Pixel 7a": Mid,
		"iPhone15,2": High, "iPhone SE": Mid, "vivo Y35": Low, "vivo X100": High, "OPPO A58": Low, "K": Unknown, "": Unknown, "王小明的手机": Unknown,
	} {
		eq("GeneralizeModel "+in, GeneralizeModel(in), want)
	}
	for in, want := range map[string]string{
		"zh-CN": "zh", "zh_CN.UTF-8": "zh", "EN": "en", "zh-CN,zh;q=0.9": "zh", "yue-HK": "yue", "": "", "x": "", "english": "", "13": "", "*": "",
	} {
		eq("GeneralizeLang "+in, GeneralizeLang(in), want)
	}
	for in, want := range map[[2]int]string{
		{0, 0}: "", {-1, 5}: "", {390, 844}: "s", {844, 390}: "s", {1920, 1080}: "l", {2560, 1440}: "xl", {320, 568}: "xs", {1080, 1440}: "m",
	} {
		eq(fmt.Sprint("GeneralizeScreen", in), GeneralizeScreen(in[0], in[1]), want)
	}
}

// FuzzParse checks that no part of a user agent comes out: each field is a
// word of its own list, whatever the client sends.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"Mozilla/5.0 (Linux; Android 14; ALN-AL10)", "(((", "Android", "\xff", "XiaoMi/MiuiBrowser/1", "; ; /", "Instagram 1"} {
		f.Add(s)
	}
	allowed := map[string]bool{"": true, "Other": true}
	for _, v := range families {
		allowed[v] = true
	}
	for _, v := range inApp {
		allowed[v.family] = true
	}
	for _, v := range systems {
		allowed[v.family] = true
	}
	p := NewParser(64)
	f.Fuzz(func(t *testing.T, agent string) {
		d := p.Parse(agent)
		family := strings.TrimRight(d.OS, "0123456789")
		if !allowed[d.UA] || !allowed[strings.TrimSpace(family)] || len(d.OS)-len(family) > 3 {
			t.Fatalf("Parse(%q) = %+v", agent, d)
		}
		if again := p.Parse(agent); again != d {
			t.Fatalf("Parse(%q) = %+v, then %+v", agent, d, again)
		}
	})
}

func TestAllocations(t *testing.T) {
	p := NewParser(16)
	const agent = "Mozilla/5.0 (Linux; Android 14; ALN-AL10) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.6478.110 Mobile Safari/537.36"
	p.Parse(agent)
	if n := testing.AllocsPerRun(100, func() { p.Parse(agent) }); n != 0 {
		t.Errorf("a remembered agent: %v allocations", n)
	}
}

func BenchmarkParse(b *testing.B) {
	const agent = "Mozilla/5.0 (Linux; Android 14; ALN-AL10) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.6478.110 Mobile Safari/537.36"
	p := NewParser(1024)
	b.Run("remembered", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Parse(agent)
		}
	})
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.parse(agent)
		}
	})
	b.Run("bots", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.bots.match(agent)
		}
	})
}
