package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/policy"
	"dossierledger/infra/catalogue"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/keys"
	"dossierledger/infra/outbound"
	"dossierledger/infra/web/auth"
	"github.com/nats-io/nats-server/v2/server"
)

// Three ledgers on one event store, one ClickHouse and one NATS, all of them
// processes of their own, behind something that spreads connections over them.
func TestNodes(t *testing.T) {
	t.Parallel()
	p := planned(t)
	s := newNodes(t, p.seed, t.TempDir())
	s.begin(6, 20*time.Millisecond)
	s.endure(p, []mishap{
		{"kill the one that keeps the tables", 8, func(s *site) {
			s.worked(1)
			at := s.runner(tables)
			s.nodes[at].kill()
			s.figures.Kills["ledger"]++
			s.handedOver(tables, at)
		}},
		{"kill the one that runs the policies", 4, (*site).duePast},
		{"kill the one that delivers", 4, func(s *site) {
			s.worked(1)
			name := s.delivering()
			at := s.runner(name)
			s.nodes[at].kill()
			s.figures.Kills["ledger"]++
			s.handedOver(name, at)
		}},
		{"pause the one that delivers", 2, func(s *site) {
			s.worked(1)
			name := s.delivering()
			at := s.runner(name)
			s.nodes[at].signal(syscall.SIGSTOP)
			s.handedOver(name, at)
			s.nodes[at].signal(syscall.SIGCONT)
		}},
		{"kill any", 4, func(s *site) {
			s.worked(1)
			s.nodes[s.random.IntN(len(s.nodes))].kill()
			s.figures.Kills["ledger"]++
		}},
		{"kill two at once", 2, func(s *site) {
			s.worked(1)
			for _, at := range s.random.Perm(len(s.nodes))[:2] {
				s.nodes[at].kill()
				s.figures.Kills["ledger"]++
			}
		}},
		{"stop the one that keeps the tables", 4, func(s *site) {
			s.worked(1)
			at := s.runner(tables)
			s.nodes[at].stop()
			s.handedOver(tables, at)
		}},
		{"pause the one that keeps the tables", 4, (*site).pauseKeeper},
		{"kill NATS", 3, func(s *site) { s.killNeighbour(s.nats) }},
		{"pause NATS", 2, func(s *site) {
			s.worked(1)
			s.nats.pause(s.between(100*time.Millisecond, 6*time.Second))
		}},
		{"kill the event store", 3, func(s *site) { s.killNeighbour(s.store) }},
		{"kill ClickHouse", 2, func(s *site) { s.killNeighbour(s.warehouse) }},
		{"rebuild while all run", 2, func(s *site) {
			s.worked(1)
			s.eventually("the read models are made again", func() bool { // ClickHouse may just be starting
				_, code := s.command("rebuild", "--json")
				return code == 0
			})
		}},
	})
}

// leaseTerm is short, so that many a hand-over is seen. Nothing is measured
// against it.
const leaseTerm = 2 * time.Second

// newNodes prepares three ledgers that share everything.
func newNodes(t *testing.T, seed uint64, data string) *site {
	t.Helper()
	s := newSite(t, seed, data, true)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	s.nats = s.program("nats", self, filepath.Join(data, "nats"), port)
	s.nats.env = environment(t, childEnv+"=nats")
	s.natsAddress = "127.0.0.1:" + port
	master := filepath.Join(s.dir, "master.key")
	if err := keys.MakeMaster(master); err != nil {
		t.Fatal(err)
	}
	exe, shared := s.ledger.exe, append(s.settings[2:], // those behind the data folder
		"--nats-file", s.write("nats.yaml", "servers: ['nats://"+s.natsAddress+"']\n"), "--nats-replicas", "1",
		"--lease-term", leaseTerm.String(), "--master-key-file", master)
	s.settings = append([]string{"--data", filepath.Join(data, "operator")}, shared...)
	receivers := s.receivers()
	var addresses []string
	for i := range 3 {
		address, own := freeAddress(t), filepath.Join(data, "node-"+strconv.Itoa(i))
		s.demonstration(own)
		addresses = append(addresses, address)
		args := []string{"serve", "--demo", "--demo-dossiers", "0", "--rate=-1", "--listen", address, "--data", own, "--outbound-file", receivers}
		s.nodes = append(s.nodes, s.program("ledger-"+strconv.Itoa(i), exe, append(args, shared...)...))
		s.addresses = append(s.addresses, address)
	}
	s.ledger = s.nodes[0]
	s.url = "http://" + spread(t, addresses)
	s.startNeighbours()
	if _, code := s.command("seed"); code != 0 {
		t.Fatalf("publishing the catalogue ended with %d", code)
	}
	return s
}

