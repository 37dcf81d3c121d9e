package place

import (
	"testing"
	"time"
)

func TestZZ(t *testing.T) {
	b := time.Now()
	tb, err := Load("../../.deps/geo/places.bin")
	if err != nil {
		t.Fatal(err)
	}
	t.Log(time.Since(b), len(tb.starts), len(tb.admins), len(tb.regions))
	for _, c := range []string{"wwc2k", "wwc2m", "u09tu", "wx4g0", "9q8yy", "wecnv", "wtw3s", "wm7b0", "xn76u", "gcpvj", "s0000", "dr5re", "wsqqk", "wmkmk"} {
		a, ok := tb.City(c)
		n, _ := tb.Name(a.City)
		p, _ := tb.Name(a.Province)
		t.Log(c, a, ok, n, p)
	}
	for _, s := range []string{"石家庄市长安区中山路1号", "河北省石家庄", "北京市朝阳区", "朝阳区", "辽宁朝阳", "海南", "海南藏族自治州", "青海省海南州", "吉林省吉林市", "吉林", "吉林市", "中山路1号", "香港中路", "香港", "恩施", "Shijiazhuang, Hebei", "hebei", "Taizhou", "Taizhou, Zhejiang", "Xi'an", "上海市黄浦区河南中路", "义乌市", "仙桃市", "长安区", "陕西长安区", "陕西省西安市长安区", "Suzhou Jiangsu", "Paris", "inner mongolia", "重庆市忠县", "内蒙古"} {
		a, ok := tb.Region(s)
		n, _ := tb.Name(a.City)
		t.Log(s, a, ok, n)
	}
}
