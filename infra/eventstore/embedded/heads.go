package embedded

// head is the last state of a stream that the committer has assigned.
type head struct {
	number uint64
	last   uint64
}

// headCache keeps the heads of recently written streams in two generations:
// when the young one is full it becomes the old one, and what was old and not
// used since is dropped. Only the committer uses it.
type headCache struct {
	young, old map[string]head
	size       int
}

func newHeadCache(size int) *headCache {
	return &headCache{young: make(map[string]head), old: make(map[string]head), size: size}
}

func (c *headCache) get(name string) (head, bool) {
	if h, ok := c.young[name]; ok {
		return h, true
	}
	h, ok := c.old[name]
	if ok {
		c.young[name] = h
	}
	return h, ok
}

func (c *headCache) put(name string, h head) { c.young[name] = h }

// age drops what was not used for a generation. It must not be called while a
// group is being built: until the group is applied, the cache is the only
// place that knows its streams.
func (c *headCache) age() {
	if len(c.young) > c.size {
		c.old, c.young = c.young, make(map[string]head, c.size)
	}
}
