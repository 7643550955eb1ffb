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
	decode  map[string]func(json.RawMessage) (Payload, error)
	upcasts map[string]upcastStep
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
		decode:  map[string]func(json.RawMessage) (Payload, error){},
		upcasts: map[string]upcastStep{},
	}
}

// Register adds the current shape of an event type. Registering a name twice
// is a mistake of the programmer and panics at start.
func Register[T Payload](r *Registry) {
	var zero T
	name := zero.EventType()
	r.mustBeNew(name)
	r.decode[name] = func(data json.RawMessage) (Payload, error) {
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
	}
}

// RegisterUpcast says that events stored as `from` are read as `to`.
func (r *Registry) RegisterUpcast(from, to string, up Upcast) {
	r.mustBeNew(from)
	r.upcasts[from] = upcastStep{to: to, up: up}
}

func (r *Registry) mustBeNew(name string) {
	_, shape := r.decode[name]
	_, older := r.upcasts[name]
	if shape || older || name == "" {
		panic("event: type name empty or registered twice: " + name)
	}
}

// Decode turns a stored type and its JSON into the current Go shape, through
// as many upcasts as it takes.
func (r *Registry) Decode(name string, data []byte) (Payload, error) {
	raw := json.RawMessage(data)
	for current := name; ; {
		if decode, ok := r.decode[current]; ok {
			return decode(raw)
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

// Types lists every name that can be decoded, sorted.
func (r *Registry) Types() []string {
	names := make([]string, 0, len(r.decode)+len(r.upcasts))
	for n := range r.decode {
		names = append(names, n)
	}
	for n := range r.upcasts {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
