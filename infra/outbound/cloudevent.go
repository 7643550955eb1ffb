package outbound

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/journal"
	"go.opentelemetry.io/otel/trace"
)

// ContentType is that of a CloudEvent in JSON (structured mode).
const ContentType = "application/cloudevents+json"

// CloudEvent is an event as CloudEvents 1.0 writes it, in its JSON format. The
// members behind Data are extensions; those of the specification's own list keep
// their names and meanings there.
type CloudEvent struct {
	SpecVersion     string `json:"specversion"`
	ID              string `json:"id"`
	Source          string `json:"source"`
	Type            string `json:"type"`
	Subject         string `json:"subject"`
	Time            string `json:"time"`
	DataContentType string `json:"datacontenttype"`
	// Data is the event's payload, see journal.Shown.
	Data json.RawMessage `json:"data"`

	// PartitionKey is what order is kept by. Sequence orders the events of a key:
	// it is to be compared as text.
	PartitionKey string `json:"partitionkey"`
	Sequence     string `json:"sequence"`
	RecordedTime string `json:"recordedtime"`
	TraceParent  string `json:"traceparent,omitempty"`
	// Stream and Revision are the event's place; revisions of a stream have no gaps.
	Stream   string `json:"stream"`
	Revision string `json:"revision"`
	// PersonalData is "withheld" or "included" where the event holds any.
	PersonalData    string `json:"personaldata,omitempty"`
	ActorID         string `json:"actorid,omitempty"`
	ActorRole       string `json:"actorrole,omitempty"`
	ActorAgency     string `json:"actoragency,omitempty"`
	ActorDepartment string `json:"actordepartment,omitempty"`
	Correlation     string `json:"correlation,omitempty"`
	Causation       string `json:"causation,omitempty"`
}

// What PersonalData says.
const (
	Withheld = "withheld"
	Included = "included"
)

// ToCloudEvent maps an event of the ledger. It is the only place that does. The
// same event gives the same CloudEvent, but for persons who were erased meanwhile.
func ToCloudEvent(source string, e event.Event, shown journal.Shown) CloudEvent {
	c := CloudEvent{
		SpecVersion: "1.0", ID: e.ID.String(), Source: source, Type: e.Payload.EventType(), Subject: e.Stream,
		Time: instant(e.Metadata.OccurredAt), DataContentType: "application/json", Data: shown.Data,
		PartitionKey: KeyOf(e.Stream), Sequence: fmt.Sprintf("%020d", e.Position), RecordedTime: instant(e.RecordedAt),
		TraceParent: traceParent(e), Stream: e.Stream, Revision: strconv.FormatUint(e.Revision, 10),
		ActorID: e.Metadata.Actor.ID, ActorRole: string(e.Metadata.Actor.Role),
		ActorAgency: e.Metadata.Actor.Agency, ActorDepartment: e.Metadata.Actor.Department,
		Correlation: e.Metadata.Correlation, Causation: e.Metadata.Causation,
	}
	if code, ok := dossierOf(e.Stream); ok {
		c.Subject = code
	}
	switch {
	case len(shown.Subjects) > 0:
		c.PersonalData = Included
	case shown.Personal:
		c.PersonalData = Withheld
	}
	return c
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// traceParent continues the trace of the request that led to the event. Where the
// ledger knows no span of it, the event stands for one.
func traceParent(e event.Event) string {
	of, err := trace.TraceIDFromHex(e.Metadata.Trace)
	if err != nil {
		return ""
	}
	if span, err := trace.SpanIDFromHex(e.Metadata.Span); err == nil {
		return "00-" + of.String() + "-" + span.String() + "-01"
	}
	return "00-" + of.String() + "-" + hex.EncodeToString(e.ID[:8]) + "-00"
}
