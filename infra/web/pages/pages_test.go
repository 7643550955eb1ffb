package pages_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// everyPage lists an address of each page, as an auditor may open it.
func everyPage() []string {
	return []string{
		"/", "/dossiers", "/services", "/services?q=giay+phep", "/services/3.000347", "/services/3.000347?province=66", "/sign-in",
		"/dossiers/" + shared.late, "/dossiers/" + shared.done, "/dossiers/" + shared.waiting, "/dossiers/" + url.PathEscape(shared.history),
		"/dossiers/" + shared.done + "/replay?revision=3", "/dossiers/" + url.PathEscape(shared.history) + "/replay",
		"/dossiers/" + shared.late + "/details", "/statistics", "/statistics?source=so-cu&edges=100", "/worklist",
	}
}

func TestFindingADossierAndReadingItsTimeline(t *testing.T) {
	w := open(t, phone, "")
	w.goTo("/", http.StatusOK)
	w.do(chromedp.SendKeys("#home-code", "  "+shared.late+" "))
	w.follow(".hero button")
	if title := w.text("h1"); title != "Đổi giấy phép lái xe do ngành Công an cấp" {
		t.Errorf("the page is about %q", title)
	}
	for selector, want := range map[string]string{
		".badges": "Quá hạn, chưa giải quyết xong: 4 ngày 1 giờ làm việc", ".holder": "Công an tỉnh Đắk Lắk",
		"div.now": "Thẩm định hồ sơ", ".dates": "12/11/2026 13:10", "table.steps": "Đang làm, đã vượt",
		"#timeline ~ ol": "Đã bổ sung giấy tờ, lần 1",
	} {
		if got := w.text(selector); !strings.Contains(got, want) {
			t.Errorf("%s does not say %q but %q", selector, want, got)
		}
	}
	page := w.text("body")
	for _, personal := range []string{applicantName, "0900000001", storyCitizen, "Ảnh bị mờ"} {
		if strings.Contains(page, personal) {
			t.Errorf("the public page says %q", personal)
		}
	}
	w.goTo("/dossiers/H99.99-000000-0000", http.StatusNotFound)
	if got := w.text("h1"); got != "Không tìm thấy hồ sơ này" {
		t.Errorf("an unknown code is answered %q", got)
	}
	w.clean()
}

func TestSteppingThroughAReplay(t *testing.T) {
	w := open(t, desktop, "auditor-1")
	w.goTo("/dossiers/"+shared.late+"/replay?revision=4", http.StatusOK)
	if got := w.text("#event"); !strings.HasPrefix(got, "Tiếp nhận hồ sơ") {
		t.Errorf("revision 4 is %q", got)
	}
	if got := w.text("table.diff"); !strings.Contains(got, "Hẹn trả") || !strings.Contains(got, "09/11/2026 09:05") {
		t.Errorf("the reception changed %q", got)
	}
	w.follow("a[rel=next]")
	if got := w.text(".stepper .at"); got != "Bản 5 / 11" {
		t.Errorf("the next one is %q", got)
	}
	w.follow("a[rel=first]")
	if got := w.text("#event"); !strings.HasPrefix(got, "Nộp hồ sơ") {
		t.Errorf("the first one is %q", got)
	}
	if got := w.text("table.diff"); !strings.Contains(got, "(thông tin cá nhân, đã ẩn)") || strings.Contains(got, applicantName) {
		t.Errorf("personal values are shown as %q", got)
	}
	w.follow("a[rel=last]")
	w.goTo("/dossiers/"+shared.late+"/replay?revision=99", http.StatusNotFound)
	w.goTo("/dossiers/"+shared.late+"/replay?revision=x", http.StatusBadRequest)
	w.goTo("/dossiers/"+shared.late+"/replay?at=2026-11-03T00:00&basis=occurred", http.StatusOK)
	if got := w.text(".stepper .at"); got != "Bản 7 / 11" {
		t.Errorf("by the third of November it was %q", got)
	}
	w.clean()
}

