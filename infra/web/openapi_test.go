package web_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"dossierledger/domain/dossier"
)

var reference = regexp.MustCompile(`"\$ref":"#/components/schemas/([^"]+)"`)

// The document says what the API does: OpenAPI 3.1, an operation for every
// action of the domain, and nothing that leads nowhere.
func TestTheOpenAPIDocument(t *testing.T) {
	s := open(t, nil)
	text := s.get("", "/api/v1/openapi.json").is(t, 200).body
	type operation struct {
		ID        string                `json:"operationId"`
		Summary   string                `json:"summary"`
		Security  []map[string][]string `json:"security"`
		Responses map[string]any        `json:"responses"`
		Body      struct {
			Content map[string]struct {
				Schema  map[string]any `json:"schema"`
				Example map[string]any `json:"example"`
			} `json:"content"`
		} `json:"requestBody"`
	}
	var document struct {
		OpenAPI    string                          `json:"openapi"`
		Paths      map[string]map[string]operation `json:"paths"`
		Components struct {
			Schemas map[string]json.RawMessage `json:"schemas"`
			Schemes map[string]any             `json:"securitySchemes"`
		} `json:"components"`
	}
	must(t, json.Unmarshal([]byte(text), &document))
	if !strings.HasPrefix(document.OpenAPI, "3.1.") || document.Components.Schemes["bearer"] == nil {
		t.Errorf("openapi %s, schemes %v", document.OpenAPI, document.Components.Schemes)
	}
	for _, found := range reference.FindAllStringSubmatch(text, -1) {
		if document.Components.Schemas[found[1]] == nil {
			t.Errorf("nothing is at %s", found[1])
		}
	}
	ids := map[string]bool{}
	for path, methods := range document.Paths {
		for method, op := range methods {
			if op.ID == "" || ids[op.ID] || op.Summary == "" || len(op.Security) == 0 || op.Responses["400"] == nil || op.Responses["401"] == nil {
				t.Errorf("%s %s is not described well: %+v", method, path, op)
			}
			ids[op.ID] = true
			if method == "post" && op.Body.Content["application/json"].Schema["$ref"] == nil {
				t.Errorf("%s %s does not describe its body", method, path)
			}
		}
	}
	for _, command := range dossier.Commands() {
		if !ids[command.CommandName()] {
			t.Errorf("%s has no endpoint", command.CommandName())
		}
	}
	// The example of the first request that anybody makes does what it says.
	example, err := json.Marshal(document.Paths["/api/v1/dossiers"]["post"].Body.Content["application/json"].Example)
	must(t, err)
	s.post(citizen, "/api/v1/dossiers", string(example)).is(t, http.StatusCreated)
}
