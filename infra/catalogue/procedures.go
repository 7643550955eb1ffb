package catalogue

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

// procedureFile is one entry of a file of procedures: the first version, what
// changed later, and what took its place.
type procedureFile struct {
	EffectiveFrom time.Time `json:"effective_from"`
	// Announced is when it was made public; effective_from where absent.
	Announced *time.Time          `json:"announced"`
	Decision  *procedure.Decision `json:"decision"`
	Version   json.RawMessage     `json:"version"`
	Revisions []struct {
		EffectiveFrom time.Time           `json:"effective_from"`
		Announced     *time.Time          `json:"announced"`
		Decision      *procedure.Decision `json:"decision"`
		// Changes is a merge patch (RFC 7396) of the version before it.
		Changes json.RawMessage `json:"changes"`
	} `json:"revisions"`
	Superseded *struct {
		By        string    `json:"by"`
		Effective time.Time `json:"effective"`
		Basis     string    `json:"basis"`
	} `json:"superseded"`
}

// normFile is one entry of the file of norms.
type normFile struct {
	Norm          string         `json:"norm"`
	Title         procedure.Text `json:"title"`
	Issued        time.Time      `json:"issued"`
	EffectiveFrom time.Time      `json:"effective_from"`
	Replaces      []string       `json:"replaces"`
	Suspended     []struct {
		Announced time.Time  `json:"announced"`
		From      time.Time  `json:"from"`
		Until     *time.Time `json:"until"`
		Basis     string     `json:"basis"`
	} `json:"suspended"`
	Repealed *struct {
		Announced time.Time `json:"announced"`
		From      time.Time `json:"from"`
		By        string    `json:"by"`
	} `json:"repealed"`
}

func (c *Catalogue) loadNorms(files fs.FS) error {
	entries, err := decodeList[normFile](files, "norms.yaml")
	if err != nil {
		return err
	}
	for _, n := range entries {
		stream := Stream{Name: procedure.NormStream(n.Norm)}
		var h procedure.NormHistory
		record := func(announced time.Time, fact event.Payload) error {
			made, err := procedure.DecideNorm(h, fact)
			if err != nil {
				return fmt.Errorf("catalogue.norm: %s: %w", n.Norm, err)
			}
			for _, e := range stream.add(announced, made...) {
				if h, err = procedure.EvolveNorm(h, e); err != nil {
					return err
				}
			}
			return nil
		}
		if err := record(n.Issued, procedure.NormEnacted{Norm: n.Norm, Title: n.Title, EffectiveFrom: n.EffectiveFrom, Replaces: n.Replaces}); err != nil {
			return err
		}
		for _, s := range n.Suspended {
			if err := record(s.Announced, procedure.NormSuspended{From: s.From, Until: s.Until, Basis: s.Basis}); err != nil {
				return err
			}
		}
		if r := n.Repealed; r != nil {
			if err := record(r.Announced, procedure.NormRepealed{From: r.From, By: r.By}); err != nil {
				return err
			}
		}
		if _, twice := c.norms[n.Norm]; twice {
			return fmt.Errorf("catalogue.norm: %s is there twice", n.Norm)
		}
		c.norms[n.Norm] = h
		c.seeds = append(c.seeds, stream)
	}
	return nil
}

func (c *Catalogue) loadProcedures(files fs.FS) error {
	entries, err := decodeList[procedureFile](files, "procedures/*.yaml")
	if err != nil {
		return err
	}
	var superseding []string
	for _, entry := range entries {
		dated, err := entry.commands()
		if err != nil {
			return err
		}
		if err := c.loadProcedure(dated); err != nil {
			return err
		}
		if s := entry.Superseded; s != nil && s.By != "" {
			superseding = append(superseding, s.By)
		}
	}
	for _, code := range superseding {
		if _, ok := c.histories[code]; !ok {
			return fmt.Errorf("catalogue.procedure: %s supersedes another but is not in the catalogue", code)
		}
	}
	for _, code := range c.codes() {
		for _, p := range c.histories[code].Schedule(time.Time{}) {
			if err := c.checkReferences(p.Version); err != nil {
				return fmt.Errorf("catalogue.procedure: %s: %w", code, err)
			}
		}
	}
	return nil
}

