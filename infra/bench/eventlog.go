package bench

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"dossierledger/domain/fault"
	"github.com/klauspost/compress/gzip"
)

// eventLog is an XES log whose traces can be repeated, each time under other
// case identifiers, until it is as long as wanted.
type eventLog struct {
	head, traces, tail []byte
	events             int
}

// receiptEvents is how many events the receipt log of a municipality has.
const receiptEvents = 8577

// openEventLog reads a real log (XES, gzipped or not) that a run is given, or
// writes one of the shape of a municipality's receipt log.
func (r *Run) openEventLog() (*eventLog, error) {
	if r.Log == "" {
		return writtenLog(min(r.Events, receiptEvents)), nil
	}
	file, err := os.Open(r.Log)
	if err != nil {
		return nil, fmt.Errorf("the log to measure on: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	in := bufio.NewReader(file)
	var text []byte
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("the log to measure on: %w", err)
		}
		text, err = io.ReadAll(unpacked)
		if err != nil {
			return nil, fmt.Errorf("the log to measure on: %w", err)
		}
	} else if text, err = io.ReadAll(in); err != nil {
		return nil, fmt.Errorf("the log to measure on: %w", err)
	}
	from, to := bytes.Index(text, []byte("<trace>")), bytes.LastIndex(text, []byte("</log>"))
	l := &eventLog{events: bytes.Count(text, []byte("<event>"))}
	if from < 0 || to < from || l.events == 0 {
		return nil, fault.New(fault.Invalid, "bench.log", "%s is not an XES log with traces and events", r.Log)
	}
	l.head, l.traces, l.tail = text[:from], text[from:to], text[to:]
	return l, nil
}

// writtenLog is a log of about some events with the attributes that the receipt
// log of a municipality has.
func writtenLog(events int) *eventLog {
	h := newHistory(events)
	var text bytes.Buffer
	for i, actions := range h.cases {
		at := actions[0].at
		fmt.Fprintf(&text, "<trace>\n\t\t<string key=\"concept:name\" value=\"case-%d\"/>\n", i)
		fmt.Fprintf(&text, "\t\t<date key=\"startdate\" value=\"%s\"/>\n\t\t<date key=\"deadline\" value=\"%s\"/>\n",
			at.Format(xesTime), at.AddDate(0, 0, 56).Format(xesTime))
		fmt.Fprintf(&text, "\t\t<string key=\"responsible\" value=\"%s\"/>\n\t\t<string key=\"department\" value=\"General\"/>\n"+
			"\t\t<string key=\"group\" value=\"Group %d\"/>\n\t\t<string key=\"channel\" value=\"Internet\"/>\n", h.resources[actions[0].resource], i%5)
		for j, a := range actions {
			fmt.Fprintf(&text, "\t\t<event>\n\t\t\t<string key=\"org:group\" value=\"Group %d\"/>\n"+
				"\t\t\t<string key=\"concept:instance\" value=\"task-%d\"/>\n\t\t\t<string key=\"org:resource\" value=\"%s\"/>\n"+
				"\t\t\t<string key=\"concept:name\" value=\"%s\"/>\n\t\t\t<date key=\"time:timestamp\" value=\"%s\"/>\n"+
				"\t\t\t<string key=\"lifecycle:transition\" value=\"complete\"/>\n\t\t</event>\n",
				a.resource%9, 10*i+j, h.resources[a.resource], h.activities[a.activity], a.at.Format(xesTime))
		}
		text.WriteString("\t</trace>\n\t")
	}
	return &eventLog{
		head: []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<log xes.version=\"1.0\" xmlns=\"http://www.xes-standard.org/\">\n\t"),
		tail: []byte("</log>\n"), traces: text.Bytes(), events: h.events,
	}
}

const xesTime = "2006-01-02T15:04:05.000-07:00"

// times is how often the traces are repeated to come to at least some events.
func (l *eventLog) times(events int) int { return (events + l.events - 1) / l.events }

// write writes the traces some times over, each time under other identifiers,
// and tells how many events that are.
func (l *eventLog) write(out io.Writer, times int) (events int, err error) {
	name := []byte(`<string key="concept:name" value="case-`)
	_, err = out.Write(l.head)
	for i := range times {
		if err == nil {
			_, err = out.Write(bytes.ReplaceAll(l.traces, name, fmt.Appendf(nil, "%s%d-", name, i)))
		}
	}
	if err == nil {
		_, err = out.Write(l.tail)
	}
	return times * l.events, err
}

