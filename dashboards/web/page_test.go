package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sluice-events/sluice/dashboards/web"
	"github.com/sluice-events/sluice/privacy"
)

// figure is a figure of the account as the page shows it.
func (b *tab) figure(name string) string { b.t.Helper(); return b.text("#figures ." + name + " dd") }

func (b *tab) open(url string) {
	b.t.Helper()
	b.view(1280, "light")
	b.do(chromedp.Navigate(url))
}

// The page of a whole installation, from the first look at an empty one, over the command
// it offers, to the end of the process.
func TestPageOfInstallation(t *testing.T) {
	b := newTab(t)
	n := startNode(t)
	b.open(n.page())
	b.until("live", `document.body.dataset.link === "live"`)
	if got := b.text("#empty-title"); got != "No event yet" {
		t.Errorf("the title of the empty state is %q", got)
	}
	if b.figure("accepted") != "0" || !strings.HasPrefix(b.text("#verdict"), "Closes") {
		t.Errorf("account of nothing: %s", b.text("#account"))
	}
	for _, want := range []string{"ev_service", "ev_analytics", "ev_personalize", "GDPR 6(1)(a)"} {
		if !strings.Contains(b.text("#stores"), want) {
			t.Errorf("the stores have no %q: %s", want, b.text("#stores"))
		}
	}
	b.quiet()
	b.everyView("empty")

	// The command of the page, as a newcomer pastes it.
	curl := b.text("#curl")
	if _, err := exec.LookPath("curl"); err != nil {
		missing(t, "curl is not installed")
	}
	if out, err := exec.Command("sh", "-c", curl+" -sS -f").CombinedOutput(); err != nil {
		t.Fatalf("%s\n%v: %s", curl, err, out)
	}
	b.until("showing the event", `document.querySelectorAll(".event").length === 1`)
	got := b.text(".event")
	for _, want := range []string{"page_view", "install", "kept in 3 of 3 stores", "service · clause GDPR 6(1)(b)", "page"} {
		if !strings.Contains(got, want) {
			t.Errorf("the first event has no %q:\n%s", want, got)
		}
	}
	if !eval[bool](b, `document.getElementById("empty").hidden`) {
		t.Error("the empty state is still there")
	}

	key := regexp.MustCompile(`X-Write-Key: (\w+)`).FindStringSubmatch(curl)[1]
	for _, e := range realEvents {
		if code := n.send(key, e); code != 200 {
			t.Fatalf("event: %d", code)
		}
		want := n.account().Accepted
		n.wait("stored", func() bool { a := n.account(); return a.Accepted >= want && a.InFlight == 0 })
	}
	if code := n.send("wk_nobody", realEvents[0]); code != 401 {
		t.Errorf("an unknown key: %d", code)
	}
	b.until("showing all", fmt.Sprintf(`document.querySelector("#figures .accepted dd").innerText === "%d" && document.querySelector("#figures .in_flight dd").innerText === "0" && !document.getElementById("door").hidden`, 1+len(realEvents)))
	comparePage(b, n)
	compareEvents(b)
	b.quiet()
	b.everyView("filled")
	keyboard(b)

	n.stop()
	b.until("away", `document.body.dataset.link === "away"`)
	if got := b.text("#away"); !strings.Contains(got, "does not answer") || !strings.Contains(got, "The figures below are from") {
		t.Errorf("the note is %q", got)
	}
	if b.figure("accepted") == "–" || b.text("#link") != "Disconnected" {
		t.Errorf("without the process: %s %s", b.figure("accepted"), b.text("#link"))
	}
	b.everyView("away")
	b.quiet("ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET", "Failed to load resource")
}

// realEvents go through the front door of an installation under the newcomer's policy.
// Every cnry is a value that the page must not show.
var realEvents = []string{
	`{"event":"page_view","id":"m1","install_id":"cnry-install","user_id":"cnry-user","props":{"page":"/lesson/7?token=cnry-token","note":"cnry-note"},"context":{"ip":"203.0.113.77"}}`,
	`{"event":"page_view","id":"m1","install_id":"cnry-install","user_id":"cnry-user","props":{"page":"/lesson/7"}}`,
	`{"event":"login","id":"m2","user_id":"cnry-user","props":{"ok":true,"method":"password","password":"cnry-pass"}}`,
	`{"event":"<img src=x onerror=alert(1)>","id":"m3","user_id":"cnry-user","consent":{"analytics":true,"personalize":true},"props":{"x":"cnry-x"}}`,
	`{"event":"opened by wang.cnry@school.example","id":"m4","install_id":"cnry-install2"}`,
	`{"event":"seen cnry3f2a91bc77de","id":"m5","install_id":"cnry-install2"}`,
	`{"event":"risk_signal","id":"m6","user_id":"cnry-user","props":{"rule":"cnry-rule"}}`,
}