// What a page shows is decided by who asks, on every page in the same way.
func TestPagesAskWhoIsThere(t *testing.T) {
	for _, c := range []struct {
		as, path string
		status   int64
	}{
		{"", "/dossiers/" + shared.late + "/replay", 401}, {"", "/dossiers/" + shared.late + "/details", 401},
		{"", "/worklist", 401}, {"", "/mine", 401}, {"", "/statistics", 200},
		{"citizen-binh", "/dossiers/" + shared.late + "/details", 403}, {"citizen-an", "/dossiers/" + shared.late + "/details", 200},
		{"citizen-an", "/worklist", 403}, {"citizen-an", "/mine", 200}, {"analyst-1", "/dossiers/" + shared.late + "/replay", 403},
		{storyDesk, "/worklist", 200}, {storyDesk, "/dossiers/" + shared.late + "/details", 200}, {storyDesk, "/statistics?agency=H26.04", 200},
		{"", "/statistics/activities.csv", 401}, {"analyst-1", "/statistics/activities.csv", 200}, {"", "/statistics/transparency.csv", 200},
	} {
		if status, _ := get(t, c.as, c.path); int64(status) != c.status {
			t.Errorf("%s as %q: %d, not %d", c.path, c.as, status, c.status)
		}
	}
	if _, page := get(t, "citizen-an", "/dossiers/"+shared.late+"/details"); !strings.Contains(page, applicantName) {
		t.Error("the applicant does not see their own name")
	}
	if _, page := get(t, storyDesk, "/dossiers/"+shared.late+"/details"); strings.Contains(page, applicantName) {
		t.Error("an officer sees a name without having said why")
	}
	if _, page := get(t, "", "/statistics"); strings.Contains(page, `id="activities"`) || !strings.Contains(page, `id="transparency"`) {
		t.Error("the public statistics are not the public index alone")
	}
}

func TestALookAtPersonalDataIsOnRecord(t *testing.T) {
	w := open(t, desktop, storyDesk)
	w.goTo("/dossiers/"+shared.late+"/details", http.StatusOK)
	w.do(chromedp.SendKeys("#purpose", "Đối chiếu bản chính"))
	w.follow("#look ~ form button")
	if got := w.text(".note"); !strings.Contains(got, "Đối chiếu bản chính") {
		t.Errorf("the page says %q", got)
	}
	if got := w.text("main"); !strings.Contains(got, applicantName) {
		t.Error("the officer who said why does not see the name")
	}
	w.clean()
	if _, page := get(t, "citizen-an", "/dossiers/"+shared.late+"/details"); !strings.Contains(page, "Đối chiếu bản chính") {
		t.Error("the person concerned does not see who looked")
	}
}

func TestAFormOfAnotherSiteIsRefused(t *testing.T) {
	form := strings.NewReader("purpose=x")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, shared.url+"/dossiers/"+shared.late+"/details", form)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	req.AddCookie(session(t, storyDesk))
	answer, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close() // it is not read
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("it was answered %d", answer.StatusCode)
	}
}

func TestEveryChartHasItsTableAndDownloads(t *testing.T) {
	w := open(t, desktop, "analyst-1")
	w.goTo("/statistics", http.StatusOK)
	w.clean()
	problems := w.run("charts", `[...document.querySelectorAll('.figure')].filter(f => f.querySelector('svg, .bars')).flatMap(f => {
		const wrong = [];
		if (!f.querySelector('table caption')) wrong.push('no table');
		if (f.querySelectorAll('tbody tr').length === 0) wrong.push('an empty table');
		if (!f.querySelector('[role=img][aria-label]')) wrong.push('a picture without a name');
		if (f.querySelectorAll('.links a').length !== 2) wrong.push('no downloads');
		return wrong.map(x => f.id + ': ' + x);
	}).join('; ')`)
	if problems != "" {
		t.Error(problems)
	}
	ids := w.run("figures", `[...document.querySelectorAll('.figure')].filter(f => f.querySelector('table')).map(f => f.id).join(' ')`)
	for _, id := range []string{"on-time-by-month", "on-time-by-agency", "durations", "bottlenecks", "dfg", "activities", "variants", "handover", "rework", "transparency"} {
		if !strings.Contains(" "+ids+" ", " "+id+" ") {
			t.Errorf("there is no figure %s among %s", id, ids)
		}
		status, file := get(t, "analyst-1", "/statistics/"+id+".csv")
		if status != http.StatusOK || strings.Count(file, "\n") < 2 {
			t.Errorf("the file of %s: %d, %q", id, status, file)
		}
	}
	if nodes := w.run("nodes", `String(document.querySelectorAll('svg.map .node').length)`); nodes == "0" {
		t.Error("the map is empty")
	}
	// Names from outside are shown as they are and can do nothing, here or in a spreadsheet.
	w.goTo("/statistics?source=so-cu&edges=100", http.StatusOK)
	if got := w.text("#activities"); !strings.Contains(got, `Tiếp nhận <b>"hồ sơ"</b> & phiếu`) {
		t.Errorf("the odd name is not there: %q", got)
	}
	if _, file := get(t, "analyst-1", "/statistics/activities.csv?source=so-cu"); !strings.Contains(file, "'=Ký duyệt") {
		t.Errorf("a formula is in the file: %q", file)
	}
	w.clean()
}

