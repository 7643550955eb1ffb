package soak

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dossierledger/domain/delivery"
	"dossierledger/domain/dossier"
	"dossierledger/domain/policy"
	"dossierledger/infra/outbound"
	"dossierledger/queries"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	receiverName   = "portal"
	receiverSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// dislikes says of which dossiers the receiver refuses everything, as long as the
// file is there that tells it to.
func dislikes(key string) bool {
	h := fnv.New32a()
	h.Write([]byte(key))
	return h.Sum32()%6 == 0
}

// receiveDeliveries is a receiver of webhooks that writes down what it takes before
// it says so. While the file of refusals is there, some dossiers are not for it.
func receiveDeliveries(args []string) error {
	address, notes, refusals := args[0], args[1], args[2]
	verifier, err := standard.NewWebhook(receiverSecret)
	if err != nil {
		return err
	}
	book, err := os.OpenFile(notes, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	take := func(w http.ResponseWriter, r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		var e outbound.CloudEvent
		if err := errors.Join(verifier.Verify(body, r.Header), json.Unmarshal(body, &e)); err != nil {
			return err
		}
		if _, err := os.Stat(refusals); err == nil && dislikes(e.PartitionKey) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return nil
		}
		if _, err := fmt.Fprintf(book, "%s %s %s\n", e.PartitionKey, e.Sequence, e.ID); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	server := &http.Server{Addr: address, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := take(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})}
	return server.ListenAndServe()
}

// received is what a receiver has written down.
type received struct {
	// orders lists by key the sequences in the order of their first coming.
	orders               map[string][]string
	deliveries, distinct int
}

func readReceived(t *testing.T, notes string) received {
	t.Helper()
	text, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	all, known := received{orders: map[string][]string{}}, map[string]bool{}
	for line := range strings.Lines(string(text)) {
		var key, sequence, id string
		if _, err := fmt.Sscan(line, &key, &sequence, &id); err != nil {
			t.Fatalf("the receiver wrote %q: %v", line, err)
		}
		all.deliveries++
		if !known[id] {
			known[id] = true
			all.distinct++
			all.orders[key] = append(all.orders[key], sequence)
		}
	}
	return all
}

// deliveryFigures are what became of the deliveries of a run.
type deliveryFigures struct {
	Events     int `json:"events"`
	Deliveries int `json:"deliveries"`
	Twice      int `json:"came_again"`
	Lost       int `json:"lost"`
	OutOfOrder int `json:"dossiers_out_of_order"`
	GivenUp    int `json:"dossiers_given_up"`
	Resent     int `json:"dossiers_sent_again"`
}

// deliveries tells how the ledger says that they stand.
func (s *site) deliveries() (standing outbound.Status, ok bool) {
	var ready struct {
		Parts []struct {
			Name   string
			Detail json.RawMessage
		} `json:"parts"`
	}
	if _, body := s.get("/readyz"); json.Unmarshal(body, &ready) != nil {
		return standing, false
	}
	for _, part := range ready.Parts {
		if part.Name == "outbound "+receiverName {
			return standing, json.Unmarshal(part.Detail, &standing) == nil
		}
	}
	return standing, false
}

// delivered waits until nothing is on its way of what people were told.
func (s *site) delivered() {
	s.t.Helper()
	_, highest := s.load.diary.told()
	var standing outbound.Status
	defer func() {
		if s.t.Failed() {
			s.t.Logf("the deliveries: %+v", standing)
		}
	}()
	s.eventually("everything is delivered or given up", func() (ok bool) {
		standing, ok = s.deliveries()
		return ok && standing.State == outbound.Live && standing.Behind == 0 && standing.Next > highest
	})
}

// outboundCommand runs `ledger outbound` on a ledger that stands still.
func (s *site) outboundCommand(answer any, args ...string) {
	s.t.Helper()
	out, code := s.command(append([]string{"outbound"}, args...)...)
	if code != 0 {
		s.t.Fatalf("ledger outbound %v ended with %d", args, code)
	}
	if answer == nil {
		return
	}
	if err := json.Unmarshal(out, answer); err != nil {
		s.t.Fatalf("ledger outbound %v: %v: %s", args, err, out)
	}
}

