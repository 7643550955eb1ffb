package commands_test

import (
	"context"
	"testing"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
)

func TestErasingAPersonTakesTheirDataAndLeavesTheDossier(t *testing.T) {
	o := openOffice(t)
	answer, err := o.Dossiers.Submit(t.Context(), commands.Request{Actor: citizen("p-1")}, application("p-1"))
	if err != nil {
		t.Fatal(err)
	}
	name := func() event.Personal {
		t.Helper()
		for e, err := range o.Journal.Read(t.Context(), dossier.StreamOf(answer.Code), 0) {
			if err == nil {
				e, err = o.Journal.Reveal(t.Context(), e)
			}
			if err != nil {
				t.Fatal(err)
			}
			return e.Payload.(dossier.Submitted).Applicant.Name
		}
		t.Fatal("no event")
		return event.Personal{}
	}
	if name().Text != "Nguyễn Văn Mẫu" {
		t.Fatal("the name cannot be read before the erasure")
	}
	admin := commands.Request{Actor: event.Actor{ID: "a", Role: event.RoleAdmin}}
	if err := o.Erasures.Erase(t.Context(), commands.Request{Actor: desk}, "p-1", "request"); fault.KindOf(err) != fault.Forbidden {
		t.Fatalf("an officer erased a person: %v", err)
	}
	wantCode(t, o.Erasures.Erase(t.Context(), admin, "p-1", "because"), "erasure.ground")
	wantCode(t, o.Erasures.Erase(t.Context(), admin, "p-mistyped", "request"), "erasure.unknown-subject")
	for range 2 {
		if err := o.Erasures.Erase(t.Context(), admin, "p-1", "request"); err != nil {
			t.Fatal(err)
		}
	}
	o.reopen()
	if got := name(); !got.Erased || got.Text != "" {
		t.Fatal("the name can still be read")
	}
	if count(t, o, answer.Code) != 1 {
		t.Fatal("the dossier changed")
	}
}

// The record of the erasure is durable before the key goes; a crash in between
// is made good at the next start.
func TestAnErasureThatWasCutOffIsCompletedAtTheNextStart(t *testing.T) {
	o := openOffice(t)
	if _, err := o.Dossiers.Submit(t.Context(), commands.Request{Actor: citizen("p-1")}, application("p-1")); err != nil {
		t.Fatal(err)
	}
	cutOff, err := commands.NewErasures(o.Journal, deadVault{}, o.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := cutOff.Erase(t.Context(), commands.Request{Actor: event.Actor{ID: "a", Role: event.RoleAdmin}}, "p-1", "request"); err == nil {
		t.Fatal("the vault did not die")
	}
	o.reopen()
	_, err = o.Vault.Seal(t.Context(), "p-1", []byte("x"), nil)
	if fault.KindOf(err) != fault.Erased {
		t.Fatalf("the key is still there: %v", err)
	}
}

// deadVault dies before it destroys a key.
type deadVault struct{}

func (deadVault) Knows(context.Context, string) (bool, error) { return true, nil }

func (deadVault) Erase(context.Context, string) error { return errDied }
