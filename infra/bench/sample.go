package bench

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

// samples makes events of about 500 bytes, as the ledger writes them. The same
// seed gives the same events.
type samples struct {
	chance *rand.Rand
	made   int
}

func newSamples(seed uint64) *samples {
	return &samples{chance: rand.New(rand.NewPCG(seed, 0))}
}

func (s *samples) id() (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], s.chance.Uint64())
	binary.BigEndian.PutUint64(id[8:], s.chance.Uint64())
	id[6], id[8] = id[6]&0x0f|0x50, id[8]&0x3f|0x80 // a version 5 by its form
	return id
}

func (s *samples) next() eventstore.Proposed {
	n, id := s.made, s.id()
	s.made++
	return eventstore.Proposed{
		ID:   id,
		Type: "dossier.step-started.v1",
		Data: fmt.Appendf(nil, `{"code":"000.00.01.H01-261123-%04d","step":"appraisal","department":"land-registry",`+
			`"officer":"o-%x","due":"2026-11-%02dT09:30:00Z","sequence":%d,"note":"%x"}`, n%10000, id[:4], 1+n%28, n, id[:]),
		Metadata: fmt.Appendf(nil, `{"occurred_at":"2026-11-23T08:%02d:%02dZ","actor":{"id":"o-%x","role":"officer",`+
			`"agency":"000.00.01.H01","department":"land-registry"},"correlation":"%s","causation":"%s","trace":"%x"}`,
			n%60, n%59, id[4:8], s.id(), s.id(), id[:]),
	}
}

// batch makes some events.
func (s *samples) batch(n int) []eventstore.Proposed {
	batch := make([]eventstore.Proposed, n)
	for i := range batch {
		batch[i] = s.next()
	}
	return batch
}

// SampleEvents makes events of about 500 bytes, as the ledger writes them, for
// measuring elsewhere. The same seed gives the same events.
func SampleEvents(seed uint64, n int) []eventstore.Proposed { return newSamples(seed).batch(n) }
