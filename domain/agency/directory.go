package agency

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dossierledger/domain/procedure"
	"dossierledger/domain/vietnamese"
)

// Directory is a read-only index of agencies: by any identifier at a date, up
// and down the tree, by competence and by name. It is safe for concurrent reads.
type Directory struct {
	byID     map[string]Agency
	ids      []string // sorted
	children map[string][]string
	aliases  map[string][]claim
	names    []nameEntry
	// byField are the agencies that have a field named, general those that have
	// none; both in the order of their ids.
	byField map[string][]string
	general []string
}

// claim is an identifier that meant an agency for a time.
type claim struct {
	id          string
	from, until time.Time
}

type nameEntry struct {
	id     string
	exact  []string // per name: words as written
	folded []string // per name: words without diacritics
}

// NewDirectory indexes agencies. Agencies of the same id, unknown parents,
// circles in the tree and identifiers that mean two agencies at once are errors.
func NewDirectory(agencies []Agency) (*Directory, error) {
	d := &Directory{
		byID:     make(map[string]Agency, len(agencies)),
		children: map[string][]string{},
		aliases:  map[string][]claim{},
		byField:  map[string][]string{},
	}
	for _, a := range agencies {
		if _, twice := d.byID[a.ID]; twice || !a.Exists() {
			return nil, fmt.Errorf("agency.directory: agency %q is there twice or was never established", a.ID)
		}
		d.byID[a.ID] = a
		if a.Parent != "" {
			d.children[a.Parent] = append(d.children[a.Parent], a.ID)
		}
	}
	d.ids = slices.Sorted(maps.Keys(d.byID))
	var errs []error
	for _, id := range d.ids {
		a := d.byID[id]
		errs = append(errs, d.checkParents(a), d.claim(id, claim{id: id, from: a.From, until: a.To}))
		for _, alias := range a.aliases {
			errs = append(errs, d.claim(alias.Name, claim{id: id, from: alias.From, until: alias.Until}))
		}
		d.names = append(d.names, entryOf(a))
		if len(a.Fields) == 0 {
			d.general = append(d.general, id)
		}
		for _, field := range slices.Compact(slices.Sorted(slices.Values(a.Fields))) {
			d.byField[field] = append(d.byField[field], id)
		}
	}
	for parent := range d.children {
		slices.Sort(d.children[parent])
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("agency.directory: %w", err)
	}
	return d, nil
}

func (d *Directory) checkParents(a Agency) error {
	seen := map[string]bool{a.ID: true}
	for at := a; at.Parent != ""; {
		parent, ok := d.byID[at.Parent]
		if !ok {
			return fmt.Errorf("agency %s: parent %s is not in the register", at.ID, at.Parent)
		}
		if seen[parent.ID] {
			return fmt.Errorf("agency %s: it is above itself in the tree", parent.ID)
		}
		seen[parent.ID] = true
		at = parent
	}
	return nil
}

func (d *Directory) claim(name string, c claim) error {
	key := Normalize(name)
	for _, other := range d.aliases[key] {
		if other.id != c.id && overlap(other, c) {
			return fmt.Errorf("identifier %s: it means both %s and %s at the same time", key, other.id, c.id)
		}
	}
	d.aliases[key] = append(d.aliases[key], c)
	return nil
}

func overlap(a, b claim) bool {
	return (a.until.IsZero() || b.from.Before(a.until)) && (b.until.IsZero() || a.from.Before(b.until))
}

// IDs lists every agency, past ones too, in order.
func (d *Directory) IDs() []string { return slices.Clone(d.ids) }

// Get gives an agency by its own id, whether or not it still exists.
func (d *Directory) Get(id string) (Agency, bool) {
	a, ok := d.byID[id]
	return a, ok
}

// Resolve finds the agency that an identifier of either shape, or a local
// alias, means on a date.
func (d *Directory) Resolve(name string, at time.Time) (Agency, bool) {
	for _, c := range d.aliases[Normalize(name)] {
		if within(at, c.from, c.until) {
			return d.byID[c.id], true
		}
	}
	return Agency{}, false
}

// Current follows successors from an agency to those that do its work on a
// date; an agency that lasts is its own answer.
func (d *Directory) Current(id string, at time.Time) []Agency {
	var found []Agency
	seen := map[string]bool{}
	var follow func(string)
	follow = func(id string) {
		a, ok := d.byID[id]
		if !ok || seen[id] {
			return
		}
		seen[id] = true
		if a.To.IsZero() || at.Before(a.To) {
			found = append(found, a)
			return
		}
		for _, next := range a.Successors {
			follow(next)
		}
	}
	follow(id)
	return found
}

// Predecessors lists the agencies whose work an agency took over, directly.
func (d *Directory) Predecessors(id string) []Agency {
	before := slices.Clone(d.byID[id].Predecessors)
	for _, other := range d.ids {
		if slices.Contains(d.byID[other].Successors, id) && !slices.Contains(before, other) {
			before = append(before, other)
		}
	}
	slices.Sort(before)
	found := make([]Agency, 0, len(before))
	for _, b := range before {
		if a, ok := d.byID[b]; ok {
			found = append(found, a)
		}
	}
	return found
}

// Ancestors lists the agencies above one, the nearest first.
func (d *Directory) Ancestors(id string) []Agency {
	var up []Agency
	for a := d.byID[id]; a.Parent != ""; {
		a = d.byID[a.Parent]
		up = append(up, a)
	}
	return up
}

// Children lists the agencies directly under one, in the order of their ids.
func (d *Directory) Children(id string) []Agency {
	below := make([]Agency, len(d.children[id]))
	for i, child := range d.children[id] {
		below[i] = d.byID[child]
	}
	return below
}