// nodeReceivers are the receivers of webhooks to which several ledgers deliver.
var nodeReceivers = []string{"portal", "archive"}

// receivers starts the receivers, which take everything, and gives the file that
// names them.
func (s *site) receivers() (file string) {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	text := "source: https://ledger.example/\nreceivers:\n"
	for _, name := range nodeReceivers {
		address := freeAddress(s.t)
		receiver := s.program(name, self, address, s.notes(name), filepath.Join(s.dir, "nothing"))
		receiver.env = environment(s.t, childEnv+"=receiver")
		receiver.start()
		s.t.Cleanup(receiver.kill)
		text += fmt.Sprintf("  - name: %s\n    retry_min: 10ms\n    retry_max: 200ms\n    webhook: {url: 'http://%s/', allow_http: true, secret_files: [%q]}\n",
			name, address, s.write(name+".secret", receiverSecret))
	}
	return s.write("receivers.yaml", text)
}

// notes is the file in which a receiver writes down what it takes.
func (s *site) notes(receiver string) string { return filepath.Join(s.dir, receiver+".notes") }

// delivering draws one of the parts that deliver to a receiver.
func (s *site) delivering() string {
	return "outbound " + nodeReceivers[s.random.IntN(len(nodeReceivers))]
}

// allDelivered waits until somebody has delivered to each receiver what people were
// told of, and gives the positions before which that is so.
func (s *site) allDelivered() map[string]uint64 {
	s.t.Helper()
	_, highest := s.load.diary.told()
	next := map[string]uint64{}
	for _, name := range nodeReceivers {
		s.eventually("everything is delivered to "+name, func() bool {
			for at := range s.nodes {
				for _, part := range s.parts(at) {
					var standing outbound.Status
					if part.Name == "outbound "+name && part.State == string(outbound.Live) && json.Unmarshal(part.Detail, &standing) == nil &&
						standing.Behind == 0 && standing.GivenUp == 0 && standing.Next > highest+s.load.ahead {
						next[name] = standing.Next
						return true
					}
				}
			}
			return false
		})
	}
	return next
}

// everythingCame holds what the receivers have written down against the log.
func (s *site) everythingCame(next map[string]uint64, log *chronicle) {
	s.t.Helper()
	f := &deliveryFigures{}
	for _, name := range nodeReceivers {
		after := readReceived(s.t, s.notes(name))
		f.Deliveries += after.deliveries
		f.Twice += after.deliveries - after.distinct
		s.hold(f, after, log, next[name])
	}
	if s.figures.Deliveries = f; f.Events == 0 {
		s.t.Error("nothing was delivered")
	}
}

// demonstration prepares the data folder of a demonstration whose catalogue is
// published already, with the key for tokens that all have.
func (s *site) demonstration(dir string) {
	s.t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	if s.issuer == nil {
		officers, err := catalogue.Officers()
		if err != nil {
			s.t.Fatal(err)
		}
		path := filepath.Join(s.dir, "demo-issuer.key")
		if _, err := auth.OpenDevIssuer(path, officers, time.Now); err != nil {
			s.t.Fatal(err)
		}
		if s.issuer, err = os.ReadFile(path); err != nil {
			s.t.Fatal(err)
		}
	}
	for name, content := range map[string][]byte{"demo-issuer.key": s.issuer, "demo-simulated": nil} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

// spread gives an address at which each connection goes to the next of some
// addresses that takes it.
func spread(t *testing.T, addresses []string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var turn atomic.Uint64
	serve := func(client net.Conn) {
		defer func() { _ = client.Close() }()
		first := turn.Add(1)
		for i := range addresses {
			target, err := net.DialTimeout("tcp", addresses[(first+uint64(i))%uint64(len(addresses))], time.Second)
			if err != nil {
				continue
			}
			go func() {
				_, _ = io.Copy(target, client)
				_ = target.Close()
			}()
			_, _ = io.Copy(client, target)
			_ = target.Close()
			return
		}
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(client)
		}
	}()
	return listener.Addr().String()
}

// serveNATS runs a NATS server with JetStream that syncs every write.
func serveNATS(args []string) error {
	port, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: args[0], SyncAlways: true, NoSigs: true, NoLog: true,
	})
	if err != nil {
		return err
	}
	go s.Start()
	<-ctx.Done()
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}

