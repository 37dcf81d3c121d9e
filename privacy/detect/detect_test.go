package detect

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

func scrub(s string, set Set) string {
	out, _ := Scrub(nil, s, set, 0)
	return string(out)
}

func TestHits(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := scrub(in, All); got != want {
			t.Errorf("Scrub(%q) = %q, want %q", in, got, want)
		}
	}
	// The vectors of the specification.
	f("11010519491231002X", "[cn_id]")
	f("110105491231002", "[cn_id]")
	f("13812345678", "[mobile]")
	f("+86 13812345678", "[mobile]")
	f("86-13812345678", "[mobile]")
	f("6222021234567890128", "[bankcard]")
	f("867530900000009", "[imei]")
	f("冀A12345", "[plate]")
	f("护照E12345678", "护照[passport]")
	f("38.0428,114.5149", "[latlon]")
	f("a@b.example", "[email]")
	f("加我13812345678,证号11010519491231002X", "加我[mobile],证号[cn_id]")
	f("login of 13812345678 at 38.0428,114.5149 failed", "login of [mobile] at [latlon] failed")
	f("call 13812345678", "call [mobile]")

	// Other spellings of the same kinds.
	f("8613812345678", "[mobile]")
	f("+8613812345678", "[mobile]")
	f("0086 13812345678", "[mobile]")
	f("008613812345678", "[mobile]")
	f("138-1234-5678 or 138 1234 5678", "[mobile] or [mobile]")
	f("+86 138 1234 5678", "[mobile]")
	f("电话：１３８１２３４５６７８，谢谢", "电话：[mobile]，谢谢")
	f("身份证１１０１０５１９４９１２３１００２Ｘ号", "身份证[cn_id]号")
	f("11010519491231002x", "[cn_id]")
	f("110105 19491231 002X", "[cn_id]")
	f("6222 0212 3456 7890 128", "[bankcard]")
	f("4111-1111-1111-1111", "[bankcard]")
	f("冀A·D12345 京A12345 粤Z1234港 川a.12345", "[plate] [plate] [plate] [plate]")
	f("京A1B234", "[plate]")
	f("Passport No. EA1234567", "Passport No. [passport]")
	f("护照号码：E12345678。", "护照号码：[passport]。")
	f("13812345678@qq.com", "[email]")
	f("write to first.last+tag@mail.b.example, please", "write to [email], please")
	f("a＠b.example", "[email]")

	f("lat: 38.0428, lon: 114.5149", "lat: [latlon]")
	f(`{"latitude":48.85837,"longitude":2.294481}`, `{"latitude":[latlon]}`)
	f("POINT(114.5149 38.0428)", "POINT([latlon])")
	f("在38.0428，114.5149附近", "在[latlon]附近")
	f("-33.8688, 151.2093", "[latlon]")
	f("38.0428°N 114.5149°E", "[latlon]°E")

	f("from 203.0.113.77:443 to 10.0.0.1", "from [ip]:443 to [ip]")
	f("http://203.0.113.77/x host/203.0.113.77", "http://[ip]/x host/[ip]")
	f("peer 2001:db8:1234:5678::9 and fe80::1%eth0", "peer [ip] and [ip]%eth0")
	f("[::1]:8080 ::ffff:203.0.113.77", "[[ip]]:8080 [ip]")
	f("2001:0db8:0000:0000:0000:ff00:0042:8329", "[ip]")
	f("bssid a4:2b:b0:c1:d2:e3", "bssid [mac]")
	f("A4-2B-B0-C1-D2-E3, a42b.b0c1.d2e3", "[mac], [mac]")
}

func TestSecrets(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := scrub(in, All); got != want {
			t.Errorf("Scrub(%q) = %q, want %q", in, got, want)
		}
	}
	const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjbnJ5In0.c2lnbmF0dXJl"
	f("got "+token+" back", "got [jwt] back")
	f("cut "+token[:38], "cut [jwt]")
	f("Authorization: Bearer "+token, "Authorization: [bearer]")
	f("authorization=bearer abc123def456", "authorization=[bearer]")
	f("Basic dXNlcjpwYXNzd29yZA==", "[bearer]")
	f("https://user:pass@host.example/x", "https://[credential]@host.example/x")
	f("GET https://x/cb?a=1&token=cnry11&b=2", "GET https://x/cb?a=1&token=[credential]&b=2")
	f("https://x/#access_token=cnry12", "https://x/#access_token=[credential]")
	f("pwd=hunter22 ok", "pwd=[password] ok")
	f(`{"userPassword": "a b\"c", "n":1}`, `{"userPassword": "[password]", "n":1}`)
	f("密码：abc12345，谢谢", "密码：[password]")
	f("data:image/png;base64,iVBORw0KGgo=", "[image]")
	f(`{"a":"/9j/`+strings.Repeat("AbC+", 20)+`"}`, `{"a":"[image]"}`)
	f("iVBORw0KGgo"+strings.Repeat("A", 80), "[image]")
	f("\xff\xd8\xff\xe0\x00\x10JFIF", "[image]")
	if got := scrub("https://x/cb?token=cnry11", Email|IP); got != "https://x/cb?token=cnry11" {
		t.Errorf("secrets in URLs were replaced without a kind that asks for it: %q", got)
	}
}

