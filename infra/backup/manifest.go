package backup

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// manifest is one link of a backup of events.
type manifest struct {
	// Number counts from 1.
	Number int `json:"number"`
	// Previous is the hash of the manifest before.
	Previous string    `json:"previous"`
	MadeAt   time.Time `json:"made_at"`
	// Engine is where the events were read: embedded or esdb.
	Engine string `json:"engine"`
	// Events is the number of all events up to here.
	Events   uint64    `json:"events"`
	Segments []segment `json:"segments"`
	hash     string
}

const manifestFolder = "manifests/"

func manifestName(number int) string { return fmt.Sprintf("%s%08d.json", manifestFolder, number) }

// last is the segment that ends the chain.
func (m *manifest) last() segment { return m.Segments[len(m.Segments)-1] }

// chain is the hash of everything up to here.
func (m *manifest) chain() string {
	if m == nil {
		return ""
	}
	return m.last().Chain
}

// count is the number of manifests in a place. What is not one is ignored, as is
// a gap: reading them in order finds it.
func count(ctx context.Context, place Place) (int, error) {
	names, err := place.List(ctx, manifestFolder)
	if err != nil {
		return 0, err
	}
	for i := len(names) - 1; i >= 0; i-- {
		number, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(names[i], manifestFolder), ".json"))
		if err == nil && names[i] == manifestName(number) {
			return number, nil
		}
	}
	return 0, nil
}

func readManifest(ctx context.Context, place Place, number int) (*manifest, error) {
	m, name := &manifest{}, manifestName(number)
	hash, err := unseal(ctx, place, name, m)
	if err != nil {
		return nil, err
	}
	m.hash = hash
	if m.Number != number || len(m.Segments) == 0 || m.last().First+m.last().Events != m.Events {
		return nil, damaged(place, name, "does not fit: it is manifest %d of %d events in %d segments", m.Number, m.Events, len(m.Segments))
	}
	return m, nil
}

// manifestsAtOnce are read together: in a bucket each takes a while.
const manifestsAtOnce = 8

// readManifests reads a chain of n manifests and holds that each follows the one
// before and that no event lies between their segments.
func readManifests(ctx context.Context, place Place, n int) ([]*manifest, error) {
	all := make([]*manifest, n)
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(manifestsAtOnce)
	for i := range all {
		group.Go(func() (err error) {
			all[i], err = readManifest(reading, place, i+1)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	previous, chain, events := "", "", uint64(0)
	for _, m := range all {
		if m.Previous != previous {
			return nil, damaged(place, manifestName(m.Number), "follows a manifest with the SHA-256 %s, the one before it has %s", m.Previous, previous)
		}
		for _, s := range m.Segments {
			if s.First != events || s.Chain != link(chain, s.Digest) {
				return nil, damaged(place, manifestName(m.Number), "names a segment that does not follow the one before it (%s)", s)
			}
			events, chain = events+s.Events, s.Chain
		}
		previous = m.hash
	}
	return all, nil
}
