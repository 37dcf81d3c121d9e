package detect

import "testing"

// Spellings that hide a number from a search for plain digits.
func TestVariants(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := scrub(in, All); got != want {
			t.Errorf("Scrub(%q) = %q, want %q", in, got, want)
		}
		if kinds := Find(in, All); (kinds != 0) != (in != want) {
			t.Errorf("Find(%q) = %v", in, kinds)
		}
	}
	f("139.1234.5678", "[mobile]")
	f("call (139)12345678 or (139) 1234-5678.", "call [mobile] or [mobile].")
	f("139\u200b1234\u200b5678 x", "[mobile] x")
	f("\ufeff1\u200d3\u00ad9\u206012345678", "[mobile]")
	f("a\u200bb", "a\u200bb")
	f("هاتف ١٣٩١٢٣٤٥٦٧٨ و", "هاتف [mobile] و")
	f("۱۳۹۱۲۳۴۵۶۷۸", "[mobile]")
	f("（１３９）１２３４５６７８", "[mobile]")
	f("a%40b.example", "[email]")
	f("to=a%40b.example&x=1", "to=[email]&x=1")

	f("％４０ 13812345678", "％４０ [mobile]")

	f("+49 151 23456789", "[mobile]")
	f("tel +1 415-555-0132, please", "tel [mobile], please")
	f("+1 (415) 555-0132 +14155550132 +44 (0)20 7946 0958", "[mobile] [mobile] [mobile]")
	f("+1 415-555-0132 20261125", "[mobile] 20261125")
	f("+86.139.1234.5678", "[mobile]")

	f("DE89 3704 0044 0532 0130 00", "[bankcard]")
	f("iban:GB82WEST12345698765432;", "iban:[bankcard];")
	f("nl91abna0417164300", "[bankcard]")

	for _, s := range []string{
		"DE88 3704 0044 0532 0130 00", "XDE89370400440532013000", "DE893704004405320130001", "ORDER DE12",
		"+5 points, +12 345", "a+12345678", "3+41234567", "2026-11-25T10:00:00+08:00", "+0812345678", "+1234567890123456", "+12345678px",
		"1.2.3", "12.345", "139.0.7258.66", "139.1234.567", "(139)1234567", "(139) items", "100%40", "50%40 off", "“quoted” – text…", "٣ دروس",
		"lesson-01", "2026-11-25", "۱۲ درس", "می\u200cخواهم", "👩\u200d🏫",
	} {
		f(s, s)
	}
}
