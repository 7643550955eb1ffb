package bus

import (
	"encoding/json"
	"fmt"
	"strconv"

	"dossierledger/infra/eventstore"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
)

// The metadata of a message that stands for one event. All but the type say where
// the event is in the store: a Publisher leaves them out, so that a message that
// came from one stream can be published to another.
const (
	// MetadataType is the event's type; on a message to be published, the type to
	// store it with (DefaultType where it is not there).
	MetadataType     = "event_type"
	MetadataStream   = "event_stream"
	MetadataRevision = "event_revision"
)

// DefaultType is the type of events whose message names none.
const DefaultType = "message.v1"

// metadataUUID is where an event keeps its message's UUID, of which the event's
// own id is made.
const metadataUUID = "message_uuid"

// EachEvent is for Config.Message with PageEvents 1, EventsOnly and no Decode: a
// message is one event. What a Publisher stored comes back as it was published; of
// other events the message's UUID is the event's id, and members of their metadata
// that are no texts come as JSON.
func EachEvent(_ string, p Page) (*message.Message, error) {
	if len(p.Recorded) != 1 {
		return nil, fmt.Errorf("bus: a message of each event cannot be made of %d events", len(p.Recorded))
	}
	return eventMessage(p.Recorded[0])
}

func eventMessage(e eventstore.Recorded) (*message.Message, error) {
	m := message.NewMessage(e.ID.String(), e.Data)
	if len(e.Metadata) > 0 {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(e.Metadata, &members); err != nil {
			return nil, fmt.Errorf("bus: metadata of %s@%d: %w", e.Stream, e.Revision, err)
		}
		for name, value := range members {
			var text string
			if json.Unmarshal(value, &text) != nil {
				text = string(value)
			}
			m.Metadata.Set(name, text)
		}
	}
	if id := m.Metadata.Get(metadataUUID); id != "" {
		m.UUID = id
		delete(m.Metadata, metadataUUID)
	}
	m.Metadata.Set(MetadataType, e.Type)
	m.Metadata.Set(MetadataStream, e.Stream)
	m.Metadata.Set(MetadataRevision, strconv.FormatUint(e.Revision, 10))
	m.Metadata.Set(MetadataPosition, strconv.FormatUint(e.Position, 10))
	return m, nil
}

// messageSpace is the namespace of the ids of events that are made of messages.
var messageSpace = uuid.MustParse("0d3d6d0c-6c4e-5a52-8a54-51b7f2a4b6f3")

// messageEvent is the event of a message. Its id follows from the topic and the
// message's UUID, since a UUID may be published to several topics and an id is
// in the store once.
func messageEvent(topic string, m *message.Message) (eventstore.Proposed, error) {
	metadata := map[string]string{metadataUUID: m.UUID}
	kind := DefaultType
	for name, value := range m.Metadata {
		switch name {
		case MetadataType:
			kind = value
		case MetadataStream, MetadataRevision, MetadataPosition:
		default:
			metadata[name] = value
		}
	}
	text, err := json.Marshal(metadata)
	if err != nil {
		return eventstore.Proposed{}, fmt.Errorf("bus: metadata of message %s: %w", m.UUID, err)
	}
	return eventstore.Proposed{
		ID: uuid.NewSHA1(messageSpace, []byte(topic+"\x00"+m.UUID)), Type: kind, Data: m.Payload, Metadata: text,
	}, nil
}
