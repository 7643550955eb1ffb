package backup

import (
	"context"
	"iter"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
)

// Point says where a restored ledger ends.
type Point struct {
	// At: before the first event that was recorded later. Nil is no bound.
	At *time.Time
	// Position: with the event at this position of the ledger that was backed up.
	Position *uint64
}

// includes says whether an event lies before the point.
func (p Point) includes(e *eventstore.Recorded) bool {
	return (p.At == nil || !e.RecordedAt.After(*p.At)) && (p.Position == nil || e.Position <= *p.Position)
}

// Log is a backup of events that can be read.
type Log struct {
	place    Place
	segments []segment
	last     *manifest
}

// OpenLog reads the chain of a backup of events, and holds it to its hashes, up to
// and with a manifest; 0 is the last one. Nothing is locked: a backup that runs
// adds behind what is read.
func OpenLog(ctx context.Context, place Place, upTo int) (*Log, error) {
	if err := checkKind(ctx, place, kindEvents); err != nil {
		return nil, err
	}
	number, err := count(ctx, place)
	if err != nil {
		return nil, err
	}
	switch {
	case number == 0:
		return nil, fault.New(ErrNone.Kind, ErrNone.Code, "the backup in %s has no events", place)
	case upTo > number:
		return nil, damaged(place, manifestName(upTo), "is missing")
	case upTo > 0:
		number = upTo
	}
	manifests, err := readManifests(ctx, place, number)
	if err != nil {
		return nil, err
	}
	l := &Log{place: place, last: manifests[number-1]}
	for _, m := range manifests {
		l.segments = append(l.segments, m.Segments...)
	}
	return l, nil
}

// Manifest is the number of the last manifest, and its hash.
func (l *Log) Manifest() (number int, hash string) { return l.last.Number, l.last.hash }

// Engine is where the last events of the backup were read.
func (l *Log) Engine() string { return l.last.Engine }

// Events is the number of events in the backup, LastAt when the last was recorded.
func (l *Log) Events() uint64 { return l.last.Events }

// LastAt is described at Events.
func (l *Log) LastAt() time.Time { return l.last.last().LastAt }

// Chain stands for all events of the backup.
func (l *Log) Chain() string { return l.last.chain() }

// segmentsAhead are read and unpacked while one is used, which bounds memory.
const segmentsAhead = 2

// Read yields all events in order, held to their hashes before any of a segment is
// yielded. What is damaged or missing is ErrDamaged with its name and place.
func (l *Log) Read(ctx context.Context) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		type read struct {
			events []eventstore.Recorded
			err    error
		}
		var ahead []chan read
		defer func() {
			cancel()
			for _, r := range ahead {
				<-r
			}
		}()
		rest := l.segments
		begin := func() {
			for ; len(rest) > 0 && len(ahead) < segmentsAhead; rest = rest[1:] {
				s, done := rest[0], make(chan read, 1)
				ahead = append(ahead, done)
				go func() {
					events, err := s.read(ctx, l.place)
					done <- read{events, err}
				}()
			}
		}
		last := uint64(0)
		for n := 0; n < len(l.segments); n++ {
			begin()
			r := <-ahead[0]
			ahead = ahead[1:]
			if r.err != nil {
				yield(eventstore.Recorded{}, r.err)
				return
			}
			begin()
			for i := range r.events {
				e := &r.events[i]
				if position := e.Position; n+i > 0 && position <= last {
					yield(eventstore.Recorded{}, damaged(l.place, l.segments[n].Name, "is not in order: position %d comes behind %d (%s)", position, last, l.segments[n]))
					return
				}
				if last = e.Position; !yield(*e, nil) {
					return
				}
			}
		}
	}
}

// Until is the backup up to a point, for transfer.Copy. Behind the point nothing
// is read, except where seen is not nil: then it is handed every event of the
// backup, those behind the point too.
type Until struct {
	Log   *Log
	Point Point
	Seen  func(e *eventstore.Recorded)
	// Last is the last event before the point, once it was read.
	Last eventstore.Recorded
}

// ReadAll implements transfer.Source.
func (u *Until) ReadAll(ctx context.Context, _ eventstore.AllRead) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		behind := false
		for e, err := range u.Log.Read(ctx) {
			if err != nil {
				yield(e, err)
				return
			}
			if u.Seen != nil {
				u.Seen(&e)
			}
			if behind = behind || !u.Point.includes(&e); behind {
				if u.Seen == nil {
					return
				}
				continue
			}
			u.Last = e
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Check reads everything and gives every defect that is found, in order.
func (l *Log) Check(ctx context.Context) (defects []error, err error) {
	last := uint64(0)
	for n, s := range l.segments {
		events, err := s.read(ctx, l.place)
		if fault.CodeOf(err) == ErrDamaged.Code {
			defects = append(defects, err)
			continue
		}
		if err != nil {
			return defects, err
		}
		for i := range events {
			if events[i].Position <= last && n+i > 0 {
				defects = append(defects, damaged(l.place, s.Name, "is not in order: position %d comes behind %d", events[i].Position, last))
				break
			}
			last = events[i].Position
		}
	}
	return defects, nil
}
