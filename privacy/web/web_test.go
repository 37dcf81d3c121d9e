package web

import (
	"strings"
	"testing"
)

func routes(t testing.TB, templates ...string) *Routes {
	t.Helper()
	r, err := NewRoutes(templates)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPage(t *testing.T) {
	r := routes(t, "/cb", "/lesson/:id", "/course/:id", "/course/new", "/v2/about")
	f := func(in, want string) {
		t.Helper()
		if got := Page(in, r); got != want {
			t.Errorf("Page(%q) = %q, want %q", in, got, want)
		}
		if again := Page(want, r); again != want {
			t.Errorf("Page(%q) = %q: a template is not its own template", want, again)
		}
	}
	f("https://x/cb?token=cnry11#cnry12", "/cb")
	f("/u/cnry13@b.example/reset/9f2c77", "/u/:id/reset/:id")
	f("/lesson/77", "/lesson/:id")
	f("https://h.example:8443/lesson/abc", "/lesson/:id")
	f("/lesson/77/", "/lesson/:id")
	f("//h.example//lesson//77", "/lesson/:id")
	f("/lesson/77/part/2", "/lesson/:id/part/:id")
	f("/course/new", "/course/new")
	f("/course/other", "/course/:id")
	f("/v2/about", "/v2/about")
	f("/v2/other", "/:id/other")
	f("/about/us", "/about/us")
	f("about/us", "/about/us")
	f("/about/us/", "/about/us")
	f("https://h.example", "/")
	f("https://h.example?x=1", "/")
	f("https://user:pass@h.example/a", "/a")
	f("/", "/")
	f("", "")
	f("?q=1", "")
	f("/a%20b/用户/王小明", "/:id/:id/:id")
	f("/"+strings.Repeat("a", 24)+"/"+strings.Repeat("a", 25), "/"+strings.Repeat("a", 24)+"/:id")
	f("/app;jsessionid=0123/x", "/app/x")
	f("/a/../b/./c", "/a/b/c")
	f("/a b/c\x00", "/:id/:id")
	f(strings.Repeat("/a", 40), strings.Repeat("/a", 16)+"/*")
	f("mailto:a@b.example", "")
	f("javascript:alert(1)", "")
	f("data:text/html,x", "")
	f("pages/index/index", "/pages/index/index")
	f("file:///C:/Users/x", "")
	f("android-app://com.example.app/open", "/open")
	if got := Page("/lesson/77", nil); got != "/lesson/:id" {
		t.Errorf("without routes: %q", got)
	}
	for _, bad := range []string{"lesson", "", "/a?b", "/a b"} {
		if _, err := NewRoutes([]string{bad}); err == nil {
			t.Errorf("route %q was taken", bad)
		}
	}
}

func TestReferrer(t *testing.T) {
	f := func(ref, own, host, channel string) {
		t.Helper()
		if h, c := Referrer(ref, own); h != host || c != channel {
			t.Errorf("Referrer(%q, %q) = %q, %q, want %q, %q", ref, own, h, c, host, channel)
		}
	}
	f("https://www.baidu.com/s?wd=cnry14", "edu.example", "www.baidu.com", Search)
	f("https://tieba.baidu.com/p/1", "", "tieba.baidu.com", Social)
	f("http://pos.baidu.com/x", "", "pos.baidu.com", Ad)
	f("https://www.google.com.hk/", "", "www.google.com.hk", Search)
	f("https://mail.google.com/mail", "", "mail.google.com", Mail)
	f("https://cn.bing.com/search?q=x", "", "cn.bing.com", Search)
	f("https://MP.weixin.qq.com:443/s/x", "", "mp.weixin.qq.com", Social)
	f("https://t.co/x", "", "t.co", Social)
	f("https://notbaidu.com/", "", "notbaidu.com", Other)
	f("https://www.edu.example/a", "edu.example:8080", "www.edu.example", Internal)
	f("https://edu.example/a", "www.edu.example", "edu.example", Internal)
	f("https://bad-edu.example/", "edu.example", "bad-edu.example", Other)
	f("https://user:pass@a.example/", "", "a.example", Other)
	f("android-app://com.google.android.gm/", "", "com.google.android.gm", Mail)
	f("", "edu.example", "", "")
	f("-", "edu.example", "", "")
	f("https://203.0.113.77/x", "", "", Other)
	f("https://[2001:db8::1]/x", "", "", Other)
	f("not a url", "", "", Other)
	f("/relative", "", "", Other)
	f("https://a.example\\@b.example/", "", "a.example", Other)
}

func TestCampaign(t *testing.T) {
	f := func(url, clean string, want Campaign) {
		t.Helper()
		got, c := StripQuery(url)
		if got != clean || c != want {
			t.Errorf("StripQuery(%q) = %q, %+v, want %q, %+v", url, got, c, clean, want)
		}
	}
	f("https://x.example/a?utm_source=News&utm_medium=e-mail&utm_campaign=%E6%98%A5%E5%AD%A3&utm_term=a+b&utm_content=top&token=t#f",
		"https://x.example/a", Campaign{"News", "e-mail", "春季", "a b", "top"})
	f("/a?UTM_SOURCE=x&utm_source=y", "/a", Campaign{Source: "x"})
	f("/a#x?utm_source=y", "/a", Campaign{Source: "y"})
	f("/a?utm_source=%zz&utm_medium=%ff&utm_term=%00&utm_=1&utm_other=2", "/a", Campaign{})
	f("/a?utm_source="+strings.Repeat("x", 129), "/a", Campaign{})
	f("https://user:pass@x.example/a@b", "https://x.example/a@b", Campaign{})
	f("//user@x.example", "//x.example", Campaign{})
	f("https://x.example/a", "https://x.example/a", Campaign{})
	f("", "", Campaign{})
	f("?&&=&", "", Campaign{})
}

func FuzzWeb(f *testing.F) {
	for _, s := range []string{"https://u:p@x:1/a/b1?utm_source=x#y", "//", "::", "a:", "/%", "/;/./../", "\xff/\x00", "http://[::1]/"} {
		f.Add(s, "/a/:x/b")
	}
	f.Fuzz(func(t *testing.T, url, template string) {
		r, err := NewRoutes([]string{template, "/lesson/:id"})
		if err != nil {
			r = nil
		}
		page := Page(url, nil)
		if again := Page(page, nil); again != page {
			t.Fatalf("Page(%q) = %q, then %q", url, page, again)
		}
		if strings.ContainsAny(page, "?#%@0123456789") || page != "" && page[0] != '/' {
			t.Fatalf("Page(%q) = %q", url, page)
		}
		Page(url, r)
		if host, _ := Referrer(url, template); strings.ContainsAny(host, "/?#@: ") {
			t.Fatalf("Referrer(%q) = %q", url, host)
		}
		clean, _ := StripQuery(url)
		if strings.ContainsAny(clean, "?#") {
			t.Fatalf("StripQuery(%q) = %q", url, clean)
		}
		if a, b := Page(clean, nil), Page(url, nil); a != b {
			t.Fatalf("Page(%q) = %q after the collector, %q before", url, a, b)
		}
	})
}

func TestAllocations(t *testing.T) {
	r := routes(t, "/lesson/:id")
	for url, most := range map[string]float64{
		"https://x.example/lesson/77?a=b": 0,
		"https://x.example/about/us#top":  0,
		"https://x.example/u/9f2c77/edit": 1,
	} {
		if n := testing.AllocsPerRun(100, func() { Page(url, r) }); n > most {
			t.Errorf("Page(%q): %v allocations, want at most %v", url, n, most)
		}
	}
	if n := testing.AllocsPerRun(100, func() { Referrer("https://www.baidu.com/s?wd=x", "edu.example") }); n != 0 {
		t.Errorf("Referrer: %v allocations", n)
	}
}

func BenchmarkWeb(b *testing.B) {
	r := routes(b, "/cb", "/lesson/:id", "/course/:id")
	for name, f := range map[string]func(){
		"route":    func() { Page("https://x.example/lesson/77?a=b", r) },
		"plain":    func() { Page("https://x.example/about/us#top", r) },
		"template": func() { Page("https://x.example/u/9f2c77/edit", r) },
		"referrer": func() { Referrer("https://www.baidu.com/s?wd=x", "edu.example") },
		"strip":    func() { StripQuery("https://x.example/a?utm_source=news&x=1") },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