// part is one part of a ledger as /readyz tells it.
type part struct {
	Name, State string
	Ready       bool
	Detail      json.RawMessage
}

// parts asks one node how it is; nil where it does not answer.
func (s *site) parts(at int) (parts []part) {
	response, err := quick.Get("http://" + s.addresses[at] + "/readyz")
	if err != nil {
		return nil
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	var ready struct {
		Parts []part `json:"parts"`
	}
	if response.StatusCode != http.StatusOK || json.NewDecoder(response.Body).Decode(&ready) != nil {
		return nil
	}
	return ready.Parts
}

// Parts of a ledger of which each runs in one node.
const (
	tables    = "projection dossiers"
	whatIsDue = "policies"
)

// runs reports whether a node says that it runs a part.
func (s *site) runs(name string, at int) bool {
	for _, part := range s.parts(at) {
		if part.Name == name {
			return part.State != "elsewhere" && part.State != "stopped"
		}
	}
	return false
}

// runner is the node that runs a part.
func (s *site) runner(name string) (at int) {
	s.t.Helper()
	s.eventually("one of the ledgers runs "+name, func() bool {
		for at = range s.nodes {
			if s.nodes[at].running() && s.runs(name, at) {
				return true
			}
		}
		return false
	})
	return at
}

// handedOver waits until another node runs a part, and gives which.
func (s *site) handedOver(name string, from int) (to int) {
	s.t.Helper()
	s.eventually("another ledger runs "+name, func() bool {
		for to = range s.nodes {
			if to != from && s.runs(name, to) {
				return true
			}
		}
		return false
	})
	s.figures.Faults["handed over"]++
	return to
}

// holding is what a node's metrics say of its lease of a task.
type holding struct{ Held, Taken string }

// holds asks a node whether it holds a task, by its own clocks at that moment.
func (s *site) holds(task string, at int) (h holding) {
	s.t.Helper()
	s.eventually("a ledger tells of its leases", func() bool {
		response, err := quick.Get("http://" + s.addresses[at] + "/metrics")
		if err != nil {
			return false
		}
		defer func() { _ = response.Body.Close() }() // it was only read
		text, err := io.ReadAll(response.Body)
		if err != nil {
			return false
		}
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch name {
			case `ledger_lease_held{task="` + task + `"}`:
				h.Held = value
			case `ledger_lease_taken_total{task="` + task + `"}`:
				h.Taken = value
			}
		}
		return h.Held != "" && h.Taken != ""
	})
	return h
}

// pauseKeeper stops the node that keeps the tables until another does, and lets it
// go on: it knows at once. The other one held its lease before and after that was
// asked, and all the while, where it has not taken it again.
func (s *site) pauseKeeper() {
	const lease = "read-models"
	s.worked(1)
	at := s.runner(tables)
	s.nodes[at].signal(syscall.SIGSTOP)
	other := s.handedOver(tables, at)
	s.nodes[at].signal(syscall.SIGCONT)
	before, woken, after := s.holds(lease, other), s.holds(lease, at), s.holds(lease, other)
	if woken.Held == "1" && before.Held == "1" && before == after {
		s.t.Error("a ledger that was stopped goes on keeping the tables beside another")
	}
}

// duePast brings in dossiers whose appointments have passed, and kills the node that
// runs the policies while it tells of them.
func (s *site) duePast() {
	s.worked(1)
	s.simulated++
	_, code, last := s.commanded("simulate", "--dossiers", "60", "--seed", strconv.Itoa(s.simulated), "--from", "2026-01-05", "--to", "2026-02-05")
	// What the policies have done meanwhile on a dossier of long ago is done today, and
	// nothing can be done before that any more.
	if code != 0 && !strings.Contains(last, dossier.ErrBeforeLast.Code) {
		s.t.Errorf("simulating ended with %d: %s", code, last)
	}
	at := s.runner(whatIsDue)
	s.nodes[at].kill()
	s.figures.Kills["ledger"]++
	s.handedOver(whatIsDue, at)
}

