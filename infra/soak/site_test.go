package soak

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/porttest"
)

// site is one arrangement of processes with the people and subscribers around it.
type site struct {
	t      *testing.T
	random *rand.Rand // of the schedule of faults
	dir    string     // logs and settings
	data   string     // the ledger's data folder
	disk   *disk      // where data lies, if it is a disk of the test's own

	ledger    *program
	moved     *program // the same ledger with a clock that can be moved; else nil
	clock     string   // file that says by how much
	store     *program // the event store where it is a process of its own
	warehouse *program // ClickHouse where it is a process of its own
	dsn       string   // of that, past the link
	toStore   *link
	toTables  *link

	// nodes are several ledgers, where there are; ledger is the first of them.
	nodes       []*program
	addresses   []string // of the nodes
	nats        *program // what they share beside event store and ClickHouse
	natsAddress string
	issuer      []byte // their key for tokens
	simulated   int

	url         string
	face        string // where subscribers connect
	settings    []string
	load        *load
	subscribers []*subscriber
	timelines   []*timeline
	figures     *figures
}

// patience is how long the program may take to be itself again after a fault, on
// a machine that others use too. Nothing is measured against it.
const patience = 5 * time.Minute

// newSite prepares an arrangement; data is the data folder, apart says that event
// store and ClickHouse are processes of their own.
func newSite(t *testing.T, seed uint64, data string, apart bool) *site {
	t.Helper()
	exe, err := built()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, random: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir(), data: data, figures: newFigures(t.Name(), seed)}
	address := freeAddress(t)
	s.url = "http://" + address
	s.settings = []string{"--data", s.data, "--log", "warn"}
	args := []string{"--demo", "--demo-dossiers", "0", "--rate=-1", "--listen", address}
	if apart {
		s.apart(exe)
	} else {
		args = append(args, s.offerEvents()...)
	}
	s.ledger = s.program("ledger", exe, append(append([]string{"serve"}, args...), s.settings...)...)
	if !apart {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		s.clock = filepath.Join(s.dir, "clock")
		s.moved = s.program("ledger", self, s.ledger.args...)
		s.moved.env = environment(t, childEnv+"=ledger", clockEnv+"="+s.clock)
		s.moveClock(0)
	}
	t.Cleanup(s.clearUp)
	return s
}

func (s *site) program(name, exe string, args ...string) *program {
	return &program{t: s.t, name: name, exe: exe, args: args, env: environment(s.t), log: filepath.Join(s.dir, name+".log")}
}

// freeAddress gives an address that nobody listens on, and that stays free between
// two starts.
func freeAddress(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", porttest.Free(t, 1)[0])
}

