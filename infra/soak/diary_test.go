package soak

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"github.com/google/uuid"
)

// fate is how a request ended for whoever made it.
type fate int

const (
	// givenUp: nobody told how it ended; it may have been carried out, once.
	givenUp fate = iota
	// acknowledged: the ledger said that it was done.
	acknowledged
	// refused: the ledger said that it was not done.
	refused
)

// request is one thing that somebody wants done, under one Idempotency-Key.
type request struct {
	actor, path, body, key, ifMatch string
	submits                         bool
	// name is what a submission gives as the applicant's name.
	name string

	fate fate
	// unsure says that one of the tries had no answer that settles it, so that
	// even where a later one was refused the first may have been carried out.
	unsure  bool
	problem string // code of the refusal
	// epoch is that in which it was sent last; repeated says that it was answered
	// as one that had been done before.
	epoch    int64
	repeated bool
	answer   struct {
		Code     string   `json:"code"`
		Revision uint64   `json:"revision"`
		Position uint64   `json:"position"`
		Events   []string `json:"events"`
	}
}

// id is that of the index-th event which the request makes: the ledger promises
// that it follows from caller and key.
func (r *request) id(index int) uuid.UUID { return event.IDFor(r.actor+"\x00"+r.key, index) }

// allocation is the id of the event that gives out a submission's number.
func (r *request) allocation() uuid.UUID {
	return event.IDFor(r.actor+"\x00"+r.key+"\x00allocation", 0)
}

// diary is what everybody was told.
type diary struct {
	mu      sync.Mutex
	entries []*request
	// highest is the last position that somebody was told of.
	highest    uint64
	wrong      []string
	statuses   map[string]int // by status and code, since they were last asked for
	all        map[string]int // by status and code
	answerTime time.Duration
	answers    int
	repeats    int
}

func newDiary() *diary { return &diary{statuses: map[string]int{}, all: map[string]int{}} }

func (d *diary) close(r *request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, r)
	if r.fate == acknowledged {
		d.highest = max(d.highest, r.answer.Position)
	}
}

func (d *diary) complain(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wrong = append(d.wrong, fmt.Sprintf(format, args...))
}

func (d *diary) answered(status int, code string, took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	what := strings.TrimSpace(fmt.Sprintf("%d %s", status, code))
	d.statuses[what]++
	d.all[what]++
	d.answers++
	d.answerTime += took
}

// window gives the answers since it was last called, by status and code.
func (d *diary) window() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	since := d.statuses
	d.statuses = map[string]int{}
	return since
}

// told gives the entries so far and the highest position in them.
func (d *diary) told() ([]*request, uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.entries[:len(d.entries):len(d.entries)], d.highest
}

// balance is what a diary amounts to when it is held against the events.
type balance struct {
	Requests     int `json:"requests"`
	Acknowledged int `json:"acknowledged"`
	// Found are acknowledged commands that are there once, with the code,
	// revision, position, ids and types that were told.
	Found   int `json:"found"`
	Lost    int `json:"lost"`
	Doubled int `json:"doubled"`
	// Nothing are acknowledged commands that had nothing to do, and did nothing.
	Nothing int `json:"nothing_to_do"`
	Refused int `json:"refused"`
	// RefusedFound were refused and are there nevertheless.
	RefusedFound int `json:"refused_but_there"`
	GivenUp      int `json:"unanswered"`
	GivenUpFound int `json:"unanswered_but_there"`
	wrong        []string
}

func (b *balance) complain(format string, args ...any) {
	b.wrong = append(b.wrong, fmt.Sprintf(format, args...))
}

// settle holds entries of a diary against all events that there are.
func settle(entries []*request, log *chronicle) *balance {
	b := &balance{Requests: len(entries)}
	codes := map[string]string{}
	for _, r := range entries {
		switch r.fate {
		case acknowledged:
			b.acknowledged(r, log, codes)
		case refused:
			b.Refused++
			_, there := log.find(r.id(0))
			_, allocated := log.find(r.allocation())
			if (there || allocated) && !r.unsure {
				b.RefusedFound++
				b.complain("refused (%s) and there: %s %s", r.problem, r.path, r.key)
			}
		default:
			b.GivenUp++
			if _, there := log.find(r.id(0)); there {
				b.GivenUpFound++
				b.whole(r, log)
			}
		}
	}
	b.Doubled += len(log.doubled)
	for _, what := range log.doubled {
		b.complain("doubled: %s", what)
	}
	return b
}

func (b *balance) acknowledged(r *request, log *chronicle, codes map[string]string) {
	b.Acknowledged++
	n := len(r.answer.Events)
	if _, more := log.find(r.id(n)); more {
		b.Doubled++
		b.complain("%s %s made more than the %d events that were told", r.path, r.key, n)
	}
	if n == 0 {
		b.Nothing++
		return
	}
	if r.submits {
		if other, twice := codes[r.answer.Code]; twice {
			b.Doubled++
			b.complain("the code %s was given to %s and to %s", r.answer.Code, other, r.key)
		}
		codes[r.answer.Code] = r.key
		if _, ok := log.find(r.allocation()); !ok {
			b.Lost++
			b.complain("lost: the number of %s (%s)", r.answer.Code, r.key)
			return
		}
	}
	for i, kind := range r.answer.Events {
		at, ok := log.find(r.id(i))
		back := uint64(n - 1 - i)
		want := place{
			stream: dossier.StreamOf(r.answer.Code), revision: r.answer.Revision - back,
			position: r.answer.Position - back, kind: kind,
		}
		if !ok {
			b.Lost++
			b.complain("lost: event %d of %s %s, told to be %+v", i, r.path, r.key, want)
			return
		}
		if at.place != want {
			b.Lost++
			b.complain("event %d of %s %s was told to be %+v and is %+v", i, r.path, r.key, want, at.place)
			return
		}
	}
	b.Found++
}

// whole holds that what was carried out without anybody being told is in one piece.
func (b *balance) whole(r *request, log *chronicle) {
	first, _ := log.find(r.id(0))
	for i := 1; ; i++ {
		at, ok := log.find(r.id(i))
		if !ok {
			return
		}
		if at.stream != first.stream || at.revision != first.revision+uint64(i) || at.position != first.position+uint64(i) {
			b.complain("%s %s is in pieces: event %d is at %+v", r.path, r.key, i, at.place)
		}
	}
}
