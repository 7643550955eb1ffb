package embedded

import "math/bits"

// printFilter is a Bloom filter over the fingerprints of a table. Nearly every id
// that the committer sees is new, and to know that from memory costs a fraction of
// asking the index. "May have" is only a reason to ask it.
//
// Each fingerprint sets its bits within one cache line.
type printFilter []filterLine

type filterLine [8]uint64

const (
	printsPerLine = 32 // 16 bits a fingerprint: about one false answer in a thousand
	filterProbes  = 6
	// filterLinesMax bounds the filters of all tables together, 128 MiB for 64
	// million fingerprints. A table that goes beyond has none, and is asked each time.
	filterLinesMax = 1 << 21
)

func filterLines(prints uint64) int { return int(prints/printsPerLine) + 1 }

// where picks the line by the upper half of a hash, the bits by all of it.
func (f printFilter) where(p fingerprint) (line *filterLine, probes uint64) {
	probes = uint64(p) * 0xbf58476d1ce4e5b9
	at, _ := bits.Mul64(probes, uint64(len(f)))
	return &f[at], probes ^ probes>>29
}

func (f printFilter) add(p fingerprint) {
	line, probes := f.where(p)
	for range filterProbes {
		line[probes>>6&7] |= 1 << (probes & 63)
		probes >>= 9
	}
}

func (f printFilter) mayHave(p fingerprint) bool {
	line, probes := f.where(p)
	for range filterProbes {
		if line[probes>>6&7]&(1<<(probes&63)) == 0 {
			return false
		}
		probes >>= 9
	}
	return true
}