func (s *site) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// offerEvents lets subscribers in, with a password and a certificate.
func (s *site) offerEvents() (args []string) {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(crand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		s.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	cert := s.write("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	keyFile := s.write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	users := s.write("users.yaml", "checker: {password: seen, admin: true}\n")
	address := freeAddress(s.t)
	s.face = "esdb://checker:seen@" + address + "?tls=true&tlsCAFile=" + cert
	return []string{"--esdb-listen", address, "--esdb-users", users, "--esdb-cert", cert, "--esdb-key", keyFile}
}

// apart prepares an event store and a ClickHouse of their own, behind links.
func (s *site) apart(exe string) {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	store, tables := freeAddress(s.t), freeAddress(s.t)
	s.store = s.program("eventstore", exe, "eventstore", "--insecure", "--listen", store, "--data", filepath.Join(s.data, "server"), "--log", "warn")
	s.warehouse = s.program("clickhouse", self, filepath.Join(s.data, "tables"), tables)
	s.warehouse.env = environment(s.t, childEnv+"=clickhouse")
	s.toStore = startLink(s.t, freeAddress(s.t), store)
	s.toTables = startLink(s.t, freeAddress(s.t), tables)
	s.face = "esdb://" + s.toStore.listener.Addr().String() + "?tls=false"
	s.dsn = "http://" + tables + "/default?compress=none"
	dsn := "http://" + s.toTables.listener.Addr().String() + "/default?compress=none"
	s.settings = append(s.settings, "--eventstore-file", s.write("eventstore", s.face+"\n"), "--clickhouse-dsn-file", s.write("clickhouse", dsn+"\n"))
}

// clearUp ends what runs and tells what it said where something went wrong.
func (s *site) clearUp() {
	for _, p := range s.programs() {
		if p.running() {
			p.signal(syscall.SIGCONT)
			p.kill()
		}
	}
	for _, p := range s.programs() {
		if text := p.confesses(); text != "" {
			s.t.Errorf("%s says: %s", p.name, text)
		} else if s.t.Failed() {
			s.t.Logf("%s said at the end:\n%s", p.name, p.tail())
		}
	}
}

func (s *site) programs() []*program {
	var all []*program
	for _, p := range append(s.ledgers(), s.store, s.warehouse, s.nats) {
		if p != nil {
			all = append(all, p)
		}
	}
	return all
}

// ledgers are the processes that serve, or may.
func (s *site) ledgers() []*program {
	if s.nodes != nil {
		return append([]*program(nil), s.nodes...)
	}
	return []*program{s.ledger, s.moved}
}

func (s *site) stopLedgers() {
	s.t.Helper()
	for _, p := range s.ledgers() {
		if p != nil {
			p.stop()
		}
	}
}

// command runs a command line of the ledger on the site's data: again, as people
// do, where it failed for a neighbour that did not answer in its time.
func (s *site) command(args ...string) (stdout []byte, code int) {
	s.t.Helper()
	stdout, code, _ = s.commanded(args...)
	return stdout, code
}

// commanded is command, with the last line of what it said where it failed.
func (s *site) commanded(args ...string) (stdout []byte, code int, last string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Second) {
		out, code, last, away := s.ledger.run(append(args, s.settings...)...)
		if !away || time.Now().After(deadline) {
			return out, code, last
		}
	}
}

// serving is the ledger's process that runs.
func (s *site) serving() *program {
	if s.moved != nil && s.moved.running() {
		return s.moved
	}
	return s.ledger
}

func (s *site) moveClock(by time.Duration) {
	s.t.Helper()
	// In one step, so that the clock never reads half of it.
	if err := os.Rename(s.write("clock.next", by.String()), s.clock); err != nil {
		s.t.Fatal(err)
	}
}

// start starts what does not run: the ledger with a moved clock where that is
// asked for. It returns at once.
func (s *site) start(moved bool) {
	s.t.Helper()
	s.startNeighbours()
	for _, p := range s.nodes {
		if !p.running() {
			p.start()
		}
	}
	if p := s.serving(); p.running() {
		return
	}
	if moved {
		s.moved.start()
	} else {
		s.ledger.start()
	}
}

func (s *site) startNeighbours() {
	s.t.Helper()
	for _, p := range []*program{s.store, s.warehouse, s.nats} {
		if p != nil && !p.running() {
			p.start()
		}
	}
	if s.nats == nil {
		return
	}
	s.eventually("NATS takes connections", func() bool { // a ledger starts only then
		conn, err := net.DialTimeout("tcp", s.natsAddress, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// up waits until the ledger answers.
func (s *site) up() {
	s.t.Helper()
	s.eventually("the ledger answers", func() bool {
		s.kept(s.serving())
		status, _ := s.get("/healthz")
		return status == http.StatusOK
	})
	for at, p := range s.nodes {
		s.eventually("every ledger answers", func() bool {
			s.kept(p)
			return s.parts(at) != nil
		})
	}
}

// kept holds a process to run. Only one that missed a neighbour is started again.
func (s *site) kept(p *program) {
	s.t.Helper()
	switch {
	case p.running():
	case p.missedNeighbour():
		s.figures.Faults["started again, a neighbour was slow"]++
		p.start()
	default:
		s.t.Fatalf("%s did not stay up: %v\n%s", p.name, p.outcome, p.tail())
	}
}

// eventually waits for something that comes by itself.
func (s *site) eventually(what string, so func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("after %s it is still not so that %s\n%s", patience, what, s.serving().tail())
		}
	}
}

// quick gives up a process that is stopped; one that is only slow has answered.
var quick = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// get asks for something that needs no rights.
func (s *site) get(path string) (status int, body []byte) {
	response, err := quick.Get(s.url + path)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	body, err = io.ReadAll(response.Body)
	if err != nil {
		return 0, nil
	}
	return response.StatusCode, body
}

// live waits until every part of the ledger is as it should be and the read
// models have seen everything.
func (s *site) live() {
	s.t.Helper()
	if s.nodes != nil {
		s.allLive()
		return
	}
	var last []byte
	defer func() {
		if s.t.Failed() {
			s.t.Logf("/readyz: %s", last)
		}
	}()
	s.eventually("all parts are live", func() bool {
		status, body := s.get("/readyz")
		last = body
		var ready struct {
			Parts []struct {
				Name, State string
				Ready       bool
			} `json:"parts"`
		}
		if status != http.StatusOK || json.Unmarshal(body, &ready) != nil || len(ready.Parts) < 4 {
			return false
		}
		for _, part := range ready.Parts {
			if !part.Ready || part.State != "live" && part.State != "open" && part.State != "running" {
				return false
			}
		}
		return true
	})
}

// begin starts everything, with people and subscribers.
func (s *site) begin(people int, pace time.Duration) {
	s.t.Helper()
	s.start(false)
	s.up()
	s.subscribers = []*subscriber{
		newSubscriber("all, checkpoint after every event", s.face, "", 1),
		newSubscriber("dossiers, checkpoint after every 37th", s.face, dossier.StreamOf(""), 37),
	}
	for _, sub := range s.subscribers {
		sub.start()
	}
	s.load = newLoad(s.t, s.url, s.figures.Seed, pace)
	if s.store != nil {
		s.load.ahead = 1
	}
	s.load.start(people)
}

// watchTimelines opens the live timelines of dossiers that are acted on much.
func (s *site) watchTimelines() {
	s.load.mu.Lock()
	defer s.load.mu.Unlock()
	for _, f := range s.load.busy {
		if !f.watched {
			f.watched = true
			s.timelines = append(s.timelines, followTimeline(s.url, f.code))
		}
	}
}

// check holds what people were told against what subscribers see.
func (s *site) check() {
	s.t.Helper()
	for _, p := range s.programs() {
		if p.diedByItself() {
			s.t.Fatalf("%s ended by itself: %v\n%s", p.name, p.outcome, p.tail())
		}
	}
	entries, highest := s.load.diary.told()
	if len(entries) == 0 {
		return
	}
	for _, sub := range s.subscribers {
		if !sub.waitFor(s.t, highest, patience) {
			s.t.FailNow()
		}
	}
	s.judge(entries, s.subscribers[0].chronicle)
	s.watchTimelines()
}

func (s *site) judge(entries []*request, log *chronicle) *balance {
	s.t.Helper()
	b := settle(entries, log)
	for _, wrong := range b.wrong {
		s.t.Error(wrong)
	}
	s.load.diary.mu.Lock()
	wrong := s.load.diary.wrong
	s.load.diary.wrong = nil
	s.load.diary.mu.Unlock()
	for _, what := range wrong {
		s.t.Error(what)
	}
	for _, sub := range s.subscribers {
		sub.mu.Lock()
		for _, wrong := range sub.wrong {
			s.t.Error(wrong)
		}
		sub.wrong = nil
		sub.mu.Unlock()
	}
	if s.t.Failed() {
		s.t.FailNow()
	}
	s.figures.Balance = b
	return b
}

// readAgain reads the whole log anew over the connection that subscribers have:
// it holds what they saw, and nothing that they saw has changed or gone.
func (s *site) readAgain() {
	s.t.Helper()
	var log *chronicle
	s.eventually("the whole log can be read", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		var err error
		log, err = readBack(ctx, s.face)
		return err == nil
	})
	end, ok := log.last()
	if !ok {
		s.t.Fatal("the log is empty")
	}
	for _, sub := range s.subscribers {
		sub.waitFor(s.t, end, patience)
	}
	if seen := s.subscribers[0].chronicle.before(end + 1); s.t.Failed() || !s.same(seen.compare("subscribed and read again", log)) {
		s.t.FailNow()
	}
	s.figures.ReadAgain++
}

func (s *site) same(differences []string) bool {
	s.t.Helper()
	for _, what := range differences {
		s.t.Error(what)
	}
	return differences == nil
}

// finish ends load and processes and holds the store itself, opened anew, and
// the read models against everything that was seen and told.
func (s *site) finish() {
	s.t.Helper()
	s.start(false)
	s.up()
	s.load.end()
	s.live()
	s.check()
	s.personal()
	if s.nodes != nil {
		s.together()
	}
	all := s.subscribers[0]
	for _, line := range s.timelines {
		all.chronicle.mu.Lock()
		next := all.chronicle.next[dossier.StreamOf(line.code)]
		all.chronicle.mu.Unlock()
		if !line.waitFor(next-1, patience) {
			s.t.Errorf("the timeline of %s did not come to revision %d", line.code, next-1)
		}
		line.end()
		s.figures.timeline(line)
		for _, wrong := range line.wrong {
			s.t.Error(wrong)
		}
	}
	for _, sub := range s.subscribers {
		sub.end()
		s.figures.Subscriptions = append(s.figures.Subscriptions, sub.figures)
	}
	var delivered map[string]uint64
	if s.nodes != nil {
		delivered = s.allDelivered()
	}
	s.stopLedgers()
	if s.store != nil {
		s.store.stop()
	}
	log := s.stored()
	s.same(log.wrong)
	if s.nodes != nil {
		s.everythingCame(delivered, log)
	}
	entries, _ := s.load.diary.told()
	s.judge(entries, log)
	s.figures.Events = log.size()
	end, _ := all.chronicle.last()
	s.same(all.chronicle.compare("subscribed and stored", log.before(end+1)))
	s.same(s.subscribers[1].chronicle.compare("subscribed with a filter and stored", log.before(end+1).own(s.subscribers[1].prefix)))
	if s.store != nil {
		s.store.start()
	}
	s.rebuildAndCompare()
	if out, code := s.command("doctor", "--deep", "--json"); code != 0 {
		s.t.Errorf("the doctor finds: %s", out)
	}
	if s.store != nil {
		s.store.stop()
		s.warehouse.stop()
	}
	s.numbers(s.stored())
	if s.nodes != nil {
		s.nats.stop()
		s.notices()
	}
}

// numbers holds that every number that was given out has its dossier: what a
// fault cut off in between was completed at the latest by the start after it.
func (s *site) numbers(log *chronicle) {
	s.t.Helper()
	given, dossiers := 0, map[string]bool{}
	for _, e := range log.events {
		if strings.HasPrefix(e.stream, dossier.SequencePrefix) {
			given++
		}
		if strings.HasPrefix(e.stream, dossier.StreamOf("")) {
			dossiers[e.stream] = true
		}
	}
	if given != len(dossiers) {
		s.t.Errorf("%d numbers were given out, and there are %d dossiers", given, len(dossiers))
	}
	s.figures.Dossiers = len(dossiers)
}

// eventsDir is where the embedded store keeps its files.
func (s *site) eventsDir() string {
	if s.store != nil {
		return filepath.Join(s.data, "server", "events")
	}
	return filepath.Join(s.data, "events")
}

// stored reads the store's files themselves, while nobody has them open.
func (s *site) stored() *chronicle {
	s.t.Helper()
	store, err := embedded.Open(context.Background(), embedded.Options{Dir: s.eventsDir()})
	if err != nil {
		s.t.Fatal(err)
	}
	log, err := readStore(context.Background(), store)
	if err != nil {
		s.t.Error(err)
	}
	if err := store.Close(); err != nil {
		s.t.Error(err)
	}
	return log
}

// personal looks at the applicants' names of some acknowledged submissions: the
// keys that they are sealed with have outlived everything too.
func (s *site) personal() {
	s.t.Helper()
	entries, _ := s.load.diary.told()
	looked := 0
	for _, at := range s.random.Perm(len(entries)) {
		r := entries[at]
		if !r.submits || r.fate != acknowledged || looked == 40 {
			continue
		}
		looked++
		status, body := 0, []byte(nil)
		s.eventually("a dossier can be read", func() bool {
			token, err := s.load.token(context.Background(), desk)
			if err != nil {
				return false
			}
			status, _, body, err = s.load.send(context.Background(), http.MethodGet, "/api/v1/dossiers/"+r.answer.Code+"?purpose=check", "",
				map[string]string{"Authorization": "Bearer " + token})
			return err == nil && status == http.StatusOK
		})
		if !containsText(body, r.name) {
			s.t.Errorf("the applicant of %s was %s: %s", r.answer.Code, r.name, body)
		}
	}
	s.figures.NamesRead += looked
}
