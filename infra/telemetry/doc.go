// Package telemetry tells programs that watch the ledger what it does: traces,
// by OpenTelemetry, and log lines that carry the trace they belong to.
//
// # What is promised
//
// Traces are off unless the environment asks for them (see Start), and then cost
// next to nothing. A span names a route, a command, a kind of stream, a table or
// a report: never a dossier, a person, or the words of an error. A collector that
// is away holds nobody up: spans that cannot be sent are dropped.
//
// # What is not
//
// Spans are no record of what happened; the events are. Those of the last
// seconds are lost when the process is killed.
package telemetry
