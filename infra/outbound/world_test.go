package outbound_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/delivery"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/policy"
	"dossierledger/domain/procedure"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/journal"
	"dossierledger/infra/keys"
	"dossierledger/infra/ledger"
	"dossierledger/infra/outbound"
	"dossierledger/queries"
	"github.com/google/uuid"
)

// failer is what helpers need of a test, plain or of a property.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// flaky is a real store that can be made to refuse writes: a program that cannot
// write any more leaves what a killed one leaves.
type flaky struct {
	eventstore.Store
	refuse atomic.Bool
}

func (f *flaky) Append(ctx context.Context, stream string, expected event.Expected, events ...eventstore.Proposed) (event.Written, error) {
	if f.refuse.Load() {
		return event.Written{}, errors.New("the disk is gone")
	}
	return f.Store.Append(ctx, stream, expected, events...)
}

// world is a ledger with what deliveries need of it.
type world struct {
	store      *flaky
	vault      keys.Vault
	journal    *journal.Journal
	looks      *commands.Looks
	deliveries *commands.Deliveries
}

func open(t testing.TB) *world {
	t.Helper()
	dir := t.TempDir()
	store, err := embedded.Open(context.Background(), embedded.Options{Dir: filepath.Join(dir, "events")})
	must(t, err)
	path := filepath.Join(dir, "master.key")
	must(t, keys.MakeMaster(path))
	master, err := keys.ReadMaster(path)
	must(t, err)
	vault, err := keys.OpenFolder(context.Background(), filepath.Join(dir, "keys"), master)
	must(t, err)
	t.Cleanup(func() {
		must(t, store.Close())
		must(t, vault.Close())
	})
	w := &world{store: &flaky{Store: store}, vault: vault}
	w.journal, err = journal.New(w.store, ledger.Registry(), vault)
	must(t, err)
	w.looks, err = commands.NewLooks(w.journal, time.Now)
	must(t, err)
	w.deliveries, err = commands.NewDeliveries(w.journal, time.Now)
	must(t, err)
	return w
}

func must(t failer, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

const (
	licence = "3.000347"
	office  = "G01.21"
	trace   = "0af7651916cd43dd8448eb211c80319c"
)

// append adds facts to a stream.
func (w *world) append(t failer, stream string, facts ...event.Payload) {
	t.Helper()
	events := make([]event.Event, len(facts))
	for i, p := range facts {
		events[i] = event.New(uuid.New(), event.Metadata{
			OccurredAt: time.Now().Add(-time.Minute), Trace: trace,
			Actor: event.Actor{ID: "o-1", Role: event.RoleOfficer, Agency: office, Department: dossier.OneStop},
		}, p)
	}
	_, err := w.journal.Append(context.Background(), stream, event.Any, events...)
	must(t, err)
}

// submit begins a dossier.
func (w *world) submit(t failer, code, competent string) {
	t.Helper()
	w.append(t, dossier.StreamOf(code), dossier.Submitted{
		Code: code, Procedure: licence, ProcedureVersion: 1, Channel: procedure.Online, Receiving: competent, Competent: competent,
		Applicant: dossier.Party{Subject: "citizen-" + code, Kind: procedure.Citizen, Name: event.About("citizen-"+code, "Nguyễn Văn Mẫu")},
	})
}

// act is something that happens to a dossier.
func (w *world) act(t failer, code string) {
	t.Helper()
	w.append(t, dossier.StreamOf(code), dossier.StepStarted{Step: "appraisal"})
}

func (w *world) notice(t failer, code string) {
	t.Helper()
	w.append(t, policy.StreamOf(code), policy.OverdueRaised{Notice: policy.Notice{Dossier: code, Due: time.Now()}})
}

// config is that of a runner in a hurry.
func (w *world) config(sender outbound.Sender) outbound.Config {
	return outbound.Config{
		Settings: outbound.Settings{
			Name: "portal", Concurrency: 4, Attempts: 4, GiveUpAfter: time.Minute, RetryMin: time.Millisecond, RetryMax: 4 * time.Millisecond,
		},
		Store: w.store, Journal: w.journal, Looks: w.looks, Sender: sender, SaveEvery: 2 * time.Millisecond,
		Logger: slog.New(slog.DiscardHandler),
	}
}

func runner(t failer, config outbound.Config) *outbound.Runner {
	t.Helper()
	r, err := outbound.New(config)
	must(t, err)
	return r
}

// start runs a runner until it is told to stop.
func start(t failer, r *outbound.Runner) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		must(t, <-ended)
	}
}

