package storetest

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

// Log gives n events as a ledger holds them, about 500 bytes each, in streams of
// up to 20 whose events lie between those of others; the same for the same seed,
// and a longer log begins as a shorter one. It is what copies and backups are
// tested and measured with.
func Log(seed uint64, n int) iter.Seq[eventstore.Recorded] {
	return func(yield func(eventstore.Recorded) bool) {
		chance := rand.New(rand.NewPCG(seed, 0))
		at := time.Date(2025, 3, 1, 8, 0, 0, 0, time.UTC)
		type open struct {
			name string
			next uint64
		}
		streams := make([]open, 50)
		made := 0
		for i := range n {
			s := &streams[chance.IntN(len(streams))]
			if s.name == "" || s.next == 20 {
				made++
				*s = open{name: fmt.Sprintf("dossier-000.00.01.H01-250301-%06d", made)}
			}
			at = at.Add(time.Duration(chance.Int64N(int64(2 * time.Second))))
			var id uuid.UUID
			binary.BigEndian.PutUint64(id[:], chance.Uint64())
			binary.BigEndian.PutUint64(id[8:], chance.Uint64())
			e := eventstore.Recorded{
				ID: id, Type: "dossier.step-started.v1", Stream: s.name, Revision: s.next, Position: uint64(i), RecordedAt: at,
				Data: fmt.Appendf(nil, `{"code":%q,"step":"appraisal","department":"land-registry","officer":"o-%x","sequence":%d,"note":"%x"}`,
					s.name, id[:4], i, id),
				Metadata: fmt.Appendf(nil, `{"occurred_at":%q,"actor":{"id":"o-%x","role":"officer","agency":"000.00.01.H01"},"correlation":"%s","trace":"%x"}`,
					at.Format(time.RFC3339), id[4:8], uuid.UUID(id), id),
			}
			s.next++
			if !yield(e) {
				return
			}
		}
	}
}
