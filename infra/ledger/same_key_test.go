package ledger_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"dossierledger/infra/ledger"
)

// Two people send one key with other contents at one moment, each to another
// process. One of them is told that it is done, and then it is their content that
// the ledger holds; the other is told that the key was used. Where the content is
// the same both get the same answer.
func TestOneKeyAtOneMomentThroughTwoProcesses(t *testing.T) {
	for name, two := range map[string]func(t *testing.T, dir string) (*ledger.Ledger, [2]*commands.Dossiers){
		"on an EventStoreDB": func(t *testing.T, dir string) (l *ledger.Ledger, both [2]*commands.Dossiers) {
			connection := eventStoreDB(t, dir)
			for i := range both {
				l = openOn(t, connection, filepath.Join(dir, fmt.Sprint("node-", i)))
				if _, err := l.Seed(t.Context()); err != nil {
					t.Fatal(err)
				}
				both[i] = l.Dossiers
			}
			return l, both
		},
		"in one process": func(t *testing.T, dir string) (l *ledger.Ledger, both [2]*commands.Dossiers) {
			l = open(t, dir)
			for i := range both {
				d, err := commands.NewDossiers(l.Journal, l.Journal, l.Registers, l.Registers, l.Registers, l.Now)
				if err != nil {
					t.Fatal(err)
				}
				both[i] = d
			}
			return l, both
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, both := two(t, t.TempDir())
			testOneKey(t, l, both)
		})
	}
}

// outcome is how a request ended for whoever made it.
type outcome struct {
	commands.Answer
	err error
}

// atOnce sends something through both processes, with contents that are the same or
// not, and holds the answers to each other. It gives the content that is kept.
func atOnce(t *testing.T, both [2]*commands.Dossiers, contents [2]string, send func(d *commands.Dossiers, content string) (commands.Answer, error)) (commands.Answer, string) {
	t.Helper()
	var ended [2]outcome
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range both {
		all.Go(func() {
			<-begin
			ended[i].Answer, ended[i].err = send(both[i], contents[i])
		})
	}
	close(begin)
	all.Wait()
	same := contents[0] == contents[1]
	for i := range both {
		this, other := ended[i], ended[1-i]
		switch {
		case this.err != nil && !errors.Is(this.err, commands.ErrKeyReused), this.err != nil && same:
			t.Fatalf("%q was refused: %v", contents[i], this.err)
		case !same && (this.err == nil) == (other.err == nil):
			t.Fatalf("%q and %q ended with %v and %v", contents[i], contents[1-i], this.err, other.err)
		case same && (this.Code != other.Code || this.Revision != other.Revision || this.Position != other.Position || strings.Join(this.Events, " ") != strings.Join(other.Events, " ")):
			t.Fatalf("one request was answered %+v and %+v", this, other)
		}
	}
	if ended[0].err == nil {
		return ended[0].Answer, contents[0]
	}
	return ended[1].Answer, contents[1]
}

func testOneKey(t *testing.T, l *ledger.Ledger, both [2]*commands.Dossiers) {
	desk := event.Actor{ID: "o-g01-21-1", Role: event.RoleOfficer, Agency: "G01.21", Department: "one-stop"}
	kept := func(code string) (state dossier.State) {
		t.Helper()
		for e, err := range l.Journal.Read(t.Context(), dossier.StreamOf(code), 0) {
			if err != nil {
				t.Fatal(err)
			}
			state = dossier.Evolve(state, e)
		}
		return state
	}
	hashes := map[string]string{"one": strings.Repeat("1", 64), "other": strings.Repeat("2", 64)}
	for round := range 40 {
		contents := [2]string{"one", "other"}
		if round%4 == 3 {
			contents[1] = contents[0]
		}
		request := func(key, content string) commands.Request {
			return commands.Request{Actor: desk, Key: fmt.Sprint(key, round), Hash: hashes[content]}
		}
		answer, content := atOnce(t, both, contents, func(d *commands.Dossiers, content string) (commands.Answer, error) {
			return d.Submit(t.Context(), request("submit", content), dossier.Submit{
				Procedure: "3.000347", Channel: procedure.InPerson, Receiving: "G01.21", Competent: "G01.21", Delivery: dossier.DeliverPost,
				Applicant: dossier.Person{Subject: "p-" + content, Kind: procedure.Citizen, Name: "Nguyễn Văn Mẫu", Phone: "0900000000"},
			})
		})
		if state := kept(answer.Code); state.Applicant.Subject != "p-"+content || state.Revision != answer.Revision {
			t.Fatalf("round %d: %s of %s was acknowledged, and %s is kept", round, answer.Code, content, state.Applicant.Subject)
		}
		attached, content := atOnce(t, both, contents, func(d *commands.Dossiers, content string) (commands.Answer, error) {
			return d.Act(t.Context(), request("attach", content), answer.Code, dossier.AttachDocument{
				Hash: hashes[content], Size: 1, MediaType: "image/png", Form: dossier.Electronic,
			})
		})
		state := kept(answer.Code)
		if n := len(state.Documents); n != 1 || state.Documents[0].Hash != hashes[content] || state.Revision != attached.Revision {
			t.Fatalf("round %d: %s was acknowledged at %d, and kept are %d documents at %d", round, content, attached.Revision, n, state.Revision)
		}
	}
}
