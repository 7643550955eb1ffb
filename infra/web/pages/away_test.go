package pages_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/gofiber/fiber/v2"

	"dossierledger/commands"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/web/pages"
	"dossierledger/infra/web/request"
	"dossierledger/queries"
)

// gone is a database that is away, or that breaks.
type gone struct{ err error }

func (g gone) Query(context.Context, string, ...any) (driver.Rows, error) { return nil, g.err }

func (g gone) Select(context.Context, any, string, ...any) error { return g.err }

// Without read models the pages of single dossiers and of services are as ever,
// and those that need them say what is the matter.
func TestReadModelsAway(t *testing.T) {
	l := shared.ledger
	dossiers, err := queries.NewDossiers(l.Journal, l.Registers, l.Now)
	if err != nil {
		t.Fatal(err)
	}
	found, err := queries.NewCatalogue(l.Registers, l.Registers)
	if err != nil {
		t.Fatal(err)
	}
	looks, err := commands.NewLooks(l.Journal, l.Now)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		with func(*pages.Dependencies)
		says int
	}{
		"none": {func(*pages.Dependencies) {}, http.StatusServiceUnavailable},
		"away": {func(d *pages.Dependencies) {
			db := gone{fault.New(fault.Unavailable, "clickhouse.unavailable", "ClickHouse is away")}
			d.Reports, d.Worklists = queries.NewReports(db), queries.NewWorklists(db)
		}, http.StatusServiceUnavailable},
		"broken": {func(d *pages.Dependencies) {
			db := gone{errors.New("secret of the inside")}
			d.Reports, d.Worklists = queries.NewReports(db), queries.NewWorklists(db)
		}, http.StatusInternalServerError},
	} {
		d := pages.Dependencies{
			Dossiers: dossiers, Catalogue: found, Agencies: l.Registers, Looks: looks, Now: l.Now,
			Identify: func(*fiber.Ctx) request.Info {
				return request.Info{Identity: request.Identity{Actor: event.Actor{ID: "auditor-1", Role: event.RoleAuditor}}, Trace: "0af7651916cd43dd8448eb211c80319c"}
			},
		}
		c.with(&d)
		p, err := pages.New(d)
		if err != nil {
			t.Fatal(err)
		}
		app := fiber.New(fiber.Config{Immutable: true})
		p.Mount(app)
		for path, want := range map[string]int{
			"/": 200, "/services": 200, "/dossiers/" + shared.late: 200, "/dossiers/" + shared.late + "/replay": 200,
			"/statistics": c.says, "/worklist": c.says,
		} {
			answer, err := app.Test(httptest.NewRequest(http.MethodGet, path, nil), -1)
			if err != nil {
				t.Fatal(err)
			}
			var page strings.Builder
			if err := answer.Write(&page); err != nil {
				t.Fatal(err)
			}
			if answer.StatusCode != want {
				t.Errorf("read models %s: %s answers %d, not %d", name, path, answer.StatusCode, want)
			}
			if strings.Contains(page.String(), "secret of the inside") {
				t.Errorf("%s tells of the inside", path)
			}
			if want >= 500 && !strings.Contains(page.String(), "0af7651916cd43dd8448eb211c80319c") {
				t.Errorf("%s has no trace to ask back with", path)
			}
		}
	}
}
