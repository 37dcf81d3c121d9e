package device

import "strings"

// Unknown stands for a model that is in no list.
const Unknown = "unknown"

// The tiers of GeneralizeModel.
const (
	High = "high"
	Mid  = "mid"
	Low  = "low"
)

// systems maps lower-case names of operating systems to their families.
var systems = [...]struct{ prefix, family string }{
	{"android", "Android"}, {"ios", "iOS"}, {"iphone", "iOS"}, {"ipados", "iOS"}, {"ipad", "iOS"},
	{"mac", "macOS"}, {"darwin", "macOS"}, {"os x", "macOS"}, {"osx", "macOS"},
	{"windows phone", "Windows Phone"}, {"win", "Windows"},
	{"harmony", "HarmonyOS"}, {"openharmony", "HarmonyOS"}, {"ohos", "HarmonyOS"}, {"hongmeng", "HarmonyOS"},
	{"chrome", "ChromeOS"}, {"cros", "ChromeOS"}, {"ubuntu", "Linux"}, {"debian", "Linux"}, {"linux", "Linux"},
	{"freebsd", "FreeBSD"}, {"tizen", "Tizen"}, {"kaios", "KaiOS"},
}

// withoutVersion are families whose version says a kernel or a build.
var withoutVersion = map[string]bool{"Linux": true, "ChromeOS": true, "FreeBSD": true}

// windowsNT are releases of Windows by the version that user agents tell.
var windowsNT = map[string]string{"6.3": "8", "6.2": "8", "6.1": "7", "6.0": "Vista", "5.2": "XP", "5.1": "XP", "5.0": "2000"}

// GeneralizeOS returns family and major version, as in "Android 14" for
// ("Android", "14.0.2") or ("android 14.0.2", ""). A system that is not known
// gives "Other", an empty name the empty string.
func GeneralizeOS(name, version string) string {
	lower := strings.ToLower(strings.TrimSpace(name))
	if lower == "" {
		return ""
	}
	for _, s := range systems {
		if !strings.HasPrefix(lower, s.prefix) {
			continue
		}
		if version == "" {
			version = lower[len(s.prefix):]
		}
		if release, ok := windowsNT[version]; ok && s.family == "Windows" {
			return s.family + " " + release
		}
		major := majorOf(version)
		if major == "" || withoutVersion[s.family] {
			return s.family
		}
		return s.family + " " + major
	}
	return "Other"
}

// majorOf returns the first run of one to three digits.
func majorOf(version string) string {
	start := strings.IndexAny(version, "0123456789")
	if start < 0 {
		return ""
	}
	end := start
	for end < len(version) && version[end]-'0' < 10 {
		end++
	}
	if end-start > 3 {
		return ""
	}
	return version[start:end]
}

// GeneralizeScreen returns a class for a screen's size in CSS or device
// pixels, by its longer side; the empty string without a size.
func GeneralizeScreen(width, height int) string {
	switch long := max(width, height); {
	case width <= 0 || height <= 0:
		return ""
	case long < 700:
		return "xs"
	case long < 1000:
		return "s"
	case long < 1500:
		return "m"
	case long < 2200:
		return "l"
	}
	return "xl"
}

// GeneralizeLang returns the primary language of a tag or of an
// Accept-Language header: "zh" for "zh-CN", "zh_CN.UTF-8" and "zh-CN,en;q=0.9".
func GeneralizeLang(tag string) string {
	tag = strings.TrimSpace(tag)
	end := 0
	for end < len(tag) && tag[end]|0x20-'a' < 26 {
		end++
	}
	if end < 2 || end > 3 || end < len(tag) && strings.IndexByte("-_.,; @", tag[end]) < 0 {
		return ""
	}
	return strings.ToLower(tag[:end])
}
