package outbound_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/access"
	"dossierledger/domain/agency"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/infra/ledger"
	"dossierledger/infra/outbound"
	"dossierledger/infra/simulator"
	sdk "github.com/cloudevents/sdk-go/v2/event"
)

func TestFilters(t *testing.T) {
	w := open(t)
	w.submit(t, "A-1", "G01.21")
	w.submit(t, "A-2", "H15.40")
	w.append(t, "dossier-A-3", dossier.Submitted{Code: "A-3", Procedure: "1.000001", Competent: "G01.2"})
	for _, code := range []string{"A-1", "A-2", "A-3"} {
		w.act(t, code)
		w.notice(t, code)
	}
	// The desk passes it on to another agency.
	w.append(t, "dossier-A-2", dossier.Received{Procedure: licence, Competent: "G01.21"})
	w.act(t, "A-2")
	w.append(t, agency.Stream("G01"), agency.Established{ID: "G01"})
	w.append(t, "dossier-old", dossier.NoteAdded{}) // of no known procedure
	for name, c := range map[string]struct {
		filter outbound.Filter
		want   []string // code and type, without their common parts
	}{
		"nothing said": {outbound.Filter{}, []string{
			"A-1 submitted", "A-1 step-started", "A-1 overdue", "A-2 submitted", "A-2 step-started", "A-2 overdue", "A-2 received", "A-2 step-started",
			"A-3 submitted", "A-3 step-started", "A-3 overdue", "old note-added"}},
		"streams":       {outbound.Filter{Streams: []string{"dossier-A-1", "agency-"}}, []string{"A-1 submitted", "A-1 step-started", "agency-G01 established"}},
		"types":         {outbound.Filter{Types: []string{"dossier.received.", "policy."}}, []string{"A-1 overdue", "A-2 overdue", "A-2 received", "A-3 overdue"}},
		"a procedure":   {outbound.Filter{Procedures: []string{"1.000001"}}, []string{"A-3 submitted", "A-3 step-started", "A-3 overdue"}},
		"an agency":     {outbound.Filter{Agencies: []string{"H15"}}, []string{"A-2 submitted", "A-2 step-started", "A-2 overdue", "A-2 received"}},
		"another":       {outbound.Filter{Agencies: []string{"G01.21"}}, []string{"A-1 submitted", "A-1 step-started", "A-1 overdue", "A-2 received", "A-2 step-started"}},
		"with a type":   {outbound.Filter{Agencies: []string{"G01.21"}, Types: []string{"dossier.step-"}}, []string{"A-1 step-started", "A-2 step-started"}},
		"notices alone": {outbound.Filter{Agencies: []string{"H15"}, Streams: []string{"notice-"}}, []string{"A-2 overdue"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &receiver{}
			config := w.config(r)
			config.Name, config.Filter, config.Concurrency = "of-"+strings.ReplaceAll(name, " ", "-"), c.filter, 1
			run := running(t, config)
			eventually(t, "live", func() bool { return run.Status().State == outbound.Live })
			got := map[string]int{}
			for _, e := range r.seen() {
				got[e.Subject+" "+strings.TrimSuffix(strings.SplitN(strings.TrimSuffix(e.Type, ".v1"), ".", 2)[1], "-raised")]++
			}
			for _, want := range c.want {
				got[want]--
			}
			for what, n := range got {
				if n != 0 {
					t.Errorf("%s: %+d", what, n)
				}
			}
		})
	}
}

func TestAMappedEventIsACloudEvent(t *testing.T) {
	w, r := open(t), &receiver{}
	w.submit(t, "A-1", "G01.21")
	w.append(t, "agency-G01", agency.Established{ID: "G01"})
	config := w.config(&validating{t: t, receiver: r})
	config.Streams, config.Source = []string{"dossier-", "agency-"}, "https://ledger.example/"
	running(t, config)
	eventually(t, "delivered", func() bool { return len(r.seen()) == 2 })
	var stored event.Event
	for e, err := range w.journal.Read(t.Context(), "dossier-A-1", 0) {
		must(t, err)
		stored = e
	}
	for _, c := range r.seen() {
		if c.Stream != "dossier-A-1" {
			if c.Subject != "agency-G01" || c.PartitionKey != "agency-G01" || c.PersonalData != "" {
				t.Errorf("%+v", c)
			}
			continue
		}
		want := outbound.CloudEvent{
			SpecVersion: "1.0", ID: stored.ID.String(), Source: "https://ledger.example/", Type: "dossier.submitted.v1", Subject: "A-1",
			Time: c.Time, DataContentType: "application/json", Data: c.Data, PartitionKey: "dossier-A-1", Sequence: "00000000000000000000",
			RecordedTime: c.RecordedTime, TraceParent: c.TraceParent, Stream: "dossier-A-1", Revision: "0", PersonalData: outbound.Withheld,
			ActorID: "o-1", ActorRole: "officer", ActorAgency: "G01.21", ActorDepartment: dossier.OneStop,
		}
		got, err := json.Marshal(c)
		must(t, err)
		wanted, err := json.Marshal(want)
		must(t, err)
		if string(got) != string(wanted) {
			t.Errorf("%s instead of %s", got, wanted)
		}
		if !strings.HasPrefix(c.TraceParent, "00-"+trace+"-") || len(c.TraceParent) != 55 {
			t.Errorf("traceparent %s", c.TraceParent)
		}
	}
}

// validating holds what is sent to the reading of the CloudEvents' own SDK.
type validating struct {
	*receiver
	t *testing.T
}

