package matrix

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// browser starts a headless Chromium, or skips the test by name when there is
// none; where every tool is required, it fails.
func browser(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("KMODPAD_REQUIRE") == "all" {
			t.Fatal("chromium is not installed, but KMODPAD_REQUIRE=all requires it")
		}
		t.Skip("chromium is not installed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1300, 900))...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// hostile is a matrix whose texts try to leave the page's data.
func hostile() *Matrix {
	m := sampleMatrix()
	m.Cells = append(m.Cells, Cell{
		Coordinates{"i386", "clang-19", "-O2", "ld.bfd-2.40", "sized-symbol", "below"},
		Result{State: Failed, Reason: "</script><script>document.title='taken'</script><!-- \u2028 & \"quoted\""},
	})
	m.complete()
	return m
}

func TestPageInBrowser(t *testing.T) {
	ctx := browser(t)
	file := filepath.Join(t.TempDir(), "index.html")
	require.NoError(t, WriteFile(file, hostile().WriteHTML))

	var complaints, requests []string
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			complaints = append(complaints, e.ExceptionDetails.Text)
		case *network.EventRequestWillBeSent:
			requests = append(requests, e.Request.URL)
		}
	}))
	number := func(script string) int {
		n, err := chromedp.Run(ctx, chromedp.Evaluate[int](script))
		require.NoError(t, err, script)
		return n
	}
	text := func(script string) string {
		s, err := chromedp.Run(ctx, chromedp.Evaluate[string](script))
		require.NoError(t, err, script)
		return s
	}
	press := func(keys ...string) {
		for _, k := range keys {
			require.NoError(t, chromedp.Do(ctx, chromedp.KeyEvent(k)))
		}
	}
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, runtime.Enable, cdp.Empty{})
	require.NoError(t, err)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("file://"+file), chromedp.WaitReady("table.heat")))
	require.Equal(t, "kmodpad: toolchain matrix", text("document.title"))
	require.Equal(t, 3, number("document.querySelectorAll('.cell').length"), "the cells of the first architecture")

	// By keyboard alone: the first architecture's tab, its filters, the map, a
	// square to the right, open.
	require.NoError(t, chromedp.Do(ctx, chromedp.Focus("#tabs button")))
	press(kb.Tab, kb.Tab, kb.Tab)
	require.Equal(t, "i386/clang-19/-O2/ld.lld-19/none/below", text("document.activeElement.dataset.name"))
	press(kb.Enter)
	require.Equal(t, 1, number("document.querySelectorAll('svg.set').length"))
	require.Equal(t, 2, number("document.querySelectorAll('line.arrow.outside').length"))
	require.Equal(t, 1, number("document.querySelectorAll('line.arrow.inside').length"))
	require.Zero(t, number("document.querySelectorAll('rect.padding, rect.sentinel').length"))
	press(kb.ArrowRight, kb.Enter)
	require.Equal(t, "i386/clang-19/-O2/ld.lld-19/measured/below", text("document.activeElement.dataset.name"))
	require.Equal(t, 1, number("document.querySelectorAll('rect.padding').length"))
	require.Equal(t, 1, number("document.querySelectorAll('rect.sentinel').length"))
	require.Zero(t, number("document.querySelectorAll('line.arrow.outside').length"))

	// To scale: 32 bytes of padding before 64 of data are half as wide, and the
	// four of the sentinel an eighth of those.
	width := "document.querySelector('rect.%').getBoundingClientRect().width"
	ratio := func(a, b string) int {
		return number("Math.round(100 * " + strings.Replace(width, "%", a, 1) + " / " + strings.Replace(width, "%", b, 1) + ")")
	}
	require.InDelta(t, 50, ratio("padding", "data"), 1)
	require.InDelta(t, 13, ratio("sentinel", "padding"), 1)
	// An arrow's tip stands at the byte that it names: the first reference at
	// the set's start, the second 32 bytes further.
	require.InDelta(t, 0, number("Math.round(document.querySelector('line.arrow').getBoundingClientRect().left - document.querySelector('rect.padding').getBoundingClientRect().left)"), 2)

	// What toolchains say is text and nothing else.
	press(kb.ArrowRight, kb.Enter)
	require.Contains(t, text("document.getElementById('detail').textContent"), "</script><script>")
	require.Equal(t, "kmodpad: toolchain matrix", text("document.title"))

	// The other architecture, by the tabs' own keys.
	require.NoError(t, chromedp.Do(ctx, chromedp.Focus("#tabs [aria-selected=true]")))
	press(kb.ArrowRight)
	require.Equal(t, "amd64", text("document.querySelector('#tabs [aria-selected=true]').textContent"))
	require.Equal(t, 1, number("document.querySelectorAll('.cell.impossible').length"))

	// The address opens the cell again.
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("about:blank"),
		chromedp.Navigate("file://"+file+"#i386%2Fclang-19%2F-O2%2Fld.lld-19%2Fmeasured%2Fbelow"), chromedp.WaitReady("svg.set")))

	// Light, dark and on paper the text stands out from what is behind it.
	contrast := `(() => { const lum = c => { const v = c.match(/[\d.]+/g).slice(0, 3).map(x => { x /= 255; return x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4; }); return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
		let least = 99; for (const e of document.querySelectorAll('body, .cell, .swatch, .dim, td.inside, td.outside')) {
			let b = e; while (getComputedStyle(b).backgroundColor === 'rgba(0, 0, 0, 0)' && b.parentElement) b = b.parentElement;
			const x = lum(getComputedStyle(e).color), y = lum(getComputedStyle(b).backgroundColor);
			least = Math.min(least, (Math.max(x, y) + .05) / (Math.min(x, y) + .05)); } return Math.floor(10 * least); })()`
	media := func(kind, scheme string) {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Media: kind, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		require.NoError(t, err)
	}
	seen := map[string]bool{}
	for _, scheme := range []string{"light", "dark"} {
		media("screen", scheme)
		require.GreaterOrEqual(t, number(contrast), 45, "%s: WCAG AA asks for 4.5", scheme)
		seen[text("getComputedStyle(document.body).backgroundColor")] = true
	}
	require.Len(t, seen, 2, "light and dark differ")
	media("print", "dark")
	pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF())
	require.NoError(t, err)
	require.Equal(t, "rgb(255, 255, 255)", text("getComputedStyle(document.body).backgroundColor"), "paper is white")
	require.True(t, strings.HasPrefix(string(pdf), "%PDF-"))

	require.Empty(t, complaints)
	for _, r := range requests {
		require.True(t, strings.HasPrefix(r, "file://"+file) || r == "about:blank", "asks for %s", r)
	}
}
