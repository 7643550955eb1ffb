package keys_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/keys"
	"dossierledger/infra/nats/natstest"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"
)

// mortal is a line to NATS that breaks for good after some messages have been
// written: to the others that is what a process looks like that was killed there.
type mortal struct {
	net.Conn
	left *atomic.Int64
}

// Dial implements nats.CustomDialer.
func (m *mortal) Dial(network, address string) (net.Conn, error) {
	if m.left.Load() <= 0 {
		return nil, errors.New("dead")
	}
	conn, err := net.Dial(network, address)
	return &mortal{conn, m.left}, err
}

func (m *mortal) Write(b []byte) (int, error) {
	if m.left.Add(-1) < 0 {
		return 0, errors.Join(errors.New("dead"), m.Close())
	}
	return m.Conn.Write(b)
}

// office is a few processes on one store of keys, and what is known of persons.
type office struct {
	t       *rapid.T
	server  *natstest.Server
	master  keys.Master
	members []*member
	log     *wire

	mu     sync.Mutex
	values map[string][][]byte // person → what was sealed for them
	erased map[string]bool     // Erase has returned
	begun  map[string]bool     // Erase was called
}

type member struct {
	vault keys.Vault
	line  *atomic.Int64
	conn  *natsgo.Conn
}

func (o *office) join() *member {
	left := &atomic.Int64{}
	left.Store(1 << 40)
	conn, err := natsgo.Connect(o.server.ClientURL(), natsgo.SetCustomDialer(&mortal{left: left}), natsgo.NoReconnect(),
		natsgo.ErrorHandler(func(*natsgo.Conn, *natsgo.Subscription, error) {}))
	if err != nil {
		o.t.Fatal(err)
	}
	v, err := keys.OpenShared(context.Background(), conn, o.master, keys.SharedOptions{Replicas: 1, Patience: 5 * time.Millisecond, Stale: time.Second})
	if err != nil {
		o.t.Fatal(err)
	}
	return &member{v, left, conn}
}

// leave is a member's end, in peace or not.
func (o *office) leave(m *member) {
	if err := m.vault.Close(); err != nil {
		o.t.Error(err)
	}
	m.conn.Close()
}

// act is something that a member does.
type act struct {
	member int
	person string
	erase  bool
	// dies is after how many messages the member dies; 0 is never.
	dies int
}

func (o *office) run(a act) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	m := o.members[a.member]
	if a.erase {
		o.mu.Lock()
		o.begun[a.person] = true
		o.mu.Unlock()
		err := m.vault.Erase(ctx, a.person)
		o.mu.Lock()
		defer o.mu.Unlock()
		if err == nil {
			o.erased[a.person] = true
		} else {
			o.mayFail(a, m, err)
		}
		return
	}
	sealed, err := m.vault.Seal(ctx, a.person, []byte(a.person), nil)
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil:
		o.values[a.person] = append(o.values[a.person], sealed)
	case errors.Is(err, keys.ErrErased) && o.begun[a.person]:
	default:
		o.mayFail(a, m, err)
	}
}

// mayFail lets only the dead fail, and only by being away.
func (o *office) mayFail(a act, m *member, err error) {
	if m.line.Load() > 0 || fault.KindOf(err) != fault.Unavailable {
		o.t.Errorf("%+v: %v (messages left: %d)", a, err, m.line.Load())
	}
}

// check holds that everybody who was not erased can be read by everybody, and
// who was erased by nobody.
func (o *office) check() {
	for person, values := range o.values {
		open, gone := 0, 0
		for i, m := range o.members {
			for _, sealed := range values {
				clear, err := m.vault.Unseal(context.Background(), person, sealed, nil)
				switch {
				case err == nil && string(clear) == person:
					open++
				case errors.Is(err, keys.ErrErased):
					gone++
				default:
					o.t.Fatalf("member %d reads %s: %q, %v", i, person, clear, err)
				}
			}
		}
		switch {
		case open > 0 && gone > 0 && !o.settles(person):
			o.t.Fatalf("%s is neither wholly there nor gone: %d values open, %d do not", person, open, gone)
		case gone > 0 && !o.begun[person]:
			o.t.Fatalf("%s was not erased and cannot be read", person)
		case open > 0 && o.erased[person] && !o.settles(person):
			o.t.Fatalf("%s was erased and can be read", person)
		}
	}
}

