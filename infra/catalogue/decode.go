package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"time"

	"dossierledger/domain/procedure"
	"github.com/goccy/go-yaml"
)

// ict is the time of Vietnam, in which a date of the files begins its day.
var ict = time.FixedZone("ICT", 7*3600)

var datePattern = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

// decodeList reads every YAML file of a folder, in the order of their names,
// each a list, into one list. A key that no field has, a key given twice and a
// date that is none are errors with the file's name.
func decodeList[T any](files fs.FS, pattern string) ([]T, error) {
	names, err := fs.Glob(files, pattern)
	if err != nil {
		return nil, fmt.Errorf("catalogue.files: %s: %w", pattern, err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("catalogue.files: no file is named %s", pattern)
	}
	slices.Sort(names)
	var all []T
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("catalogue.files: %w", err)
		}
		part, err := decodeStrict[T](data)
		if err != nil {
			return nil, fmt.Errorf("catalogue.malformed: %s: %w", path.Base(name), err)
		}
		all = append(all, part...)
	}
	return all, nil
}

// decodeStrict goes from YAML through JSON, so that the domain's own field names
// hold for the files too and are checked in one place.
func decodeStrict[T any](data []byte) ([]T, error) {
	var tree any
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return nil, err
	}
	dated, err := instants(tree)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(dated)
	if err != nil {
		return nil, err
	}
	var list []T
	if err := strictJSON(text, &list); err != nil {
		return nil, err
	}
	return list, nil
}

func strictJSON(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func decodeVersion(text json.RawMessage) (procedure.Version, error) {
	var v procedure.Version
	if err := strictJSON(text, &v); err != nil {
		return v, fmt.Errorf("catalogue.malformed: version of %q: %w", v.Code, err)
	}
	return v, nil
}

// mergePatch applies a JSON merge patch (RFC 7396).
func mergePatch(target, patch json.RawMessage) (json.RawMessage, error) {
	var t, p any
	if err := json.Unmarshal(target, &t); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(patch, &p); err != nil {
		return nil, err
	}
	return json.Marshal(merged(t, p))
}

func merged(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := target.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	for key, value := range changes {
		if value == nil {
			delete(object, key)
			continue
		}
		object[key] = merged(object[key], value)
	}
	return object
}

// instants turns each date of a tree into the instant at which that day begins
// in Vietnam.
func instants(node any) (any, error) {
	switch node := node.(type) {
	case map[string]any:
		for key, value := range node {
			dated, err := instants(value)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			node[key] = dated
		}
	case []any:
		for i, value := range node {
			dated, err := instants(value)
			if err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
			node[i] = dated
		}
	case string:
		if datePattern.MatchString(node) {
			day, err := time.ParseInLocation(time.DateOnly, node, ict)
			if err != nil {
				return nil, fmt.Errorf("%q is no date: %w", node, err)
			}
			return day.UTC(), nil
		}
	case time.Time:
		return time.Date(node.Year(), node.Month(), node.Day(), 0, 0, 0, 0, ict).UTC(), nil
	}
	return node, nil
}
