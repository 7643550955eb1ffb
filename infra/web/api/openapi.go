package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"dossierledger/infra/web/policy"
)

func description(o Options) huma.Config {
	config := huma.DefaultConfig("Dossier ledger", o.Version)
	config.Info.Description = `Every action on an administrative dossier is an immutable event; everything here is derived from them.

**Errors** are problem details (RFC 9457) with a stable ` + "`code`" + `. Statuses: 400 wrong input, 401 sign in, 403 not yours, 404 not there, 409 not allowed in this state or somebody acted first, 410 personal data erased, 412 the revision you insisted on is gone, 413 too large, 422 Idempotency-Key used with other content, 429 too often, 503 a part is away, 507 full.

**Repeats** are harmless with an ` + "`Idempotency-Key`" + `. **Concurrency**: reads give the revision as ` + "`ETag`" + `; ` + "`If-Match`" + ` makes an action insist on it.

**Own writes**: actions answer with ` + "`Ledger-Position`" + `; pass it to lists and reports, with ` + "`Prefer: wait=5`" + `. Status, timeline and replay are read from the events themselves and are never behind.`
	config.Info.License = nil
	// The document is served by this package; there is no other page of huma's.
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil
	config.RejectUnknownQueryParameters = true
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A token of the identity provider, signed with EdDSA, ES256 or RS256; claims sub, role (citizen, officer, auditor, analyst, admin), and for officers agency and department."},
	}
	config.Tags = []*huma.Tag{
		{Name: "Actions", Description: "What is done on a dossier. One endpoint an action."},
		{Name: "Dossiers", Description: "Where a dossier is, what happened to it, and how it was."},
		{Name: "Lists", Description: "Worklists, search and reports, from the read models."},
		{Name: "Catalogue", Description: "Procedures, life events and agencies."},
		{Name: "Session", Description: "Who asks."},
	}
	return config
}

// public are the actions that anybody may take on something.
var public = []policy.Action{policy.ReadCatalogue, policy.ReadStatus, policy.ReadReport, policy.SignIn}

// describe adds to an operation what follows from its action.
func describe(op *huma.Operation, action policy.Action) {
	op.Extensions = map[string]any{"x-action": string(action)}
	op.Security = []map[string][]string{{"bearer": {}}}
	op.Errors = []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests, http.StatusServiceUnavailable}
	if slices.Contains(public, action) {
		op.Security = append([]map[string][]string{{}}, op.Security...)
	}
	if op.Method == http.MethodPost {
		op.Errors = append(op.Errors, http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
	}
}

// document writes the OpenAPI document. Bodies and parameters that are wrong are
// 400 here, where huma documents 422 for every operation.
func (a *API) document() ([]byte, error) {
	doc := a.huma.OpenAPI()
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post} {
			if op != nil && op.Method != http.MethodPost {
				delete(op.Responses, "422")
			}
		}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("api: OpenAPI document: %w", err)
	}
	return text, nil
}