// running runs a runner for the rest of a test.
func running(t testing.TB, config outbound.Config) *outbound.Runner {
	t.Helper()
	r := runner(t, config)
	t.Cleanup(start(t, r))
	return r
}

// patience is how long is waited for what must come to be: a busy machine is no failure.
const patience = 5 * time.Minute

func eventually(t failer, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("it did not come about: %s", what)
}

// receiver is a sender that keeps what it is sent, and fails as it is told.
type receiver struct {
	mu  sync.Mutex
	got []outbound.CloudEvent
	// fails decides on each attempt.
	fails  func(m outbound.Message) error
	tries  int
	closed bool
}

func (r *receiver) Send(_ context.Context, m outbound.Message) error {
	var c outbound.CloudEvent
	if err := json.Unmarshal(m.Body, &c); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries++
	if r.fails != nil {
		if err := r.fails(m); err != nil {
			return err
		}
	}
	r.got = append(r.got, c)
	return nil
}

func (r *receiver) Close() error {
	r.closed = true
	return nil
}

func (r *receiver) let(fails func(outbound.Message) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fails = fails
}

func (r *receiver) seen() []outbound.CloudEvent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) attempts() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tries
}

// of gives the sequences that were seen of a key, each once, in the order of
// their first coming.
func (r *receiver) of(key string) []string {
	var sequences []string
	for _, c := range r.seen() {
		if c.PartitionKey == key && !slices.Contains(sequences, c.Sequence) {
			sequences = append(sequences, c.Sequence)
		}
	}
	return sequences
}

// refuse fails the keys of some dossiers.
func refuse(codes ...string) func(outbound.Message) error {
	return func(m outbound.Message) error {
		if slices.ContainsFunc(codes, func(code string) bool { return m.Key == dossier.StreamOf(code) }) {
			return &outbound.Failure{Reason: "HTTP 422"}
		}
		return nil
	}
}

func everything(outbound.Message) error { return &outbound.Failure{Reason: "no answer"} }

// wanted lists, by key, the sequences of the events of some streams, in order.
func (w *world) wanted(t failer, prefixes ...string) map[string][]string {
	t.Helper()
	wanted := map[string][]string{}
	for e, err := range w.store.ReadAll(context.Background(), eventstore.AllRead{Filter: eventstore.Filter{StreamPrefixes: prefixes}}) {
		must(t, err)
		key := outbound.KeyOf(e.Stream)
		wanted[key] = append(wanted[key], fmt.Sprintf("%020d", e.Position))
	}
	return wanted
}

// workedOff waits until a runner has noted that it is done with the events of some
// streams. Only what is noted does not come again after a restart.
func (w *world) workedOff(t failer, r *outbound.Runner, prefixes ...string) {
	t.Helper()
	last := uint64(0)
	for e, err := range w.store.ReadAll(context.Background(), eventstore.AllRead{
		Direction: eventstore.Backwards, Limit: 1, Filter: eventstore.Filter{StreamPrefixes: prefixes}}) {
		must(t, err)
		last = e.Position
	}
	eventually(t, "it is noted what was delivered", func() bool { return r.Status().Next > last })
}

// hasAll holds that a receiver has everything, in order of its key.
func (r *receiver) hasAll(t failer, wanted map[string][]string) {
	t.Helper()
	for key, sequences := range wanted {
		if got := r.of(key); !slices.Equal(got, sequences) {
			t.Fatalf("of %s came %v, want %v", key, got, sequences)
		}
	}
	for _, c := range r.seen() {
		if _, ok := wanted[c.PartitionKey]; !ok {
			t.Fatalf("%s of %s came and was not wanted", c.Type, c.Stream)
		}
	}
}

// hasEach reports whether as much has come as is wanted.
func (r *receiver) hasEach(wanted map[string][]string) bool {
	for key, sequences := range wanted {
		if len(r.of(key)) < len(sequences) {
			return false
		}
	}
	return true
}

func count(wanted map[string][]string) (n int) {
	for sequences := range maps.Values(wanted) {
		n += len(sequences)
	}
	return n
}

func (w *world) letters(t failer) []delivery.Letter {
	t.Helper()
	asked, err := queries.NewDeliveries(w.journal)
	must(t, err)
	letters, err := asked.Letters(context.Background(), "portal")
	must(t, err)
	return letters
}

var admin = commands.Request{Actor: event.Actor{ID: "admin-1", Role: event.RoleAdmin}}
