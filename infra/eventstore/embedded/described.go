package embedded

import (
	"bytes"
	"errors"
	"strings"
	"sync"
)

// describedMax bounds the metadata streams that are remembered, some 50 bytes each.
const describedMax = 1 << 20

// described are the names of metadata streams, by fingerprint. Nearly all streams
// have no metadata, programs in front of the store ask at every turn whether one
// has, and to know that it has none takes neither the index nor a wait for it.
type described struct {
	fingers fingers

	mu    sync.RWMutex
	names map[fingerprint]struct{}
	// old says that names has those of before opening as well, over that there are
	// more than are remembered.
	old, over bool
}

// add takes note of a stream before it can be read, if it is one of metadata.
func (d *described) add(stream string) {
	if strings.HasPrefix(stream, metadataPrefix) {
		d.put(d.fingers.name(stream))
	}
}

func (d *described) put(f fingerprint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.names) < describedMax {
		d.names[f] = struct{}{}
	} else {
		d.over = true
	}
}

// mayHave says whether a metadata stream may be there.
func (d *described) mayHave(stream string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if !d.old || d.over {
		return true
	}
	_, is := d.names[d.fingers.name(stream)]
	return is
}

// readDescribed reads the names of the metadata streams that were there at opening.
func (s *Store) readDescribed() (err error) {
	it, err := s.index.family(familyName)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	first, d := nameKey(metadataPrefix), &s.described
	for valid := it.SeekGE(first); valid && bytes.HasPrefix(it.Key(), first); valid = it.Next() {
		d.put(d.fingers.name(string(it.Key()[1:])))
		if d.isOver() || isClosed(s.closing) {
			return nil
		}
	}
	if err := it.Error(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.old = true
	return nil
}

func (d *described) isOver() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.over
}