// allLive waits until every part runs in one of the nodes, and is well in all.
func (s *site) allLive() {
	s.t.Helper()
	s.eventually("all parts are live in one ledger each", func() bool {
		runs := map[string]int{}
		for at := range s.nodes {
			parts := s.parts(at)
			if len(parts) < 4 {
				return false
			}
			for _, part := range parts {
				if !part.Ready {
					return false
				}
				switch part.State {
				case "live", "open", "running":
					runs[part.Name]++
				case "elsewhere":
					runs[part.Name] += 0
				default:
					return false
				}
			}
		}
		for name, n := range runs {
			if n != 1 && name != "event-store" {
				return false
			}
		}
		return true
	})
}

// together looks at what several ledgers do together, while all run: each answers
// lists that hold what was written through another, the doctor has the tables for
// itself for a while, and a person who was erased is so everywhere.
func (s *site) together() {
	s.t.Helper()
	entries, highest := s.load.diary.told()
	token, err := s.load.token(context.Background(), desk)
	if err != nil {
		s.t.Fatal(err)
	}
	s.eventually("nothing is left to do for policies", func() bool {
		out, code := s.command("policies", "--json")
		return code == 0 && strings.TrimSpace(string(out)) == "[]"
	})
	for _, address := range s.addresses {
		s.eventually("a list holds what was written through another ledger", func() bool {
			q, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s/api/v1/worklist?agency=%s&position=%d", address, agency, highest+s.load.ahead), nil)
			if err != nil {
				s.t.Fatal(err)
			}
			q.Header.Set("Authorization", "Bearer "+token)
			q.Header.Set("Prefer", "wait=5")
			response, err := s.load.client.Do(q)
			if err != nil {
				return false
			}
			defer func() { _ = response.Body.Close() }() // it was only read
			return response.StatusCode == http.StatusOK && response.Header.Get("Preference-Applied") == "wait=5"
		})
	}
	if out, code := s.command("doctor", "--deep", "--json"); code != 0 {
		s.t.Errorf("the doctor finds beside ledgers that run: %s", out)
	}
	for _, r := range entries {
		if !r.submits || r.fate != acknowledged || r.actor != desk || !strings.Contains(r.body, `"p-`+r.key+`"`) {
			continue
		}
		s.erased(r, token)
		break
	}
	s.allLive()
}

// erased erases an applicant and looks at their dossier through every node.
func (s *site) erased(r *request, token string) {
	s.t.Helper()
	read := func(address string) (body []byte) {
		q, err := http.NewRequest(http.MethodGet, "http://"+address+"/api/v1/dossiers/"+r.answer.Code+"?purpose=check", nil)
		if err != nil {
			s.t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer "+token)
		response, err := s.load.client.Do(q)
		if err != nil {
			return nil
		}
		defer func() { _ = response.Body.Close() }() // it was only read
		if response.StatusCode != http.StatusOK {
			return nil
		}
		if body, err = io.ReadAll(response.Body); err != nil {
			return nil
		}
		return body
	}
	for _, address := range s.addresses {
		s.eventually("the name is shown", func() bool { return containsText(read(address), r.name) })
	}
	if out, code := s.command("erase", "p-"+r.key, "--ground", "request", "--json"); code != 0 {
		s.t.Errorf("the erasure ended with %d: %s", code, out)
	}
	for _, address := range s.addresses {
		s.eventually("the name is gone", func() bool { body := read(address); return body != nil && !containsText(body, r.name) })
	}
}

// notices holds that no policy has told anything twice of an appointment.
func (s *site) notices() {
	s.t.Helper()
	store, err := embedded.Open(context.Background(), embedded.Options{Dir: s.eventsDir()})
	if err != nil {
		s.t.Fatal(err)
	}
	told := map[string]bool{}
	filter := eventstore.Filter{StreamPrefixes: []string{policy.StreamPrefix}}
	for e, err := range store.ReadAll(context.Background(), eventstore.AllRead{Filter: filter}) {
		var about struct {
			Due time.Time `json:"due"`
		}
		if err == nil {
			err = json.Unmarshal(e.Data, &about)
		}
		if err != nil || about.Due.IsZero() {
			s.t.Fatalf("a notice cannot be read: %s %v", e.Data, err)
		}
		what := fmt.Sprintf("%s %s of %s", e.Stream, e.Type, about.Due.In(dossier.ICT).Format(time.DateOnly))
		if told[what] {
			s.t.Errorf("%s was told twice", what)
		}
		told[what] = true
	}
	if err := store.Close(); err != nil {
		s.t.Error(err)
	}
	if s.figures.Notices = len(told); len(told) == 0 && s.simulated > 0 {
		s.t.Error("no policy had anything to do")
	}
}