// comparePage compares what the page shows with the account that the process gives.
func comparePage(b *tab, n *node) {
	b.t.Helper()
	a := n.account()
	total := func(m map[string]uint64) (s uint64) {
		for _, v := range m {
			s += v
		}
		return s
	}
	for name, want := range map[string]uint64{"accepted": a.Accepted, "stored": a.Stored, "dropped": total(a.Dropped), "rejected": total(a.Rejected), "in_flight": a.InFlight} {
		if got := b.figure(name); got != fmt.Sprint(want) {
			b.t.Errorf("%s: the page shows %s, the account has %d", name, got, want)
		}
	}
	if a.Dropped["duplicate"] != 1 || !a.Closed {
		b.t.Errorf("account: %+v", a)
	}
	shown := eval[map[string]string](b, `Object.fromEntries([...document.querySelectorAll("#stores tr")].map((r) => [r.querySelector("code").innerText, r.cells[1].innerText]))`)
	for store, rows := range a.Rows {
		if shown[store] != fmt.Sprint(rows) {
			b.t.Errorf("%s: the page shows %q rows, the account has %d", store, shown[store], rows)
		}
	}
	if got := b.text("#reasons"); !strings.Contains(got, "this message id was seen before") || !strings.Contains(got, "a retry was recognised") {
		b.t.Errorf("reasons: %s", got)
	}
	if got := b.text("#turned"); !strings.Contains(got, "unknown write key") {
		b.t.Errorf("the door: %s", got)
	}
}

// compareEvents looks at the last events: reasons and advice are there, values and markup
// are not.
func compareEvents(b *tab) {
	b.t.Helper()
	got := b.text("#events")
	for _, want := range []string{
		"login", "kept in 2 of 3 stores", "no consent", "clause GDPR 6(1)(a)", `send context.consent with "analytics": true`,
		"<img src=x onerror=alert(1)>", "not declared", "name hidden: it may hold an id", "cut at the door", "the event names no item",
	} {
		if !strings.Contains(got, want) {
			b.t.Errorf("the events have no %q:\n%s", want, got)
		}
	}
	if whole := b.text("body") + eval[string](b, "document.documentElement.outerHTML"); strings.Contains(whole, "cnry") || strings.Contains(whole, "wang") || strings.Contains(whole, "203.0.113") {
		b.t.Errorf("a value is on the page:\n%s", whole)
	}
	if n := eval[int](b, `document.querySelectorAll("#events img, #events script").length`); n != 0 {
		b.t.Errorf("%d elements were made from the name of an event", n)
	}
	b.choose("none")
	if got := b.text("#last"); !strings.Contains(got, "None of the last events is of this kind") || strings.Contains(got, "kept in") {
		b.t.Errorf("events that no store has:\n%s", got)
	}
	b.choose("some")
	if got := b.text("#events"); strings.Contains(got, "risk_signal") || !strings.Contains(got, "login") {
		b.t.Errorf("events that a store did not take:\n%s", got)
	}
	b.choose("all")
}

// choose picks which events are shown.
func (b *tab) choose(which string) {
	b.t.Helper()
	b.do(chromedp.SetValue("#which", which))
	eval[chromedp.Void](b, `document.getElementById("which").dispatchEvent(new Event("change")); undefined`)
}

