// Package api is the ledger's JSON API: one endpoint for each action and each
// question. The OpenAPI document is made from the same types and registrations
// that answer the requests.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"dossierledger/commands"
	"dossierledger/domain/access"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/web/auth"
	"dossierledger/infra/web/policy"
	"dossierledger/infra/web/problem"
	"dossierledger/infra/web/request"
	"dossierledger/queries"
)

// Prefix begins the path of everything in the API.
const Prefix = "/api/v1"

// Commands carries out actions; *commands.Dossiers is one.
type Commands interface {
	Submit(ctx context.Context, req commands.Request, command dossier.Submit) (commands.Answer, error)
	Act(ctx context.Context, req commands.Request, code string, command dossier.Command) (commands.Answer, error)
}

// Looks records who looked at personal data; *commands.Looks is one.
type Looks interface {
	Record(ctx context.Context, req commands.Request, look access.PersonalDataViewed) error
}

// Subscriber opens live subscriptions; every eventstore.Store is one.
type Subscriber interface {
	Subscribe(ctx context.Context, to eventstore.SubscribeTo) (eventstore.Subscription, error)
}

// Worklists answers what there is to do; *queries.Worklists is one.
type Worklists interface {
	Page(ctx context.Context, filter queries.WorklistFilter, page queries.WorklistPage) (queries.Worklist, error)
	FindDossiers(ctx context.Context, text string, among queries.Among, limit int) ([]queries.FoundDossier, error)
}

// Reports answers the analysts' questions; *queries.Reports is one.
type Reports interface {
	Names() []string
	Run(ctx context.Context, name string, filter queries.Filter, opts queries.Options) (any, error)
}

// ReadModels says how far the read models are; *readmodels.Runner is one.
type ReadModels interface {
	// WaitFor returns when every read model has seen a position, or with the
	// context's error.
	WaitFor(ctx context.Context, position uint64, names ...string) error
}

// Dependencies is what the API stands on. Worklists, Reports and ReadModels may
// be nil where there are no read models: their endpoints are then unavailable.
type Dependencies struct {
	Commands   Commands
	Dossiers   *queries.Dossiers
	Catalogue  *queries.Catalogue
	Looks      Looks
	Store      Subscriber
	Decode     func(eventstore.Recorded) (event.Event, error) // (*journal.Journal).Decode
	Worklists  Worklists
	Reports    Reports
	ReadModels ReadModels
	Outbound   Outbound
}

// Options is what the server decides for the API.
type Options struct {
	Version   string
	DevIssuer *auth.DevIssuer
	Logger    *slog.Logger
	Now       func() time.Time
	// Streams is how many live timelines may be open at once, Heartbeat how often
	// they show that they are alive.
	Streams   int
	Heartbeat time.Duration
	// Live is the context of everything that outlives its request; it ends when
	// the server drains.
	Live context.Context
}

// API is the mounted API.
type API struct {
	Dependencies
	Options
	huma    huma.API
	streams chan struct{}
	open    sync.WaitGroup
	actions map[string]policy.Action // by operation id
}

// Mount adds the API to an app.
func Mount(app *fiber.App, deps Dependencies, options Options) (*API, error) {
	if deps.Commands == nil || deps.Dossiers == nil || deps.Catalogue == nil || deps.Looks == nil || deps.Store == nil || deps.Decode == nil {
		return nil, errors.New("api: commands, dossiers, catalogue, looks, store and decode are all needed")
	}
	speakProblems()
	a := &API{
		Dependencies: deps, Options: options,
		streams: make(chan struct{}, options.Streams), actions: map[string]policy.Action{},
	}
	a.huma = humafiber.NewWithGroup(app, withHead{app}, description(options))
	a.mountCommands()
	a.mountDossiers()
	a.mountStream()
	a.mountLists()
	a.mountCatalogue()
	a.mountOutbound()
	a.mountSession()
	document, err := a.document()
	if err != nil {
		return nil, err
	}
	app.Get(Prefix+"/openapi.json", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, "application/openapi+json")
		c.Set(fiber.HeaderCacheControl, "public, max-age=300")
		return c.Send(document)
	})
	return a, nil
}

