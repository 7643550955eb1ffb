package embedded

// recent are the sightings that may not be in a table of the index yet, in
// generations of as many positions as a table has. Only the committer uses it.
type recent struct {
	generations []generation
	// events is how many positions a generation has, about.
	events uint64
}

// generation is an open hash table of sightings, half full at most. The positions
// of a generation are fewer than offsets can tell: a table's and a group's.
type generation struct {
	first, next uint64
	slots       []sighting
	used        int
}

const leastSlots = 1 << 10

func (g *generation) begins(position uint64) {
	clear(g.slots)
	g.first, g.next, g.used = position, position, 0
	if g.slots == nil {
		g.slots = make([]sighting, leastSlots)
	}
}

func (g *generation) add(f fingerprint, position uint64) {
	if 2*(g.used+1) > len(g.slots) {
		old := g.slots
		g.slots = make([]sighting, 2*len(old))
		for _, s := range old {
			if s != 0 {
				g.put(s)
			}
		}
	}
	g.used++
	g.next = max(g.next, position+1)
	g.put(sight(f, position-g.first))
}

func (g *generation) put(s sighting) {
	mask := len(g.slots) - 1
	for i := int(s.print()) & mask; ; i = (i + 1) & mask {
		if g.slots[i] == 0 {
			g.slots[i] = s
			return
		}
	}
}

// find returns the slot of the next sighting from slot i on, or -1.
func (g *generation) find(f fingerprint, i int) int {
	mask := len(g.slots) - 1
	for ; ; i++ {
		switch s := g.slots[i&mask]; {
		case s == 0:
			return -1
		case s.print() == f:
			return i & mask
		}
	}
}

func (g *generation) has(f fingerprint) bool { return g.find(f, int(f)) >= 0 }

func (r *recent) has(f fingerprint) bool {
	for i := range r.generations {
		if r.generations[i].has(f) {
			return true
		}
	}
	return false
}

// positions are where a fingerprint was seen. What an Import took back may be
// among them.
func (r *recent) positions(f fingerprint) (positions []uint64) {
	for i := range r.generations {
		g := &r.generations[i]
		for at := g.find(f, int(f)); at >= 0; at = g.find(f, at+1) {
			positions = append(positions, g.first+g.slots[at].offset())
		}
	}
	return positions
}

func (r *recent) add(f fingerprint, position uint64) {
	r.generations[len(r.generations)-1].add(f, position)
}

// age begins a generation at a position, if it is time, and drops those that are
// in tables, which end before tabled.
func (r *recent) age(position, tabled uint64) {
	n := len(r.generations)
	if n > 0 && position-r.generations[n-1].first < r.events {
		return
	}
	var g generation
	dropped := 0
	for dropped < n && r.generations[dropped].next <= tabled {
		g.slots = r.generations[dropped].slots
		dropped++
	}
	g.begins(position)
	r.generations = append(r.generations[:copy(r.generations, r.generations[dropped:])], g)
}
