package esdbserver

import (
	"encoding/binary"
	"unicode/utf8"

	"dossierledger/infra/eventstore"
	streamsapi "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// appendMessage is a streams.AppendReq as it is received. The usual event is read
// straight from the bytes, because a message object with a map in it costs more
// than all else that an append does here; everything unusual is left to the
// protobuf library.
type appendMessage struct {
	whole streamsapi.AppendReq
	// event is set in the place of whole where plain is true.
	event eventstore.Proposed
	plain bool
}

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*appendMessage)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	return m.decode(buffer.ReadOnlyData())
}

// Numbers of the fields that are read here.
const (
	fieldProposed = 2 // AppendReq

	fieldProposedID       = 1 // ProposedMessage
	fieldProposedMetadata = 2
	fieldProposedCustom   = 3
	fieldProposedData     = 4

	fieldMostBits  = 1 // UUID.Structured
	fieldLeastBits = 2
)

func (m *appendMessage) decode(b []byte) error {
	if inner, ok := only(b, fieldProposed); ok {
		if m.event, m.plain = plainProposal(inner); m.plain {
			return nil
		}
	}
	m.plain = false
	return proto.Unmarshal(b, &m.whole)
}

// only is the content of a message that has this one field of bytes.
func only(b []byte, field protowire.Number) (content []byte, ok bool) {
	number, content, rest, ok := cutBytes(b)
	return content, ok && number == field && len(rest) == 0
}

// cutBytes takes a field that holds bytes off the front.
func cutBytes(b []byte) (number protowire.Number, content, rest []byte, ok bool) {
	number, kind, n := protowire.ConsumeTag(b)
	if n < 0 || kind != protowire.BytesType {
		return 0, nil, nil, false
	}
	content, k := protowire.ConsumeBytes(b[n:])
	if k < 0 {
		return 0, nil, nil, false
	}
	return number, content, b[n+k:], true
}

// plainProposal reads a ProposedMessage that has everything an event needs, each
// field once and nothing else; ok is false for any other.
func plainProposal(b []byte) (e eventstore.Proposed, ok bool) {
	var seen [5]bool
	var kind, data, metadata []byte
	hasType, hasContent := false, false
	for len(b) > 0 {
		number, content, rest, ok := cutBytes(b)
		if !ok || number > fieldProposedData || (seen[number] && number != fieldProposedMetadata) {
			return e, false
		}
		seen[number], b = true, rest
		switch number {
		case fieldProposedID:
			if e.ID, ok = plainID(content); !ok {
				return e, false
			}
		case fieldProposedMetadata:
			key, value, ok := plainEntry(content)
			switch {
			case !ok:
				return e, false
			case string(key) == keyType:
				kind, hasType = value, true
			case string(key) == keyContentType:
				hasContent = true
			}
		case fieldProposedCustom:
			metadata = content
		case fieldProposedData:
			data = content
		}
	}
	if !seen[fieldProposedID] || !hasType || !hasContent {
		return e, false
	}
	// The bytes belong to the connection.
	own := make([]byte, len(data)+len(metadata))
	copy(own[copy(own, data):], metadata)
	e.Data, e.Metadata = own[:len(data):len(data)], own[len(data):]
	e.Type = string(kind)
	return e, true
}

// plainEntry reads an entry of a map of texts.
func plainEntry(b []byte) (key, value []byte, ok bool) {
	for i := range 2 {
		number, content, rest, ok := cutBytes(b)
		if !ok || number != protowire.Number(i+1) || !utf8.Valid(content) {
			return nil, nil, false
		}
		if b = rest; i == 0 {
			key = content
		} else {
			value = content
		}
	}
	return key, value, len(b) == 0
}

// plainID reads a UUID in either form.
func plainID(b []byte) (id uuid.UUID, ok bool) {
	number, content, rest, ok := cutBytes(b)
	switch {
	case !ok || len(rest) > 0:
		return id, false
	case number == fieldText && utf8.Valid(content):
		id, err := uuid.ParseBytes(content)
		return id, err == nil
	case number != fieldStructured:
		return id, false
	}
	last := protowire.Number(0)
	for len(content) > 0 {
		number, kind, n := protowire.ConsumeTag(content)
		if n < 0 || kind != protowire.VarintType || number <= last || number > fieldLeastBits {
			return id, false
		}
		half, k := protowire.ConsumeVarint(content[n:])
		if k < 0 {
			return id, false
		}
		binary.BigEndian.PutUint64(id[8*(number-fieldMostBits):], half)
		content, last = content[n+k:], number
	}
	return id, true
}
