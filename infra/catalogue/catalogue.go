// Package catalogue holds the sample catalogue that a new ledger starts with:
// procedures, the norms they rest on, life events, fields, agencies and officers,
// as YAML files inside the program. Facts that come from no published source
// are marked as samples in the files; officers are made up.
package catalogue

import (
	"embed"
	"io/fs"
	"slices"
	"sync"
	"time"

	"dossierledger/domain/agency"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

//go:embed data
var embedded embed.FS

// Officer is a sample member of an agency's staff. The name is that of no person.
type Officer struct {
	ID         string         `json:"id"` // "o-h15-50-05-1"
	Agency     string         `json:"agency"`
	Department string         `json:"department"`
	Role       event.Role     `json:"role"`
	Title      procedure.Text `json:"title"`
	Name       procedure.Text `json:"name"`
}

// Catalogue is a catalogue that was read and found to be right in itself.
type Catalogue struct {
	histories  map[string]procedure.History
	norms      procedure.Norms
	agencies   []agency.Agency
	seeds      []Stream
	directory  *agency.Directory
	places     []agency.Place // of agencies that exist today
	lifeEvents []procedure.LifeEvent
	fields     []procedure.Field
	officers   []Officer
}

// Stream is what one stream of a new ledger begins with.
type Stream struct {
	Name   string
	Events []event.Event
}

// Sample gives the catalogue inside the program. It is read once.
var Sample = sync.OnceValues(func() (*Catalogue, error) { return Load(Files()) })

// Files gives the sample catalogue's files, as a model for one's own.
func Files() fs.FS {
	data, err := fs.Sub(embedded, "data")
	if err != nil {
		// The name is fixed at compile time and valid.
		panic("catalogue: " + err.Error())
	}
	return data
}

// Load reads a catalogue from a folder shaped like the sample's and checks the
// whole of it: every file by its form, every decision by the domain's rules, and
// every reference from one file to another.
func Load(files fs.FS) (*Catalogue, error) {
	c := &Catalogue{histories: map[string]procedure.History{}, norms: procedure.Norms{}}
	steps := []func(fs.FS) error{c.loadLists, c.loadNorms, c.loadAgencies, c.loadProcedures, c.loadOfficers}
	for _, step := range steps {
		if err := step(files); err != nil {
			return nil, err
		}
	}
	return c, nil
}

const lifeEventsFile = "life-events.yaml"

func (c *Catalogue) loadLists(files fs.FS) (err error) {
	if c.lifeEvents, err = decodeList[procedure.LifeEvent](files, lifeEventsFile); err != nil {
		return err
	}
	c.fields, err = decodeList[procedure.Field](files, "fields.yaml")
	return err
}

// Procedures gives the newest version of each procedure that has not been superseded by another.
func (c *Catalogue) Procedures() []procedure.Version {
	var all []procedure.Version
	for _, code := range c.codes() {
		h := c.histories[code]
		version, ok := h.Latest()
		if !ok || h.SituationAt(farFuture, time.Time{}).Standing == procedure.Superseded {
			continue
		}
		all = append(all, version)
	}
	return all
}

// farFuture lies after every date of a catalogue.
var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Histories gives every procedure with its past, in the order of codes.
// Knowledge is dated by when the authority announced it.
func (c *Catalogue) Histories() []procedure.History {
	all := make([]procedure.History, 0, len(c.histories))
	for _, code := range c.codes() {
		all = append(all, c.histories[code])
	}
	return all
}

func (c *Catalogue) codes() []string {
	codes := make([]string, 0, len(c.histories))
	for code := range c.histories {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}

// Norms gives the register of the norms that the procedures rest on.
func (c *Catalogue) Norms() procedure.Norms { return c.norms }

// Agencies gives every agency, past ones too, in the order of the files.
func (c *Catalogue) Agencies() []agency.Agency { return slices.Clone(c.agencies) }

// Directory gives the index of the agencies.
func (c *Catalogue) Directory() *agency.Directory { return c.directory }

// LifeEvents gives the occasions for which people need procedures.
func (c *Catalogue) LifeEvents() []procedure.LifeEvent { return slices.Clone(c.lifeEvents) }

// Fields gives the fields of work with their names.
func (c *Catalogue) Fields() []procedure.Field { return slices.Clone(c.fields) }

// Officers gives the sample officers.
func (c *Catalogue) Officers() []Officer { return slices.Clone(c.officers) }

// Index gives the search index as it is on a date, knowing everything.
func (c *Catalogue) Index(valid time.Time) *procedure.Catalogue {
	return procedure.CatalogueAt(c.Histories(), c.lifeEvents, valid, time.Time{})
}

// Streams gives the events that a new ledger begins with: norms, then agencies,
// then procedures. The ids follow from the content, so that appending them
// again adds nothing.
func (c *Catalogue) Streams() []Stream { return slices.Clone(c.seeds) }

// Procedures gives the sample procedures; see Catalogue.Procedures.
func Procedures() ([]procedure.Version, error) { return sample((*Catalogue).Procedures) }

// Agencies gives the sample agencies; see Catalogue.Agencies.
func Agencies() ([]agency.Agency, error) { return sample((*Catalogue).Agencies) }

// LifeEvents gives the sample life events. Their list stands by itself, so that
// a program which needs no more does not read the whole catalogue.
func LifeEvents() ([]procedure.LifeEvent, error) {
	return decodeList[procedure.LifeEvent](Files(), lifeEventsFile)
}

// Officers gives the sample officers.
func Officers() ([]Officer, error) { return sample((*Catalogue).Officers) }

func sample[T any](of func(*Catalogue) T) (T, error) {
	c, err := Sample()
	if err != nil {
		var none T
		return none, err
	}
	return of(c), nil
}
