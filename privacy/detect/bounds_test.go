package detect

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzScrub checks what holds for every text: no panic, nothing left to find,
// a second scrub changes nothing, and the cut is kept.
func FuzzScrub(f *testing.F) {
	for _, s := range []string{
		"11010519491231002X 13812345678 6222021234567890128 冀A·D12345 护照E12345678",
		"38.0428,114.5149 lat: 1.23456, lon: -2.34567 1.2.3.4.13812345678",
		"a@b.example13812345678 u@x.y@z.example 138-1234-5678@qq.com",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjbnJ5In0. Bearer abcdefgh12345 Basic dXNlcjpwYXNzd29yZA==",
		"https://user:pass@host.example:80/?token=x&sid=y#jwt=z password: 'a\\'bc d' 密码：１２３４５６",
		"a4:2b:b0:c1:d2:e3 a42b.b0c1.d2e3 2001:db8::9 ::ffff:1.2.3.4 fe80::1",
		"１３８１２３４５６７８ data:image/png;base64,xx iVBORw0KGgo 867530900000009",
		"+86 138 1234 5678 0086-13812345678 4111 1111 1111 1111 110105 19491231 002X",
		"+49 (0)151 2345.6789 (139)12345678 DE89 3704 0044 0532 0130 00 a%40b.example 1\u200b3\u00ad٣۳12345678 \ufeff",
		"\xff\xd8\xff\xef\xbc\x90\xef\xbc", "[mobile][ip].1.2.3.4", "",
	} {
		f.Add(s, uint32(All), 64)
	}
	f.Fuzz(func(t *testing.T, s string, kinds uint32, maxRunes int) {
		set := Set(kinds) & All
		maxRunes %= 1000
		out, hits := Scrub(nil, s, set, maxRunes)
		if hits&^set != 0 {
			t.Fatalf("hits outside the set: %v", hits&^set)
		}
		if maxRunes > 0 && utf8.RuneCount(out) > maxRunes {
			t.Fatalf("%d runes, want at most %d", utf8.RuneCount(out), maxRunes)
		}
		if left := Find(string(out), set); left != 0 {
			t.Fatalf("Scrub(%q, %v, %d) = %q still holds %v", s, set, maxRunes, out, left)
		}
		again, more := Scrub(nil, string(out), set, maxRunes)
		if string(again) != string(out) || more != 0 {
			t.Fatalf("scrubbed twice: %q, then %q", out, again)
		}
		if found := Find(s, set); found == 0 && maxRunes <= 0 && string(out) != s {
			t.Fatalf("%q has no hit and became %q", s, out)
		}
		FindNumber(s, set)
	})
}

// TestLinear runs over long texts made to keep every detector busy. At a
// quadratic cost this test would not end.
func TestLinear(t *testing.T) {
	const size = 1 << 20
	for _, unit := range []string{
		"1", "1.", "1:", "1::", "a:", "1-", "a@", "@", "a@b.", "a.", ".", "eyJ", "eyJ-", "eyJaaaaaaaa.", "eyJaaaaaaaa.bb.",
		"bearer ", "Bearer=", "basic=", "basic aaaaaaaa", "://", "http://a:", "?sid=", "?sid=[", "&a=", "pwd=\"", "pwd=\"/", "pwd='/\\\"", "pwd:",
		"/9j/", "/9j/ ", "data:image/", "iVBORw0KGgo ", "1.2345 ", "1.2345,", "1.2345lat", "冀", "冀A", "冀A1", "冀A1 ", "护照E",
		"+1 ", "+1(", "+", "(139)", "DE89", "DE89 ", "%40", "\u200b", "1\u200b", "٣", "138 1234 ", "62 ", "6222 ", "a4:", "a4-", "a42b.", "１", "：", "\xef\xbc", "\xef", "密码：[", "[mobile]", "1.2.3.4.", "::1", "0:",
	} {
		s := strings.Repeat(unit, size/len(unit))
		Scrub(nil, s, All, 0)
		Scrub(nil, s, All, 512)
		Find(s+"x", All)
	}
}

func TestAllocations(t *testing.T) {
	dst := make([]byte, 0, 1024)
	for name, s := range samples {
		if n := testing.AllocsPerRun(100, func() { dst, _ = Scrub(dst[:0], s, All, 256) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if n := testing.AllocsPerRun(100, func() { Find(s, All) }); n != 0 {
			t.Errorf("%s: Find: %v allocations", name, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { FindNumber("1.3812345678e10", All) }); n != 0 {
		t.Errorf("FindNumber: %v allocations", n)
	}
}

var samples = map[string]string{
	"latin":   "The quick brown fox jumps over the lazy dog, then reads lesson 7 of 24 again.",
	"chinese": "三角函数的图像与性质，第三课时练习题讲解（含答案）以及期末复习资料汇总",
	"log":     "2026-12-10T01:59:55.123Z ERROR net.http request 8f14e45f took 1532 ms, status=503, retry in 2.5 s",
	"hits":    "login of 13812345678 at 38.0428,114.5149 from 203.0.113.77 by a@b.example failed",
	"long":    strings.Repeat("select a from b where c is not null and d between 3 and 44; ", 10),
}

func BenchmarkScrub(b *testing.B) {
	text := CNID | Mobile | BankCard | Passport | Plate | Email | JWT | LatLon
	for _, name := range []string{"latin", "chinese", "log", "hits", "long"} {
		for _, set := range []struct {
			name string
			set  Set
		}{{"text", text}, {"all", All}} {
			b.Run(name+"/"+set.name, func(b *testing.B) {
				s := samples[name]
				dst := make([]byte, 0, 1024)
				b.SetBytes(int64(len(s)))
				b.ReportAllocs()
				for b.Loop() {
					dst, _ = Scrub(dst[:0], s, set.set, 512)
				}
			})
		}
	}
}

func BenchmarkFind(b *testing.B) {
	forbid := CNID | Mobile | BankCard | Passport | Email | FaceImage | JWT | Bearer | PasswordField | IMEI | MAC
	for _, name := range []string{"latin", "chinese", "log"} {
		b.Run(name, func(b *testing.B) {
			s := samples[name]
			b.SetBytes(int64(len(s)))
			for b.Loop() {
				Find(s, forbid)
			}
		})
	}
	b.Run("word", func(b *testing.B) {
		for b.Loop() {
			Find("lesson_play", forbid)
		}
	})
	b.Run("number", func(b *testing.B) {
		for b.Loop() {
			FindNumber("1790000000000", forbid)
		}
	})
}
