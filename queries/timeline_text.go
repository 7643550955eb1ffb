package queries

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"dossierledger/domain/worktime"
	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// textsKept and textMax bound the timelines that are kept as text: 128 MiB at most.
	textsKept = 4096
	textMax   = 32 << 10
	// textFor is how long a text is given again as it is. As_of in it says when it
	// was made; it is never given where anything has happened since.
	textFor = time.Second
)

// partKey is what the text of a part of a timeline depends on beside what is in
// partText: the dossier, which entries, and who reads.
type partKey struct {
	code  string
	view  View
	from  uint64
	limit int
}

// partText is a part of a timeline as JSON. Its entries hold as long as the
// dossier, the registers and the calendar are the ones that it was made with;
// all of it for a moment.
type partText struct {
	revision  uint64
	registers uint64
	calendar  *worktime.Calendar
	made      time.Time
	whole     []byte
	entries   []byte // the part of whole
	next      *uint64
}

func newTexts() *lru.Cache[partKey, partText] {
	texts, err := lru.New[partKey, partText](textsKept)
	if err != nil {
		panic(err) // only for a size below one
	}
	return texts
}

// TimelineText is TimelinePart as JSON, as it stood within the last second. The
// entries of a dossier to which nothing has happened since they were last asked
// for are not made again. The text must not be changed.
func (d *Dossiers) TimelineText(ctx context.Context, c *Case, view View, from uint64, limit int) ([]byte, error) {
	// Before anything is read, so that what changes meanwhile counts as newer.
	at, _ := d.registers.Position()
	now := d.now()
	calendar, err := d.registers.For(c.State.Competent, now)
	if err != nil {
		return nil, err
	}
	key := partKey{c.Code, view, from, limit}
	part, known := d.texts.Get(key)
	known = known && part.revision == c.last.Revision && part.registers == at && part.calendar == calendar
	if age := now.Sub(part.made); known && age >= 0 && age < textFor {
		return part.whole, nil
	}
	var entries any = json.RawMessage(part.entries)
	if !known {
		part = partText{revision: c.last.Revision, registers: at, calendar: calendar}
		if entries, part.next, err = d.entriesFrom(ctx, c, view, from, limit); err != nil {
			return nil, err
		}
	}
	standing, err := d.standing(c, now)
	if err != nil {
		return nil, err
	}
	part.made = now
	if err := part.write(standing, entries); err != nil {
		return nil, fmt.Errorf("dossier %s: timeline: %w", c.Code, err)
	}
	if len(part.whole) <= textMax {
		d.texts.Add(key, part)
	}
	return part.whole, nil
}

// write makes the text of a timeline, with entries that are text already or not.
func (p *partText) write(standing Timeline, entries any) error {
	w := writers.Get().(*textWriter)
	defer writers.Put(w)
	w.out.Reset()
	w.err = nil
	w.member(`{"status":`, standing.Status)
	w.out.WriteString(`,"entries":`)
	first := w.out.Len()
	if raw, ok := entries.(json.RawMessage); ok {
		w.out.Write(raw)
	} else {
		w.member("", entries)
	}
	last := w.out.Len()
	if p.next != nil {
		w.member(`,"next":`, p.next)
	}
	if len(standing.Steps) > 0 {
		w.member(`,"steps":`, standing.Steps)
	}
	if standing.Stuck != nil {
		w.member(`,"stuck":`, standing.Stuck)
	}
	w.out.WriteString("}\n")
	p.whole = bytes.Clone(w.out.Bytes())
	p.entries = p.whole[first:last]
	return w.err
}

// textWriter writes JSON as the API's encoder does, member by member.
type textWriter struct {
	out     bytes.Buffer
	encoder *json.Encoder // into out
	err     error
}

var writers = sync.Pool{New: func() any {
	w := new(textWriter)
	w.encoder = json.NewEncoder(&w.out)
	w.encoder.SetEscapeHTML(false)
	return w
}}

func (w *textWriter) member(name string, value any) {
	w.out.WriteString(name)
	if err := w.encoder.Encode(value); err != nil {
		w.err = cmp.Or(w.err, err)
		return // nothing was written
	}
	w.out.Truncate(w.out.Len() - 1) // the line break
}
