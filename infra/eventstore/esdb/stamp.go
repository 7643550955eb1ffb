package esdb

import (
	"bytes"
	"encoding/base64"
	"time"
)

// stampBegin begins metadata that carries the time at which another ledger
// recorded the event. The bytes are fixed, so that what was there before can be
// given back exactly.
const stampBegin = `{"$recordedAt":"`

const (
	stampLayout = "2006-01-02T15:04:05.000000000Z"
	stampAlone  = `","$empty":true}`
	// stampBytes is before metadata, in base64, that is no JSON object or would not
	// be read back as what it is.
	stampBytes = `","$metadata":"`
	stampEnd   = `"}`
)

// stamped adds to an event's metadata when it was recorded first, so that
// a copy of a ledger keeps its times: an EventStoreDB gives each event its own.
// Reads through this package give the time as RecordedAt and the metadata as it
// was, byte for byte; other readers see the member "$recordedAt" before those of
// the metadata, where that is a JSON object.
func stamped(metadata []byte, at time.Time) []byte {
	var b bytes.Buffer
	b.WriteString(stampBegin)
	b.WriteString(at.UTC().Format(stampLayout))
	switch {
	case len(metadata) == 0:
		b.WriteString(stampAlone)
	case ambiguous(metadata), metadata[0] != '{', !validJSON(metadata):
		b.WriteString(stampBytes)
		b.WriteString(base64.StdEncoding.EncodeToString(metadata))
		b.WriteString(stampEnd)
	default:
		b.WriteByte('"')
		if len(bytes.TrimSpace(metadata[1:])) > 1 {
			b.WriteByte(',')
		}
		b.Write(metadata[1:])
	}
	return b.Bytes()
}

// ambiguous says whether metadata behind a time would read as something else, or
// reads as carrying a time already.
func ambiguous(metadata []byte) bool {
	return bytes.HasPrefix(metadata, []byte(stampBegin)) || string(metadata) == "{"+stampAlone[2:] ||
		bytes.HasPrefix(metadata, []byte("{"+stampBytes[2:]))
}

// unstamped undoes stamped; what carries no time is returned as it is.
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
	if raw, ok := bytes.CutPrefix(rest, []byte(stampBytes)); ok {
		raw, ok = bytes.CutSuffix(raw, []byte(stampEnd))
		decoded, err := base64.StdEncoding.AppendDecode(nil, raw)
		if !ok || err != nil {
			return metadata, time.Time{}
		}
		return decoded, at
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(`"`)); !ok {
		return metadata, time.Time{}
	}
	rest = bytes.TrimPrefix(rest, []byte(","))
	return append([]byte("{"), rest...), at
}
