package device

import "strings"

// families of models by how their code or name begins, in lower case. The
// longest beginning that fits decides.
var models = modelTable(map[string][]string{
	High: {
		// Huawei: Mate, P and Pura series, folding phones.
		"aln-", "bra-", "lna-", "mna-", "noh-", "nop-", "oce-", "ana-", "els-", "abr-", "jad-", "hbn-", "ady-", "hbk-", "dco-", "cet-",
		"lio-", "tas-", "vog-", "ele-", "lya-", "hma-", "evr-", "pal-", "alt-", "tet-", "txl-", "cls-", "mate ", "huawei mate", "huawei p", "pura",
		// Honor: Magic and number series.
		"pgt-", "bvl-", "lge-", "elz-", "ver-", "fri-", "maa-", "honor magic", "magic",
		// Xiaomi: number and MIX series.
		"23127pn0c", "24031pn0d", "24129pn74", "2211133", "2210132", "2304fpn6d", "22061218", "2201123", "2201122", "m2102k1", "m2011k2", "m2012k11",
		"mi 10", "mi 11", "xiaomi 1", "mi mix", "xiaomi mix", "mix ",
		// OPPO, OnePlus, vivo, Samsung, Google, Apple.
		"phz1", "phy1", "pgem", "pgfm", "pffm", "pkb1", "find x", "oppo find", "ne22", "phb1", "pjd1", "pjz1", "oneplus", "le21", "kb20",
		"v2309a", "v2324a", "v2227a", "v2241a", "v2242a", "v2405a", "vivo x", "iqoo ",
		"sm-s9", "sm-n9", "sm-f", "sm-g99", "sm-g98", "sm-g97", "galaxy s", "galaxy z", "galaxy note", "pixel", "iphone", "ipad",
	},
	Mid: {
		"nova", "huawei nova", "jny-", "jef-", "bon-", "foa-", "goa-", "cdy-", "sea-", "ang-", "any-", "nth-", "rna-", "gla-", "jlh-", "fna-",
		"honor", "redmi note", "redmi k", "m2007j", "m2104k", "21091116", "2201116", "22101316", "23049rad8", "2311drk48", "23117rk66", "24069ra21", "poco",
		"reno", "oppo reno", "pgam", "pgbm", "pgcm", "pgdm", "phm1", "phq1", "pjv1", "realme gt", "rmx3", "v2166", "v2203", "v2244", "v2283", "vivo s", "vivo v",
		"sm-a5", "sm-a7", "sm-a3", "pixel 3a", "pixel 4a", "pixel 5a", "pixel 6a", "pixel 7a", "pixel 8a", "pixel 9a", "iphone se", "meizu", "nubia",
	},
	Low: {
		"redmi", "m2006c", "m2003j", "220233l2c", "23053rn02", "22120rn86", "23100rn82", "24048rn6c", "enjoy", "huawei enjoy", "med-", "mga-", "stk-", "amn-", "jat-", "dub-",
		"honor play", "honor x5", "oppo a", "pexm", "pfvm", "phj1", "realme c", "rmx2", "vivo y", "v2034", "v2099", "v2140", "sm-a0", "sm-a1", "sm-a2", "sm-j", "sm-m0", "sm-m1",
		"itel", "tecno", "infinix",
	},
})

func modelTable(lists map[string][]string) map[string]string {
	m := map[string]string{}
	for tier, names := range lists {
		for _, n := range names {
			m[n] = tier
		}
	}
	return m
}

const maxModel = 16 // bytes of the longest beginning in the table

// GeneralizeModel returns the tier of a phone or tablet by its model code
// ("ALN-AL10") or name ("Redmi Note 12"), and "unknown" for one that no family
// covers. The tiers are rough: what a family cost when it was new.
func GeneralizeModel(model string) string {
	model = strings.ToLower(strings.TrimSpace(model[:min(len(model), 64)]))
	for n := min(len(model), maxModel); n >= 2; n-- {
		if tier, ok := models[model[:n]]; ok {
			return tier
		}
	}
	return Unknown
}
