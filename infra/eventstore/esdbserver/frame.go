package esdbserver

import (
	"encoding/binary"
	"strconv"

	"dossierledger/infra/eventstore"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// frame is a message that is encoded already. Events are encoded here and not by
// the protobuf library, because they are most of what a server sends: there is
// neither a message object to be made of each nor a map to be walked in it.
type frame []byte

// codec takes frames as they are and everything else as protobuf does.
type codec struct{ encoding.CodecV2 }

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if f, ok := v.(*frame); ok {
		return mem.BufferSlice{mem.SliceBuffer(*f)}, nil
	}
	return c.CodecV2.Marshal(v)
}

// Numbers of the fields that are written here, in streams.proto and, alike, in
// persistent.proto.
const (
	fieldEvent = 1 // ReadResp

	fieldOriginal   = 1 // ReadEvent
	fieldLink       = 2
	fieldCommitted  = 3
	fieldRetryCount = 5 // persistent subscriptions only

	fieldID             = 1 // RecordedEvent
	fieldStream         = 2
	fieldRevision       = 3
	fieldPrepare        = 4
	fieldCommit         = 5
	fieldMetadata       = 6
	fieldCustomMetadata = 7
	fieldData           = 8

	fieldStructured = 1 // UUID
	fieldText       = 2
	fieldStreamName = 3 // StreamIdentifier
)

// frames encodes events for one call. A frame is cut from a block that is not
// used again, since the connection keeps it until it is sent.
type frames struct {
	textIDs bool
	block   []byte
	next    frame
	event   recordedFrame
	link    recordedFrame
}

const (
	frameBlock = 64 << 10
	// frameOwn is from when on a frame has memory of its own.
	frameOwn = 16 << 10
)

// resolved is what is told of one place in a stream: an event, or a link and the
// event that it stands for, if that is there.
type resolved struct{ event, link *eventstore.Recorded }

// original is what was read: the link where there is one.
func (r resolved) original() *eventstore.Recorded {
	if r.link != nil {
		return r.link
	}
	return r.event
}

// read encodes a streams.ReadResp; it is valid until the next call.
func (f *frames) read(r resolved) *frame { return f.encode(r, -1) }

// delivered encodes a persistent_subscriptions.ReadResp, whose fields are the
// same but for the count of retries.
func (f *frames) delivered(r resolved, retries int32) *frame { return f.encode(r, int64(retries)) }

func (f *frames) encode(r resolved, retries int64) *frame {
	at := wirePosition(r.original().Position)
	size := 1 + protowire.SizeVarint(at)
	if r.event != nil {
		f.event.measure(r.event, f.textIDs)
		size += nested(f.event.size)
	}
	if r.link != nil {
		f.link.measure(r.link, f.textIDs)
		size += nested(f.link.size)
	}
	if retries >= 0 {
		size += 1 + protowire.SizeVarint(uint64(retries))
	}
	b := f.room(nested(size))
	b = appendNested(b, fieldEvent, size)
	if r.event != nil {
		b = appendNested(b, fieldOriginal, f.event.size)
		b = f.event.append(b)
	}
	if r.link != nil {
		b = appendNested(b, fieldLink, f.link.size)
		b = f.link.append(b)
	}
	b = appendNumber(b, fieldCommitted, at)
	if retries >= 0 {
		b = appendNumber(b, fieldRetryCount, uint64(retries))
	}
	f.next = b
	return &f.next
}

// room is an empty slice with exactly this much space.
func (f *frames) room(n int) []byte {
	if n > frameOwn {
		return make([]byte, 0, n)
	}
	if n > len(f.block) {
		f.block = make([]byte, frameBlock)
	}
	b := f.block[:0:n]
	f.block = f.block[n:]
	return b
}

// recordedFrame encodes one RecordedEvent.
type recordedFrame struct {
	e       *eventstore.Recorded
	content string
	textIDs bool
	created [20]byte
	digits  int
	idSize  int
	size    int
}

func (r *recordedFrame) measure(e *eventstore.Recorded, textIDs bool) {
	r.e, r.textIDs, r.content = e, textIDs, contentType(e.Data)
	r.digits = len(strconv.AppendInt(r.created[:0], ticks(e.RecordedAt), 10))
	if textIDs {
		r.idSize = 1 + protowire.SizeBytes(36)
	} else {
		r.idSize = nested(r.structuredSize())
	}
	at := wirePosition(e.Position)
	r.size = nested(r.idSize) + nested(nested(len(e.Stream))) + 2*(1+protowire.SizeVarint(at)) +
		entry(keyType, len(e.Type)) + entry(keyContentType, len(r.content)) + entry(keyCreated, r.digits)
	if e.Revision > 0 {
		r.size += 1 + protowire.SizeVarint(e.Revision)
	}
	if len(e.Metadata) > 0 {
		r.size += nested(len(e.Metadata))
	}
	if len(e.Data) > 0 {
		r.size += nested(len(e.Data))
	}
}

func (r *recordedFrame) append(b []byte) []byte {
	e := r.e
	b = appendNested(b, fieldID, r.idSize)
	if r.textIDs {
		b = appendText(b, fieldText, e.ID.String())
	} else {
		b = appendNested(b, fieldStructured, r.structuredSize())
		for i, half := range r.halves() {
			if half != 0 {
				b = appendNumber(b, protowire.Number(i+1), half)
			}
		}
	}
	b = appendNested(b, fieldStream, nested(len(e.Stream)))
	b = appendText(b, fieldStreamName, e.Stream)
	if e.Revision > 0 {
		b = appendNumber(b, fieldRevision, e.Revision)
	}
	at := wirePosition(e.Position)
	b = appendNumber(b, fieldPrepare, at)
	b = appendNumber(b, fieldCommit, at)
	b = appendEntry(b, keyType, e.Type)
	b = appendEntry(b, keyContentType, r.content)
	b = appendEntry(b, keyCreated, r.created[:r.digits])
	if len(e.Metadata) > 0 {
		b = appendNested(b, fieldCustomMetadata, len(e.Metadata))
		b = append(b, e.Metadata...)
	}
	if len(e.Data) > 0 {
		b = appendNested(b, fieldData, len(e.Data))
		b = append(b, e.Data...)
	}
	return b
}

// halves are an id's most and least significant bits.
func (r *recordedFrame) halves() [2]uint64 {
	return [2]uint64{binary.BigEndian.Uint64(r.e.ID[:8]), binary.BigEndian.Uint64(r.e.ID[8:])}
}

func (r *recordedFrame) structuredSize() (n int) {
	for _, half := range r.halves() {
		if half != 0 {
			n += 1 + protowire.SizeVarint(half)
		}
	}
	return n
}

// nested is the size of a field that holds this many bytes. All field numbers
// here are below 16 and take one byte.
func nested(size int) int { return 1 + protowire.SizeBytes(size) }

func entry(key string, value int) int {
	return nested(nested(len(key)) + nested(value))
}

func appendNested(b []byte, field protowire.Number, size int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.BytesType), uint64(size))
}

func appendText[T string | []byte](b []byte, field protowire.Number, text T) []byte {
	return append(appendNested(b, field, len(text)), text...)
}

func appendNumber(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func appendEntry[T string | []byte](b []byte, key string, value T) []byte {
	b = appendNested(b, fieldMetadata, nested(len(key))+nested(len(value)))
	b = appendText(b, 1, key)
	return appendText(b, 2, value)
}

// contentType tells JSON from other content by looking at it.
func contentType(data []byte) string {
	if len(data) > 0 && jsontext.Value(data).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
		return contentJSON
	}
	return contentBinary
}
