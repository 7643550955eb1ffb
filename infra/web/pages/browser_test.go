package pages_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"dossierledger/commands"
	"dossierledger/domain/fault"
	"dossierledger/infra/clickhouse/chdb"
	"dossierledger/infra/ledger"
	"dossierledger/infra/simulator"
	"dossierledger/infra/web"
)

// site is a whole ledger on a loopback address, with simulated dossiers and a
// history that was taken over, and a browser to look at it. All tests share it:
// they only read.
type site struct {
	url     string
	ledger  *ledger.Ledger
	late    string // a dossier that is overdue
	done    string // one that was delivered
	waiting string // one that waits for its applicant
	history string // one of an older system, whose code has a slash
}

var shared site

// now is a working afternoon in Vietnam. The simulated dossiers arrive before it.
var now = time.Date(2026, 11, 18, 8, 0, 0, 0, time.UTC)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "pages-test-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	l, err := ledger.Open(ctx, ledger.Config{Data: dir, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := fill(ctx, l); err != nil {
		return 0, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	shared.url, shared.ledger = "http://"+listener.Addr().String(), l
	served, opened := make(chan error, 1), make(chan error, 1)
	go func() {
		served <- l.Serve(ctx, ledger.ServeConfig{Demo: true, Web: web.Config{Rate: -1}}, listener, func(models *ledger.LateReadModels) {
			opened <- caughtUp(ctx, l, models)
		})
	}()
	defer func() {
		stop()
		err = errors.Join(err, <-served)
	}()
	if err := <-opened; err != nil {
		if fault.CodeOf(err) == chdb.CodePlatform {
			fmt.Fprintln(os.Stderr, "skipping the tests of pages on the real engine:", err)
			return 0, nil
		}
		return 0, err
	}
	if err := findExamples(ctx, l); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// fill makes dossiers through the commands, and takes over a small history.
func fill(ctx context.Context, l *ledger.Ledger) error {
	if _, err := l.Seed(ctx); err != nil {
		return err
	}
	_, err := l.Simulate(ctx, simulator.Config{
		Dossiers: 300, Seed: 7, From: now.AddDate(0, -5, 0), To: now.Add(-time.Hour),
	}, nil)
	if err != nil {
		return err
	}
	if shared.late, err = tellStory(ctx, l); err != nil {
		return err
	}
	importing, err := commands.NewImportHistory(l.Journal, "so-cu", "cu/", nil)
	if err != nil {
		return err
	}
	for i := range 12 {
		if err := importing.Case(ctx, oldCase(i)); err != nil {
			return err
		}
	}
	_, err = importing.Finish()
	shared.history = "cu/HS-1"
	return err
}

// oldCase is a case of an older system, with names that must be escaped.
func oldCase(i int) commands.CaseHistory {
	names := []string{"Tiếp nhận <b>\"hồ sơ\"</b> & phiếu", "Thẩm định", "=Ký duyệt", "Trả kết quả"}
	if i%3 == 0 {
		names = []string{names[0], names[1], names[1], names[2], names[3]}
	}
	start := time.Date(2024, 3, 4+i, 1, 30, 0, 0, time.UTC)
	return commands.CaseHistory{
		ID: fmt.Sprintf("HS-%d", i), Line: i + 1,
		Actions: func(yield func(commands.LegacyAction, error) bool) {
			for n, name := range names {
				action := commands.LegacyAction{
					At: start.Add(time.Duration(n*n+1) * 26 * time.Hour), Activity: name,
					Resource: fmt.Sprintf("Cán bộ %d", 1+(i+n)%4), OffsetMinutes: 420,
				}
				if !yield(action, nil) {
					return
				}
			}
		},
	}
}

