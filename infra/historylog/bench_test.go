package historylog

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// unpacked is the text of a real log.
func unpacked(tb testing.TB, name string) []byte {
	tb.Helper()
	r, err := gzip.NewReader(openLog(tb, name))
	if err != nil {
		tb.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// nowhere is a sink that counts.
type nowhere struct{ cases, events, problems int }

func (n *nowhere) Case(*Case) error      { n.cases++; return nil }
func (n *nowhere) Event(*Event) error    { n.events++; return nil }
func (n *nowhere) Problem(Problem) error { n.problems++; return nil }

// repeated is a real log with its traces n times over, each time under other
// names, made as it is read.
type repeated struct {
	text     []byte
	from, to int
	n, made  int
	pending  []byte
}

func newRepeated(text []byte, n int) io.Reader {
	from, to := bytes.Index(text, []byte("<trace>")), bytes.LastIndex(text, []byte("</log>"))
	return &repeated{text: text, from: from, to: to, n: n, pending: text[:from]}
}

func (r *repeated) Read(p []byte) (int, error) {
	if len(r.pending) == 0 {
		name := []byte(`<string key="concept:name" value="case-`)
		switch {
		case r.made < r.n:
			r.pending = bytes.ReplaceAll(r.text[r.from:r.to], name, fmt.Appendf(nil, "%s%d-", name, r.made))
		case r.made == r.n:
			r.pending = r.text[r.to:]
		default:
			return 0, io.EOF
		}
		r.made++
	}
	n := copy(p, r.pending)
	r.pending = r.pending[n:]
	return n, nil
}

func BenchmarkTokenizer(b *testing.B) {
	text := unpacked(b, "receipt.xes.gz")
	b.Run("this", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			tokens := newXMLTokenizer(bytes.NewReader(text), Limits{}.withDefaults())
			for {
				kind, err := tokens.next()
				if err != nil {
					b.Fatal(err)
				}
				if kind == endOfDocument {
					break
				}
			}
		}
	})
	b.Run("encoding-xml", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			decoder := xml.NewDecoder(bytes.NewReader(text))
			for {
				if _, err := decoder.RawToken(); err == io.EOF {
					break
				} else if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

func benchmarkRead(b *testing.B, opts Options, text []byte) {
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	events := 0
	for b.Loop() {
		sink := new(nowhere)
		if _, err := Read(context.Background(), bytes.NewReader(text), opts, sink); err != nil {
			b.Fatal(err)
		}
		events += sink.events
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkReadXES(b *testing.B) {
	benchmarkRead(b, Options{}, unpacked(b, "receipt.xes.gz"))
}

func BenchmarkReadXESGzipped(b *testing.B) {
	text, err := io.ReadAll(openLog(b, "receipt.xes.gz"))
	if err != nil {
		b.Fatal(err)
	}
	benchmarkRead(b, Options{}, text)
}

func BenchmarkReadCSV(b *testing.B) {
	benchmarkRead(b, Options{}, interleavedCSV(b, 50_000, 5_000))
}

func interleavedCSV(tb testing.TB, events, cases int) []byte {
	tb.Helper()
	text, err := io.ReadAll(newInterleaved(events, cases))
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// The whole way of a log to its cases, for a hundred thousand events a round.
func BenchmarkSpoolXES(b *testing.B) {
	text, err := io.ReadAll(newRepeated(unpacked(b, "receipt.xes.gz"), 12))
	if err != nil {
		b.Fatal(err)
	}
	benchmarkSpool(b, text)
}

func BenchmarkSpoolInterleavedCSV(b *testing.B) {
	benchmarkSpool(b, interleavedCSV(b, 100_000, 15_000))
}

func benchmarkSpool(b *testing.B, text []byte) {
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	events := 0
	for b.Loop() {
		events += throughSpool(b, bytes.NewReader(text))
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

// A million events, with the making of the log within the time.
func BenchmarkSpoolMillionEvents(b *testing.B) {
	for _, format := range []Format{XES, CSV} {
		b.Run(string(format), func(b *testing.B) {
			events := 0
			for b.Loop() {
				var log io.Reader
				if format == XES {
					log = newRepeated(unpacked(b, "receipt.xes.gz"), 117)
				} else {
					log = newInterleaved(1_000_000, 160_000)
				}
				events += throughSpool(b, log)
			}
			b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
			var memory runtime.MemStats
			runtime.ReadMemStats(&memory)
			b.ReportMetric(float64(memory.HeapSys)/(1<<20), "MB-heap")
		})
	}
}

// throughSpool reads a log into a spool and takes every event from it again.
func throughSpool(b *testing.B, log io.Reader) (events int) {
	b.Helper()
	spool, err := NewSpool(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := Read(context.Background(), log, Options{}, spool); err != nil {
		b.Fatal(err)
	}
	err = spool.Cases(context.Background(), func(c *GroupedCase) error {
		for _, err := range c.Events() {
			if err != nil {
				return err
			}
			events++
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := spool.Close(); err != nil {
		b.Fatal(err)
	}
	return events
}
