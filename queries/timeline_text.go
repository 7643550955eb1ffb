package queries

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"dossierledger/domain/worktime"
	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// textsKept and textMax bound the entries that are kept as text: 64 MiB.
	textsKept = 2048
	textMax   = 32 << 10
)

// partKey is what the text of a part of a timeline depends on beside what is in
// partText: the dossier, which entries, and who reads.
type partKey struct {
	code  string
	view  View
	from  uint64
	limit int
}

// partText is the entries of a part as JSON. It holds as long as the dossier,
// the registers and the calendar are the ones that it was made with.
type partText struct {
	revision  uint64
	registers uint64
	calendar  *worktime.Calendar
	entries   []byte
	next      *uint64
}

func newTexts() *lru.Cache[partKey, partText] {
	texts, err := lru.New[partKey, partText](textsKept)
	if err != nil {
		panic(err) // only for a size below one
	}
	return texts
}

// TimelineText is TimelinePart as JSON. The entries of a dossier to which nothing
// has happened since they were last asked for are not made again; what depends
// on the moment is.
func (d *Dossiers) TimelineText(ctx context.Context, c Case, view View, from uint64, limit int) ([]byte, error) {
	part, err := d.partText(ctx, c, view, from, limit)
	if err != nil {
		return nil, err
	}
	standing, err := d.standing(c)
	if err != nil {
		return nil, err
	}
	w := writers.Get().(*textWriter)
	defer writers.Put(w)
	w.out.Reset()
	w.member(`{"status":`, standing.Status)
	w.out.WriteString(`,"entries":`)
	w.out.Write(part.entries)
	if part.next != nil {
		w.out.WriteString(`,"next":`)
		w.out.Write(strconv.AppendUint(w.out.AvailableBuffer(), *part.next, 10))
	}
	if len(standing.Steps) > 0 {
		w.member(`,"steps":`, standing.Steps)
	}
	if standing.Stuck != nil {
		w.member(`,"stuck":`, standing.Stuck)
	}
	w.out.WriteString("}\n")
	if w.err != nil {
		return nil, fmt.Errorf("dossier %s: timeline: %w", c.Code, w.err)
	}
	return bytes.Clone(w.out.Bytes()), nil
}

func (d *Dossiers) partText(ctx context.Context, c Case, view View, from uint64, limit int) (partText, error) {
	// Before anything is read, so that what changes meanwhile counts as newer.
	at, _ := d.registers.Position()
	calendar, err := d.registers.For(c.State.Competent, d.now())
	if err != nil {
		return partText{}, err
	}
	key := partKey{c.Code, view, from, limit}
	if known, ok := d.texts.Get(key); ok && known.revision == c.last.Revision && known.registers == at && known.calendar == calendar {
		return known, nil
	}
	entries, next, err := d.entriesFrom(ctx, c, view, from, limit)
	if err != nil {
		return partText{}, err
	}
	w := textWriter{}
	w.member("", entries)
	if w.err != nil {
		return partText{}, fmt.Errorf("dossier %s: timeline: %w", c.Code, w.err)
	}
	part := partText{revision: c.last.Revision, registers: at, calendar: calendar, entries: w.out.Bytes(), next: next}
	if len(part.entries) <= textMax {
		part.entries = bytes.Clone(part.entries)
		d.texts.Add(key, part)
	}
	return part, nil
}

// textWriter writes JSON as the API's encoder does, member by member.
type textWriter struct {
	out bytes.Buffer
	err error
}

var writers = sync.Pool{New: func() any { return new(textWriter) }}

func (w *textWriter) member(name string, value any) {
	w.out.WriteString(name)
	encoder := json.NewEncoder(&w.out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil && w.err == nil {
		w.err = err
	}
	w.out.Truncate(w.out.Len() - 1) // the line break
}
