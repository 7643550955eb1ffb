package keys

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"dossierledger/domain/fault"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/sync/singleflight"
)

// # The shared store of keys
//
// It is one JetStream stream, in which every subject holds one message:
//
//	ledger.keys.check                            wrapped by the master key, to tell a wrong one
//	ledger.keys.pulse                            sent by whoever wants to know how fresh it is
//	ledger.keys.turn.SHARD                       the shard's document: its epoch, its key, what is under way
//	ledger.keys.shard.SHARD.EPOCH.ANY            a shard's key in an epoch, wrapped by the master key
//	ledger.keys.person.SHARD.EPOCH.PERSON.ANY    a person's key, wrapped by that; empty for one who was erased
//
// A record of a person is taken by the stream only while the shard's document is
// the one that its maker saw. So none comes into an epoch that is being left. Of
// several makers at the same time the first in the stream has its way, and the
// others take that one's key: whoever reads any of them reads the first.
//
// An erasure takes three steps, each a change of the document from the one that
// was seen, so that any number of processes may work on the same erasure:
//
//	kept(E) → turning(E, victim)   names a key for epoch E+1. From here on nothing
//	                               is made under E. Every record of E is wrapped anew
//	                               under E+1; the victim's becomes a tombstone there.
//	turning → destroying(E+1)      The key of E is deleted and overwritten, then
//	                               its records are removed.
//	destroying → kept(E+1)         Now the erasure is done.
//
// Whoever dies in between leaves a document that is not kept: the next who needs
// the shard, or any process that sees it stand still, goes on from there.
//
// All that decides is a write, which a quorum of the servers has agreed to. Reads
// go to the stream's leader; one from a server that wrongly takes itself for the
// leader is an earlier state of the same stream, on which every write fails.
//
// # How far another process can be behind
//
// Every process follows the documents, and forgets the open keys of a shard whose
// epoch moves. That it follows is proved by the pulse: a message that it sends
// and must see come back, behind everything that was there before. Without a
// pulse that is younger than SharedOptions.Stale nothing is sealed or opened. So
// an erasure that has returned holds in every process after that time at the
// latest, also in one that was stopped or cut off; mostly within milliseconds.

// Defaults of SharedOptions.
const (
	DefaultReplicas = 3
	DefaultStale    = 5 * time.Second
	DefaultPatience = 5 * time.Second
)

// SharedOptions say how a shared store of keys is opened.
type SharedOptions struct {
	// Replicas is on how many servers the keys are kept, where they are not yet: 1, 3 or 5.
	Replicas int
	// Stale is for how long an erasure by another process may go unnoticed here.
	Stale time.Duration
	// Patience is how long an erasure under way may stand still before others go
	// on with it.
	Patience time.Duration
	// Logger gets what is worth knowing; nil is silent.
	Logger *slog.Logger
}

// Shared is a Vault in NATS JetStream, which any number of processes have open.
// What it promises holds for them together.
type Shared struct {
	js       jetstream.JetStream
	stream   jetstream.Stream
	master   Master
	stale    time.Duration
	patience time.Duration
	log      *slog.Logger

	live    context.Context // ends at Close
	stop    context.CancelFunc
	running sync.WaitGroup
	closing sync.Once
	pulses  singleflight.Group
	// unfollow ends the following of documents; nil where it has not begun.
	unfollow func()
	works    [shards]sync.Mutex // held by who finishes a turn, one here at a time

	mu      sync.Mutex
	shard   [shards]sharedShard
	open    int           // persons' keys in memory, over all shards
	seen    uint64        // the stream's sequence up to which it was followed
	changed chan struct{} // closed and made anew when seen or a document moves
	pulsed  time.Time     // before when everything is known here
	damaged error         // why nothing can be known here any more
}

// sharedShard is what is known here of a shard.
type sharedShard struct {
	doc    document
	key    *shardKey // of the document's epoch, once it was needed
	opened map[string]tink.AEAD
	// generation moves whenever open keys may have become wrong to have.
	generation uint64
	// minded is true while somebody here waits to finish what others have begun.
	minded bool
}

var _ Vault = (*Shared)(nil)

// OpenShared opens the shared store of keys, and makes it where it is not there
// yet. The connection stays the caller's.
func OpenShared(ctx context.Context, conn *natsgo.Conn, master Master, options SharedOptions) (v *Shared, err error) {
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(callWithin), jetstream.WithPublishAsyncMaxPending(carriedAtOnce), jetstream.WithPublishAsyncTimeout(callWithin))
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	v = &Shared{js: js, master: master, stale: options.Stale, patience: options.Patience, log: options.Logger, changed: make(chan struct{})}
	if v.stale <= 0 {
		v.stale = DefaultStale
	}
	if v.patience <= 0 {
		v.patience = DefaultPatience
	}
	if v.log == nil {
		v.log = slog.New(slog.DiscardHandler)
	}
	v.live, v.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, v.Close())
		}
	}()
	if err := v.openStream(ctx, options.Replicas); err != nil {
		return v, err
	}
	if err := v.checkMaster(ctx); err != nil {
		return v, err
	}
	if err := v.startFollowing(ctx); err != nil {
		return v, err
	}
	return v, v.fresh(ctx)
}

