package clickhouse

import (
	"context"
	"regexp"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

var tracer = otel.Tracer("dossierledger/infra/clickhouse")

// begin traces a statement. Its text may be told: what comes from outside is bound
// to it and never part of it. A server is told the span, so that its own
// system.opentelemetry_span_log continues the trace.
func (db *DB) begin(ctx context.Context, statement string) (context.Context, trace.Span) {
	ctx, span := tracer.Start(ctx, "clickhouse", trace.WithSpanKind(trace.SpanKindClient))
	if !span.IsRecording() {
		return ctx, span
	}
	operation, table := target(statement)
	span.SetName(strings.TrimSpace("clickhouse " + strings.ToLower(operation) + " " + table))
	span.SetAttributes(
		attribute.String("db.system.name", "clickhouse"), attribute.String("db.operation.name", operation))
	if table != "" { // its text says no more
		span.SetAttributes(attribute.String("db.collection.name", table))
	} else {
		span.SetAttributes(attribute.String("db.query.text", statement))
	}
	if !db.Embedded() {
		ctx = clickhouse.Context(ctx, clickhouse.WithSpan(span.SpanContext()))
	}
	return ctx, span
}

var (
	statementWord = regexp.MustCompile(`^\s*(?:--[^\n]*\n\s*)*([A-Za-z]+)`)
	insertTarget  = regexp.MustCompile("^\\s*INSERT INTO (?:`(\\w+)`|(\\w+))")
)

// target finds what a statement does and, of an insert, to which table.
func target(statement string) (operation, table string) {
	if m := statementWord.FindStringSubmatch(statement); m != nil {
		operation = strings.ToUpper(m[1])
	}
	if m := insertTarget.FindStringSubmatch(statement); m != nil {
		table = m[1] + m[2]
	}
	return operation, table
}
