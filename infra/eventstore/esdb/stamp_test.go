package esdb

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestStampIsUndoneByteForByte(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89, time.FixedZone("ICT", 7*3600))
	for _, metadata := range []string{"", "{}", "{ }", `{"by":"test"}`, "{\n \"a\" : [1, {}]}", `{"$recordedAt2":1}`} {
		stamped, err := StampRecordedAt([]byte(metadata), at)
		if err != nil {
			t.Fatalf("%s: %v", metadata, err)
		}
		var members map[string]any
		if err := json.Unmarshal(stamped, &members); err != nil || members["$recordedAt"] != "2026-03-03T22:06:07.000000089Z" {
			t.Errorf("%s became %s: %v", metadata, stamped, err)
		}
		back, then := unstamped(stamped)
		if string(back) != metadata || !then.Equal(at) || then.Location() != time.UTC {
			t.Errorf("%q came back as %q, %v", metadata, back, then)
		}
	}
	for _, metadata := range []string{"[]", "1", "{", `{"a":}`, `{"$recordedAt":"x"}`} {
		if stamped, err := StampRecordedAt([]byte(metadata), at); err == nil {
			t.Errorf("%s was stamped: %s", metadata, stamped)
		}
	}
}

func TestStampOfAnyObject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		metadata, err := json.Marshal(rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "metadata"))
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(0, rapid.Int64Range(0, 1<<62).Draw(t, "at")).UTC()
		stamped, err := StampRecordedAt(metadata, at)
		if err != nil {
			t.Skip("an object that begins with the member itself")
		}
		if back, then := unstamped(stamped); !bytes.Equal(back, metadata) || !then.Equal(at) {
			t.Fatalf("%s came back as %s, %v", metadata, back, then)
		}
	})
}

func FuzzUnstamped(f *testing.F) {
	f.Add([]byte(`{"$recordedAt":"2026-03-03T22:06:07.000000089Z","by":"x"}`))
	f.Add([]byte(`{"$recordedAt":"2026-03-03T22:06:07.000000089Z`))
	f.Add([]byte(`{"$recordedAt":"`))
	f.Fuzz(func(t *testing.T, metadata []byte) {
		back, at := unstamped(metadata)
		if at.IsZero() && !bytes.Equal(back, metadata) {
			t.Errorf("%q has no time and became %q", metadata, back)
		}
	})
}