// datedCommand is a command with the time at which its outcome was announced.
type datedCommand struct {
	announced time.Time
	command   procedure.Command
}

func (p procedureFile) commands() ([]datedCommand, error) {
	version, err := decodeVersion(p.Version)
	if err != nil {
		return nil, err
	}
	first := procedure.Publish{Version: version, EffectiveFrom: p.EffectiveFrom, Decision: p.Decision}
	dated := []datedCommand{{or(p.Announced, p.EffectiveFrom), first}}
	current := p.Version
	for _, r := range p.Revisions {
		if current, err = mergePatch(current, r.Changes); err != nil {
			return nil, fmt.Errorf("catalogue.malformed: %s: %w", version.Code, err)
		}
		if version, err = decodeVersion(current); err != nil {
			return nil, err
		}
		next := procedure.Revise{Version: version, EffectiveFrom: r.EffectiveFrom, Decision: r.Decision}
		dated = append(dated, datedCommand{or(r.Announced, r.EffectiveFrom), next})
	}
	if s := p.Superseded; s != nil {
		last := procedure.Supersede{By: s.By, Effective: s.Effective, Basis: s.Basis}
		dated = append(dated, datedCommand{s.Effective, last})
	}
	return dated, nil
}

func (c *Catalogue) loadProcedure(dated []datedCommand) error {
	code := dated[0].command.(procedure.Publish).Version.Code
	stream := Stream{Name: procedure.Stream(code)}
	h := c.histories[code]
	for _, d := range dated {
		made, err := procedure.Decide(h, d.command)
		if err != nil {
			return fmt.Errorf("catalogue.procedure: %s: %w", code, err)
		}
		if len(made) == 0 {
			return fmt.Errorf("catalogue.procedure: %s: something is there twice", code)
		}
		for _, e := range stream.add(d.announced, made...) {
			if h, err = procedure.Evolve(h, e); err != nil {
				return err
			}
		}
	}
	c.histories[code] = h
	c.seeds = append(c.seeds, stream)
	return nil
}

func or(given *time.Time, otherwise time.Time) time.Time {
	if given != nil {
		return *given
	}
	return otherwise
}

// checkReferences holds what a version names against the other files.
func (c *Catalogue) checkReferences(v procedure.Version) error {
	if !slices.ContainsFunc(c.fields, func(f procedure.Field) bool { return f.Slug == v.Field }) {
		return fmt.Errorf("field %q is not in fields.yaml", v.Field)
	}
	for _, slug := range v.LifeEvents {
		if !slices.ContainsFunc(c.lifeEvents, func(e procedure.LifeEvent) bool { return e.Slug == slug }) {
			return fmt.Errorf("life event %q is not in life-events.yaml", slug)
		}
	}
	for _, b := range v.LegalBasis {
		if _, ok := c.norms[b.Norm]; !ok {
			return fmt.Errorf("norm %q is not in norms.yaml", b.Norm)
		}
	}
	for _, id := range v.Agencies {
		if _, ok := c.directory.Get(id); !ok {
			return fmt.Errorf("agency %s is not in the files of agencies", id)
		}
	}
	return c.checkDepartments(v)
}

// add puts facts at the end of the stream, as announced at a time.
func (s *Stream) add(announced time.Time, facts ...event.Payload) []event.Event {
	start := len(s.Events)
	for _, fact := range facts {
		content, err := json.Marshal(fact)
		if err != nil {
			// Only a type that JSON has no form for gets here: a mistake of the programmer.
			panic("catalogue: " + err.Error())
		}
		id := event.IDFor("catalogue\x00"+s.Name+"\x00"+fact.EventType()+"\x00"+string(content), len(s.Events))
		meta := event.Metadata{OccurredAt: announced, Actor: event.Actor{ID: "catalogue", Role: event.RoleSystem}}
		s.Events = append(s.Events, event.New(id, meta, fact))
	}
	return s.Events[start:]
}