// writeFile is write into a new file.
func (l *eventLog) writeFile(path string, times int) (events int, err error) {
	file, err := os.Create(path)
	if err != nil {
		return 0, fmt.Errorf("the log to measure on: %w", err)
	}
	events, err = l.write(file, times)
	if err = errors.Join(err, file.Close()); err != nil {
		return 0, fmt.Errorf("the log to measure on: %w", err)
	}
	return events, nil
}

// xesElement is a trace or an event of an XES log with the attributes directly in it.
type xesElement struct {
	Attributes []struct {
		XMLName xml.Name
		Key     string `xml:"key,attr"`
		Value   string `xml:"value,attr"`
	} `xml:",any"`
	Events []xesElement `xml:"event"`
}

func (e *xesElement) value(key string) string {
	for _, a := range e.Attributes {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}

// csvColumns are those that the rows have, by the names that PM4Py gives them:
// the attributes of an event, then those of its case.
var csvColumns = [...]string{
	"case:concept:name", "concept:name", "time:timestamp", "org:resource", "lifecycle:transition", "org:group", "concept:instance",
	"case:responsible", "case:department", "case:group", "case:channel", "case:startdate", "case:deadline",
}

// csvFile writes the same as one row for each event, sorted by case.
func (l *eventLog) csvFile(path string, times int) (events int, err error) {
	var log struct {
		Traces []xesElement `xml:"trace"`
	}
	if err := xml.Unmarshal(append(append(append([]byte{}, l.head...), l.traces...), l.tail...), &log); err != nil {
		return 0, fmt.Errorf("the log to measure on: %w", err)
	}
	file, err := os.Create(path)
	if err != nil {
		return 0, fmt.Errorf("the log to measure on: %w", err)
	}
	buffered := bufio.NewWriterSize(file, 1<<20)
	out := csv.NewWriter(buffered)
	err = out.Write(csvColumns[:])
	row := make([]string, len(csvColumns))
	for i := range times {
		for _, t := range log.Traces {
			for k, column := range csvColumns {
				if key, ok := cutCase(column); ok {
					row[k] = t.value(key)
				}
			}
			row[0] = strconv.Itoa(i) + "-" + row[0]
			for _, e := range t.Events {
				for k, column := range csvColumns {
					if _, ok := cutCase(column); !ok {
						row[k] = e.value(column)
					}
				}
				err = errors.Join(err, out.Write(row))
				events++
			}
		}
	}
	out.Flush()
	if err = errors.Join(err, out.Error(), buffered.Flush(), file.Close()); err != nil {
		return 0, fmt.Errorf("the log to measure on: %w", err)
	}
	return events, nil
}

func cutCase(column string) (key string, ok bool) {
	const prefix = "case:"
	if len(column) > len(prefix) && column[:len(prefix)] == prefix {
		return column[len(prefix):], true
	}
	return column, false
}

// readXML reads a file token by token and does nothing with them.
func readXML(path string) (Sample, error) {
	return readBare(path, func(in io.Reader) error {
		decoder := xml.NewDecoder(in)
		for {
			if _, err := decoder.RawToken(); err != nil {
				return err
			}
		}
	})
}

// readCSV reads a file row by row and does nothing with them.
func readCSV(path string) (Sample, error) {
	return readBare(path, func(in io.Reader) error {
		reader := csv.NewReader(in)
		reader.ReuseRecord = true
		for {
			if _, err := reader.Read(); err != nil {
				return err
			}
		}
	})
}

// readBare reads a file to its end by a reader that says so with io.EOF.
func readBare(path string, read func(io.Reader) error) (Sample, error) {
	file, err := os.Open(path)
	if err != nil {
		return Sample{}, err
	}
	defer func() { _ = file.Close() }() // it was only read
	began := time.Now()
	if err := read(bufio.NewReaderSize(file, 1<<20)); !errors.Is(err, io.EOF) {
		return Sample{}, err
	}
	return Seconds(time.Since(began)), nil
}
