package keys

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/elapsed"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// startFollowing follows the documents of all shards, those that are there first.
func (v *Shared) startFollowing(ctx context.Context) error {
	consumer, drop, err := v.reader(ctx, jetstream.DeliverLastPerSubjectPolicy, turnRoot+"*", pulseSubject)
	if err != nil {
		return err
	}
	following, err := consumer.Consume(v.followed)
	if err != nil {
		drop()
		return away(err)
	}
	v.unfollow = func() { following.Stop(); drop() }
	return nil
}

// followed takes in one message. After one that cannot be read nothing is opened
// here any more: it may have told of an erasure.
func (v *Shared) followed(m jetstream.Msg) {
	seq, err := v.takeIn(m)
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil && v.damaged == nil {
		v.damaged = err
		v.log.Error("the documents of the shared store of keys cannot be followed", "error", err)
	}
	v.seen = max(v.seen, seq)
	v.wake()
}

func (v *Shared) takeIn(m jetstream.Msg) (seq uint64, err error) {
	meta, err := m.Metadata()
	if err != nil {
		return 0, fmt.Errorf("keys: %w", err)
	}
	name, ok := strings.CutPrefix(m.Subject(), turnRoot)
	if !ok {
		return meta.Sequence.Stream, nil
	}
	shard, err := strconv.ParseUint(name, 16, 8)
	if err != nil {
		return 0, fault.New(fault.Corrupt, "keys.damaged", "the shared store of keys has a document of no shard: %s", m.Subject())
	}
	doc, err := readDocument(m.Data(), meta.Sequence.Stream)
	if err != nil {
		return 0, err
	}
	v.learn(byte(shard), doc)
	return doc.seq, nil
}

// learn takes in a document of a shard. Where it says something new, no open key
// of the shard is relied on any longer: it may be that of who was erased.
func (v *Shared) learn(shard byte, doc document) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := &v.shard[shard]
	if doc.seq <= s.doc.seq {
		return
	}
	old := s.doc
	s.doc = doc
	if old.says(doc) {
		return
	}
	if old.Epoch != 0 {
		s.generation++
		v.forget(s)
	}
	if s.key != nil && s.key.epoch != doc.Epoch {
		s.key = nil
	}
	if doc.State != kept && !s.minded && v.live.Err() == nil {
		s.minded = true
		v.mind(shard)
	}
	v.wake()
}

// mind sees to it that what is under way in a shard is finished, by whomever.
func (v *Shared) mind(shard byte) {
	v.running.Go(func() {
		for v.live.Err() == nil {
			err := v.settle(v.live, shard)
			v.mu.Lock()
			done := err == nil && v.shard[shard].doc.State == kept
			if done || v.live.Err() != nil {
				v.shard[shard].minded = false
				v.mu.Unlock()
				return
			}
			v.mu.Unlock()
			if err != nil {
				v.log.Warn("an erasure under way cannot be finished yet", "error", err)
			}
			select {
			case <-v.live.Done():
			case <-time.After(v.patience):
			}
		}
	})
}

func (v *Shared) known(shard byte) (document, uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.shard[shard].doc, v.shard[shard].generation
}

// remember keeps an open key in memory, unless the shard has moved since the
// generation in which its record was read: then it is errMoved.
func (v *Shared) remember(shard byte, generation uint64, subject string, key tink.AEAD) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := &v.shard[shard]
	if s.generation != generation {
		return errMoved
	}
	if v.open >= maxOpenKeys {
		for i := range v.shard { // rare, and cheaper than keeping an order of use
			v.forget(&v.shard[i])
		}
	}
	if s.opened == nil {
		s.opened = map[string]tink.AEAD{}
	}
	if _, there := s.opened[subject]; !there {
		v.open++
	}
	s.opened[subject] = key
	return nil
}

func (v *Shared) forget(s *sharedShard) {
	v.open -= len(s.opened)
	s.opened = nil
}

func (v *Shared) wake() {
	close(v.changed)
	v.changed = make(chan struct{})
}

// fresh returns when what is known here is younger than what may be stale.
func (v *Shared) fresh(ctx context.Context) error {
	v.mu.Lock()
	pulsed, damaged := v.pulsed, v.damaged
	v.mu.Unlock()
	if damaged != nil {
		return damaged
	}
	age := v.stale
	if !pulsed.IsZero() {
		age = elapsed.Since(pulsed)
	}
	if age < v.stale/2 {
		return nil
	}
	done := v.pulses.DoChan("", func() (any, error) { return nil, v.pulse() })
	if age < v.stale {
		return nil // it comes beside the work
	}
	select {
	case r := <-done:
		return r.Err
	case <-ctx.Done():
		return away(ctx.Err())
	}
}

// pulse proves that everything that was in the stream is known here: what is
// sent now comes back behind it.
func (v *Shared) pulse() error {
	ctx, cancel := context.WithTimeout(v.live, callWithin)
	defer cancel()
	began := time.Now()
	ack, err := v.js.PublishMsg(ctx, natsgo.NewMsg(pulseSubject))
	if err != nil {
		return away(err)
	}
	for {
		v.mu.Lock()
		if v.seen >= ack.Sequence {
			v.pulsed = began
			v.mu.Unlock()
			return nil
		}
		changed := v.changed
		v.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return away(errors.Join(ctx.Err(), errors.New("what was sent does not come back")))
		}
	}
}
