package event

import (
	"encoding/json"
	"fmt"
	"slices"

	jsonv2 "github.com/go-json-experiment/json"
)

// Upcast turns the JSON of an older version of an event into the next version's.
type Upcast func(data json.RawMessage) (json.RawMessage, error)

// Registry knows every event type ever released. It is filled at start and
// read-only afterwards; it is safe for concurrent reads.
type Registry struct {
	shapes  map[string]shape
	upcasts map[string]upcastStep
}

// shape is what an event type is today.
type shape struct {
	empty  Payload
	decode func(json.RawMessage) (Payload, error)
}

type upcastStep struct {
	to string
	up Upcast
}

// UnknownType is the error for an event whose type nobody registered. An unknown
// event is an error by default: skipping it could make a state that never was.
type UnknownType struct{ Type string }

// Error implements error.
func (e *UnknownType) Error() string {
	return fmt.Sprintf("event.unknown-type: no shape is registered for %q", e.Type)
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry {
	return &Registry{
		shapes:  map[string]shape{},
		upcasts: map[string]upcastStep{},
	}
}

// Register adds the current shape of an event type. Registering a name twice
// is a mistake of the programmer and panics at start.
func Register[T Payload](r *Registry) {
	var zero T
	name := zero.EventType()
	r.mustBeNew(name)
	r.shapes[name] = shape{zero, func(data json.RawMessage) (Payload, error) {
		var p T
		if jsonv2.Unmarshal(data, &p, jsonv2.RejectUnknownMembers(true)) == nil {
			return p, nil
		}
		// It reads the form in which events are stored in half the time. What is
		// unusual (a member that is not known, in other letters, twice) means what
		// encoding/json makes of it.
		p = *new(T)
		if err := json.Unmarshal(data, &p); err != nil {
			return nil, fmt.Errorf("event.malformed: %s: %w", name, err)
		}
		return p, nil
	}}
}

// RegisterUpcast says that events stored as `from` are read as `to`.
func (r *Registry) RegisterUpcast(from, to string, up Upcast) {
	r.mustBeNew(from)
	r.upcasts[from] = upcastStep{to: to, up: up}
}

func (r *Registry) mustBeNew(name string) {
	_, known := r.shapes[name]
	_, older := r.upcasts[name]
	if known || older || name == "" {
		panic("event: type name empty or registered twice: " + name)
	}
}

// Decode turns a stored type and its JSON into the current Go shape, through
// as many upcasts as it takes.
func (r *Registry) Decode(name string, data []byte) (Payload, error) {
	raw := json.RawMessage(data)
	for current := name; ; {
		if shape, ok := r.shapes[current]; ok {
			return shape.decode(raw)
		}
		step, ok := r.upcasts[current]
		if !ok {
			return nil, &UnknownType{Type: name}
		}
		next, err := step.up(raw)
		if err != nil {
			return nil, fmt.Errorf("event.upcast: %s to %s: %w", current, step.to, err)
		}
		current, raw = step.to, next
	}
}

// Empty gives the empty payload of a type; ok is false for one of which nobody
// registered a shape, or that is read as another today.
func (r *Registry) Empty(name string) (p Payload, ok bool) {
	shape, ok := r.shapes[name]
	return shape.empty, ok
}

// Types lists every name that can be decoded, sorted.
func (r *Registry) Types() []string {
	names := make([]string, 0, len(r.shapes)+len(r.upcasts))
	for n := range r.shapes {
		names = append(names, n)
	}
	for n := range r.upcasts {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
