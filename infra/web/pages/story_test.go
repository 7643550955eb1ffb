package pages_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/accessibility"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"dossierledger/infra/ledger"
	"dossierledger/queries"
)

// The people and the place of the hand-made dossiers.
const (
	storyAgency     = "G01.21"
	storyCitizen    = "citizen-an"
	storyDesk       = "o-g01-21-1"
	storySpecialist = "o-g01-21-2"
	applicantName   = "Nguyễn Văn Mẫu"
)

type deed struct {
	at      string // in Vietnam
	actor   event.Actor
	command dossier.Command
}

// tellStory makes a dossier that is overdue: papers were missing, they came, an
// apology was sent, and then nobody went on.
func tellStory(ctx context.Context, l *ledger.Ledger) (code string, err error) {
	citizen := event.Actor{ID: storyCitizen, Role: event.RoleCitizen}
	desk := event.Actor{ID: storyDesk, Role: event.RoleOfficer, Agency: storyAgency, Department: dossier.OneStop}
	specialist := event.Actor{ID: storySpecialist, Role: event.RoleOfficer, Agency: storyAgency, Department: dossier.Specialist}
	submit := dossier.Submit{
		Procedure: "3.000347", Channel: procedure.Online, Receiving: storyAgency, Competent: storyAgency, Delivery: dossier.DeliverPost,
		Applicant: dossier.Person{Subject: storyCitizen, Kind: procedure.Citizen, Name: applicantName, Phone: "0900000001"},
		Documents: []dossier.AttachDocument{paper("application", 1), paper("licence", 2), paper("photo", 3)},
	}
	answer, err := l.Dossiers.Submit(ctx, commands.Request{Actor: citizen, Key: "story", OccurredAt: clockTime("2026-11-02 08:12")}, submit)
	if err != nil {
		return "", err
	}
	for i, d := range []deed{
		{"2026-11-02 09:05", desk, dossier.Receive{Slip: "TN-0211-17"}},
		{"2026-11-02 09:06", desk, dossier.StartStep{Step: "reception"}},
		{"2026-11-02 10:20", desk, dossier.CompleteStep{Step: "reception"}},
		{"2026-11-02 10:31", desk, dossier.Assign{Department: dossier.Specialist, Officer: storySpecialist}},
		{"2026-11-03 08:40", specialist, dossier.StartStep{Step: "appraisal"}},
		{"2026-11-04 14:15", specialist, dossier.RequestSupplement{
			Slip: "BS-0411-03", Basis: "TT 12/2025/TT-BCA", Why: dossier.Why{Ground: "photo-unclear", Text: "Ảnh bị mờ"}, Approver: "o-g01-21-4",
			Components: []dossier.ComponentRequest{{Code: "photo", Originals: 1}},
		}},
		{"2026-11-09 16:50", citizen, dossier.ProvideSupplement{Documents: []dossier.AttachDocument{paper("photo", 4)}}},
	} {
		_, err := l.Dossiers.Act(ctx, commands.Request{Actor: d.actor, Key: fmt.Sprint("story-", i), OccurredAt: clockTime(d.at)}, answer.Code, d.command)
		if err != nil {
			return "", fmt.Errorf("%s: %w", d.at, err)
		}
	}
	return answer.Code, nil
}

func paper(component string, n int) dossier.AttachDocument {
	return dossier.AttachDocument{
		Component: component, Hash: strings.Repeat(fmt.Sprint(n), 64), Size: 182_400, MediaType: "application/pdf",
		Form: dossier.Electronic, FileName: component + ".pdf",
	}
}

func clockTime(text string) time.Time {
	at, err := time.ParseInLocation("2006-01-02 15:04", text, time.FixedZone("ICT", 7*3600))
	if err != nil {
		panic(err)
	}
	return at
}

// findExamples chooses simulated dossiers to look at, through the read side.
func findExamples(ctx context.Context, l *ledger.Ledger) error {
	asked, err := queries.NewDossiers(l.Journal, l.Registers, l.Now)
	if err != nil {
		return err
	}
	best := map[*string]int{}
	for e, err := range l.Journal.ReadAll(ctx, nil, dossier.StreamPrefix) {
		if err != nil {
			return err
		}
		if e.Revision != 0 || e.Payload.EventType() != (dossier.Submitted{}).EventType() {
			continue
		}
		code, _ := strings.CutPrefix(e.Stream, dossier.StreamPrefix)
		status, err := asked.Status(ctx, code)
		if err != nil {
			return err
		}
		example := map[dossier.Status]*string{dossier.StatusDelivered: &shared.done, dossier.StatusSupplement: &shared.waiting}[dossier.Status(status.Status.Code)]
		if weight := status.Events + 40*status.Supplements; example != nil && weight > best[example] {
			best[example], *example = weight, code
		}
	}
	if shared.done == "" || shared.waiting == "" {
		return fmt.Errorf("the simulation lacks examples: delivered %q, waiting for a supplement %q", shared.done, shared.waiting)
	}
	return nil
}

// plain is the text of a value of the accessibility tree.
func plain(v *accessibility.Value) string {
	return strings.Trim(string(v.Value), `"`)
}
