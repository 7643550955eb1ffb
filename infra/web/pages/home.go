package pages

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"dossierledger/domain/procedure"
	"dossierledger/queries"
)

// address joins parts to a path; each is escaped, so that a code with a slash
// stays one part.
func address(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteString("/" + url.PathEscape(part))
	}
	return b.String()
}

type homePage struct {
	Figures    *figures
	Citizens   []queries.LifeEventItem
	Businesses []queries.LifeEventItem
	Classes    []classLink
	Total      int
}

type classLink struct {
	Class string
	Count int
}

func (v *visit) home() error {
	all := v.Catalogue.Search(procedure.Query{Limit: 1}, v.now)
	page := homePage{
		Figures:    v.figures.get(v.ctx, v.Reports, v.now),
		Citizens:   offered(v.Catalogue.LifeEvents(procedure.Citizen, v.now)),
		Businesses: offered(v.Catalogue.LifeEvents(procedure.Enterprise, v.now)),
		Total:      all.Total,
	}
	for _, class := range []procedure.Class{procedure.AdministrativeService, procedure.PublicCareerService, procedure.PublicUtilityService} {
		page.Classes = append(page.Classes, classLink{string(class), all.Facets.Class[class]})
	}
	return v.show(http.StatusOK, "home", "home", v.text("site.name"), page)
}

// offered leaves out occasions for which there is no procedure.
func offered(items []queries.LifeEventItem) []queries.LifeEventItem {
	var kept []queries.LifeEventItem
	for _, item := range items {
		if item.Procedures > 0 {
			kept = append(kept, item)
		}
	}
	return kept
}

// findDossier goes to the dossier whose code was typed in.
func (v *visit) findDossier() error {
	code := strings.TrimSpace(v.query.Get("code"))
	if code == "" {
		return v.show(http.StatusOK, "find", "find", v.text("find.title"), nil)
	}
	return v.fiber.Redirect(address("dossiers", code), fiber.StatusSeeOther)
}

// figures are what the first page tells of all dossiers; the public index holds them.
type figures struct {
	Received uint64
	OnTime   *float64 // percent
	Points   *float64
	Max      float64
	AsOf     time.Time
}

// figuresCache keeps the figures for a minute, so that the first page costs
// nothing and is there when the read models are not.
type figuresCache struct {
	mu    sync.Mutex
	last  *figures
	tried time.Time
}

const (
	figuresAge  = time.Minute
	figuresWait = 2 * time.Second
)

// get gives the figures, or nil where none are known.
func (f *figuresCache) get(ctx context.Context, reports Reports, now time.Time) *figures {
	f.mu.Lock()
	defer f.mu.Unlock()
	if reports == nil || !f.tried.IsZero() && now.Sub(f.tried).Abs() < figuresAge {
		return f.last
	}
	f.tried = now
	ctx, cancel := context.WithTimeout(ctx, figuresWait)
	defer cancel()
	index, err := reports.Transparency(ctx, queries.Filter{}, queries.Options{Now: now})
	if err != nil || index.Received == 0 {
		f.last = nil
		return nil
	}
	found := figures{Received: index.Received, Points: index.Points, Max: index.AvailableMax, AsOf: index.AsOf.Time}
	for _, group := range index.Groups {
		for _, indicator := range group.Indicators {
			if indicator.ID == "2.1" {
				found.OnTime = indicator.Value
			}
		}
	}
	f.last = &found
	return f.last
}