func TestTheLanguageThatWasChosenStays(t *testing.T) {
	w := open(t, desktop, "")
	w.goTo("/dossiers/"+shared.late, http.StatusOK)
	w.follow(".languages a[hreflang=en]")
	if lang := w.run("lang", "document.documentElement.lang"); lang != "en" {
		t.Errorf("the page is in %q", lang)
	}
	if got := w.text("h1"); got != "Exchange of a driving licence" {
		t.Errorf("the title is %q", got)
	}
	w.goTo("/services", http.StatusOK)
	if got := w.text("h1"); got != "Public services" {
		t.Errorf("the next page says %q", got)
	}
	w.follow(".languages a[hreflang=vi]")
	if got := w.text("h1"); got != "Dịch vụ công" {
		t.Errorf("back in Vietnamese it says %q", got)
	}
	if n := w.run("alternates", `String(document.querySelectorAll('link[rel=alternate][hreflang]').length)`); n != "3" {
		t.Errorf("%s alternates", n)
	}
}

func TestNoPageIsWiderThanAPhone(t *testing.T) {
	w := open(t, phone, "auditor-1")
	for _, path := range everyPage() {
		w.goTo(path, http.StatusOK)
		if wide := w.run("width", `(() => { const e = document.scrollingElement; return e.scrollWidth > e.clientWidth ? e.scrollWidth + " of " + e.clientWidth : ""; })()`); wide != "" {
			t.Errorf("%s is %s wide", path, wide)
		}
	}
	w.clean()
}

func TestKeyboardAndScreenReader(t *testing.T) {
	w := open(t, desktop, "auditor-1")
	w.goTo("/dossiers/"+shared.late, http.StatusOK)
	w.do(chromedp.KeyEvent(kb.Tab))
	if got := w.run("focus", "document.activeElement.className"); got != "skip" {
		t.Errorf("the first stop is %q", got)
	}
	w.do(chromedp.KeyEvent(kb.Enter))
	w.do(chromedp.KeyEvent(kb.Tab))
	if got := w.run("focus", `String(!!document.activeElement.closest('main'))`); got != "true" {
		t.Error("the skip link does not lead to the content")
	}
	named := regexp.MustCompile("^(link|button|textbox|searchbox|combobox|checkbox|img|image|table|region|navigation|search|Date|InputTime|DateTime|heading)$")
	for _, path := range everyPage() {
		w.goTo(path, http.StatusOK)
		tree, err := chromedp.Run(w.ctx, func(ctx context.Context, target *chromedp.Target) (accessibility.GetFullAXTreeResult, error) {
			return cdp.Call(ctx, target, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		})
		if err != nil {
			t.Fatal(err)
		}
		landmarks := map[string]int{}
		for _, n := range tree.Nodes {
			if n.Ignored || n.Role == nil {
				continue
			}
			role := plain(n.Role)
			landmarks[role]++
			if named.MatchString(role) && n.Name != nil && plain(n.Name) == "" {
				t.Errorf("%s: a %s has no name", path, role)
			}
		}
		for _, role := range []string{"banner", "main", "contentinfo", "navigation"} {
			if landmarks[role] == 0 {
				t.Errorf("%s has no %s", path, role)
			}
		}
		if landmarks["main"] != 1 {
			t.Errorf("%s has %d main parts", path, landmarks["main"])
		}
		if n := w.run("headings", `String(document.querySelectorAll('h1').length)`); n != "1" {
			t.Errorf("%s has %s first headings", path, n)
		}
		if twice := w.run("ids", `(() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id); return ids.filter((x, i) => ids.indexOf(x) !== i).join(' '); })()`); twice != "" {
			t.Errorf("%s: ids are there twice: %s", path, twice)
		}
	}
}

func TestEverythingWorksWithoutScript(t *testing.T) {
	w := open(t, phone, "auditor-1")
	w.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	for _, path := range everyPage() {
		w.goTo(path, http.StatusOK)
	}
	w.goTo("/", http.StatusOK)
	w.follow("a.tile")
	w.goTo("/dossiers/"+shared.late+"/replay?revision=4", http.StatusOK)
	w.follow("a[rel=next]")
	w.clean()
	if _, page := get(t, "", "/"); strings.Contains(page, "<script") {
		t.Error("the page has a script")
	}
}

// Words must be readable: every text against what is behind it, in light and dark.
func TestContrast(t *testing.T) {
	w := open(t, desktop, "auditor-1")
	for _, scheme := range []string{"light", "dark"} {
		w.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			return err
		}))
		for _, path := range everyPage() {
			w.goTo(path, http.StatusOK)
			if weak := w.run("contrast", contrastScript); weak != "" {
				t.Errorf("%s in %s: %s", path, scheme, weak)
			}
		}
	}
}

