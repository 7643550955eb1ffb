package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/web/policy"
	"dossierledger/queries"
)

type replayPage struct {
	queries.Replay
	Changes   []changeRow
	State     []changeRow
	Revisions []revisionLink
	Stored    *queries.EventView
	Data      []changeRow
	At        string // what the form for a time holds
	Legacy    bool
	Personal  bool
}

type revisionLink struct {
	Revision uint64
	Title    string
	At       queries.Instant
	Current  bool
	Link     string
}

func (v *visit) replay() error {
	c, err := v.load(policy.ReadHistory)
	if err != nil {
		return err
	}
	moment, err := v.moment()
	if err != nil {
		return err
	}
	view := queries.View{Concerned: true}
	found, err := v.Dossiers.ReplayOf(v.ctx, c, moment, view)
	if err != nil {
		return err
	}
	page := replayPage{
		Replay: found, Legacy: c.Source != "", At: v.query.Get("at"),
		Changes: v.changeRows(found.Changes), State: v.stateRows(found.State),
	}
	stored, err := v.Dossiers.EventsOf(v.ctx, c, found.Revision, 1, view)
	if err != nil {
		return err
	}
	if len(stored) == 1 {
		page.Stored, page.Data = &stored[0], v.stateRows(stored[0].Data)
	}
	all, err := v.Dossiers.TimelineOf(v.ctx, c, view)
	if err != nil {
		return err
	}
	for _, e := range all.Entries {
		page.Revisions = append(page.Revisions, revisionLink{
			Revision: e.Revision, Title: e.Title.In(string(v.words)), At: e.OccurredAt, Current: e.Revision == found.Revision,
			Link: "?revision=" + url.QueryEscape(wholePlain(e.Revision)),
		})
	}
	return v.show(http.StatusOK, "replay", "find", v.text("replay.title", c.Code), page)
}

// moment reads which past of a dossier is asked for.
func (v *visit) moment() (queries.Moment, error) {
	m := queries.Moment{Occurred: v.query.Get("basis") == queries.BasisOccurred}
	if text := v.query.Get("revision"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return m, fault.New(fault.Invalid, "replay.revision", "a revision is a whole number from 0")
		}
		m.Revision = &n
		return m, nil
	}
	if text := v.query.Get("at"); text != "" {
		at, err := parseLocal(text)
		if err != nil {
			return m, fault.New(fault.Invalid, "replay.time", "a time is written as 2026-10-08T14:30")
		}
		m.At = at
	}
	return m, nil
}

// parseLocal reads what a form's field for date and time gives, in the time of Vietnam.
func parseLocal(text string) (time.Time, error) {
	var failed error
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02"} {
		at, err := time.ParseInLocation(layout, text, ict)
		if err == nil {
			return at, nil
		}
		failed = err
	}
	return time.Time{}, failed
}
