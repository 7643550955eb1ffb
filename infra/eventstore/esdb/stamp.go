package esdb

import (
	"bytes"
	"time"
)

// stampBegin begins metadata that carries the time at which another ledger
// recorded the event. The bytes are fixed, so that what was there before can be
// given back exactly.
const stampBegin = `{"$recordedAt":"`

const (
	stampLayout = "2006-01-02T15:04:05.000000000Z"
	stampAlone  = `","$empty":true}`
)

// StampRecordedAt adds to an event's metadata when it was recorded first, so that
// a copy of a ledger keeps its times: an EventStoreDB gives each event its own.
// Reads through this package give the time as RecordedAt and the metadata as it
// was, byte for byte; other readers see the member "$recordedAt". Metadata must be
// empty or a JSON object that does not begin with this member already.
func StampRecordedAt(metadata []byte, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(stampBegin)
	b.WriteString(at.UTC().Format(stampLayout))
	switch {
	case len(metadata) == 0:
		b.WriteString(stampAlone)
	case metadata[0] != '{' || !validJSON(metadata):
		return nil, invalid("metadata that is not a JSON object cannot carry a time")
	case bytes.HasPrefix(metadata, []byte(stampBegin)):
		return nil, invalid("metadata carries a time already")
	default:
		b.WriteByte('"')
		if len(bytes.TrimSpace(metadata[1:])) > 1 {
			b.WriteByte(',')
		}
		b.Write(metadata[1:])
	}
	return b.Bytes(), nil
}

// unstamped undoes StampRecordedAt; what carries no time is returned as it is.
func unstamped(metadata []byte) ([]byte, time.Time) {
	rest, ok := bytes.CutPrefix(metadata, []byte(stampBegin))
	if !ok || len(rest) < len(stampLayout)+2 {
		return metadata, time.Time{}
	}
	at, err := time.Parse(stampLayout, string(rest[:len(stampLayout)]))
	if err != nil {
		return metadata, time.Time{}
	}
	rest = rest[len(stampLayout):]
	if string(rest) == stampAlone {
		return nil, at
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(`"`)); !ok {
		return metadata, time.Time{}
	}
	rest = bytes.TrimPrefix(rest, []byte(","))
	return append([]byte("{"), rest...), at
}
