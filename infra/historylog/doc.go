// Package historylog reads the event logs of older systems, so that their
// history can be taken over into the ledger: XES (IEEE 1849), CSV, and
// OCEL 2.0 in JSON, each plain or gzipped.
//
// Taking over is done in two phases, because a truncated or hostile file must
// leave nothing behind. Read passes a whole log into a Spool and fails with a
// fault when the file as such cannot be trusted; only then are the Spool's
// cases, each whole and in order of time, appended to the ledger:
//
//	spool, err := historylog.NewSpool(tempDir)
//	defer spool.Close()
//	summary, err := historylog.Read(ctx, file, historylog.Options{}, spool)
//	err = spool.Cases(ctx, func(c *historylog.GroupedCase) error {
//		for event, err := range c.Events() { … }
//	})
//
// Memory is bounded whatever the size of the log or of a case in it; what
// grows is temporary disk space, by somewhat less than the size of the log.
//
// # What is reported and what is refused
//
// A broken line or event (no case, no activity, no time, a time that cannot be
// read, a wrong number of columns, an event beyond Limits.EventBytes) is passed
// to Sink.Problem with its line, is counted in Summary.Skipped, and the rest
// goes on. A last row of CSV that has neither all columns nor a line break is a
// truncation. A file that is truncated, not well formed, not of its format, or
// beyond a limit is refused as a whole with a fault: "history.malformed",
// "history.unsupported", "history.too-large" or "history.no-column". Nothing
// that was passed to the sink before may then be used.
//
// # Times
//
// Times are kept to the nanosecond in UTC, with the offset that the log gave
// beside them. Year-first forms are read as they are: RFC 3339, ISO 8601 in
// extended form, "2006-01-02 15:04:05", with or without fraction, seconds and
// zone, with "-" or "/" between the parts of the date. A time without a zone
// is UTC unless Options.Location or the map says otherwise. Day-first and
// month-first forms cannot be told apart and are read only by the map's
// time_format. Instants outside 1900–2261 are reported: no column of
// nanoseconds holds them.
//
// # XES
//
// Elements are matched by local name, so that the namespaces
// http://www.xes-standard.org, http://www.xes-standard.org/ and
// http://code.deckfour.org/xes, prefixes, and none at all are equal. The
// defaults of a global element describe a log and are never values of its
// events. Attributes inside attributes, lists and containers are kept (see
// Attribute.Depth) and are never taken for the event's own. A trace without a
// name is called "trace-" and its number in the file. Traces of one name are
// one case.
//
// The tokenizer is written for this purpose. encoding/xml reads some 25 MB/s
// and allocates for each tag, a minute for some millions of events; this one
// reads several times as much and allocates nothing. The faster libraries for Go
// leave out what a file from outside must be checked for:
// github.com/muktihari/xmltokenizer matches no end tags, resolves no references
// and accepts any bytes; github.com/tamerh/xml-stream-parser likewise, takes a
// truncated file for a whole one, and builds a tree of each element; bindings
// to libxml2 need a C compiler. This one reads only what XES needs, strictly: elements and
// attributes properly nested, the five predefined entities, character
// references, comments, processing instructions, CDATA sections, valid UTF-8.
// A document type declaration is refused, so there are no entities to expand.
// Tests hold it to what encoding/xml reads, document by document.
//
// # CSV
//
// RFC 4180 with a header row, in UTF-8 with or without byte order mark, quoted
// line breaks, separated by comma, semicolon, tab or bar (found from the
// header). Columns are found by name in any order: case_id, activity,
// timestamp, resource, lifecycle; or PM4Py's case:concept:name, concept:name,
// time:timestamp, org:resource, lifecycle:transition; or Disco's Case ID,
// Activity, Complete Timestamp, Resource. Upper and lower case, spaces and
// underscores are equal. A ColumnMap names others. All other columns become
// attributes; those whose names begin with "case:" or "(case)_" become
// attributes of the case, without the prefix. An empty cell is no attribute.
// Rows of different cases may be interleaved.
//
// # OCEL 2.0
//
// A log of objects has no cases until one type of object is chosen for the
// case. Options.CaseType names it; else it is the type to which the most
// events are related (the first by name among equals), which leaves out the
// fewest events. Every object of that type is a case. An event that is related
// to several of them belongs to each; an event that is related to none is
// reported. The other related objects become attributes of the event, of type
// "id" and named "object:" with their type; the objects' own attributes become
// those of the case, later values nested in the first one and named by their
// time. The event's identifier is kept as attribute "ocel:eid".
//
// # Attributes of the case
//
// An attribute of the case that is given several times, with each event for
// instance, has the first value that the log gives.
package historylog
