package embedded

import (
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"
)

const (
	// offsetBits of a sighting are the position, from where its table begins.
	offsetBits = 25
	printBits  = 64 - offsetBits
)

// fingerprint is what the index keeps of an event's id, or of a stream's name: an
// id with another fingerprint is another one. Two with the same are told from each
// other by the log. It is never 0.
type fingerprint uint64

// fingers makes fingerprints. The log's own id goes into them, so that nobody who
// does not know it can choose ids and names that have the same.
type fingers struct{ a, b uint64 }

func fingersOf(log uuid.UUID) fingers {
	return fingers{binary.LittleEndian.Uint64(log[:8]), binary.LittleEndian.Uint64(log[8:])}
}

func (f fingers) id(id uuid.UUID) fingerprint {
	return f.of(binary.LittleEndian.Uint64(id[:8]), binary.LittleEndian.Uint64(id[8:]))
}

func (f fingers) name(stream string) fingerprint {
	return f.of(xxhash.Sum64String(stream), uint64(len(stream)))
}

func (f fingers) of(a, b uint64) fingerprint {
	hi, lo := bits.Mul64(a^f.a, b^f.b)
	return max(1, fingerprint((hi^lo)*0x94d049bb133111eb>>offsetBits))
}

// sighting is a fingerprint and where it was: the position of an event with such
// an id, or of the first event of a stream with such a name. It is never 0.
type sighting uint64

func sight(f fingerprint, offset uint64) sighting { return sighting(uint64(f)<<offsetBits | offset) }

func (s sighting) print() fingerprint { return fingerprint(s >> offsetBits) }
func (s sighting) offset() uint64     { return uint64(s) & (1<<offsetBits - 1) }

// sightings are those of some positions that follow each other.
type sightings struct {
	// first is the first position; next the one behind the last.
	first, next uint64
	all         []sighting
}

func (s *sightings) add(f fingerprint, position uint64) {
	s.all = append(s.all, sight(f, position-s.first))
	s.next = position + 1
}

// sort puts them into the order of their fingerprints.
func (s *sightings) sort() {
	const digit, passes = 13, printBits / 13
	from, to := s.all, make([]sighting, len(s.all))
	for pass := range passes {
		shift := offsetBits + digit*pass
		var begin [1 << digit]uint32
		for _, e := range from {
			begin[e>>shift&(1<<digit-1)]++
		}
		sum := uint32(0)
		for i, n := range begin {
			begin[i], sum = sum, sum+n
		}
		for _, e := range from {
			d := e >> shift & (1<<digit - 1)
			to[begin[d]] = e
			begin[d]++
		}
		from, to = to, from
	}
	s.all = from
}
