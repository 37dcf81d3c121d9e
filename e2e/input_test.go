package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// courseLog is the real course log below SLUICE_DATA; without it, one is made up, which is
// smaller and has the same columns.
func courseLog(t *testing.T) (file string, real bool) {
	t.Helper()
	if dir := os.Getenv("SLUICE_DATA"); dir != "" {
		return filepath.Join(dir, "moodle-lacourse", "events.csv.gz"), true
	}
	t.Log("SLUICE_DATA is not set: a made-up course log stands in for the real one")
	rnd := rand.New(rand.NewPCG(1, 2))
	first := time.Date(2019, 9, 9, 8, 0, 0, 0, time.UTC)
	names := []string{"Course: Birds, and bees", "Forum: Nests", `Quiz: "Eggs"`, "File: plumage", "Assignment: 巢"}
	var b strings.Builder
	b.WriteString("Event.context,user,timecreated,Component,Event.name,Log,Action\n")
	for range 6000 {
		kind := names[rnd.IntN(len(names))]
		component, _, _ := strings.Cut(kind, ":")
		resource := fmt.Sprintf("%s %d", kind, rnd.IntN(12))
		at := first.Add(time.Duration(rnd.IntN(20*24*3600)) * time.Second)
		fmt.Fprintf(&b, "\"%s\",u%03d,%s,%s,Course module viewed,x,%s\n", strings.ReplaceAll(resource, `"`, `""`),
			rnd.IntN(40), at.Format("2006-01-02T15:04:05"), component, component)
	}
	file = filepath.Join(t.TempDir(), "course.csv")
	write(t, file, b.String())
	return file, false
}

// accessLog is the real web server's log, or a made-up one.
func accessLog(t *testing.T) (file string, real bool) {
	t.Helper()
	if dir := os.Getenv("SLUICE_DATA"); dir != "" {
		return filepath.Join(dir, "apache-access-log", "access.log.gz"), true
	}
	t.Log("SLUICE_DATA is not set: a made-up access log stands in for the real one")
	rnd := rand.New(rand.NewPCG(3, 4))
	first := time.Date(2015, 5, 17, 10, 0, 0, 0, time.UTC)
	pick := func(from ...string) string { return from[rnd.IntN(len(from))] }
	var b strings.Builder
	for range 800 {
		fmt.Fprintf(&b, "%s - - [%s] \"GET /%s HTTP/1.1\" 200 %d \"%s\" \"%s\"\n",
			pick("202.106.0.20", "8.8.8.8", "194.25.0.60", "133.11.0.1"),
			first.Add(time.Duration(rnd.IntN(3*24*3600))*time.Second).Format("02/Jan/2006:15:04:05 -0700"),
			pick("", "blog/one", "files/a.png?utm_source=mail", "about"), rnd.IntN(9999),
			pick("-", "https://www.google.com/search?q=nests", "http://semicomplete.com/blog", "https://news.example/a", "https://www.baidu.com/s?wd=x"),
			pick("Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.107 Safari/537.36",
				"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "curl/7.35.0"))
	}
	file = filepath.Join(t.TempDir(), "access.log")
	write(t, file, b.String())
	return file, false
}
