package dossier_test

import (
	"testing"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
)

func asFault(t testing.TB, err error) *fault.Error {
	t.Helper()
	f, ok := fault.As(err)
	if !ok {
		t.Fatalf("%v is not a fault", err)
	}
	return f
}

type unknownCommand struct{}

func (unknownCommand) CommandName() string { return "burn" }

func TestADecisionAsksForWhatItNeeds(t *testing.T) {
	s := given(t, licence(), received()...)
	facts := dossier.Facts{Now: on(13, "09:00"), Actor: desk, Procedure: licence(), Calendar: standard}
	for name, c := range map[string]struct {
		cmd  dossier.Command
		edit func(*dossier.Facts)
		want *fault.Error
	}{
		"no command":      {nil, func(*dossier.Facts) {}, dossier.ErrUnknownCommand},
		"unknown command": {unknownCommand{}, func(*dossier.Facts) {}, dossier.ErrUnknownCommand},
		"no calendar":     {dossier.Rate{}, func(f *dossier.Facts) { f.Calendar = nil }, dossier.ErrFactsMissing},
		"no procedure":    {dossier.Rate{}, func(f *dossier.Facts) { f.Procedure = nil }, dossier.ErrFactsMissing},
		"other version":   {dossier.Rate{}, func(f *dossier.Facts) { f.Procedure = licence(func(v *procedure.Version) { v.Number = 9 }) }, dossier.ErrWrongVersion},
		"nobody":          {dossier.AddNote{Text: "x"}, func(f *dossier.Facts) { f.Actor = event.Actor{} }, dossier.ErrForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts
			c.edit(&f)
			payloads, err := dossier.Decide(&s.state, c.cmd, f)
			if len(payloads) != 0 || fault.CodeOf(err) != c.want.Code {
				t.Errorf("got %s, %v; want %s", show(payloads), err, c.want.Code)
			}
		})
	}
}