// withHead answers HEAD wherever it answers GET (RFC 9110, 9.3.2), but for
// streams, which have nothing to say without their body.
type withHead struct{ fiber.Router }

// Add registers a route.
func (r withHead) Add(method, path string, handlers ...fiber.Handler) fiber.Router {
	if method == http.MethodGet && !strings.HasSuffix(path, "/stream") {
		r.Router.Add(http.MethodHead, path, handlers...)
	}
	return r.Router.Add(method, path, handlers...)
}

// Document gives the OpenAPI document's object.
func (a *API) Document() *huma.OpenAPI { return a.huma.OpenAPI() }

// Actions gives the action that each operation belongs to, by operation id.
func (a *API) Actions() map[string]policy.Action { return a.actions }

// Drained blocks until every live timeline has ended. They end by themselves
// when the context of Options.Live does.
func (a *API) Drained() { a.open.Wait() }

// speakProblems makes huma's own refusals problems of ours. The library offers
// no other place for it than its variables.
var speakProblems = sync.OnceFunc(func() {
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return ofHuma(context.Background(), status, message, errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		return ofHuma(ctx.Context(), status, message, errs)
	}
})

// ofHuma turns a refusal of huma into a problem. Values are not repeated: they
// can be personal, and the caller knows them.
func ofHuma(ctx context.Context, status int, message string, errs []error) *problem.Problem {
	var fields []string
	for _, err := range errs {
		if p, ok := errors.AsType[*problem.Problem](err); ok {
			p.Trace = request.From(ctx).Trace
			return p
		}
		if detailed, ok := err.(huma.ErrorDetailer); ok {
			d := detailed.ErrorDetail()
			fields = append(fields, d.Location+": "+d.Message)
		}
	}
	if status == http.StatusUnprocessableEntity {
		status, message = http.StatusBadRequest, "a parameter is missing, unknown or not well formed"
	}
	p := problem.New(status, problem.CodeRequest, message, fields...)
	p.Trace = request.From(ctx).Trace
	return p
}

// route registers an operation. What it refuses becomes a problem; what went
// wrong inside is logged under the request's trace.
func route[I, O any](a *API, op huma.Operation, action policy.Action, answer func(context.Context, *I) (*O, error)) {
	a.actions[op.OperationID] = action
	describe(&op, action)
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := answer(ctx, in)
		if err != nil {
			return nil, a.refusal(ctx, op.OperationID, err)
		}
		return out, nil
	})
}

func (a *API) refusal(ctx context.Context, operation string, err error) *problem.Problem {
	p := *problem.From(err)
	p.Trace = request.From(ctx).Trace
	if p.Status >= http.StatusInternalServerError {
		a.Logger.ErrorContext(ctx, "request failed", "operation", operation, "status", p.Status, "code", p.Code, "error", err)
	}
	return &p
}

// actor is who asks.
func actor(ctx context.Context) event.Actor { return request.From(ctx).Actor }

// may is the only way to the policy.
func may(ctx context.Context, action policy.Action, r policy.Resource) error {
	return policy.May(actor(ctx), action, r)
}

// dossierFor loads a dossier for a caller who may take an action on it. Who did
// not sign in is told so before anything is looked up.
func (a *API) dossierFor(ctx context.Context, action policy.Action, code string) (*queries.Case, error) {
	if actor(ctx).ID == "" && action != policy.ReadStatus {
		return nil, policy.ErrUnauthenticated
	}
	c, err := a.Dossiers.Load(ctx, code)
	if err != nil {
		return nil, err
	}
	return c, may(ctx, action, policy.Resource{Dossier: &c.State})
}
