package api

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"dossierledger/infra/web/auth"
	"dossierledger/infra/web/policy"
	"dossierledger/infra/web/request"
	"dossierledger/queries"
)

// Me is who asks, as the ledger knows them.
type Me struct {
	ID         string          `json:"id" doc:"A pseudonym."`
	Role       string          `json:"role"`
	Agency     string          `json:"agency,omitempty"`
	Department string          `json:"department,omitempty"`
	Expires    queries.Instant `json:"expires"`
}

// Private is an answer that nobody may keep.
type Private[T any] struct {
	Cache string `header:"Cache-Control"`
	Body  T
}

func (a *API) mountSession() {
	route(a, huma.Operation{
		OperationID: "me", Method: http.MethodGet, Path: Prefix + "/me", Tags: []string{"Session"}, Summary: "Who the token says you are",
	}, policy.WhoAmI, func(ctx context.Context, _ *struct{}) (*Private[Me], error) {
		if err := may(ctx, policy.WhoAmI, policy.Resource{}); err != nil {
			return nil, err
		}
		who := request.From(ctx)
		return &Private[Me]{Cache: "no-store", Body: Me{
			ID: who.ID, Role: string(who.Role), Agency: who.Agency, Department: who.Department, Expires: queries.Instant{Time: who.Expires},
		}}, nil
	})
	if a.DevIssuer != nil {
		a.mountDev()
	}
}

// TokenRequest names the sample person to sign in as.
type TokenRequest struct {
	Persona string `json:"persona" example:"auditor-1"`
}

// Token is a bearer token, as RFC 6749 writes it.
type Token struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type" enum:"Bearer"`
	ExpiresIn   int    `json:"expires_in" doc:"Seconds."`
}

// PersonaList lists the sample persons.
type PersonaList struct {
	Items []auth.Persona `json:"items"`
}

// mountDev registers the sign-in of the development issuer.
func (a *API) mountDev() {
	type tokenInput struct{ Content Content }
	route(a, huma.Operation{
		OperationID: "dev-token", Method: http.MethodPost, Path: "/dev/token", Tags: []string{"Session"},
		Summary: "A token for a sample person", Description: "Only in demonstrations.",
	}, policy.SignIn, func(_ context.Context, in *tokenInput) (*Private[Token], error) {
		value, err := in.Content.into(reflect.TypeFor[TokenRequest]())
		if err != nil {
			return nil, err
		}
		token, expires, err := a.DevIssuer.Issue(value.(TokenRequest).Persona)
		if err != nil {
			return nil, err
		}
		return &Private[Token]{Cache: "no-store", Body: Token{
			AccessToken: token, TokenType: "Bearer", ExpiresIn: int(expires.Sub(a.Now()) / time.Second),
		}}, nil
	})
	a.describeBody("/dev/token", reflect.TypeFor[TokenRequest](), nil)
	route(a, huma.Operation{
		OperationID: "dev-personas", Method: http.MethodGet, Path: "/dev/personas", Tags: []string{"Session"},
		Summary: "The sample persons", Description: "Only in demonstrations.",
	}, policy.SignIn, func(context.Context, *struct{}) (*Private[PersonaList], error) {
		return &Private[PersonaList]{Cache: "no-store", Body: PersonaList{Items: a.DevIssuer.Personas()}}, nil
	})
}