// settles waits until every member takes a person for erased, whose erasure
// another one has begun. It does not end on a time that a slow machine can miss.
func (o *office) settles(person string) bool {
	if !o.begun[person] {
		return false
	}
	for _, m := range o.members {
		for tries := 0; ; tries++ {
			_, err := m.vault.Unseal(context.Background(), person, o.values[person][0], nil)
			if errors.Is(err, keys.ErrErased) {
				break
			}
			if tries == 2000 {
				return false
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	return true
}

// wire hears what the stream takes: every key of a shard, and every document.
type wire struct {
	conn      *natsgo.Conn
	mu        sync.Mutex
	keys      [][]byte
	documents [][]byte
}

// last is the newest document that was heard.
func (w *wire) last() (document []byte, heard bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.documents) == 0 {
		return nil, false
	}
	return w.documents[len(w.documents)-1], true
}

// tell has everything that a stream takes published once more.
func tell(t *testing.T, js jetstream.JetStream) jetstream.Stream {
	t.Helper()
	stream, err := js.Stream(t.Context(), "LEDGER_KEYS")
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	config.RePublish = &jetstream.RePublish{Source: "ledger.keys.>", Destination: "heard.>"}
	if stream, err = js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	return stream
}

func listen(t *rapid.T, conn *natsgo.Conn, shard string) *wire {
	w := &wire{conn: conn}
	for subject, into := range map[string]*[][]byte{"heard.shard." + shard + ".>": &w.keys, "heard.turn." + shard: &w.documents} {
		sub, err := conn.Subscribe(subject, func(m *natsgo.Msg) {
			w.mu.Lock()
			defer w.mu.Unlock()
			*into = append(*into, m.Data)
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = sub.Unsubscribe() }) // the connection ends with the test anyhow
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	return w
}

// sameShard gives pseudonyms that share a shard, so that they get in each other's
// way, and that nobody had before.
func sameShard(n, round int) (persons []string, shard string) {
	for i := 0; len(persons) < n; i++ {
		if name := fmt.Sprintf("p-%d-%d", round, i); keys.ShardOf(name) == byte(round) {
			persons = append(persons, name)
		}
	}
	return persons, fmt.Sprintf("%02x", byte(round))
}

// Several processes make keys and erase persons of one shard at the same time,
// and die at any message: nobody is lost, nobody comes back, and no key that
// was in force before lies in a file.
func TestAnyInterleavingOfMakersErasersAndDeaths(t *testing.T) {
	p := place{server: natstest.Start(t), master: filepath.Join(t.TempDir(), "master.key")}
	if err := keys.MakeMaster(p.master); err != nil {
		t.Fatal(err)
	}
	master, err := keys.ReadMaster(p.master)
	if err != nil {
		t.Fatal(err)
	}
	p.open(t)
	ear := natstest.Connect(t, []*natstest.Server{p.server})
	js, err := jetstream.New(ear)
	if err != nil {
		t.Fatal(err)
	}
	stream := tell(t, js)
	example := 0
	rapid.Check(t, func(t *rapid.T) {
		example++
		persons, shard := sameShard(4, example)
		o := &office{
			t: t, server: p.server, master: master,
			values: map[string][][]byte{}, erased: map[string]bool{}, begun: map[string]bool{},
		}
		for range 3 {
			o.members = append(o.members, o.join())
		}
		o.log = listen(t, ear, shard)
		defer func() {
			for _, m := range o.members {
				o.leave(m)
			}
		}()
		rounds := rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) act {
			return act{
				member: rapid.IntRange(0, 2).Draw(t, "member"), person: rapid.SampledFrom(persons).Draw(t, "person"),
				erase: rapid.IntRange(0, 3).Draw(t, "erase") == 0,
				dies:  max(0, rapid.IntRange(-20, 12).Draw(t, "dies")),
			}
		}), 1, 6), 1, 5).Draw(t, "rounds")
		for _, round := range rounds {
			o.round(round)
		}
		o.noRemnants(stream, shard)
	})
}

// round does some acts at the same time; whoever died is replaced.
func (o *office) round(acts []act) {
	for _, a := range acts {
		if a.dies > 0 {
			o.members[a.member].line.Store(int64(a.dies))
		}
	}
	var all sync.WaitGroup
	for _, a := range acts {
		all.Go(func() { o.run(a) })
	}
	all.Wait()
	for i, m := range o.members {
		if m.line.Load() < 1<<39 { // dead, or would be soon
			o.leave(m)
			o.members[i] = o.join()
		}
	}
	o.check()
}

// noRemnants holds that of all keys of shards that were ever in force only the
// last lies in a file.
func (o *office) noRemnants(stream jetstream.Stream, shard string) {
	for person := range o.begun { // finishes what died
		if err := o.members[0].vault.Erase(context.Background(), person); err != nil {
			o.t.Fatal(err)
		}
	}
	// What is published is heard a moment later.
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(time.Millisecond) {
		if err := o.log.conn.Flush(); err != nil {
			o.t.Fatal(err)
		}
		last, heard := o.log.last()
		if !heard && len(o.begun)+len(o.values) == 0 {
			return
		}
		var document struct{ State string }
		if heard && json.Unmarshal(last, &document) == nil && document.State == "kept" {
			break
		}
		if time.Now().After(deadline) {
			o.t.Fatalf("the last document heard of the shard is %q", last)
		}
	}
	o.log.mu.Lock()
	defer o.log.mu.Unlock()
	var last struct{ Epoch uint64 }
	if err := json.Unmarshal(o.log.documents[len(o.log.documents)-1], &last); err != nil {
		o.t.Fatal(err)
	}
	info, err := stream.Info(context.Background(), jetstream.WithSubjectFilter("ledger.keys.shard."+shard+".>"))
	if err != nil {
		o.t.Fatal(err)
	}
	kept := map[string]bool{}
	for subject := range info.State.Subjects {
		m, err := stream.GetLastMsgForSubject(context.Background(), subject)
		if err != nil {
			o.t.Fatal(err)
		}
		kept[string(m.Data)] = true
		// Keys of an epoch that is over are only those that no document ever named.
		if epoch := strings.Split(subject, ".")[4]; epoch != fmt.Sprint(last.Epoch) && named(o.log.documents, m.Sequence) {
			o.t.Fatalf("the key %s is still there in epoch %d", subject, last.Epoch)
		}
	}
	var destroyed [][]byte
	for _, key := range o.log.keys {
		if !kept[string(key)] {
			destroyed = append(destroyed, key)
		}
	}
	if file, found := holds(o.t, o.server.Dir, destroyed...); found {
		o.t.Fatalf("%s holds a key that was destroyed", file)
	}
}

func named(documents [][]byte, seq uint64) bool {
	for _, d := range documents {
		if bytes.Contains(d, []byte(fmt.Sprintf(`"key":%d,`, seq))) || bytes.Contains(d, []byte(fmt.Sprintf(`"key":%d}`, seq))) {
			return true
		}
	}
	return false
}
