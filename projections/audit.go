package projections

import (
	"strconv"
	"strings"

	"dossierledger/domain/dossier"
	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"
)

// Sum is a digest of a set of rows that does not depend on their order: their
// number, and the sum of their digests modulo 2^64 (see Batch.Digest).
type Sum struct {
	Rows uint64
	Hash uint64
}

func (s *Sum) add(digest uint64)    { s.Rows, s.Hash = s.Rows+1, s.Hash+digest }
func (s *Sum) remove(digest uint64) { s.Rows, s.Hash = s.Rows-1, s.Hash-digest }

// Envelope is what an event says of itself without its content being read.
type Envelope struct {
	Stream   string
	Type     string
	ID       uuid.UUID
	Revision uint64
	Position uint64
}

// Audit computes from the log alone, past every fold, which rows the tables of
// the projection "dossiers" must hold: each action once, each dossier once and
// at its last revision. It uses the same memory however long the log is.
type Audit struct {
	events, dossiers Sum
	buf              []byte
}

// AuditedColumns are the columns, by table, over which Sums are made.
func (a *Audit) AuditedColumns() map[string][]string {
	return map[string][]string{
		eventsTable.table.Name:   {"code", "revision", "position", "event_id"},
		dossiersTable.table.Name: {"code", "revision"},
	}
}

// Add takes in the next event of the log; others than those of dossiers do not count.
func (a *Audit) Add(e Envelope) {
	code, ok := strings.CutPrefix(e.Stream, dossier.StreamPrefix)
	if !ok {
		return
	}
	// A dossier's row moves on from one revision to the next.
	if e.Revision > 0 {
		a.dossiers.remove(a.digest(code, e.Revision-1, nil))
	}
	a.dossiers.add(a.digest(code, e.Revision, nil))
	if HasRow(e.Type) {
		a.events.add(a.digest(code, e.Revision, &e))
	}
}

// Sums gives what the tables must hold.
func (a *Audit) Sums() map[string]Sum {
	return map[string]Sum{eventsTable.table.Name: a.events, dossiersTable.table.Name: a.dossiers}
}

func (a *Audit) digest(code string, revision uint64, e *Envelope) uint64 {
	buf := append(strconv.AppendInt(a.buf[:0], int64(len(code)), 10), ':')
	buf = append(append(buf, code...), '\n')
	buf = append(strconv.AppendUint(buf, revision, 10), '\n')
	if e != nil {
		buf = append(strconv.AppendUint(buf, e.Position, 10), '\n')
		buf = append(append(buf, e.ID.String()...), '\n')
	}
	a.buf = buf
	return xxhash.Sum64(buf)
}

// Audited is a projection whose tables can be checked against the log without
// folding it again.
type Audited interface {
	NewAudit() *Audit
}

// NewAudit implements Audited.
func (c *Cases) NewAudit() *Audit { return &Audit{} }
