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
	for _, metadata := range []string{
		"", "{}", "{ }", `{"by":"test"}`, "{\n \"a\" : [1, {}]}", `{"$recordedAt2":1}`,
		"[]", "1", "{", `{"a":}`, " {}", "\x00\xff", `{"$recordedAt":"x"}`, `{"$recordedAt":"2026-03-03T22:06:07.000000089Z"}`,
		`{"$empty":true}`, `{"$empty":true,"a":1}`, `{"$metadata":"e30="}`, `{"$metadata":1}`,
	} {
		carrying := stamped([]byte(metadata), at)
		var members map[string]any
		if err := json.Unmarshal(carrying, &members); err != nil || members["$recordedAt"] == nil {
			t.Errorf("%s became %s: %v", metadata, carrying, err)
		}
		back, then := unstamped(carrying)
		if string(back) != metadata || !then.Equal(at) || then.Location() != time.UTC {
			t.Errorf("%q came back as %q, %v", metadata, back, then)
		}
	}
}

func TestStampOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		metadata := rapid.OneOf(
			rapid.SliceOf(rapid.Byte()),
			rapid.Custom(func(t *rapid.T) []byte {
				name := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"$recordedAt", "$empty", "$metadata"}))
				object, err := json.Marshal(rapid.MapOf(name, rapid.OneOf(rapid.String().AsAny(), rapid.Bool().AsAny())).Draw(t, "object"))
				if err != nil {
					t.Fatal(err)
				}
				return object
			}),
		).Draw(t, "metadata")
		at := time.Unix(0, rapid.Int64Range(0, 1<<62).Draw(t, "at")).UTC()
		if back, then := unstamped(stamped(metadata, at)); !bytes.Equal(back, metadata) || !then.Equal(at) {
			t.Fatalf("%q came back as %q, %v", metadata, back, then)
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
