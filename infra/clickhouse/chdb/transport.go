package chdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// maxStatement is the largest text of a statement, in bytes. Data belongs in
// the stream of an insert, which has no such limit.
const maxStatement = 64 << 20

// transport answers the requests of clickhouse-go as a ClickHouse server's HTTP
// interface would.
type transport struct{ engine *Engine }

// request is one HTTP request, read.
type request struct {
	sql        string
	insert     bool // sql came in the URL and the body is its data
	format     string
	database   string
	settings   map[string]string
	parameters []parameter
}

// httpOnly are the URL parameters that mean something to the HTTP interface and
// are no settings.
var httpOnly = map[string]bool{
	"query": true, "database": true, "default_format": true, "client_protocol_version": true,
	"query_id": true, "quota_key": true, "session_id": true, "session_timeout": true,
	"session_check": true, "user": true, "password": true, "role": true,
	"compress": true, "decompress": true, "wait_end_of_query": true, "buffer_size": true,
	"add_http_cors_header": true, "stacktrace": true,
}

// settingName is what ClickHouse lets a setting be called.
var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// RoundTrip implements http.RoundTripper. Refusals of the engine are answers
// with ClickHouse's code; an error means that there is no answer: the request's
// context ended, or the engine is closed, or it has lost something.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	response, err := t.engine.serve(r)
	if err == nil {
		return response, nil
	}
	if ctxErr := r.Context().Err(); ctxErr != nil {
		return nil, ctxErr
	}
	var refused *serverError
	if err = t.engine.lostOr(err); !errors.As(err, &refused) {
		return nil, err
	}
	response = answer(r, refused.status(), io.NopCloser(strings.NewReader(refused.text)), int64(len(refused.text)))
	response.Header.Set("X-ClickHouse-Exception-Code", strconv.Itoa(refused.code))
	return response, nil
}

func answer(r *http.Request, status int, body io.ReadCloser, length int64) *http.Response {
	return &http.Response{
		Status:     strconv.Itoa(status) + " " + http.StatusText(status),
		StatusCode: status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/octet-stream"}},
		Body:          body,
		ContentLength: length,
		Request:       r,
	}
}

func (e *Engine) serve(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	defer r.Body.Close() // nothing more is read from it
	q, err := readRequest(r)
	if err != nil {
		return nil, err
	}
	if q.sql == helloQuery {
		hello, err := e.hello()
		if err != nil {
			return nil, err
		}
		return answer(r, http.StatusOK, io.NopCloser(bytes.NewReader(hello)), int64(len(hello))), nil
	}
	s, err := e.acquire(ctx, q.database, q.settings)
	if err != nil {
		return nil, err
	}
	if q.insert {
		if err := e.insert(ctx, s, q, r.Body); err != nil {
			return nil, err
		}
		if err := e.keep(); err != nil {
			return nil, err
		}
		return answer(r, http.StatusOK, http.NoBody, 0), nil
	}
	kind, statements, err := s.classify(q.sql)
	switch {
	case err != nil:
		e.discard(s)
		return nil, err
	case statements > 1:
		e.release(s)
		return nil, refusal(codeSyntaxError, "Multi-statements are not allowed (SYNTAX_ERROR)")
	}
	if kind == classReadOnly {
		body, empty, err := e.read(ctx, s, q)
		if err != nil {
			return nil, err
		}
		if empty {
			return answer(r, http.StatusOK, http.NoBody, 0), nil
		}
		return answer(r, http.StatusOK, body, -1), nil
	}
	response, err := e.change(ctx, r, s, q, kind)
	if err == nil && statements == 0 {
		// It parsed, with nothing in it.
		return nil, errors.Join(refusal(codeSyntaxError, "Empty query (SYNTAX_ERROR)"), response.Body.Close())
	}
	return response, err
}

// change runs a statement that changes something, and answers with its result
// where it has one.
func (e *Engine) change(ctx context.Context, r *http.Request, s *session, q *request, kind class) (*http.Response, error) {
	var (
		result *block
		err    error
	)
	e.cancellable(ctx, s, func() { result, err = s.query(q.sql, q.format, q.parameters...) })
	switch {
	case kind == classControl, err != nil:
		// SET, USE and temporary tables stay with a session. Over HTTP they end
		// with the request, so here they end with the session.
		e.discard(s)
	default:
		e.release(s)
	}
	if err != nil {
		return nil, err
	}
	if err := e.keep(); err != nil {
		result.destroy()
		return nil, err
	}
	return answer(r, http.StatusOK, &blockReader{block: result}, int64(len(result.bytes))), nil
}

// readRequest takes a request apart.
func readRequest(r *http.Request) (*request, error) {
	if media := r.Header.Get("Content-Type"); strings.HasPrefix(media, "multipart/") {
		return nil, refusal(codeNotImplemented, "external tables need a ClickHouse server; the embedded engine takes none (NOT_IMPLEMENTED)")
	}
	values := r.URL.Query()
	q := &request{
		format:   values.Get("default_format"),
		database: values.Get("database"),
		settings: map[string]string{},
	}
	if q.format == "" {
		q.format = "TabSeparated"
	}
	if q.database == "" {
		q.database = defaultDatabase
	}
	if err := q.readSettings(values); err != nil {
		return nil, err
	}
	if sql := values.Get("query"); sql != "" {
		if statement, format, ok := cutInsert(sql); ok {
			q.sql, q.format, q.insert = statement, format, true
			return q, nil
		}
		q.sql = sql + "\n"
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxStatement+1))
	if err != nil {
		return nil, fmt.Errorf("reading the statement: %w", err)
	}
	if len(text) > maxStatement {
		return nil, refusal(codeSyntaxError, fmt.Sprintf("the statement is longer than %d bytes; send data as an insert batch (SYNTAX_ERROR)", maxStatement))
	}
	q.sql += string(text)
	return q, nil
}

func (q *request) readSettings(values url.Values) error {
	for name, all := range values {
		value := all[len(all)-1]
		if parameterName, ok := strings.CutPrefix(name, "param_"); ok {
			q.parameters = append(q.parameters, parameter{parameterName, value})
			continue
		}
		if httpOnly[name] {
			continue
		}
		if !settingName.MatchString(name) {
			return refusal(codeBadArguments, fmt.Sprintf("%q is not the name of a setting (BAD_ARGUMENTS)", name))
		}
		q.settings[name] = value
	}
	return nil
}

var (
	insertPattern = regexp.MustCompile(`(?is)^\s*INSERT\s+INTO\s`)
	formatPattern = regexp.MustCompile(`(?is)\s+FORMAT\s+([A-Za-z][A-Za-z0-9_]*)\s*;?\s*$`)
)

// cutInsert takes the trailing FORMAT clause off an insert whose data follow in
// the body.
func cutInsert(sql string) (statement, format string, ok bool) {
	if !insertPattern.MatchString(sql) {
		return "", "", false
	}
	at := formatPattern.FindStringSubmatchIndex(sql)
	if at == nil {
		return "", "", false
	}
	return sql[:at[0]], sql[at[2]:at[3]], true
}
