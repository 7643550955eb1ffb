package historylog

import (
	"bytes"
	"errors"
	"io"

	"dossierledger/domain/fault"
	"github.com/go-json-experiment/json/jsontext"
)

// jsonWalker reads a JSON document as a stream, holding one token at a time.
type jsonWalker struct {
	src   *source
	dec   *jsontext.Decoder
	lines *lineCounter
}

func newJSONWalker(src *source, limits Limits) *jsonWalker {
	w := &jsonWalker{src: src, lines: &lineCounter{r: src, line: 1}}
	// The names of an object's members are checked where they matter, so that
	// the decoder need not remember those of an endless object.
	w.dec = jsontext.NewDecoder(w.lines, jsontext.AllowDuplicateNames(true))
	src.fence = func(read int64) error {
		if read-w.dec.InputOffset() > int64(limits.TokenBytes)+sourceBuffer {
			return tooLarge(w.line(), "a single text has more than %d bytes", limits.TokenBytes)
		}
		return nil
	}
	return w
}

func (w *jsonWalker) peek() jsontext.Kind { return w.dec.PeekKind() }

// line is that of the token that was read last.
func (w *jsonWalker) line() int { return w.lines.at(w.dec.InputOffset()) }

// nextLine is the line of the token that comes next.
func (w *jsonWalker) nextLine() int {
	w.dec.PeekKind()
	unread := w.dec.UnreadBuffer()
	between := len(unread) - len(bytes.TrimLeft(unread, " \t\r\n,:"))
	return w.lines.at(w.dec.InputOffset() + int64(between))
}

// syntax gives the error, if there is one, that peek came upon.
func (w *jsonWalker) syntax() error {
	if w.dec.PeekKind() != 0 {
		return nil
	}
	_, err := w.dec.ReadToken()
	return w.translate(err)
}

func (w *jsonWalker) translate(err error) error {
	if err == nil {
		return nil
	}
	if refusal, ok := fault.As(err); ok {
		return refusal // without the decoder's word that reading failed
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed(w.line(), "the log is truncated")
	}
	if bad, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return malformed(w.lines.at(bad.ByteOffset), "%w", bad.Err)
	}
	return err
}

// object visits each member of the object that comes next; visit reads the value.
func (w *jsonWalker) object(visit func(key string) error) error {
	if _, err := w.dec.ReadToken(); err != nil {
		return w.translate(err)
	}
	for {
		switch w.dec.PeekKind() {
		case '}':
			_, err := w.dec.ReadToken()
			return w.translate(err)
		case '"':
		default:
			_, err := w.dec.ReadToken()
			return w.translate(err)
		}
		key, err := w.dec.ReadToken()
		if err != nil {
			return w.translate(err)
		}
		if err := visit(key.String()); err != nil {
			return err
		}
	}
}

// members visits an object as object does, and passes over anything else.
func (w *jsonWalker) members(visit func(key string) error) error {
	if w.dec.PeekKind() != '{' {
		return w.skip()
	}
	return w.object(visit)
}

// array visits each element of the array that comes next, and passes over anything else.
func (w *jsonWalker) array(visit func() error) error {
	if w.dec.PeekKind() != '[' {
		return w.skip()
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return w.translate(err)
	}
	for {
		switch w.dec.PeekKind() {
		case ']', 0:
			_, err := w.dec.ReadToken()
			return w.translate(err)
		}
		if err := visit(); err != nil {
			return err
		}
	}
}

// text reads a scalar as it is written; anything else is passed over.
func (w *jsonWalker) text(into *string) error {
	switch w.dec.PeekKind() {
	case '"', '0', 't', 'f':
		token, err := w.dec.ReadToken()
		if err != nil {
			return w.translate(err)
		}
		*into = composed(token.String())
		return nil
	default:
		return w.skip()
	}
}

func (w *jsonWalker) skip() error { return w.translate(w.dec.SkipValue()) }

// end holds that nothing follows the document.
func (w *jsonWalker) end() error {
	_, err := w.dec.ReadToken()
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return w.translate(err)
	}
	return malformed(w.line(), "something follows the end of the log")
}

// lineCounter tells the line of a place that was read, as places go forward.
type lineCounter struct {
	r      io.Reader
	read   int64
	line   int
	breaks []int64 // line breaks read but not yet passed
}

func (c *lineCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	for from := 0; from < n; {
		i := bytes.IndexByte(p[from:n], '\n')
		if i < 0 {
			break
		}
		c.breaks = append(c.breaks, c.read+int64(from+i))
		from += i + 1
	}
	c.read += int64(n)
	return n, err
}

// at is the line of an offset, from 1.
func (c *lineCounter) at(offset int64) int {
	passed := 0
	for passed < len(c.breaks) && c.breaks[passed] < offset {
		passed++
	}
	c.line += passed
	c.breaks = c.breaks[:copy(c.breaks, c.breaks[passed:])]
	return c.line
}
