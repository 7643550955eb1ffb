// Package pages is what people see: pages made on the server, in Vietnamese and
// English, that need no script, no outside font and no outside picture.
//
// A page shows a person nothing that the API would not tell the same person:
// every page asks policy.May first, and personal values are shown only after
// the look was put on record.
package pages

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gofiber/fiber/v2"

	"dossierledger/commands"
	"dossierledger/domain/access"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"dossierledger/infra/web/auth"
	"dossierledger/infra/web/request"
	"dossierledger/queries"
)

// Dossiers answers questions about one dossier; *queries.Dossiers is one.
type Dossiers interface {
	Load(ctx context.Context, code string) (*queries.Case, error)
	TimelineOf(ctx context.Context, c *queries.Case, view queries.View) (queries.Timeline, error)
	ReplayOf(ctx context.Context, c *queries.Case, moment queries.Moment, view queries.View) (queries.Replay, error)
	EventsOf(ctx context.Context, c *queries.Case, from uint64, limit int, view queries.View) ([]queries.EventView, error)
	DetailOf(ctx context.Context, c *queries.Case, actor event.Actor, view queries.View) (queries.DossierDetail, error)
	Looks(ctx context.Context, code string) ([]queries.Look, error)
}

// Catalogue answers questions about procedures; *queries.Catalogue is one.
type Catalogue interface {
	Search(q procedure.Query, at time.Time) queries.ProcedurePage
	LifeEvents(of procedure.Audience, at time.Time) []queries.LifeEventItem
	Procedure(code string, valid, known time.Time) (queries.ProcedureDetail, error)
}

// Reports answers the analysts' questions; *queries.Reports is one.
type Reports interface {
	Summary(context.Context, queries.Filter, queries.Options) (queries.Summary, error)
	Activities(context.Context, queries.Filter, queries.Options) ([]queries.ActivityCount, error)
	DirectlyFollows(context.Context, queries.Filter, queries.Options) ([]queries.Edge, error)
	StartsEnds(context.Context, queries.Filter, queries.Options) (queries.StartsEnds, error)
	Variants(context.Context, queries.Filter, queries.Options) ([]queries.Variant, error)
	Durations(context.Context, queries.Filter, queries.Options) (queries.Durations, error)
	Handover(context.Context, queries.Filter, queries.Options) ([]queries.HandoverCount, error)
	Rework(context.Context, queries.Filter, queries.Options) ([]queries.ReworkCount, error)
	OnTime(context.Context, queries.Filter, queries.Options) (queries.OnTime, error)
	Bottlenecks(context.Context, queries.Filter, queries.Options) ([]queries.Bottleneck, error)
	Transparency(context.Context, queries.Filter, queries.Options) (queries.Transparency, error)
}

// Worklists answers what there is to do; *queries.Worklists is one.
type Worklists interface {
	Page(context.Context, queries.WorklistFilter, queries.WorklistPage) (queries.Worklist, error)
	FindDossiers(ctx context.Context, text string, among queries.Among, limit int) ([]queries.FoundDossier, error)
}

// Looks records looks at personal data; *commands.Looks is one.
type Looks interface {
	Record(ctx context.Context, req commands.Request, look access.PersonalDataViewed) error
}

// Dependencies is what the pages stand on. Reports and Worklists may be nil
// where there are no read models: the pages that need them then say so.
type Dependencies struct {
	Dossiers  Dossiers
	Catalogue Catalogue
	Agencies  queries.Agencies
	Reports   Reports
	Worklists Worklists
	Looks     Looks
	// Fields names the fields of work by which procedures are ordered.
	Fields []procedure.Field
	// SignIn is the address of the sign-in page; empty offers no sign-in.
	SignIn string
	// SignOut is where a form is posted to sign out; empty offers no sign-out.
	SignOut string
	// Personas lists the made-up people whom the sign-in page offers; nil mounts
	// no such page.
	Personas func() []auth.Persona
	// Identify says who asks and in which language where the server knows it;
	// nil takes it from the request's context.
	Identify func(*fiber.Ctx) request.Info
	// Secure says that cookies are for https only.
	Secure bool
	Logger *slog.Logger
	Now    func() time.Time
}

// Pages are the pages, ready to be mounted. They may be served from any goroutine.
type Pages struct {
	Dependencies
	views   map[string]*views // by language
	people  officers
	fields  map[string]procedure.Text
	figures figuresCache
}

// New reads the templates, once.
func New(d Dependencies) (*Pages, error) {
	if d.Dossiers == nil || d.Catalogue == nil || d.Agencies == nil || d.Looks == nil {
		return nil, errors.New("pages: dossiers, a catalogue, agencies and a record of looks are needed")
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Identify == nil {
		d.Identify = func(c *fiber.Ctx) request.Info { return request.From(c.UserContext()) }
	}
	p := &Pages{Dependencies: d, views: map[string]*views{}, fields: map[string]procedure.Text{}}
	p.people = officersOf(d.Personas)
	for _, f := range d.Fields {
		p.fields[f.Slug] = f.Name
	}
	for _, lang := range Languages {
		v, err := parseViews(lang, p.people)
		if err != nil {
			return nil, err
		}
		p.views[lang] = v
	}
	return p, nil
}

// Mount adds the pages to a router, from its root.
func (p *Pages) Mount(r fiber.Router) {
	r.Get(assetPrefix+"*", serveAsset)
	for path, show := range map[string]func(*visit) error{
		"/":                       (*visit).home,
		"/dossiers":               (*visit).findDossier,
		"/dossiers/:code":         (*visit).dossier,
		"/dossiers/:code/replay":  (*visit).replay,
		"/dossiers/:code/details": (*visit).details,
		"/services":               (*visit).services,
		"/services/:code":         (*visit).service,
		"/mine":                   (*visit).mine,
		"/worklist":               (*visit).worklist,
		"/statistics":             (*visit).statistics,
		"/statistics/:report":     (*visit).statisticsFile,
	} {
		r.Get(path, p.handle(show))
	}
	if p.Personas != nil {
		r.Get("/sign-in", p.handle((*visit).signIn))
	}
	// Looking at personal data puts the look on record, so it is a POST that
	// only our own form can make.
	r.Post("/dossiers/:code/details", p.handle((*visit).lookAtDetails))
}