// contrastScript lists texts with a contrast below 4.5 (WCAG 2.2, 1.4.3).
const contrastScript = `(() => {
	const rgb = c => (c.match(/[\d.]+/g) || []).map(Number);
	const lum = c => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
	const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
	const found = new Set();
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const text = walk.currentNode.textContent.trim(), e = walk.currentNode.parentElement;
		if (!text || e.closest('svg, .hidden, .skip, option, datalist') || !e.checkVisibility()) continue;
		const a = lum(rgb(getComputedStyle(e).color)), b = lum(behind(e));
		const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		if (ratio < 4.5) found.add(e.tagName + '.' + e.className + ' ' + ratio.toFixed(2) + ' ' + text.slice(0, 30));
	}
	return [...found].slice(0, 5).join('; ');
})()`

// get asks for a page without a browser.
func get(t *testing.T, as, path string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, shared.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	if as != "" {
		req.AddCookie(session(t, as))
	}
	answer, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestTour(t *testing.T) {
	if os.Getenv("LEDGER_SCREENSHOTS") == "" {
		t.Skip("set LEDGER_SCREENSHOTS to a folder to keep pictures of every page")
	}
	for name, size := range map[string][2]int64{"phone": phone, "desktop": desktop} {
		w := open(t, size, "auditor-1")
		for _, p := range []struct{ name, path string }{
			{"home", "/"}, {"services", "/services"}, {"service", "/services/3.000347"}, {"late", "/dossiers/" + shared.late},
			{"done", "/dossiers/" + shared.done}, {"waiting", "/dossiers/" + shared.waiting}, {"history", "/dossiers/" + url.PathEscape(shared.history)},
			{"replay", fmt.Sprintf("/dossiers/%s/replay?revision=4", shared.done)}, {"statistics", "/statistics?source=ledger"},
			{"statistics-old", "/statistics?source=so-cu&edges=100"}, {"english", "/dossiers/" + shared.done + "?lang=en"}, {"home-en", "/"}, {"signin", "/sign-in?lang=vi"},
			{"worklist", "/worklist"}, {"details", "/dossiers/" + shared.done + "/details"}, {"problem", "/statistics?from=x"},
		} {
			w.do(chromedp.Navigate(shared.url + p.path))
			w.run("unfold the map", `(() => { document.querySelectorAll('.map-frame').forEach(e => e.style.maxHeight = 'none'); return ''; })()`)
			w.shoot(name + "-" + p.name)
		}
		w.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
			return err
		}), chromedp.Navigate(shared.url+"/dossiers/"+shared.late+"/details"))
		w.shoot(name + "-print")
		w.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
			})
			return err
		}), chromedp.Navigate(shared.url+"/dossiers/"+shared.late))
		w.shoot(name + "-dark")
		w.clean()
	}
}