// Close implements Vault.
func (v *Shared) Close() error {
	v.mu.Lock()
	v.stop()
	v.mu.Unlock()
	v.closing.Do(func() {
		if v.unfollow != nil {
			v.unfollow()
		}
	})
	v.running.Wait()
	return nil
}

// Seal implements Vault.
func (v *Shared) Seal(ctx context.Context, subject string, clear, bound []byte) ([]byte, error) {
	key, err := v.key(ctx, subject, true)
	if err != nil {
		return nil, err
	}
	return sealWith(key, clear, bound)
}

// Unseal implements Vault.
func (v *Shared) Unseal(ctx context.Context, subject string, sealed, bound []byte) ([]byte, error) {
	key, err := v.key(ctx, subject, false)
	if err != nil {
		return nil, err
	}
	return unsealWith(key, sealed, bound)
}

// Knows implements Vault.
func (v *Shared) Knows(ctx context.Context, subject string) (bool, error) {
	switch _, err := v.key(ctx, subject, false); {
	case errors.Is(err, ErrUnknownSubject):
		return false, nil
	case err != nil && !errors.Is(err, ErrErased):
		return false, err
	}
	return true, nil
}

// key gives the open key of a person, from memory where it is there.
func (v *Shared) key(ctx context.Context, subject string, make bool) (tink.AEAD, error) {
	if err := checkSubject(subject); err != nil {
		return nil, err
	}
	if err := v.fresh(ctx); err != nil {
		return nil, err
	}
	shard := shardOf(subject)
	v.mu.Lock()
	key, ok := v.shard[shard].opened[subject]
	v.mu.Unlock()
	if ok {
		return key, nil
	}
	err := v.again(ctx, func() (err error) {
		key, err = v.lookUp(ctx, shard, subject, make)
		return err
	})
	return key, err
}

// lookUp reads a person's key, or makes it; errMoved where it has to be tried again.
func (v *Shared) lookUp(ctx context.Context, shard byte, subject string, make bool) (tink.AEAD, error) {
	doc, generation := v.known(shard)
	record, found, err := v.firstRecord(ctx, shard, doc.Epoch, subject)
	if err == nil && !found {
		// The document that is known may be older than the one that is.
		before := doc.Epoch
		if doc, generation, err = v.read(ctx, shard); err == nil && doc.Epoch != before {
			record, found, err = v.firstRecord(ctx, shard, doc.Epoch, subject)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case doc.State == turning && doc.Victim == subject, found && len(record.Data) == 0:
		return nil, ErrErased
	case !found && !make:
		return nil, ErrUnknownSubject
	}
	var raw []byte
	switch {
	case found:
		raw, err = v.unwrapped(ctx, shard, doc, subject, record.Data)
	case doc.State == turning:
		err = cmp.Or(v.settle(ctx, shard), errMoved)
	case doc.seq == 0:
		err = cmp.Or(v.found(ctx, shard, doc), errMoved)
	default:
		raw, err = v.make(ctx, shard, doc, subject)
	}
	if err != nil {
		return nil, err
	}
	key, err := aeadOf(raw)
	if err != nil {
		return nil, err
	}
	return key, v.remember(shard, generation, subject, key)
}

func (v *Shared) unwrapped(ctx context.Context, shard byte, doc document, subject string, record []byte) ([]byte, error) {
	key, err := v.shardKey(ctx, shard, doc.Epoch, doc.Key)
	if err != nil {
		return nil, err
	}
	return key.unwrap(subject, record)
}

// checkMaster tells a master key that did not make this store.
func (v *Shared) checkMaster(ctx context.Context) error {
	bound := []byte("check")
	return v.again(ctx, func() error {
		wrapped, _, found, err := v.get(ctx, checkSubjectName)
		if err != nil {
			return err
		}
		if found {
			_, err := v.master.Unwrap(ctx, wrapped, bound)
			return err
		}
		text := make([]byte, keySize)
		if _, err := rand.Read(text); err != nil {
			return fmt.Errorf("keys: random: %w", err)
		}
		if wrapped, err = v.master.Wrap(ctx, text, bound); err != nil {
			return err
		}
		_, err = v.write(ctx, checkSubjectName, wrapped, checkSubjectName, 0)
		return err
	})
}

// again repeats an action while others were quicker.
func (v *Shared) again(ctx context.Context, action func() error) error {
	for try := 1; ; try++ {
		err := action()
		if !errors.Is(err, errMoved) {
			return err
		}
		if try == mostTries {
			return fault.New(fault.Unavailable, CodeUnavailable, "other processes keep changing the same keys; try again")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(shortPause(try)):
		}
	}
}
