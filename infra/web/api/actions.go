package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/web/policy"
	"dossierledger/infra/web/request"
)

// Order is what every action can be asked for with.
type Order struct {
	Key        string `header:"Idempotency-Key" doc:"Makes a repeat harmless: the same key of the same caller with the same content gives the same answer and does nothing more; with other content it is refused (422)." example:"7d3f4f2e-5a0c-4c0e-9a53-1f0a5a1b2c3d"`
	OccurredAt When   `header:"Occurred-At" doc:"When it happened, where that is not now (RFC 3339). Officers only."`
	Content    Content
}

type submitInput struct{ Order }

type actInput struct {
	Code    Segment `path:"code" doc:"The dossier's code, percent-encoded."`
	IfMatch string  `header:"If-Match" maxLength:"64" doc:"The ETag of the revision that the caller saw; the action is refused (412) where that is not the last one any more." example:"\"17\""`
	Order
}

// Done is the answer to an action.
type Done struct {
	Status   int    `json:"-"`
	ETag     string `header:"ETag" doc:"The dossier's revision."`
	Position uint64 `header:"Ledger-Position" doc:"The place in the ledger; pass it to read one's own write in lists and reports."`
	Location string `header:"Location" doc:"The dossier."`
	Replayed string `header:"Idempotent-Replayed" doc:"true where the same request had been answered before."`
	Cache    string `header:"Cache-Control"`
	Body     commands.Answer
}

// mountCommands registers one endpoint for each action of the domain.
func (a *API) mountCommands() {
	for _, command := range dossier.Commands() {
		if _, submit := command.(dossier.Submit); submit {
			a.mountSubmit()
			continue
		}
		a.mountAction(command)
	}
}

func (a *API) mountSubmit() {
	route(a, huma.Operation{
		OperationID: "submit", Method: http.MethodPost, Path: Prefix + "/dossiers", Tags: []string{"Actions"},
		Summary:     "Submit a dossier (nộp hồ sơ)",
		Description: "Hands in a dossier and allocates its code. Citizens submit for themselves or for whom they represent; officers of a one-stop desk submit what was handed in there.",
	}, policy.Submit, func(ctx context.Context, in *submitInput) (*Done, error) {
		if err := may(ctx, policy.Submit, policy.Resource{}); err != nil {
			return nil, err
		}
		value, err := in.Content.into(reflect.TypeFor[dossier.Submit]())
		if err != nil {
			return nil, err
		}
		req, err := in.request(ctx, http.MethodPost, Prefix+"/dossiers")
		if err != nil {
			return nil, err
		}
		command := value.(dossier.Submit)
		if who := request.From(ctx); who.Role == event.RoleCitizen {
			// How a citizen signed in is known from the sign-in, not from the body.
			command.VerifiedIdentity = who.Verified
		}
		answer, err := a.Commands.Submit(ctx, req, command)
		if err != nil {
			return nil, err
		}
		return done(answer, http.StatusCreated), nil
	})
	a.bodyOf(Prefix+"/dossiers", dossier.Submit{})
}

func (a *API) mountAction(command dossier.Command) {
	name, shape := command.CommandName(), reflect.TypeOf(command)
	path := Prefix + "/dossiers/{code}/" + name
	words := summaries[name]
	route(a, huma.Operation{
		OperationID: name, Method: http.MethodPost, Path: path, Tags: []string{"Actions"}, Summary: words,
		Description: "Allowed to: " + parts(name) + ". Where what is asked for is already so, nothing happens and the answer has no events.",
	}, policy.Act, func(ctx context.Context, in *actInput) (*Done, error) {
		if actor(ctx).ID == "" {
			return nil, policy.ErrUnauthenticated
		}
		code := in.Code.Text
		command, req, wrong := in.order(ctx, code, name, shape)
		if wrong != nil || dossier.ValidateCode(code) != nil {
			// Nothing will be done, but who may not act on this dossier is told only that.
			if _, err := a.dossierFor(ctx, policy.Act, code); err != nil {
				return nil, err
			}
			if wrong != nil {
				return nil, wrong
			}
		}
		req.May = func(s *dossier.State) error { return may(ctx, policy.Act, policy.Resource{Dossier: s}) }
		answer, err := a.Commands.Act(ctx, req, code, command)
		if err != nil {
			return nil, err
		}
		return done(answer, http.StatusOK), nil
	})
	a.bodyOf(path, command)
}

// order reads what is to be done, and on which conditions.
func (in *actInput) order(ctx context.Context, code, name string, shape reflect.Type) (command dossier.Command, req commands.Request, err error) {
	value, err := in.Content.into(shape)
	if err != nil {
		return nil, req, err
	}
	if req, err = in.request(ctx, http.MethodPost, Prefix+"/dossiers/"+url.PathEscape(code)+"/"+name); err != nil {
		return nil, req, err
	}
	var weak bool
	if req.IfRevision, weak, err = ifMatch(in.IfMatch); err != nil {
		return nil, req, err
	}
	if weak {
		return nil, req, fault.New(fault.Conflict, commands.ErrStale.Code, "If-Match needs a strong tag; a weak one never matches")
	}
	return value.(dossier.Command), req, nil
}

func done(answer commands.Answer, status int) *Done {
	if answer.Events == nil {
		answer.Events = []string{}
	}
	out := &Done{
		Status: status, ETag: etag(answer.Revision), Position: answer.Position, Cache: "no-store",
		Location: Prefix + "/dossiers/" + url.PathEscape(answer.Code), Body: answer,
	}
	if answer.Repeated {
		out.Replayed = "true"
	}
	return out
}

// request binds an action to who asks and to its content, which was read before.
func (o Order) request(ctx context.Context, method, path string) (commands.Request, error) {
	key, err := idempotencyKey(o.Key)
	if err != nil {
		return commands.Request{}, err
	}
	who := request.From(ctx)
	if !o.OccurredAt.IsZero() && who.Role != event.RoleOfficer {
		return commands.Request{}, fault.New(fault.Forbidden, "occurred.not-yours", "only officers may say that something happened earlier")
	}
	req := commands.Request{
		Actor: who.Actor, Key: key, OccurredAt: o.OccurredAt.Time,
		Correlation: who.Trace, Trace: who.Trace,
	}
	if key != "" {
		canonical, err := o.Content.canonical()
		if err != nil {
			return commands.Request{}, err
		}
		req.Hash = bind(who.ID, method, path, o.OccurredAt.UTC().String(), canonical)
	}
	return req, nil
}

// bind hashes what an Idempotency-Key stands for: who asks, for what, with which
// content. Each part's end is marked, so that no two requests have one hash.
func bind(caller, method, path, occurred string, canonical []byte) string {
	h := sha256.New()
	for _, part := range []string{caller, method, path, occurred, string(canonical)} {
		sum := sha256.Sum256([]byte(part))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// bodyOf documents the body of an action.
func (a *API) bodyOf(path string, command dossier.Command) {
	a.describeBody(path, reflect.TypeOf(command), examples[command.CommandName()])
}

// describeBody documents the body of a POST. It is set after the registration,
// because this package reads bodies itself, more strictly than huma does.
func (a *API) describeBody(path string, shape reflect.Type, example any) {
	schema := a.huma.OpenAPI().Components.Schemas.Schema(shape, true, "")
	a.huma.OpenAPI().Paths[path].Post.RequestBody = &huma.RequestBody{
		Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema, Example: example}},
	}
}

func parts(command string) string {
	text := ""
	for i, part := range dossier.Authority(command) {
		if i > 0 {
			text += ", "
		}
		text += string(part)
	}
	return text
}