func TestNoHits(t *testing.T) {
	for _, in := range []string{
		// The vectors of the specification.
		"110105194912310021", // check digit
		"110105194913310021", // month 13
		"990105194912310023", // no such province
		"1790000000000",      // epoch ms
		"2026112313812345678",
		"20261123138123456789",
		"1987654321098765437", // right by Luhn, no card's prefix
		"E12345678",
		"3.14,2.71",
		"订单2026112313812345678",

		"1796867995123000000",                   // epoch ns
		"110105194902300024", "110105490230002", // 30 February
		"13812345678901", "23812345678", "12812345678",
		"order 138-1234-567 and 138 1234-5678",
		"0.4837261548372615, 0.62",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36",
		"version 1.2.3.4.5 v1.2.3.4 256.1.1.1 4.17.21",
		"at 12:34:56.789 on 2026-11-23T12:30:45+08:00",
		"std::vector<abc::def> a::b 12:30",
		"3f2504e0-4f89-41d3-9a0c-0305e82c3301",
		"AA:BB:CC:DD:EE:FF:00:11:22:33",
		"user@localhost @name lodash@4.17.21 a@b",
		"bearer of good news, bearer certificate, basic education, basic mathematics",
		"eyJ eyJhbGci.x typeof eyJustice",
		"新A股上市 云E 川大12345 京ABCDEF",
		"https://x.example/a?page=2&sort=token#top",
		"pwd=/home/x password: ok",
		"/9j/short data:text/plain,x",
		"１２３４，全角", "第１课 2＋2＝4",
		"load 0.1234 0.56 and 1.5,2.5 and 200.1234,300.1234",
		"", " ", "中文没有任何数字", "just words and nothing else",
	} {
		if got := Find(in, All); got != 0 {
			t.Errorf("Find(%q) = %v", in, got)
		}
		if got := scrub(in, All); got != in {
			t.Errorf("Scrub(%q) = %q", in, got)
		}
	}
}

func TestKindsAndOrder(t *testing.T) {
	f := func(in string, set, want Set) {
		t.Helper()
		if got := Find(in, set); got != want {
			t.Errorf("Find(%q, %v) = %v, want %v", in, set, got, want)
		}
		if _, got := Scrub(nil, in, set, 0); got != want {
			t.Errorf("Scrub(%q, %v) hits %v, want %v", in, set, got, want)
		}
	}
	f("13812345678 and a@b.example", All, Mobile|Email)
	f("13812345678 and a@b.example", Email, Email)
	f("13812345678", 0, 0)
	f("１３８１２３４５６７８ a@b.example", All, Mobile|Email)
	f("https://u:p@x.example?sid=1", JWT, JWT)
	f("https://u:p@x.example?sid=1", Bearer|JWT, Bearer)
}

func TestNumbers(t *testing.T) {
	f := func(in string, want Set) {
		t.Helper()
		if got := FindNumber(in, All); got != want {
			t.Errorf("FindNumber(%q) = %v, want %v", in, got, want)
		}
	}
	f("13812345678", Mobile)
	f("-13812345678", Mobile)
	f("13812345678.0", Mobile)
	f("1.3812345678e10", Mobile)
	f("1.3812345678E+10", Mobile)
	f("8613812345678", Mobile)
	f("110105491231002", CNID)
	f("6222021234567890128", BankCard)
	f("867530900000009", IMEI)
	f("1790000000000", 0)
	f("1987654321098765437", 0)
	f("3", 0)
	f("-0.5", 0)
	f("1e300", 0)
	f("1e999", 0)
	f("38.0428", 0)
	f("0.6222021234567890", 0)
	f("", 0)
	if Mobile.Token() != "[mobile]" || (CNID|IMEI).Token() != "[cn_id]" || Set(0).Token() != "" {
		t.Error("tokens are wrong")
	}
}

func TestParse(t *testing.T) {
	set, err := Parse([]string{"cn_id", "cn_mobile", "face_image", "password_field"})
	if err != nil || set != CNID|Mobile|FaceImage|PasswordField {
		t.Errorf("Parse = %v, %v", set, err)
	}
	all, err := Parse(All.Names())
	if err != nil || all != All {
		t.Errorf("Parse(All.Names()) = %v, %v", all, err)
	}
	if _, err := Parse([]string{"cn_id", "names"}); err == nil {
		t.Error("an unknown kind was taken")
	}
}

func TestCut(t *testing.T) {
	f := func(in string, n int, want string) {
		t.Helper()
		got, _ := Scrub([]byte("x"), in, All, n)
		if string(got) != "x"+want {
			t.Errorf("Scrub(%q, %d) = %q, want %q", in, n, got[1:], want)
		}
	}
	f(strings.Repeat("a", 600), 512, strings.Repeat("a", 512))
	f("石家庄市长安区", 3, "石家庄")
	f("abc", 3, "abc")
	f("call 13812345678 now", 14, "call [mobile] ")
	// The cut must not make a mobile number out of an order number.
	f("n 13812345678901234567", 13, "n [mobile]")
	f(strings.Repeat("13812345678 ", 100), 20, "[mobile] [mobile] [m")
	f("\xff\xfe\xfd", 2, "\xff\xfe")
}

// TestHardNegatives generates numbers that systems make by the million: none
// of them may look like a person's.
func TestHardNegatives(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const day = 24 * 3600 * 1000
	for i := range 100_000 {
		ms := 1_500_000_000_000 + random.Int64N(20*365*day)
		for _, n := range []string{
			strconv.FormatInt(ms, 10),                                                  // epoch ms
			strconv.FormatInt((ms-1288834974657)<<22|int64(i)&4095, 10),                // snowflake
			time.UnixMilli(ms).UTC().Format("20060102150405") + fmt.Sprintf("%06d", i), // order number, 20 digits
			"#" + strconv.Itoa(i),
		} {
			if n[0] != '1' && len(n) == 19 {
				continue // a snowflake that begins like a card is one in ten by Luhn
			}
			if got := Find(n, All); got != 0 {
				t.Fatalf("Find(%q) = %v", n, got)
			}
			if got := FindNumber(n, All); got != 0 {
				t.Fatalf("FindNumber(%q) = %v", n, got)
			}
		}
	}
}