// A receiver of webhooks and the ledger, each killed at random while people act.
// Every event comes at least once and in order of its dossier; what was given up
// outlives the kills, and comes in order once it is sent again.
func TestDeliveries(t *testing.T) {
	t.Parallel()
	p := planned(t)
	s := newSite(t, p.seed, filepath.Join(t.TempDir(), "data"), false)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	address, notes, refusals := freeAddress(t), filepath.Join(s.dir, "notes"), s.write("refusals", "")
	receiver := s.program("receiver", self, address, notes, refusals)
	receiver.env = environment(t, childEnv+"=receiver")
	t.Cleanup(func() {
		if receiver.running() {
			receiver.kill()
		}
	})
	s.ledger.args = append(s.ledger.args, "--outbound-file", s.write("receivers.yaml", fmt.Sprintf(`
source: https://ledger.example/
receivers:
  - name: %s
    attempts: 3
    give_up_after: 1h
    retry_min: 10ms
    retry_max: 200ms
    webhook: {url: 'http://%s/', allow_http: true, secret_files: [%q]}
`, receiverName, address, s.write("secret", receiverSecret))))
	receiver.start()
	s.begin(6, 15*time.Millisecond)

	strikes := []func(){
		func() { receiver.kill(); s.figures.Kills["receiver"]++ },
		s.killLedger,
		func() { s.killLedger(); receiver.kill(); s.figures.Kills["receiver"]++ },
	}
	const least = 6
	for n := 0; n < least || !p.short() && !p.over(s.figures); n++ {
		s.worked(10)
		time.Sleep(s.between(0, 800*time.Millisecond))
		if n < least {
			strikes[n%len(strikes)]()
		} else {
			strikes[s.random.IntN(len(strikes))]()
		}
		time.Sleep(s.between(0, 300*time.Millisecond))
		if !receiver.running() {
			receiver.start()
		}
		s.start(false)
		s.up()
		s.check()
	}
	s.eventually("dossiers are given up", func() bool {
		standing, ok := s.deliveries()
		return ok && standing.GivenUp >= 3
	})
	s.load.end()
	s.delivered()
	s.ledger.kill()
	s.figures.Kills["ledger"]++

	before := readReceived(t, notes)
	var letters []delivery.Letter
	s.outboundCommand(&letters, "dead", receiverName, "--json")
	refused := 0
	for _, letter := range letters {
		// Some may have met the receiver while it was killed, each time.
		if dislikes(letter.Key) && letter.Reason == "HTTP 422" {
			refused++
		}
	}
	for key := range before.orders {
		if dislikes(key) {
			t.Errorf("%s came although it was refused", key)
		}
	}
	if refused < 3 {
		t.Errorf("after the kills these are given up: %+v", letters)
	}
	if err := os.Remove(refusals); err != nil {
		t.Fatal(err)
	}
	s.outboundCommand(nil, "resend", receiverName, "--all")
	s.start(false)
	s.up()
	s.delivered()
	for _, line := range s.timelines {
		line.end()
	}
	for _, sub := range s.subscribers {
		sub.end()
	}
	s.ledger.stop()
	receiver.kill()

	var standing []queries.Delivered
	s.outboundCommand(&standing, "list", "--json")
	if len(standing) != 1 || standing[0].GivenUp != 0 {
		t.Fatalf("at the end: %+v", standing)
	}
	after, log := readReceived(t, notes), s.stored()
	entries, _ := s.load.diary.told()
	s.judge(entries, log)
	f := &deliveryFigures{Deliveries: after.deliveries, Twice: after.deliveries - after.distinct, GivenUp: len(letters), Resent: len(letters)}
	s.figures.Deliveries = f
	s.hold(f, after, log, standing[0].Next)
	s.figures.Dossiers, s.figures.Events = len(after.orders), log.size()
	s.figures.print(t)
	if f.Events < 100 || len(after.orders) < 10 {
		t.Errorf("too little happened for anything to be shown: %+v", f)
	}
}

// hold holds what a receiver has against the log, up to the position before which
// everything is said to be delivered: each event is there, in order of its dossier.
func (s *site) hold(f *deliveryFigures, after received, log *chronicle, next uint64) {
	s.t.Helper()
	for key, wanted := range wantedOf(log) {
		var due []string // the others may be on their way
		for _, position := range wanted {
			if position += s.load.ahead; position < next {
				due = append(due, fmt.Sprintf("%020d", position))
			}
		}
		f.Events += len(due)
		got := after.orders[key]
		f.Lost += max(0, len(due)-len(got))
		if n := min(len(due), len(got)); len(got) < len(due) || !slices.Equal(got[:n], due[:n]) {
			f.OutOfOrder++
			s.t.Errorf("of %s came %v, want %v", key, got, due)
		}
	}
}

// wantedOf lists by key the positions of what a receiver without filters is to get.
func wantedOf(log *chronicle) map[string][]uint64 {
	wanted := map[string][]uint64{}
	for _, e := range log.events {
		if strings.HasPrefix(e.stream, dossier.StreamPrefix) || strings.HasPrefix(e.stream, policy.StreamPrefix) {
			key := outbound.KeyOf(e.stream)
			wanted[key] = append(wanted[key], e.position)
		}
	}
	return wanted
}
