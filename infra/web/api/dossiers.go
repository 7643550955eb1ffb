package api

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"dossierledger/commands"
	"dossierledger/domain/access"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/infra/web/policy"
	"dossierledger/infra/web/request"
	"dossierledger/queries"
)

// DossierInput names a dossier.
type DossierInput struct {
	Code Segment `path:"code" doc:"The dossier's code, percent-encoded."`
}

// Purposeful asks for personal values.
type Purposeful struct {
	Purpose string `query:"purpose" maxLength:"500" doc:"Shows personal values, for this purpose. Each look of staff is put on record first, where the person concerned sees it. The applicant needs no purpose."`
}

// Conditional asks only for what is new.
type Conditional struct {
	IfNoneMatch string `header:"If-None-Match" maxLength:"200" doc:"ETags that the caller has; the answer is 304 where nothing happened since."`
}

// read is an answer about one dossier, with its revision as the entity tag.
type read[T any] struct {
	Status   int    `json:"-"`
	ETag     string `header:"ETag" doc:"The dossier's revision; what is said about the present moment can differ under the same tag."`
	Position uint64 `header:"Ledger-Position" doc:"That of the dossier's last event."`
	Cache    string `header:"Cache-Control"`
	Vary     string `header:"Vary"`
	Body     T
}

// text is read with a body that is JSON already.
type text struct {
	Type     string `header:"Content-Type"`
	ETag     string `header:"ETag" doc:"The dossier's revision; what is said about the present moment can differ under the same tag."`
	Position uint64 `header:"Ledger-Position" doc:"That of the dossier's last event."`
	Cache    string `header:"Cache-Control"`
	Vary     string `header:"Vary"`
	Body     func(huma.Context)
}

// written is an answer whose text is sent from where it lies, and is not changed.
func written(r *read[[]byte]) *text {
	out := &text{ETag: r.ETag, Position: r.Position, Cache: r.Cache, Vary: r.Vary}
	if r.Body != nil {
		out.Type = "application/json"
	}
	out.Body = func(ctx huma.Context) {
		ctx.SetStatus(r.Status)
		humafiber.Unwrap(ctx).Response().SetBodyRaw(r.Body)
	}
	return out
}

// answerOf documents an answer that is JSON already.
func (a *API) answerOf(path string, shape any) {
	ok := a.huma.OpenAPI().Paths[path].Get.Responses["200"]
	delete(ok.Headers, "Content-Type")
	ok.Content = map[string]*huma.MediaType{"application/json": {
		Schema: a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(shape), true, ""),
	}}
}

func answered[T any](c *queries.Case, body T) *read[T] {
	last := c.Last()
	return &read[T]{
		Status: http.StatusOK, ETag: etag(last.Revision), Position: last.Position,
		Cache: "private, no-cache", Vary: "Authorization, Cookie", Body: body,
	}
}

// unchanged is the answer to a caller who has this revision.
func unchanged[T any](c *queries.Case) *read[T] {
	var none T
	out := answered(c, none)
	out.Status = http.StatusNotModified
	return out
}