// caughtUp waits until the read models hold everything.
func caughtUp(ctx context.Context, l *ledger.Ledger, models *ledger.LateReadModels) error {
	head, _, err := l.Store.Head(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		if _, open := models.Open(); open {
			return models.WaitFor(ctx, head)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the read models did not open: %s", models.Failure())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// findBrowser gives the path of a browser, or fails with what to install.
func findBrowser(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("LEDGER_TEST_BROWSER"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no browser was found: install chromium (apt-get install chromium) or set LEDGER_TEST_BROWSER to the path of one")
	return ""
}

// window is a page of a browser that notes what goes wrong in it.
type window struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	wrongs []string
}

// Sizes of windows.
var (
	phone   = [2]int64{360, 740}
	desktop = [2]int64{1280, 900}
)

// open opens a window; as, where not empty, signs a made-up person in.
func open(t *testing.T, size [2]int64, as string) *window {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(findBrowser(t)), chromedp.UserDataDir(filepath.Join(t.TempDir(), "profile")),
		chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.Flag("headless", "new"),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", false),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	w := &window{t: t, ctx: ctx}
	w.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: size[0], Height: size[1], DeviceScaleFactor: 1, Mobile: size[0] < 600,
		})
		if err == nil {
			_, err = cdp.Call(ctx, target, log.Enable, cdp.Empty{})
		}
		return err
	}))
	if err := chromedp.Listen(ctx, w.listen); err != nil {
		t.Fatal(err)
	}
	if as != "" {
		w.signIn(as)
	}
	return w
}

// listen notes what a page complains of, and the status of documents.
func (w *window) listen(e any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := e.(type) {
	case *log.EventEntryAdded:
		// A page that is not there is also told of on the console; that is meant.
		if !strings.Contains(e.Entry.Text, "the server responded with a status of") {
			w.wrongs = append(w.wrongs, e.Entry.Text)
		}
	case *cdpruntime.EventExceptionThrown:
		w.wrongs = append(w.wrongs, e.ExceptionDetails.Text)
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, shared.url) && !strings.HasPrefix(e.Request.URL, "data:") {
			w.wrongs = append(w.wrongs, "asked another site: "+e.Request.URL)
		}
	}
}

func (w *window) do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	if err := chromedp.Do(w.ctx, steps...); err != nil {
		w.t.Fatal(err)
	}
}

// session signs a made-up person in by the form of the sign-in page. The form is
// posted from here: the ledger's clock stands still, so that a browser may take
// the cookie for expired.
func session(t *testing.T, persona string) *http.Cookie {
	t.Helper()
	form := strings.NewReader(url.Values{"persona": {persona}, "next": {"/"}}.Encode())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, shared.url+"/sign-in", form)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close() // it is not read
	cookies := answer.Cookies()
	if answer.StatusCode != http.StatusSeeOther || len(cookies) != 1 {
		t.Fatalf("signing in answered %d with %d cookies", answer.StatusCode, len(cookies))
	}
	return &http.Cookie{Name: cookies[0].Name, Value: cookies[0].Value}
}

func (w *window) signIn(persona string) {
	w.t.Helper()
	cookie := session(w.t, persona)
	w.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.SetCookie, network.SetCookieParams{Name: cookie.Name, Value: cookie.Value, URL: shared.url})
		return err
	}))
}

// goTo opens a page and holds it to its status.
func (w *window) goTo(path string, status int64) {
	w.t.Helper()
	answer, err := chromedp.Run(w.ctx, chromedp.NavigateResponse(shared.url+path))
	if err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
	if answer.Status != status {
		w.t.Fatalf("%s answered %d, not %d", path, answer.Status, status)
	}
}

// follow clicks what a selector finds and waits for the page behind it.
func (w *window) follow(selector string) {
	w.t.Helper()
	if _, err := chromedp.RunResponse(w.ctx, chromedp.Click(selector)); err != nil {
		w.t.Fatalf("%s: %v", selector, err)
	}
}

// clean fails where the browser complained.
func (w *window) clean() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, wrong := range w.wrongs {
		w.t.Errorf("the browser complains: %s", wrong)
	}
	w.wrongs = nil
}

// run gives the text that a script gives; the test brings it along, for the
// pages have none.
func (w *window) run(what, script string) string {
	w.t.Helper()
	s, err := chromedp.Run(w.ctx, chromedp.Evaluate[string](script))
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
	return s
}

// text gives what a reader sees of the first element that a selector finds.
func (w *window) text(selector string) string {
	w.t.Helper()
	return w.run(selector, fmt.Sprintf(`document.querySelector(%q)?.innerText ?? "nothing is there"`, selector))
}

// shoot keeps a picture of the page where LEDGER_SCREENSHOTS names a folder.
func (w *window) shoot(name string) {
	w.t.Helper()
	dir := os.Getenv("LEDGER_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(w.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		w.t.Fatal(err)
	}
}
