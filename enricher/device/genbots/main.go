// Command genbots derives enricher/device/bots.txt, the literal marks of bots,
// from the list of the package crawler-user-agents (MIT). In comes the path of
// its crawler-user-agents.json, out goes the file on standard output.
//
//	go run ./enricher/device/genbots crawler-user-agents.json > enricher/device/bots.txt
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// generic marks cover most of the list, and bots that it does not know yet.
// They are lower-case here; the common ways to write them are added.
var generic = []string{"bot", "crawl", "spider", "slurp", "scrap"}

// people are patterns that also match what people use: browsers, mail and
// chat programs that open pages, and the HTTP client of Android apps.
var people = map[string]bool{
	"Sogou": true, "coccoc": true, "okhttp": true, "mail.ru": true, "NextCloud": true, "Valve/Steam": true,
	"Code/1.": true, "Notion/": true, "WhatsApp": true, "Viber": true, "Sonic": true, "Fluid": true, "Feedly": true,
	"^Silk/": true, "HttpUrlConnection": true, "Synapse": true, "Trae/": true, "Devin": true, "Flamingo_SearchEngine": true,
	"Operator/": true, "PayPal/": true, "Tumblr/": true, "Bluesky/": true, "Overcast/": true, "PocketCasts/": true,
	"DMBrowser": true, "Magellan": true, "Charlotte": true, "Butterfly": true, "Hello World": true, "Fever": true,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "genbots:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want the path of crawler-user-agents.json")
	}
	data, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var list []struct{ Pattern string }
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	marks := map[string]bool{}
	for _, g := range generic {
		for _, w := range []string{g, strings.ToUpper(g[:1]) + g[1:], strings.ToUpper(g)} {
			marks[w] = true
		}
	}
	for _, entry := range list {
		for _, pattern := range alternatives(entry.Pattern) {
			if mark, ok := literal(pattern); ok && !people[mark] && !covered(mark) {
				marks[mark] = true
			}
		}
	}
	fmt.Println("# Marks of bots, one a line, as they are written in user agents; '^' stands for the beginning.")
	fmt.Println("# Made by genbots from crawler-user-agents (MIT License, Copyright (c) 2017 Martin Monperrus).")
	for _, m := range slices.Sorted(func(yield func(string) bool) {
		for m := range marks {
			if !yield(m) {
				return
			}
		}
	}) {
		fmt.Println(m)
	}
	return nil
}

// alternatives spells out what a pattern leaves open at its top: a|b, and
// classes of two letters such as [wW].
func alternatives(pattern string) []string {
	if strings.Contains(pattern, "|") && !strings.Contains(pattern, "(") {
		return strings.Split(pattern, "|")
	}
	all := []string{strings.TrimPrefix(pattern, "(^| )")}
	class := regexp.MustCompile(`\[(\w)(\w)\]`)
	for {
		var next []string
		for _, p := range all {
			if m := class.FindStringSubmatchIndex(p); m != nil {
				next = append(next, p[:m[0]]+p[m[2]:m[3]]+p[m[1]:], p[:m[0]]+p[m[4]:m[5]]+p[m[1]:])
			}
		}
		if len(next) == 0 {
			return all
		}
		all = next
	}
}

// literal returns the text that a pattern means, if it means only one.
func literal(pattern string) (string, bool) {
	anchored := strings.HasPrefix(pattern, "^")
	body := strings.TrimPrefix(pattern, "^")
	var b strings.Builder
	for i := 0; i < len(body); i++ {
		c := body[i]
		if c == '\\' && i+1 < len(body) && !isWord(body[i+1]) {
			i++
			c = body[i]
		} else if strings.IndexByte(`\.[](){}*+?|^$`, c) >= 0 {
			return "", false
		}
		b.WriteByte(c)
	}
	mark := b.String()
	if len(strings.TrimSpace(mark)) < 4 {
		return "", false // too short to mean anything in the middle of a text
	}
	if anchored {
		mark = "^" + mark
	}
	return mark, true
}

func isWord(c byte) bool { return c|0x20-'a' < 26 || c-'0' < 10 }

func covered(mark string) bool {
	for _, g := range generic {
		for _, w := range []string{g, strings.ToUpper(g[:1]) + g[1:], strings.ToUpper(g)} {
			if strings.Contains(mark, w) {
				return true
			}
		}
	}
	return false
}