func (a *API) mountDossiers() {
	type statusInput struct {
		DossierInput
		Purposeful
		Conditional
	}
	route(a, huma.Operation{
		OperationID: "dossier", Method: http.MethodGet, Path: Prefix + "/dossiers/{code}", Tags: []string{"Dossiers"},
		Summary:     "Where a dossier is",
		Description: "Anybody with the code learns where it is, who has it and how it stands with its appointment, and nothing about any person. Those concerned (the applicant, officers of the agencies with a part in it, auditors) get everything that is known of it and what they could do now.",
	}, policy.ReadStatus, func(ctx context.Context, in *statusInput) (*read[DossierView], error) {
		c, err := a.dossierFor(ctx, policy.ReadStatus, in.Code.Text)
		if err != nil {
			return nil, err
		}
		concerned := a.concerned(ctx, c)
		if in.Purpose != "" && !concerned {
			return nil, may(ctx, policy.ReadPersonal, policy.Resource{Dossier: &c.State})
		}
		if noneMatch(in.IfNoneMatch, c.Last().Revision) && in.Purpose == "" {
			return unchanged[DossierView](c), nil
		}
		if !concerned {
			status, err := a.Dossiers.StatusOf(c, a.Now())
			return answered(c, DossierView{Status: status}), err
		}
		view, err := a.view(ctx, c, in.Purpose, access.Detail)
		if err != nil {
			return nil, err
		}
		detail, err := a.Dossiers.DetailOf(ctx, c, actor(ctx), view)
		if err != nil {
			return nil, err
		}
		return answered(c, DossierView{
			Status: detail.Status, Allowed: detail.Allowed, Money: &detail.Money, State: detail.State, Personal: detail.Personal,
		}), nil
	})

	type timelineInput struct {
		DossierInput
		Conditional
		From  uint64 `query:"from" doc:"The first revision whose entry is wanted."`
		Limit int    `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"How many entries at most; next says where they go on."`
	}
	const timelinePath = Prefix + "/dossiers/{code}/timeline"
	route(a, huma.Operation{
		OperationID: "timeline", Method: http.MethodGet, Path: timelinePath, Tags: []string{"Dossiers"},
		Summary:     "What happened to a dossier",
		Description: "From the events themselves, so consistent at once: every entry in order, each step's promise against what happened, and where it is stuck. Nothing personal; those concerned see more of each entry.",
	}, policy.ReadStatus, func(ctx context.Context, in *timelineInput) (*text, error) {
		c, err := a.dossierFor(ctx, policy.ReadStatus, in.Code.Text)
		if err != nil {
			return nil, err
		}
		if noneMatch(in.IfNoneMatch, c.Last().Revision) {
			return written(unchanged[[]byte](c)), nil
		}
		timeline, err := a.Dossiers.TimelineText(ctx, c, a.wordsFor(ctx, c), in.From, in.Limit)
		return written(answered(c, timeline)), err
	})
	a.answerOf(timelinePath, queries.Timeline{})

	a.mountHistory()
}

// DossierView is the status, and for those concerned everything else.
type DossierView struct {
	queries.Status
	Allowed  []string       `json:"allowed,omitempty" doc:"The actions that the caller could take now."`
	Money    *dossier.Money `json:"money,omitempty" doc:"Sums in whole đồng."`
	State    any            `json:"state,omitempty" doc:"Everything that is known. A personal value is an object with personal: true and either its value or hidden: true."`
	Personal bool           `json:"personal,omitempty" doc:"Personal values are shown."`
}

