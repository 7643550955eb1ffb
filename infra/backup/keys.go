package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/keys"
)

// KeysOptions say how keys are backed up.
type KeysOptions struct {
	// Keep is how many snapshots stay, the new one among them; 0 keeps all.
	Keep int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// KeysTaken says what a snapshot of the keys holds.
type KeysTaken struct {
	Place    string    `json:"place"`
	Snapshot string    `json:"snapshot"`
	MadeAt   time.Time `json:"made_at"`
	// Persons have a key in it, Erased are known to be erased.
	Persons uint64 `json:"persons"`
	Erased  uint64 `json:"erased"`
	Bytes   int    `json:"bytes"`
	SHA256  string `json:"sha256"`
	// Removed are older snapshots that were removed.
	Removed []string `json:"removed"`
}

// keysManifest is what a snapshot consists of.
type keysManifest struct {
	MadeAt  time.Time  `json:"made_at"`
	Persons uint64     `json:"persons"`
	Erased  uint64     `json:"erased"`
	Parts   []keysPart `json:"parts"`
}

type keysPart struct {
	Name   string `json:"name"`
	Keys   int    `json:"keys"`
	SHA256 string `json:"sha256"`
}

const (
	snapshotFolder = "snapshots/"
	snapshotLayout = "20060102T150405.000000000Z"
	keysManifestIn = "/manifest.json"
)

// Keys takes a snapshot of the keys of a vault, which may be in use.
func Keys(ctx context.Context, from keys.Copier, to Place, opts KeysOptions) (taken KeysTaken, err error) {
	release, err := to.Lock(ctx)
	if err != nil {
		return taken, err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := claim(ctx, to, kindKeys); err != nil {
		return taken, err
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	m := keysManifest{MadeAt: opts.Now().UTC()}
	taken.Place, taken.MadeAt, taken.Snapshot, taken.Removed = to.String(), m.MadeAt, m.MadeAt.Format(snapshotLayout), []string{}
	var lines bytes.Buffer
	inPart := 0
	encode := json.NewEncoder(&lines)
	hand := func() error {
		object, err := compressed(lines.Bytes())
		if err != nil {
			return err
		}
		part := keysPart{Name: fmt.Sprintf("%s%s/%06d.zst", snapshotFolder, taken.Snapshot, len(m.Parts)), Keys: inPart, SHA256: hashOf(object)}
		m.Parts = append(m.Parts, part)
		taken.Bytes += len(object)
		lines.Reset()
		inPart = 0
		return to.Put(ctx, part.Name, object)
	}
	err = from.Copy(ctx, func(w keys.Wrapped) error {
		switch {
		case w.Subject == "":
		case len(w.Record) == 0:
			m.Erased++
		default:
			m.Persons++
		}
		if err := encode.Encode(w); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		if inPart++; lines.Len() < segmentBytes {
			return nil
		}
		return hand()
	})
	if err == nil && inPart > 0 {
		err = hand()
	}
	if err != nil {
		return taken, err
	}
	object, hash, err := seal(m)
	if err != nil {
		return taken, err
	}
	taken.Persons, taken.Erased, taken.SHA256 = m.Persons, m.Erased, hash
	if err := to.Put(ctx, snapshotFolder+taken.Snapshot+keysManifestIn, object); err != nil {
		return taken, err
	}
	if opts.Keep > 0 {
		taken.Removed, err = prune(ctx, to, opts.Keep)
	}
	return taken, err
}

// snapshots names what is in a place, oldest first, and what lies under each name.
func snapshots(ctx context.Context, place Place) (names []string, objects map[string][]string, err error) {
	all, err := place.List(ctx, snapshotFolder)
	if err != nil {
		return nil, nil, err
	}
	objects = map[string][]string{}
	for _, object := range all {
		name, _, ok := strings.Cut(strings.TrimPrefix(object, snapshotFolder), "/")
		if !ok {
			continue
		}
		if objects[name] == nil {
			names = append(names, name)
		}
		objects[name] = append(objects[name], object)
	}
	return names, objects, nil
}

func whole(name string, objects []string) bool {
	return slices.Contains(objects, snapshotFolder+name+keysManifestIn)
}

// prune removes all but the newest snapshots, and those before them that a killed
// run has left unfinished. The manifest goes first, so that what is left of a
// removal that was cut off does not count.
func prune(ctx context.Context, place Place, keep int) (removed []string, err error) {
	names, objects, err := snapshots(ctx, place)
	if err != nil {
		return nil, err
	}
	removed = []string{}
	for kept, i := 0, len(names)-1; i >= 0; i-- {
		name := names[i]
		if kept < keep {
			if whole(name, objects[name]) {
				kept++
			}
			continue
		}
		slices.SortFunc(objects[name], func(a, b string) int { return strings.Compare(b, a) })
		for _, object := range objects[name] {
			if err := place.Remove(ctx, object); err != nil {
				return removed, err
			}
		}
		removed = append(removed, name)
	}
	return removed, nil
}

// Snapshot is a backup of keys that can be read.
type Snapshot struct {
	place    Place
	name     string
	hash     string
	manifest keysManifest
}

// OpenSnapshot reads a snapshot of keys by its name; an empty name is the newest.
func OpenSnapshot(ctx context.Context, place Place, name string) (*Snapshot, error) {
	if err := checkKind(ctx, place, kindKeys); err != nil {
		return nil, err
	}
	if name == "" {
		names, objects, err := snapshots(ctx, place)
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			if whole(n, objects[n]) {
				name = n
			}
		}
		if name == "" {
			return nil, fault.New(ErrNone.Kind, ErrNone.Code, "there is no snapshot of keys in %s", place)
		}
	}
	s := &Snapshot{place: place, name: name}
	var err error
	s.hash, err = unseal(ctx, place, snapshotFolder+name+keysManifestIn, &s.manifest)
	return s, err
}

// Name is the snapshot's name, Hash that of its manifest, MadeAt when it was taken.
func (s *Snapshot) Name() string { return s.name }

// Hash is described at Name.
func (s *Snapshot) Hash() string { return s.hash }

// MadeAt is described at Name.
func (s *Snapshot) MadeAt() time.Time { return s.manifest.MadeAt }

// Persons have a key in the snapshot.
func (s *Snapshot) Persons() uint64 { return s.manifest.Persons }

// Read yields the parts of the copy, held to their hashes. What is damaged or
// missing is ErrDamaged with its name.
func (s *Snapshot) Read(ctx context.Context) iter.Seq2[keys.Wrapped, error] {
	return func(yield func(keys.Wrapped, error) bool) {
		for _, part := range s.manifest.Parts {
			all, err := part.read(ctx, s.place)
			if err != nil {
				yield(keys.Wrapped{}, err)
				return
			}
			for _, w := range all {
				if !yield(w, nil) {
					return
				}
			}
		}
	}
}

func (p keysPart) read(ctx context.Context, place Place) (all []keys.Wrapped, err error) {
	raw, err := stored(ctx, place, p.Name, p.SHA256)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	for lines := json.NewDecoder(raw); ; {
		var w keys.Wrapped
		if err := lines.Decode(&w); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, damaged(place, p.Name, "cannot be read: %w", err)
		}
		all = append(all, w)
	}
	if len(all) != p.Keys {
		return nil, damaged(place, p.Name, "holds %d keys, its manifest says %d", len(all), p.Keys)
	}
	return all, nil
}

// Check reads everything and gives every defect that is found.
func (s *Snapshot) Check(ctx context.Context) (defects []error, err error) {
	for _, part := range s.manifest.Parts {
		_, err := part.read(ctx, s.place)
		if fault.CodeOf(err) == ErrDamaged.Code {
			defects = append(defects, err)
		} else if err != nil {
			return defects, err
		}
	}
	return defects, nil
}