func (v *validating) Send(ctx context.Context, m outbound.Message) error {
	e := sdk.New()
	if err := json.Unmarshal(m.Body, &e); err != nil {
		v.t.Errorf("it is read as no CloudEvent: %v", err)
	} else if err := e.Validate(); err != nil {
		v.t.Errorf("it is no valid CloudEvent: %v", err)
	}
	if e.ID() != m.ID || e.Type() != m.Type || e.DataContentType() != "application/json" || e.Time().IsZero() || e.Extensions()["partitionkey"] != m.Key {
		v.t.Errorf("it is read as %v", e)
	}
	for name := range e.Extensions() {
		if len(name) > 20 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			v.t.Errorf("an extension cannot be called %q", name)
		}
	}
	return v.receiver.Send(ctx, m)
}

func TestPersonalValuesGoOnlyWhereTheyMayAndOnRecord(t *testing.T) {
	w := open(t)
	w.submit(t, "A-1", "G01.21")
	w.append(t, "dossier-A-1", dossier.NoteAdded{Text: event.About("officer-9", "gọi 0900000001"), Visibility: dossier.Internal})
	w.act(t, "A-1")
	plain, trusted := &receiver{}, &receiver{}
	running(t, w.config(plain))
	config := w.config(trusted)
	config.Name, config.Personal, config.Purpose, config.SaveEvery = "post", true, "giao kết quả", time.Hour
	stop := start(t, runner(t, config))
	eventually(t, "both have all", func() bool { return len(plain.seen()) == 3 && len(trusted.seen()) == 3 })
	bodies := func(r *receiver) string {
		text, err := json.Marshal(r.seen())
		must(t, err)
		return string(text)
	}
	for _, secret := range []string{"Nguyễn Văn Mẫu", "0900000001", "sealed"} {
		if strings.Contains(bodies(plain), secret) {
			t.Errorf("a receiver without the right gets %q", secret)
		}
	}
	if text := bodies(plain); !strings.Contains(text, `"name":{"subject":"citizen-A-1"}`) || strings.Count(text, outbound.Withheld) != 2 {
		t.Errorf("without the right it gets %s", text)
	}
	if text := bodies(trusted); !strings.Contains(text, `"name":{"subject":"citizen-A-1","value":"Nguyễn Văn Mẫu"}`) || !strings.Contains(text, "0900000001") ||
		strings.Contains(text, "sealed") || strings.Count(text, outbound.Included) != 2 {
		t.Errorf("with the right it gets %s", text)
	}
	looks := w.looksAt(t, "A-1")
	if len(looks) != 2 {
		t.Fatalf("%d looks are on record", len(looks))
	}
	for i, subject := range []string{"citizen-A-1", "officer-9"} {
		p := looks[i].Payload.(access.PersonalDataViewed)
		if p.Dossier != "A-1" || p.Means != access.Delivery || len(p.Subjects) != 1 || p.Subjects[0] != subject || p.Purpose != "giao kết quả" || p.Revision != uint64(i) ||
			looks[i].Metadata.Actor != (event.Actor{ID: "outbound-post", Role: event.RoleSystem}) {
			t.Errorf("look %d: %+v by %+v", i, p, looks[i].Metadata.Actor)
		}
	}
	w.store.refuse.Store(true) // as if it were killed
	stop()
	w.store.refuse.Store(false)
	// An erased person comes as erased, the erasure itself whatever is subscribed to,
	// and what is sent a second time is the same look.
	must(t, w.vault.Erase(t.Context(), "citizen-A-1"))
	w.append(t, access.ErasureStream("citizen-A-1"), access.PersonalDataErased{Subject: "citizen-A-1", Ground: "request"})
	config.Types = []string{"dossier.submitted.", "dossier.note-"}
	again := &receiver{}
	config.Sender = again
	run := running(t, config)
	eventually(t, "live", func() bool { return run.Status().State == outbound.Live })
	if text := bodies(again); !strings.Contains(text, `"name":{"erased":true,"subject":"citizen-A-1"}`) || strings.Contains(text, "Mẫu") ||
		!strings.Contains(text, "access.personal-data-erased.v1") || !strings.Contains(text, "0900000001") {
		t.Errorf("after the erasure it gets %s", text)
	}
	if looks := w.looksAt(t, "A-1"); len(looks) != 2 {
		t.Errorf("%d looks are on record", len(looks))
	}
}

func (w *world) looksAt(t failer, code string) (looks []event.Event) {
	t.Helper()
	for e, err := range w.journal.Read(context.Background(), access.StreamOf(code), 0) {
		must(t, err)
		looks = append(looks, e)
	}
	return looks
}

// What a simulated office has made is delivered in full, whatever it is.
func TestEverythingThatIsPublishedCanBeDelivered(t *testing.T) {
	l, err := ledger.Open(t.Context(), ledger.Config{Data: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	_, err = l.Seed(t.Context())
	must(t, err)
	day := time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC)
	_, err = l.Simulate(t.Context(), simulator.Config{Dossiers: 40, Seed: 3, From: day, To: day.AddDate(0, 1, 0)}, nil)
	must(t, err)
	looks, err := commands.NewLooks(l.Journal, l.Now)
	must(t, err)
	w, r := &world{store: &flaky{Store: l.Store}, journal: l.Journal, looks: looks}, &receiver{}
	wanted := w.wanted(t, "dossier-", "notice-", "access-", "person-", "procedure-", "norm-", "agency-", "calendar-")
	config := w.config(&validating{t: t, receiver: r})
	config.Streams, config.Personal, config.Purpose = outbound.Published, true, "x"
	running(t, config)
	eventually(t, "all is there", func() bool { return len(r.seen()) >= count(wanted) })
	if text, err := json.Marshal(r.seen()); err != nil || strings.Contains(string(text), `"sealed"`) || !strings.Contains(string(text), outbound.Included) {
		t.Errorf("a sealed value was sent, or none was opened (%v)", err)
	}
}