// mountHistory registers what is for those concerned only.
func (a *API) mountHistory() {
	type replayInput struct {
		DossierInput
		Purposeful
		At       When   `query:"at" doc:"As it was known at this time."`
		Basis    string `query:"basis" enum:"recorded,occurred" doc:"recorded: what the ledger held at that time (default). occurred: what had happened by then, whether or not it was recorded yet."`
		Revision Number `query:"revision" doc:"As it was at this revision, in place of a time."`
	}
	route(a, huma.Operation{
		OperationID: "replay", Method: http.MethodGet, Path: Prefix + "/dossiers/{code}/replay", Tags: []string{"Dossiers"},
		Summary: "A dossier as it was", Description: "Everything that was known at a moment, what the last event before it changed, and the neighbouring revisions.",
	}, policy.ReadHistory, func(ctx context.Context, in *replayInput) (*read[queries.Replay], error) {
		c, err := a.dossierFor(ctx, policy.ReadHistory, in.Code.Text)
		if err != nil {
			return nil, err
		}
		moment := queries.Moment{Revision: in.Revision.pointer(), At: in.At.Time, Occurred: in.Basis == queries.BasisOccurred}
		// A look is recorded only at what there is.
		if err := a.Dossiers.CheckMoment(ctx, c, moment); err != nil {
			return nil, err
		}
		view, err := a.view(ctx, c, in.Purpose, access.Replay)
		if err != nil {
			return nil, err
		}
		replay, err := a.Dossiers.ReplayOf(ctx, c, moment, view)
		return answered(c, replay), err
	})

	type eventsInput struct {
		DossierInput
		Purposeful
		From  uint64 `query:"from" doc:"The first revision."`
		Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	}
	route(a, huma.Operation{
		OperationID: "events", Method: http.MethodGet, Path: Prefix + "/dossiers/{code}/events", Tags: []string{"Dossiers"},
		Summary: "The events of a dossier", Description: "As they are stored, in order; personal values are hidden unless a purpose is given.",
	}, policy.ReadHistory, func(ctx context.Context, in *eventsInput) (*read[EventPage], error) {
		c, err := a.dossierFor(ctx, policy.ReadHistory, in.Code.Text)
		if err != nil {
			return nil, err
		}
		view, err := a.view(ctx, c, in.Purpose, access.Events)
		if err != nil {
			return nil, err
		}
		events, err := a.Dossiers.EventsOf(ctx, c, in.From, in.Limit, view)
		if err != nil {
			return nil, err
		}
		page := EventPage{Items: events}
		if n := len(events); n > 0 && events[n-1].Revision < c.Last().Revision {
			next := events[n-1].Revision + 1
			page.Next = &next
		}
		return answered(c, page), nil
	})

	route(a, huma.Operation{
		OperationID: "allowed", Method: http.MethodGet, Path: Prefix + "/dossiers/{code}/allowed", Tags: []string{"Dossiers"},
		Summary: "What the caller could do now",
	}, policy.Act, func(ctx context.Context, in *DossierInput) (*read[Allowed], error) {
		c, err := a.dossierFor(ctx, policy.Act, in.Code.Text)
		if err != nil {
			return nil, err
		}
		names, err := a.Dossiers.AllowedOf(c, actor(ctx))
		return answered(c, Allowed{Code: c.Code, Revision: c.Last().Revision, Allowed: names}), err
	})

	route(a, huma.Operation{
		OperationID: "looks", Method: http.MethodGet, Path: Prefix + "/dossiers/{code}/access", Tags: []string{"Dossiers"},
		Summary: "Who looked at personal data", Description: "For the persons concerned and for auditors.",
	}, policy.ReadLooks, func(ctx context.Context, in *DossierInput) (*read[LookList], error) {
		c, err := a.dossierFor(ctx, policy.ReadLooks, in.Code.Text)
		if err != nil {
			return nil, err
		}
		looks, err := a.Dossiers.Looks(ctx, c.Code)
		return answered(c, LookList{Items: looks}), err
	})
}

// EventPage is a part of a dossier's events.
type EventPage struct {
	Items []queries.EventView `json:"items"`
	Next  *uint64             `json:"next,omitempty" doc:"The revision from which the next page begins; absent on the last."`
}

// Allowed is what somebody could do.
type Allowed struct {
	Code     string   `json:"code"`
	Revision uint64   `json:"revision"`
	Allowed  []string `json:"allowed"`
}

// LookList is who looked.
type LookList struct {
	Items []queries.Look `json:"items"`
}

func (a *API) concerned(ctx context.Context, c *queries.Case) bool {
	return may(ctx, policy.ReadDossier, policy.Resource{Dossier: &c.State}) == nil
}

// wordsFor says what a caller may see of entries, which hold nothing personal.
func (a *API) wordsFor(ctx context.Context, c *queries.Case) queries.View {
	concerned := a.concerned(ctx, c)
	return queries.View{Concerned: concerned, Internal: concerned && actor(ctx).Role != event.RoleCitizen}
}

// view says what a caller who is concerned may see. The applicant's side sees
// personal values as they are. Staff see them where they give a purpose and the
// look is on record; where the record fails, nothing is shown.
func (a *API) view(ctx context.Context, c *queries.Case, purpose string, means access.Means) (queries.View, error) {
	who := request.From(ctx)
	view := queries.View{Concerned: true, Internal: who.Role != event.RoleCitizen}
	subject := policy.Resource{Dossier: &c.State}
	if who.Role == event.RoleCitizen {
		view.Personal = may(ctx, policy.ReadPersonal, subject) == nil
		return view, nil
	}
	if purpose == "" {
		return view, nil
	}
	if err := may(ctx, policy.ReadPersonal, subject); err != nil {
		return queries.View{}, err
	}
	look := access.PersonalDataViewed{
		Dossier: c.Code, Means: means, Subjects: c.Subjects(), Purpose: purpose, Revision: c.Last().Revision,
	}
	req := commands.Request{Actor: who.Actor, Trace: who.Trace, Correlation: who.Trace}
	if err := a.Looks.Record(ctx, req, look); err != nil {
		return queries.View{}, err
	}
	view.Personal = true
	return view, nil
}
