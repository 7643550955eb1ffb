package historylog

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// csvReader turns rows into events.
type csvReader struct {
	in     *csv.Reader
	src    *source
	out    *reporter
	times  *timeParser
	limit  int
	width  int
	role   struct{ caseID, activity, timestamp, resource, lifecycle int }
	plain  []csvColumn // become attributes of the event
	lifted []csvColumn // become attributes of the case

	texts      *interner
	attributes []Attribute
	ofCase     []Attribute
	event      Event
	lastCase   string
	ending     *lineEnding
}

type csvColumn struct {
	index int
	name  string
}

// maxColumns bounds a CSV log's columns.
const maxColumns = 4096

func readCSV(src *source, opts Options, times *timeParser, out *reporter) error {
	delimiter, skipLine, err := findDelimiter(src, opts.Map)
	if err != nil {
		return err
	}
	if skipLine > 0 {
		if _, err := src.in.Discard(skipLine); err != nil {
			return err
		}
	}
	times.hint = `; if the day or month comes first, say so in a map's time_format, such as "dd/MM/yyyy HH:mm:ss"`
	ending := &lineEnding{r: src}
	c := &csvReader{
		in: csv.NewReader(bufio.NewReaderSize(ending, sourceBuffer)), src: src, out: out, times: times,
		limit: opts.Limits.EventBytes, texts: newInterner(), ending: ending,
	}
	c.in.Comma = delimiter
	c.in.ReuseRecord = true
	c.in.FieldsPerRecord = -1
	// encoding/csv collects a record without bound, so the reading below it
	// stops where a record would become too long.
	most := int64(opts.Limits.TokenBytes)
	start := int64(0)
	src.fence = func(read int64) error {
		if read-start > most+sourceBuffer {
			return tooLarge(0, "a row has more than %d bytes; is a quotation mark left open?", most)
		}
		return nil
	}
	lineOffset := 0
	if skipLine > 0 {
		lineOffset = 1
	}
	header, err := c.in.Read()
	if err != nil {
		return c.refusal(err, lineOffset)
	}
	if err := c.columns(header, opts.Map); err != nil {
		return err
	}
	for {
		start = c.in.InputOffset()
		row, err := c.in.Read()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			line, _ := c.in.FieldPos(0)
			err = c.row(row, line+lineOffset)
			if err != nil {
				return err
			}
			continue
		}
		broken, ok := errors.AsType[*csv.ParseError](err)
		if !ok {
			return c.refusal(err, lineOffset)
		}
		first, last := broken.StartLine+lineOffset, broken.Line+lineOffset
		if _, err := src.in.Peek(1); err == io.EOF && c.in.InputOffset() == ending.read && errors.Is(broken.Err, csv.ErrQuote) && broken.Column >= ending.lastLine() {
			return malformed(first, "the log is truncated: a quotation mark that opens in this row is not closed")
		}
		message := fmt.Sprintf("the row is left out: %v in column %d", broken.Err, broken.Column)
		if last > first {
			message = fmt.Sprintf("the rows down to line %d are left out: %v", last, broken.Err)
		}
		if err := out.skip(first, message); err != nil {
			return err
		}
	}
}

// lineEnding knows how long the last line is, so that a quotation mark that is
// never closed, which is missed at the very end, can be told from one too many
// within the last line.
type lineEnding struct {
	r                  io.Reader
	read               int64
	lineStart, earlier int64 // of the line in progress and of the one before it
}

func (l *lineEnding) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if i := bytes.LastIndexByte(p[:n], '\n'); i >= 0 {
		l.earlier = l.lineStart
		if j := bytes.LastIndexByte(p[:i], '\n'); j >= 0 {
			l.earlier = l.read + int64(j) + 1
		}
		l.lineStart = l.read + int64(i) + 1
	}
	l.read += int64(n)
	return n, err
}

// lastLine is the length of the last line without its break, once all is read.
func (l *lineEnding) lastLine() int {
	if l.lineStart == l.read {
		return int(l.read - 1 - l.earlier)
	}
	return int(l.read - l.lineStart)
}

// refusal names the line of an error that ends the reading.
func (c *csvReader) refusal(err error, lineOffset int) error {
	if err == io.EOF {
		return malformed(0, "the log has no header")
	}
	if broken, ok := errors.AsType[*csv.ParseError](err); ok {
		return malformed(broken.StartLine+lineOffset, "the header cannot be read: %w", broken.Err)
	}
	return err
}

// findDelimiter tells what separates the columns: what the map says, what a
// first line "sep=;" says (skip is its length), or the one of which the first
// line, outside quotes, has the most.
func findDelimiter(src *source, m *ColumnMap) (delimiter rune, skip int, err error) {
	head, err := src.in.Peek(sourceBuffer)
	if err != nil && err != io.EOF {
		return 0, 0, src.translate(err)
	}
	if bytes.HasPrefix(head, []byte("sep=")) && len(head) > 5 {
		r, size := utf8.DecodeRune(head[4:])
		if rest := head[4+size:]; canDelimit(r) && (bytes.HasPrefix(rest, []byte("\n")) || bytes.HasPrefix(rest, []byte("\r\n"))) {
			return r, 4 + size + bytes.IndexByte(rest, '\n') + 1, nil
		}
	}
	if m.Delimiter != "" {
		r, size := utf8.DecodeRuneInString(m.Delimiter)
		if size < len(m.Delimiter) || !canDelimit(r) {
			return 0, 0, refuse(ErrBadMap, 0, "the delimiter %s is not one character that can separate columns", clip(m.Delimiter))
		}
		return r, 0, nil
	}
	var counts [256]int
	quoted := false
	for _, b := range head {
		if b == '"' {
			quoted = !quoted
		} else if !quoted {
			if b == '\n' {
				break
			}
			counts[b]++
		}
	}
	delimiter = ','
	for _, other := range ";\t|" {
		if counts[other] > counts[delimiter] {
			delimiter = other
		}
	}
	return delimiter, 0, nil
}

