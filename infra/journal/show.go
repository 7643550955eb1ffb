package journal

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

	"dossierledger/domain/event"
)

// Shown is an event's payload as somebody outside may see it.
type Shown struct {
	// Data is JSON. In place of a personal value stands {"subject": pseudonym},
	// with "value" where it is shown and "erased": true where the person was erased.
	Data json.RawMessage
	// Personal is true where the payload holds personal values at all.
	Personal bool
	// Subjects are the pseudonyms of those whose values are shown in clear, sorted.
	Subjects []string
}

type shownPersonal struct {
	Subject string `json:"subject"`
	Value   string `json:"value,omitempty"`
	Erased  bool   `json:"erased,omitempty"`
}

// Show writes an event's payload for somebody outside, with personal values in
// clear only where reveal says so. Whoever sends it on has checked the right to it
// and has recorded the look.
func (j *Journal) Show(ctx context.Context, e event.Event, reveal bool) (Shown, error) {
	var shown Shown
	instead := map[string]shownPersonal{}
	sealed, err := normalise(e.Payload, func(at site, p event.Personal) (event.Personal, error) {
		if p.IsZero() {
			return p, nil
		}
		shown.Personal = true
		seen := event.Personal{Subject: p.Subject}
		if reveal {
			var err error
			if seen, err = j.unsealed(ctx, e, at, p); err != nil {
				return p, err
			}
		}
		if seen.Text != "" && !slices.Contains(shown.Subjects, p.Subject) {
			shown.Subjects = append(shown.Subjects, p.Subject)
		}
		instead[base64.StdEncoding.EncodeToString(p.Sealed)] = shownPersonal{Subject: p.Subject, Value: seen.Text, Erased: seen.Erased}
		return p, nil
	})
	if err == nil {
		slices.Sort(shown.Subjects)
		shown.Data, err = canonical(sealed)
	}
	if err == nil && shown.Personal {
		shown.Data, err = withShown(shown.Data, instead)
	}
	if err != nil {
		return Shown{}, fmt.Errorf("journal: show %s@%d: %w", e.Stream, e.Revision, err)
	}
	return shown, nil
}

// withShown puts what is shown in the place of each sealed value. A sealed value
// is known by its bytes, which are never twice the same.
func withShown(data []byte, instead map[string]shownPersonal) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return nil, err
	}
	put := 0
	tree = replaced(tree, func(sealed string) (any, bool) {
		value, ok := instead[sealed]
		if ok {
			put++
		}
		return value, ok
	})
	if put != len(instead) {
		return nil, fmt.Errorf("%d personal values were found where %d are", put, len(instead))
	}
	return canonical(tree)
}

func replaced(node any, by func(sealed string) (any, bool)) any {
	switch node := node.(type) {
	case map[string]any:
		if sealed, ok := node["sealed"].(string); ok && len(node) == 2 {
			if value, ok := by(sealed); ok {
				return value
			}
		}
		for name, child := range node {
			node[name] = replaced(child, by)
		}
	case []any:
		for i, child := range node {
			node[i] = replaced(child, by)
		}
	}
	return node
}