// Descendants lists every agency below one, each before those under it.
func (d *Directory) Descendants(id string) []Agency {
	var below []Agency
	for _, child := range d.Children(id) {
		below = append(below, child)
		below = append(below, d.Descendants(child.ID)...)
	}
	return below
}

// Within reports whether an agency is another one or lies below it: what
// confines an officer to an agency's dossiers.
func (d *Directory) Within(id, upper string) bool {
	return id == upper || slices.ContainsFunc(d.Ancestors(id), func(a Agency) bool { return a.ID == upper })
}

// Competent lists who decides in a field at a tier for a place on a date. Those
// that have the field named come before those that have every field; service
// centres only receive and are left out.
func (d *Directory) Competent(tier procedure.Tier, field string, place Place, at time.Time) []Agency {
	among := func(ids []string) (found []Agency) {
		for _, id := range ids {
			if a := d.byID[id]; a.decidesAt(tier, place, at) {
				found = append(found, a)
			}
		}
		return found
	}
	if named := among(d.byField[field]); len(named) > 0 {
		return named
	}
	return among(d.general)
}

// decidesAt reports whether an agency decides at a tier for a place on a date, in
// whatever fields it has.
func (a *Agency) decidesAt(tier procedure.Tier, place Place, at time.Time) bool {
	return a.Tier == tier && a.Kind != ServiceCentre && a.ActiveAt(at) && a.PlaceAt(at).Covers(place)
}

// CompetentFor lists who decides on a procedure for a place on a date: the
// agencies that the version names (or their successors), else those competent
// in its field at its tier.
func (d *Directory) CompetentFor(v procedure.Version, place Place, at time.Time) []Agency {
	if len(v.Agencies) == 0 {
		return d.Competent(v.Competent, v.Field, place, at)
	}
	var found []Agency
	for _, id := range v.Agencies {
		for _, a := range d.Current(id, at) {
			twice := slices.ContainsFunc(found, func(f Agency) bool { return f.ID == a.ID })
			if a.ActiveAt(at) && a.PlaceAt(at).Covers(place) && !twice {
				found = append(found, a)
			}
		}
	}
	return found
}

// ServiceCentres lists where dossiers for a place can be handed in on a date,
// commune before province. Since 1 July 2025 a centre receives whatever the
// boundaries of communes inside its province.
func (d *Directory) ServiceCentres(place Place, at time.Time) []Agency {
	var found []Agency
	for _, id := range d.ids {
		a := d.byID[id]
		if a.Kind == ServiceCentre && a.ActiveAt(at) && a.PlaceAt(at).Covers(place) {
			found = append(found, a)
		}
	}
	slices.SortStableFunc(found, func(a, b Agency) int {
		return cmp.Compare(len(b.PlaceAt(at).Commune), len(a.PlaceAt(at).Commune))
	})
	return found
}

// Search finds agencies that exist on a date by words of any name they have or
// had, or by an identifier. Diacritics are ignored when the query has none.
// Every word must begin a word of the name; shorter names come first.
func (d *Directory) Search(query string, at time.Time, limit int) []Agency {
	if a, ok := d.Resolve(query, at); ok && a.ActiveAt(at) {
		return []Agency{a}
	}
	marked := vietnamese.Marked(query)
	words := vietnamese.Words(spelt(query, marked))
	if len(words) == 0 || limit <= 0 {
		return nil
	}
	type hit struct {
		agency Agency
		length int
	}
	var hits []hit
	for _, entry := range d.names {
		a := d.byID[entry.id]
		texts := entry.folded
		if marked {
			texts = entry.exact
		}
		for _, text := range texts {
			if a.ActiveAt(at) && beginsEach(text, words) {
				hits = append(hits, hit{a, len(text)})
				break
			}
		}
	}
	slices.SortStableFunc(hits, func(x, y hit) int {
		return cmp.Or(cmp.Compare(x.length, y.length), strings.Compare(x.agency.ID, y.agency.ID))
	})
	found := make([]Agency, 0, min(limit, len(hits)))
	for _, h := range hits[:min(limit, len(hits))] {
		found = append(found, h.agency)
	}
	return found
}

func spelt(s string, marked bool) string {
	if marked {
		return vietnamese.Lower(s)
	}
	return vietnamese.Fold(s)
}

func entryOf(a Agency) nameEntry {
	entry := nameEntry{id: a.ID}
	for _, name := range a.Names() {
		for _, text := range []string{name.VI, name.EN} {
			if text != "" {
				entry.exact = append(entry.exact, " "+strings.Join(vietnamese.Words(vietnamese.Lower(text)), " "))
				entry.folded = append(entry.folded, " "+strings.Join(vietnamese.Words(vietnamese.Fold(text)), " "))
			}
		}
	}
	return entry
}

// beginsEach reports whether every word begins a word of the text, which has a
// space before each of its words.
func beginsEach(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, " "+w) {
			return false
		}
	}
	return true
}

// Decides reports whether an agency may decide on a procedure on a date: it is
// one that the version names (or the successor of one), or competent in its
// field at its tier for the place that it serves.
func (d *Directory) Decides(v procedure.Version, id string, at time.Time) bool {
	a, ok := d.byID[id]
	if !ok || !a.ActiveAt(at) {
		return false
	}
	place := a.PlaceAt(at)
	if len(v.Agencies) > 0 {
		return slices.ContainsFunc(d.CompetentFor(v, place, at), func(c Agency) bool { return c.ID == id })
	}
	if !a.decidesAt(v.Competent, place, at) || !a.Handles(v.Field) {
		return false
	}
	return len(a.Fields) > 0 || !slices.ContainsFunc(d.byField[v.Field], func(id string) bool {
		named := d.byID[id]
		return named.decidesAt(v.Competent, place, at)
	})
}
