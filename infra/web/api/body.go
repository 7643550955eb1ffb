package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"dossierledger/infra/web/problem"
)

// maxDepth bounds how deep a body's lists and objects lie in each other; no
// action needs more than four.
const maxDepth = 16

// The codes of refused bodies.
const (
	CodeBodyMissing   = "request.body-missing"
	CodeBodyType      = "request.content-type"
	CodeBodyMalformed = "request.malformed-json"
	CodeBodyDuplicate = "request.duplicate-field"
	CodeBodyUnknown   = "request.unknown-field"
	CodeBodyWrongType = "request.wrong-type"
	CodeBodyDepth     = "request.too-deep"
)

// Content is a request's body as it was sent.
type Content struct {
	Type string `json:"-"`
	Data []byte `json:"-"`
}

// Resolve implements huma.Resolver: it takes the body out of the request as it was
// sent. The server gives copies (fiber.Config.Immutable), and has refused what is
// compressed.
func (c *Content) Resolve(ctx huma.Context) []error {
	c.Type, c.Data = ctx.Header("Content-Type"), humafiber.Unwrap(ctx).BodyRaw()
	return nil
}

// into reads the body into a new value of a type, strictly: one JSON object,
// no member twice, none that the type does not have, names in their exact case.
func (c Content) into(t reflect.Type) (any, error) {
	if !isJSON(c.Type) {
		return nil, problem.New(http.StatusUnsupportedMediaType, CodeBodyType, "send the body as application/json")
	}
	if len(bytes.TrimSpace(c.Data)) == 0 {
		return nil, problem.New(http.StatusBadRequest, CodeBodyMissing, "the body is empty; send a JSON object")
	}
	target := reflect.New(t)
	err := json.Unmarshal(c.Data, target.Interface(), json.RejectUnknownMembers(true))
	if err != nil || !isObject(c.Data) {
		// What is wrong with the body as a whole is told before what is wrong with a field.
		if err := checkShape(c.Data); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, badBody(err)
	}
	return target.Elem().Interface(), nil
}

// isJSON reports whether a media type is that of JSON, whatever its parameters.
func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}

// canonical is the body's canonical form (RFC 8785), which is the same however
// the body was written. The body is one that into has read.
func (c Content) canonical() ([]byte, error) {
	form := jsontext.Value(bytes.Clone(c.Data))
	if err := form.Canonicalize(); err != nil {
		return nil, badBody(err)
	}
	return form, nil
}

// isObject reports whether valid JSON is an object that is not nested too deep.
func isObject(data []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch b := data[i]; {
		case quoted:
			quoted = b != '"'
			if b == '\\' {
				i++
			}
		case b == '"':
			quoted = true
		case b == '{' || b == '[':
			if depth++; depth > maxDepth {
				return false
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return bytes.TrimSpace(data)[0] == '{'
}

// checkShape refuses what is no object, what is nested too deep, and repeated members.
func checkShape(data []byte) error {
	decoder := jsontext.NewDecoder(bytes.NewReader(data))
	switch decoder.PeekKind() {
	case '[', '"', '0', 't', 'f', 'n':
		return problem.New(http.StatusBadRequest, CodeBodyWrongType, "the body is not a JSON object")
	}
	for {
		if _, err := decoder.ReadToken(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return badBody(err)
		}
		if decoder.StackDepth() > maxDepth {
			return problem.New(http.StatusBadRequest, CodeBodyDepth, fmt.Sprintf("the body is nested deeper than %d", maxDepth))
		}
		if decoder.StackDepth() == 0 && len(bytes.TrimSpace(data[decoder.InputOffset():])) > 0 {
			return problem.New(http.StatusBadRequest, CodeBodyMalformed, "something follows after the JSON object")
		}
	}
}

// badBody says what is wrong with a body and where, without repeating its values.
func badBody(err error) error {
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return problem.New(http.StatusBadRequest, CodeBodyDuplicate, "a field is there twice", field(syntactic.JSONPointer))
		}
		return problem.New(http.StatusBadRequest, CodeBodyMalformed, fmt.Sprintf("the body is not JSON: see byte %d", syntactic.ByteOffset))
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		if errors.Is(err, json.ErrUnknownName) {
			return problem.New(http.StatusBadRequest, CodeBodyUnknown, "there is no such field", field(semantic.JSONPointer))
		}
		return problem.New(http.StatusBadRequest, CodeBodyWrongType, "a field has a value of the wrong type", field(semantic.JSONPointer))
	}
	return problem.New(http.StatusBadRequest, CodeBodyMalformed, "the body cannot be read as JSON")
}

// field writes a JSON pointer in the way in which actions name their fields.
func field(p jsontext.Pointer) string {
	var parts []string
	for token := range p.Tokens() {
		parts = append(parts, token)
	}
	return strings.Join(parts, ".")
}