// canDelimit holds for the characters that may separate columns.
func canDelimit(r rune) bool {
	return r != 0 && r != '"' && r != '\r' && r != '\n' && r != utf8.RuneError && utf8.ValidRune(r)
}

func (c *csvReader) columns(header []string, m *ColumnMap) error {
	if len(header) > maxColumns {
		return tooLarge(1, "the log has more than %d columns", maxColumns)
	}
	names := make([]string, len(header))
	for i, name := range header {
		if err := checkCell(name); err != nil {
			return malformed(1, "the header: %w", err)
		}
		names[i] = composed(strings.TrimSpace(name))
		if names[i] == "" {
			names[i] = fmt.Sprintf("column_%d", i+1)
		}
	}
	c.width = len(names)
	taken := map[int]bool{}
	for _, role := range []struct {
		name, named string
		index       *int
		needed      bool
	}{
		{"case_id", m.Case, &c.role.caseID, true},
		{"activity", m.Activity, &c.role.activity, true},
		{"timestamp", m.Timestamp, &c.role.timestamp, true},
		{"resource", m.Resource, &c.role.resource, false},
		{"lifecycle", m.Lifecycle, &c.role.lifecycle, false},
	} {
		index, err := m.column(names, role.name, role.named)
		if err != nil {
			return err
		}
		if index < 0 && role.needed {
			return noColumn(role.name, fmt.Sprintf("none is called %s", strings.Join(usualNames[role.name], " or ")), names)
		}
		*role.index = index
		taken[index] = true
	}
	for i, name := range names {
		if taken[i] || slices.Contains(m.Ignore, name) {
			continue
		}
		if rest, ok := caseAttributeName(name); ok {
			c.lifted = append(c.lifted, csvColumn{i, rest})
		} else if slices.Contains(m.CaseAttributes, name) {
			c.lifted = append(c.lifted, csvColumn{i, name})
		} else {
			c.plain = append(c.plain, csvColumn{i, name})
		}
	}
	return nil
}

// checkCell holds text to UTF-8 without NUL, which no text file has.
func checkCell(text string) error {
	if isASCII(text) || utf8.ValidString(text) {
		if strings.IndexByte(text, 0) >= 0 {
			return fmt.Errorf("a NUL byte: this is not a text file")
		}
		return nil
	}
	return fmt.Errorf("the text %s is not valid UTF-8; save the log as UTF-8", clip(text))
}

func (c *csvReader) row(row []string, line int) error {
	size := 0
	for _, cell := range row {
		if err := checkCell(cell); err != nil {
			return malformed(line, "%w", err)
		}
		size += len(cell) + attributeCost
	}
	if len(row) < c.width && c.cutHere() {
		return malformed(line, "the log is truncated: its last row has %d of %d columns and no line break", len(row), c.width)
	}
	if len(row) != c.width {
		return c.out.skip(line, fmt.Sprintf("the row is left out: it has %d columns, the header has %d", len(row), c.width))
	}
	if size > c.limit {
		return c.out.skip(line, fmt.Sprintf("the row is left out: it has more than %d bytes", c.limit))
	}
	e := &c.event
	if caseID := row[c.role.caseID]; caseID != c.lastCase {
		c.lastCase = composed(strings.Clone(caseID))
	}
	*e = Event{Case: c.lastCase, Activity: c.text(row, c.role.activity), Resource: c.text(row, c.role.resource), Lifecycle: c.text(row, c.role.lifecycle), Line: line}
	switch {
	case isBlank(e.Case):
		return c.out.skip(line, "the row is left out: it has no case")
	case isBlank(e.Activity):
		return c.out.skip(line, "the row is left out: it has no activity")
	case isBlank(row[c.role.timestamp]):
		return c.out.skip(line, "the row is left out: it has no time")
	}
	var err error
	if e.Time, e.OffsetMinutes, err = c.times.parse(row[c.role.timestamp]); err != nil {
		return c.out.skip(line, "the row is left out: "+err.Error())
	}
	if len(c.lifted) > 0 {
		c.ofCase = appendCells(c.ofCase[:0], row, c.lifted)
		if err := c.out.caseAttributes(&Case{ID: e.Case, Attributes: c.ofCase, Line: line}); err != nil {
			return err
		}
	}
	c.attributes = appendCells(c.attributes[:0], row, c.plain)
	e.Attributes = c.attributes
	return c.out.event(e)
}

// cutHere reports whether the log ends with the row at hand, and that row
// without a line break.
func (c *csvReader) cutHere() bool {
	_, err := c.src.in.Peek(1)
	return err == io.EOF && c.in.InputOffset() == c.ending.read && c.ending.lineStart < c.ending.read
}

func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

func (c *csvReader) text(row []string, column int) string {
	if column < 0 {
		return ""
	}
	text := row[column]
	if known, ok := c.texts.known[text]; ok {
		return known
	}
	return c.texts.string([]byte(text))
}

// appendCells adds the cells that are not empty. The cells of a row share one
// string, made for the row by encoding/csv, so they may be kept.
func appendCells(into []Attribute, row []string, columns []csvColumn) []Attribute {
	for _, column := range columns {
		if cell := row[column.index]; cell != "" {
			into = append(into, Attribute{Name: column.name, Type: "string", Value: composed(cell)})
		}
	}
	return into
}
