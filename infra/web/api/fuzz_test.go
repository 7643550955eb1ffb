package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"dossierledger/domain/dossier"
	"dossierledger/infra/web/problem"
)

// What a parser takes is what its writer makes, and nothing makes it panic.

func FuzzIfMatch(f *testing.F) {
	for _, seed := range []string{"", "*", `"17"`, `W/"17"`, `"x"`, `""`, `"`, `"018"`, `"18446744073709551616"`, `"1","2"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		revision, stale, err := ifMatch(header)
		if revision != nil && (err != nil || stale || etag(*revision) != strings.TrimSpace(header)) {
			t.Fatalf("%q is revision %d, %v, %v", header, *revision, stale, err)
		}
		if revision != nil && !noneMatch(header, *revision) {
			t.Fatalf("%q matches its revision in one header and not in the other", header)
		}
	})
}

func FuzzIdempotencyKey(f *testing.F) {
	for _, seed := range []string{"", "k", `"k"`, `"`, `""`, "a b", "ă", strings.Repeat("k", 256)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		key, err := idempotencyKey(header)
		if err == nil && header != "" && (key == "" || len(key) > 255 || !strings.Contains(header, key)) {
			t.Fatalf("%q gives %q", header, key)
		}
		if again, err2 := idempotencyKey(`"` + key + `"`); err == nil && key != "" && (err2 != nil || again != key) {
			t.Fatalf("%q quoted gives %q, %v", key, again, err2)
		}
	})
}

func FuzzPreferredWait(f *testing.F) {
	for _, seed := range []string{"", "wait=5", "respond-async, wait=10", `wait="3"`, "wait=-1", "wait=99999999999", "WAIT = 2; x=y", "wait=1, wait=2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		wait, set, err := preferredWait(header)
		if wait < 0 || wait > MaxWait || err != nil && set {
			t.Fatalf("%q: %v, %v, %v", header, wait, set, err)
		}
	})
}

func TestPreferredWait(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": DefaultWait, "wait=2": 2 * time.Second, "respond-async, wait=10;x=y": 10 * time.Second, "wait=3600": MaxWait, "wait=1, wait=2": time.Second,
	} {
		if wait, _, err := preferredWait(header); err != nil || wait != want {
			t.Errorf("%q: %v, %v", header, wait, err)
		}
	}
}

func FuzzSegment(f *testing.F) {
	for _, seed := range []string{"a", "a%2Fb", "%", "%zz", "%00", "%ff", "%252F", "Hồ-sơ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var s Segment
		if err := s.UnmarshalText([]byte(raw)); err != nil {
			return
		}
		if !utf8.ValidString(s.Text) || strings.ContainsRune(s.Text, 0) {
			t.Fatalf("%q gives %q", raw, s.Text)
		}
		var again Segment
		if err := again.UnmarshalText([]byte(url.PathEscape(s.Text))); err != nil || again != s {
			t.Fatalf("%q does not survive escaping: %q, %v", s.Text, again.Text, err)
		}
	})
}

func FuzzWhen(f *testing.F) {
	for _, seed := range []string{"2026-01-31", "2026-01-31T08:00:00Z", "2026-01-31T08:00:00 07:00", "0000-00-00", "9999-12-31", "now"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var w When
		if w.UnmarshalText([]byte(text)) != nil {
			return
		}
		var again When
		if err := again.UnmarshalText([]byte(w.Format(time.RFC3339Nano))); err != nil || !again.Equal(w.Time) {
			t.Fatalf("%q is %v, and that is %v, %v", text, w, again, err)
		}
	})
}

// A body that is taken is JSON of exactly the command's fields, and its
// canonical form is read as the same command. What is wrong with it as a whole
// is told before what is wrong with a field.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"slip":"TN-1"}`, `{"slip":"TN-1","competent_agency":"H15"}`, `{}`, `[]`, `null`, `{"slip":1}`, `{"slip":"a","slip":"b"}`,
		`{"slip":"a"}{}`, `{"x":{"y":[[[[]]]]}}`, "{\"slip\":\"\xff\"}", `{"slip":"\ud800"}`, ` {"slip" : "a" } `, `{"Slip":"a"}`,
		`{"slip":"\\\"{[[[[[[[[[[[[[[[[[[[["}`, strings.Repeat(`{"slip":`, 17) + "1" + strings.Repeat("}", 17), `{"slip":"a"},`,
		strings.Repeat("[", 16) + strings.Repeat("]", 16),
	} {
		f.Add(seed)
	}
	shape := reflect.TypeFor[dossier.Receive]()
	f.Fuzz(func(t *testing.T, body string) {
		sent := Content{Type: "application/json; charset=utf-8", Data: []byte(body)}
		value, err := sent.into(shape)
		if wrong := checkShape(sent.Data); wrong != nil && strings.TrimSpace(body) != "" && fmt.Sprint(err) != fmt.Sprint(wrong) {
			t.Fatalf("%q: %v, as a whole %v", body, err, wrong)
		}
		if err != nil {
			p, ok := errors.AsType[*problem.Problem](err)
			if !ok || p.Status != 400 {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		if !json.Valid(sent.Data) {
			t.Fatalf("%q was taken and is no JSON", body)
		}
		canonical, err := sent.canonical()
		if err != nil {
			t.Fatalf("%q was taken and has no canonical form: %v", body, err)
		}
		formed := Content{Type: "application/json", Data: canonical}
		again, err := formed.into(shape)
		if err != nil || again != value {
			t.Fatalf("%q: canonical %q is %+v, %v", body, canonical, again, err)
		}
		if twice, err := formed.canonical(); err != nil || string(twice) != string(canonical) {
			t.Fatalf("%q: canonical %q, and of that %q, %v", body, canonical, twice, err)
		}
	})
}

// Brackets nest, in texts they do not.
func TestAnObjectIsSeenAsOne(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"x":`, n) + "1" + strings.Repeat("}", n) }
	for body, want := range map[string]bool{
		`{}`: true, ` {"a":[1,{"b":[]}]} `: true, `[]`: false, `"{}"`: false, `null`: false,
		deep(maxDepth): true, deep(maxDepth + 1): false,
		`{"a":"\\","b":"` + strings.Repeat("{[", 40) + `"}`:   true,
		`{"a":"\"` + strings.Repeat("[", 40) + `"}`:           true,
		`{"a":[` + strings.Repeat(`{},`, 40) + `{}],"b":"]"}`: true,
	} {
		if got := isObject([]byte(body)); got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
}

func TestKeysAreBoundToCallerTargetAndContent(t *testing.T) {
	seen := map[string][]string{}
	for _, parts := range [][]string{
		{"an", "POST", "/a", "", "{}"}, {"binh", "POST", "/a", "", "{}"}, {"an", "POST", "/b", "", "{}"},
		{"an", "POST", "/a", "2026", "{}"}, {"an", "POST", "/a", "", `{"x":1}`}, {"anPOST", "", "/a", "", "{}"}, {"a", "nPOST", "/a", "", "{}"},
	} {
		h := bind(parts[0], parts[1], parts[2], parts[3], []byte(parts[4]))
		if other, there := seen[h]; there {
			t.Errorf("%q and %q have one hash", parts, other)
		}
		seen[h] = parts
	}
}
