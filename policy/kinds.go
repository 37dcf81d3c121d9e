package policy

// kind is a class the pipeline knows by name: what it must at least do, the parts of its
// objects and the rules those parts may carry.
type kind struct {
	do     Do
	detect []string            // value detectors where the file names none
	names  []string            // property names that mean this class, normalised (see foldName)
	parts  []string            // parts of an object of this class
	flat   []string            // parts also taken as plain properties of an event with such a field
	rules  map[string][]string // generalize: part -> what may be done with it
}

// detectors are the kinds of value detectors the privacy package has.
var detectors = []string{"cn_id", "cn_mobile", "bankcard", "passport", "plate", "email", "jwt", "bearer", "latlon", "ip", "mac", "imei", "face_image", "password_field"}

// textDetectors is the default of scrub classes: everything a text can show.
var textDetectors = detectors[:12]

// kindOrder fixes the order in which built-in classes stand behind those of the file.
var kindOrder = []string{"identity_core", "optional_sensitive", "delivery", "credential", "device_immutable", "ad_id", "app_list", "comm_peer", "wifi",
	"user_id", "device_id", "device_info", "ip", "media_meta", "geo_point", "region_given", "url", "referrer", "campaign", "text", "log_text", "behavior"}

// kinds is the built-in table. A class of the file that bears one of these names may be
// stricter (do: forbid), never milder. unionid links the apps of one vendor, so it counts
// as a name of the person.
var kinds = map[string]kind{
	"identity_core": {do: DoForbid, detect: []string{"cn_id", "cn_mobile", "bankcard", "passport", "email", "face_image"},
		names: []string{"name", "realname", "fullname", "firstname", "lastname", "surname", "nickname", "wxnick", "avatar", "headimg", "idno", "idnumber", "idcard", "certno", "idexpiry",
			"phone", "phonenumber", "mobile", "mobilephone", "tel", "telephone", "email", "emailaddress", "face", "passport", "bankcard", "unionid",
			"姓名", "身份证", "手机", "电话", "人脸", "头像", "昵称"}},
	"optional_sensitive": {do: DoForbid,
		names: []string{"gender", "sex", "birth", "birthday", "birthdate", "birthplace", "hukou", "ethnic", "ethnicity", "dob", "dateofbirth", "性别", "出生", "户籍", "民族"}},
	"delivery": {do: DoForbid, names: []string{"addr", "address", "contact", "consignee", "地址", "联系人"}},
	"credential": {do: DoForbid, detect: []string{"jwt", "bearer", "password_field"},
		names: []string{"password", "passwd", "pwd", "token", "accesstoken", "refreshtoken", "idtoken", "authtoken", "secret", "clientsecret", "apikey", "auth", "authorization", "cookie",
			"session", "sessionid", "sessionkey", "sid"}},
	"device_immutable": {do: DoForbid, detect: []string{"imei", "mac"}, names: []string{"imei", "meid", "imsi", "iccid", "serial", "mac", "udid"}},
	"ad_id":            {do: DoForbid, names: []string{"oaid", "idfa", "gaid", "aaid", "advertisingid"}},
	"app_list":         {do: DoForbid, names: []string{"applist", "packages", "installedapps"}},
	"comm_peer":        {do: DoForbid, names: []string{"peer", "recipient", "receiver", "friend", "tagged", "contacts"}},
	"wifi":             {do: DoForbid, names: []string{"wifi", "bssid", "ssid", "wifiscan", "cellid", "cells", "basestation"}},
	"user_id":          {do: DoPseudonym, names: []string{"userid", "uid", "loginid", "anonymousid", "distinctid"}},
	"device_id": {do: DoPseudonym, names: []string{"installid", "deviceid", "idfv", "androidid", "openid"},
		parts: []string{"install_id", "idfv", "android_id", "openid"}},
	"device_info": {do: DoGeneralize, parts: []string{"os", "os_version", "model", "screen", "ua", "lang"},
		flat:  []string{"os", "os_version", "model", "screen", "ua", "lang"},
		rules: map[string][]string{"os": {"major"}, "model": {"tier"}, "screen": {"bucket"}, "ua": {"family"}, "lang": {"primary"}}},
	"ip": {do: DoTruncate, names: []string{"ip", "ipaddress", "clientip"}},
	"media_meta": {do: DoGeneralize, parts: []string{"kind", "size", "taken", "lat", "lon", "crs", "exif.GPSLatitude", "exif.GPSLongitude"},
		flat:  []string{"kind", "size", "taken", "exif.GPSLatitude", "exif.GPSLongitude"},
		rules: map[string][]string{"kind": {"keep"}, "size": {"bucket"}, "taken": {"month"}, "geo": {"as_location"}}},
	"geo_point": {do: DoCoarsen, names: []string{"lat", "lon", "lng", "latitude", "longitude", "location", "gps", "pos", "coords", "coordinates", "latlng", "lnglat", "geo"},
		parts: []string{"lat", "lon", "lng", "latitude", "longitude", "location", "gps", "crs", "src"}, flat: []string{"crs"}},
	"region_given": {do: DoGeneralize, rules: map[string][]string{"region": {"city", "province"}}},
	"url":          {do: DoGeneralize, rules: map[string][]string{"query": {}, "path": {"template"}, "fragment": {}}},
	"referrer":     {do: DoGeneralize, rules: map[string][]string{"host": {"keep"}, "channel": {"derive"}}},
	"campaign": {do: DoAllow, parts: []string{"source", "medium", "name", "term", "content"},
		flat: []string{"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"}},
	"text":     {do: DoScrub, detect: textDetectors},
	"log_text": {do: DoScrub, detect: textDetectors},
	"behavior": {do: DoAllow},
}
