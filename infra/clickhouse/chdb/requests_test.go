package chdb

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
)

func TestInsertsAreToldFromOtherStatements(t *testing.T) {
	for sql, want := range map[string]string{
		"INSERT INTO t (a, b) FORMAT Native":                  "INSERT INTO t (a, b)|Native",
		" insert\ninto `t` format JSONEachRow ;\n":            " insert\ninto `t`|JSONEachRow",
		"INSERT INTO t SETTINGS async_insert=1 FORMAT Native": "INSERT INTO t SETTINGS async_insert=1|Native",
		"INSERT INTO t VALUES (1)":                            "",
		"INSERT INTO t SELECT 1":                              "",
		"SELECT 1 FORMAT Native":                              "",
		"":                                                    "",
	} {
		statement, format, ok := cutInsert(sql)
		got := ""
		if ok {
			got = statement + "|" + format
		}
		if got != want {
			t.Errorf("%q: %q, want %q", sql, got, want)
		}
	}
}

func TestErrorsAreReadOutOfText(t *testing.T) {
	for text, want := range map[string]struct {
		code    int
		message string
	}{
		"Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)":             {60, "Unknown table. (UNKNOWN_TABLE)"},
		"Error: Code: 241. DB::Exception: too much":                           {241, "too much"},
		"Code: 115. DB::Exception: Code: 115. DB::Exception: Unknown setting": {115, "Unknown setting"},
		"Code: 1. DB::Exception: text that says Code: 2. DB::Exception: x":    {1, "text that says Code: 2. DB::Exception: x"},
		"Code: 210. DB::NetException: gone":                                   {210, "gone"},
		"Invalid or closed connection":                                        {codeUnknownException, "Invalid or closed connection"},
		"Code: 99999999999999999999. DB::Exception: x":                        {codeUnknownException, "Code: 99999999999999999999. DB::Exception: x"},
	} {
		refused := newServerError(text)
		var e *clickhouse.Exception
		if !errors.As(exception(refused), &e) {
			t.Fatalf("%q is no exception", text)
		}
		if refused.code != want.code || int(e.Code) != want.code || e.Message != want.message {
			t.Errorf("%q: code %d, %d, %q", text, refused.code, e.Code, e.Message)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("query=INSERT+INTO+t+FORMAT+Native&max_threads=3&param_x=%5C0&database=d", "body")
	f.Add("default_format=Native&a%3Bb=1", "SELECT 1")
	f.Add("query=SELECT+1&query=SELECT+2", "")
	f.Fuzz(func(t *testing.T, query, body string) {
		r := &http.Request{URL: &url.URL{RawQuery: query}, Header: http.Header{}, Body: readCloser{strings.NewReader(body)}}
		q, err := readRequest(r)
		if err != nil {
			return
		}
		if q.database == "" || q.format == "" {
			t.Error("no database or no format")
		}
		for name := range q.settings {
			if !settingName.MatchString(name) || httpOnly[name] || strings.HasPrefix(name, "param_") {
				t.Errorf("%q is taken for a setting", name)
			}
		}
		if q.insert && strings.Contains(q.sql, body) && len(body) > len(q.sql) {
			t.Error("an insert's data became its statement")
		}
		if !q.insert && !strings.HasSuffix(q.sql, body) {
			t.Error("the body is not in the statement")
		}
	})
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func FuzzErrorText(f *testing.F) {
	f.Add("Code: 60. DB::Exception: x")
	f.Add("Code: 0. ")
	f.Add("Code: 3000000000. ")
	f.Fuzz(func(t *testing.T, text string) {
		refused := newServerError(text)
		if refused.code <= 0 || refused.code > 1<<31-1 {
			t.Errorf("code %d", refused.code)
		}
		if refused.status() < 400 {
			t.Errorf("status %d", refused.status())
		}
		if exception(refused) == nil {
			t.Error("no exception")
		}
	})
}