// keyboard walks the page with the tab key: everything that can be used is reached, and
// shows that it is.
func keyboard(b *tab) {
	b.t.Helper()
	eval[chromedp.Void](b, `document.activeElement.blur(); getSelection().removeAllRanges(); undefined`)
	want := []string{"a.skip", "#pause", "#lang", "#which"}
	for range 12 {
		b.do(chromedp.KeyEvent("\t"))
		at := eval[string](b, `document.activeElement.matches("a.skip") ? "a.skip" : "#" + document.activeElement.id`)
		if len(want) > 0 && at == want[0] {
			want = want[1:]
			if style := eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`); style == "none" {
				b.t.Errorf("%s has the focus and does not show it", at)
			}
		}
	}
	if len(want) > 0 {
		b.t.Errorf("the tab key does not reach %v in this order", want)
	}
	eval[chromedp.Void](b, `document.getElementById("pause").focus(); undefined`)
	b.do(chromedp.KeyEvent(" "))
	b.until("paused", `document.getElementById("link").dataset.state === "paused" && document.getElementById("pause").innerText === "Resume"`)
	b.do(chromedp.KeyEvent(" "))
	b.until("live again", `document.getElementById("link").dataset.state === "live"`)
}

// Under a strict policy the page names its clauses, says what a child needs before a store
// takes anything, and shows what the door itself did not take.
func TestPageUnderStrictPolicy(t *testing.T) {
	b := newTab(t)
	n := startNode(t, "--policy", "cn-edu")
	b.open(n.page())
	b.until("live", `document.body.dataset.link === "live"`)
	key := regexp.MustCompile(`X-Write-Key: (\w+)`).FindStringSubmatch(b.text("#curl"))[1]
	code := n.send(key, `{"event":"lesson_play","id":"s1","user_id":"cnry-user","props":{"item_id":"L1","phone":"13812345678"},"consent":{"improve":true}}`,
		`{"event":"cnry_never_declared","id":"s2","user_id":"cnry-user"}`)
	if code != 200 {
		t.Fatalf("events: %d", code)
	}
	b.until("showing the event", `document.querySelectorAll(".event").length === 1 && document.querySelector("#figures .dropped dd").innerText === "1"`)
	b.choose("none")
	got := b.text("#events")
	for _, want := range []string{"lesson_play", "kept in 0 of 2 stores", "improve · clause 4-3", "personalize · clause 3.2, 4-5", "closed to children", "let the guardian consent", "1 property was cut at the door"} {
		if !strings.Contains(got, want) {
			t.Errorf("the event has no %q:\n%s", want, got)
		}
	}
	if got := b.text("#turned"); !strings.Contains(got, "event not declared") {
		t.Errorf("the door: %s", got)
	}
	if whole := eval[string](b, "document.documentElement.outerHTML"); strings.Contains(whole, "cnry") || strings.Contains(whole, "1381234") {
		t.Errorf("a value is on the page:\n%s", whole)
	}
	b.quiet()
}

// What an installation seldom comes to: an open account, rejects, large figures, long
// names; and parts that are not up.
func TestPageStates(t *testing.T) {
	b := newTab(t)
	var up atomic.Bool
	hold := make(chan struct{})
	srv := httptest.NewServer(web.Handler(web.Source{
		Account: func(context.Context) (web.Account, error) {
			<-hold
			if !up.Load() {
				return web.Account{}, errors.New("cnry")
			}
			return hugeAccount(), nil
		},
		Last: func(int) ([]web.Event, error) {
			if !up.Load() {
				return nil, errors.New("cnry")
			}
			return manyEvents(), nil
		},
		About: hugeAbout,
	}, web.Hosts{}))
	defer srv.Close()

	b.open(srv.URL)
	if b.text("#link") != "Loading" || b.figure("accepted") != "–" || !eval[bool](b, `document.getElementById("account").ariaBusy === "true" && document.getElementById("empty").hidden`) {
		t.Errorf("before the first answer:\n%s", b.text("body"))
	}
	b.everyView("loading")
	close(hold)
	b.until("starting", `document.body.dataset.link === "starting"`)
	if !strings.Contains(b.text("#away"), "does not answer yet") || strings.Contains(b.text("body"), "cnry") {
		t.Errorf("without the store:\n%s", b.text("body"))
	}
	b.everyView("starting")
	b.quiet("503 (Service Unavailable)")

	up.Store(true)
	b.until("live", `document.body.dataset.link === "live"`)
	if got := b.text("#verdict"); !strings.HasPrefix(got, "Open by 7.") {
		t.Errorf("verdict: %s", got)
	}
	if got := b.text("#reasons"); !strings.Contains(got, "Rejected") || !strings.Contains(got, "a new one of a later version") {
		t.Errorf("reasons: %s", got)
	}
	b.mu.Lock()
	b.complaints = nil // of the last question before the store was up
	b.mu.Unlock()
	b.everyView("huge")
	more(b)
	chinese(b)
	b.quiet()
}

func hugeAccount() web.Account {
	const n = 9_876_543_210_987
	a := web.Account{Accepted: n + 10 + 7, Stored: n, Dropped: map[string]uint64{"no_consent": 2, "future_reason": 3}, Rejected: map[string]uint64{"schema": 4}, InFlight: 1,
		Rows: map[string]uint64{}, Withheld: map[string]uint64{}, Door: web.Door{Refused: map[string]uint64{"quota": n, "future": 1}, Discarded: map[string]uint64{"schema": 2}}}
	for _, s := range hugeAbout().Stores {
		a.Rows[s.Store] = n
		for _, r := range privacy.Reasons() {
			a.Withheld[s.Store+":"+r.String()] = n
		}
	}
	return a
}

func hugeAbout() web.About {
	a := web.About{Policy: strings.Repeat("policy", 12), Rev: 4_294_967_295, Version: strings.Repeat("1", 70), Reasons: map[string]web.Reason{}}
	for _, r := range privacy.Reasons() {
		a.Reasons[r.String()] = web.Reason{What: "dropped, " + r.String(), Advice: "do something about it"}
	}
	a.Reasons["schema"] = web.Reason{What: "rejected, a required field is missing", Advice: "compare"}
	a.Reasons["future_reason"] = web.Reason{What: "dropped, a new one of a later version"}
	for _, name := range []string{"ev_service", "ev_" + strings.Repeat("long", 15)} {
		a.Stores = append(a.Stores, web.Store{Store: name, Purpose: strings.Repeat("purpose", 9), Clause: strings.Repeat("4-1.", 20)})
	}
	return a
}

// manyEvents has an event for each reason, and more than the page shows at once.
func manyEvents() (out []web.Event) {
	about := hugeAbout()
	at := time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC)
	for _, r := range privacy.Reasons() {
		e := web.Event{Time: at, Event: strings.Repeat("W", 90), Subject: "user", Reason: r.String(), CutAtDoor: 1}
		for _, s := range about.Stores {
			e.Stores = append(e.Stores, web.Outcome{Purpose: s.Purpose, Store: s.Store, Clause: s.Clause, Reason: r.String(), Advice: strings.Repeat("advice ", 30)})
		}
		e.Stores = append(e.Stores, web.Outcome{Purpose: "p", Store: "ev_kept", Clause: "1", Kept: []string{strings.Repeat("column_", 12), "page"}}, web.Outcome{Purpose: "q", Store: "ev_bare", Clause: "2"})
		out = append(out, e, web.Event{Time: at, Event: "other", Subject: "none", Reason: r.String(), Advice: "do"}, web.Event{Time: at.Add(time.Second), Event: "other", Subject: "none", Reason: r.String(), Advice: "do"})
	}
	return out
}

// more shows the rest, joined where neighbours are alike, and moves the focus to it.
func more(b *tab) {
	b.t.Helper()
	b.choose("none")
	if got := b.text("#events"); strings.Contains(got, "kept in 2") || !strings.Contains(got, "in no store") {
		b.t.Errorf("events that no store has:\n%s", got)
	}
	b.choose("all")
	if got := b.text("#events"); !strings.Contains(got, "2 alike") {
		b.t.Errorf("neighbours that are alike are not joined:\n%s", got)
	}
	b.do(chromedp.Click("#more"))
	want := 2 * len(privacy.Reasons())
	if got := eval[int](b, `document.querySelectorAll("#events > li").length`); got != want {
		b.t.Errorf("%d groups are shown, want %d", got, want)
	}
	if !eval[bool](b, `document.activeElement === document.getElementById("events").children[8] && document.getElementById("more").hidden`) {
		b.t.Error("the focus is lost with the button")
	}
}

// chinese switches the language: everything that is text of ours changes, every reason of
// the account has words there, and the document says which language it is in.
func chinese(b *tab) {
	b.t.Helper()
	b.do(chromedp.Click("#lang"))
	if got := eval[string](b, "document.documentElement.lang"); got != "zh-CN" {
		b.t.Errorf("the document's language is %s", got)
	}
	for _, sel := range []string{"#h-account", "#h-stores", "#h-reasons", "#h-last", "#verdict", "#link", "#pause", "footer p", "#figures .accepted dt", ".event .tag", "#doornote, .soft"} {
		if got := b.text(sel); !regexp.MustCompile(`\p{Han}`).MatchString(got) {
			b.t.Errorf("%s is not in Chinese: %q", sel, got)
		}
	}
	var names []string
	for _, r := range privacy.Reasons() {
		names = append(names, r.String())
	}
	list, err := json.Marshal(names)
	if err != nil {
		b.t.Fatal(err)
	}
	missing := eval[[]string](b, fmt.Sprintf(`import("./texts.js").then((m) => %s.filter((c) => { const r = m.reason(c, {signals_may_grant: true}); return r.what === c || !r.todo; }))`, list))
	if len(missing) > 0 {
		b.t.Errorf("reasons without Chinese words: %v", missing)
	}
	b.everyView("chinese")
	b.do(chromedp.Click("#lang"))
}
