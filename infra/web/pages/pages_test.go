package pages_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"dossierledger/domain/dossier"
	"dossierledger/infra/ledger"
	"dossierledger/queries"
)

// findExamples chooses dossiers to look at, through the read side.
func findExamples(ctx context.Context, l *ledger.Ledger) error {
	asked, err := queries.NewDossiers(l.Journal, l.Registers, l.Now)
	if err != nil {
		return err
	}
	best := map[string]int{}
	for e, err := range l.Journal.ReadAll(ctx, nil, dossier.StreamPrefix) {
		if err != nil {
			return err
		}
		if e.Revision != 0 || e.Payload.EventType() != (dossier.Submitted{}).EventType() {
			continue
		}
		code, _ := strings.CutPrefix(e.Stream, dossier.StreamPrefix)
		status, err := asked.Status(ctx, code)
		if err != nil {
			return err
		}
		weight := status.Events + 40*status.Supplements
		keep := func(kind string, example *string) {
			if weight > best[kind] {
				best[kind], *example = weight, code
			}
		}
		if status.Status.Code == int(dossier.StatusDelivered) {
			keep("done", &shared.done)
		}
		if status.Status.Code == int(dossier.StatusSupplement) {
			keep("waiting", &shared.waiting)
		}
	}
	if shared.done == "" || shared.waiting == "" {
		return fmt.Errorf("the simulation lacks examples: delivered %q, waiting for a supplement %q", shared.done, shared.waiting)
	}
	return nil
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
			w.shoot(name + "-" + p.name)
		}
		w.clean()
	}
}
