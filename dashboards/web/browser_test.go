package web_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// missing skips a test whose tool is not installed, or fails it where all are demanded.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("SLUICE_REQUIRE_CLIENTS") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func repoRoot(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// tab is one tab of a real browser. It collects what the browser complains of.
type tab struct {
	t   *testing.T
	ctx context.Context
	axe string

	mu         sync.Mutex
	complaints []string
}

func newTab(t *testing.T) *tab {
	t.Helper()
	axe, err := os.ReadFile(filepath.Join(repoRoot(t), ".deps", "axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		missing(t, "axe-core is not installed in .deps/axe: run make deps-test")
	}
	exe, err := exec.LookPath("chromium")
	if err != nil {
		missing(t, "chromium is not installed: run make deps-test")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(exe), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("lang", "en-US"), chromedp.Flag("accept-lang", "en-US"), chromedp.WSURLReadTimeout(time.Minute))
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox) // Chromium's sandbox does not run as root
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	alloc, stop := chromedp.NewExecAllocator(ctx, opts...)
	page, done := chromedp.NewContext(alloc)
	t.Cleanup(func() { done(); stop(); cancel() })
	b := &tab{t: t, ctx: page, axe: string(axe)}
	if err := chromedp.Listen(page, b.listen); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *tab) listen(ev any) {
	var text string
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		text = "exception: " + e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
	case *runtime.EventConsoleAPICalled:
		for _, a := range e.Args {
			text += fmt.Sprintf("console %s: %s %s ", e.Type, a.Value, a.Description)
		}
	case *log.EventEntryAdded:
		text = fmt.Sprintf("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
	}
	if text != "" {
		b.mu.Lock()
		b.complaints = append(b.complaints, text)
		b.mu.Unlock()
	}
}

// quiet fails on anything the browser complained of since the last call: errors, warnings,
// breaches of the content policy. Complaints of a kind that a state brings about are let
// through.
func (b *tab) quiet(expected ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
next:
	for _, c := range b.complaints {
		for _, x := range expected {
			if strings.Contains(c, x) {
				continue next
			}
		}
		b.t.Errorf("the browser complains: %s", c)
	}
	b.complaints = nil
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// eval gives a script's answer.
func eval[T any](b *tab, script string) T {
	b.t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *tab) text(sel string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", sel))
}

// until waits until a script answers true.
func (b *tab) until(what, script string) {
	b.t.Helper()
	end := time.Now().Add(30 * time.Second)
	for !eval[bool](b, "Boolean("+script+")") {
		if time.Now().After(end) {
			b.t.Fatalf("the page is not %s:\n%s", what, b.text("body"))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// view sets the size of the window and the wish for light or dark.
func (b *tab) view(width int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, 900))
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}); err != nil {
		b.t.Fatal(err)
	}
}

// everyView looks at the page narrow and wide, light and dark: nothing may stick out of it,
// and axe may find nothing. With SLUICE_SHOTS set to a folder, pictures go there.
func (b *tab) everyView(name string) {
	b.t.Helper()
	for _, width := range []int64{390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.view(width, scheme)
			at := fmt.Sprintf("%s-%d-%s", name, width, scheme)
			if over := eval[[]string](b, overflow); len(over) > 0 {
				b.t.Errorf("%s: wider than the window: %v", at, over)
			}
			b.check(at)
			b.shoot(at)
		}
	}
}

// overflow lists what is wider than the window.
const overflow = `(() => {
  const wide = document.documentElement.clientWidth;
  const out = [...document.querySelectorAll("body *")].filter((e) => !e.matches(".skip") && e.getBoundingClientRect().right > wide + 0.5)
    .map((e) => e.tagName + (e.id && "#" + e.id) + " " + e.getBoundingClientRect().right);
  if (document.documentElement.scrollWidth > wide) out.push("scroll width " + document.documentElement.scrollWidth);
  return out;
})()`

// check runs axe-core on the page.
func (b *tab) check(at string) {
	b.t.Helper()
	if !eval[bool](b, "typeof axe === 'object'") {
		eval[chromedp.Void](b, b.axe+"; undefined")
	}
	got := eval[struct {
		Violations []string
		Passes     int
	}](b, `axe.run(document).then((r) => ({Violations: r.violations.map((v) => v.id + ": " + v.help + " " +
      v.nodes.map((n) => n.target.join(" ") + " " + n.failureSummary).join("; ")), Passes: r.passes.length}))`)
	for _, v := range got.Violations {
		b.t.Errorf("%s: axe: %s", at, v)
	}
	if got.Passes < 15 {
		b.t.Errorf("%s: axe made only %d checks", at, got.Passes)
	}
}

func (b *tab) shoot(at string) {
	b.t.Helper()
	dir := os.Getenv("SLUICE_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, at+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}
