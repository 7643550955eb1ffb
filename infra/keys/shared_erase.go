package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Erase implements Vault. It takes the longer the more persons the shard has:
// all their records are written anew.
func (v *Shared) Erase(ctx context.Context, subject string) error {
	if err := checkSubject(subject); err != nil {
		return err
	}
	shard := shardOf(subject)
	return v.again(ctx, func() error {
		erased, err := v.eraseOnce(ctx, shard, subject)
		if err != nil || erased {
			return err
		}
		return errMoved // one step is done; see where it stands
	})
}

// eraseOnce takes the next step to an erasure; erased is true where there is none left.
func (v *Shared) eraseOnce(ctx context.Context, shard byte, subject string) (erased bool, err error) {
	doc, _, err := v.read(ctx, shard)
	if err != nil {
		return false, err
	}
	if doc.State == turning || doc.State == destroying {
		return false, v.settle(ctx, shard)
	}
	record, found, err := v.firstRecord(ctx, shard, doc.Epoch, subject)
	switch {
	case err != nil:
		return false, err
	case doc.seq == 0:
		return false, v.found(ctx, shard, doc)
	case !found:
		// There is no key to destroy; there must never be one.
		return false, v.place(ctx, shard, doc, subject, nil)
	case len(record.Data) == 0:
		return true, nil
	}
	next, err := v.newShardKey(ctx, shard, doc.Epoch+1)
	if err != nil {
		return false, err
	}
	begun := document{Epoch: doc.Epoch, State: turning, Key: doc.Key, Next: next, Victim: subject}
	if err := v.moveOrDrop(ctx, shard, doc, begun, next); err != nil {
		return false, err
	}
	return false, v.finish(ctx, shard)
}

// settle waits until nothing is under way in a shard, and finishes it where
// whoever began it does not.
func (v *Shared) settle(ctx context.Context, shard byte) error {
	for {
		doc, _, err := v.read(ctx, shard)
		if err != nil || doc.State != turning && doc.State != destroying {
			return err
		}
		moved, err := v.movesWithin(ctx, shard, doc, v.patience)
		if err != nil {
			return err
		}
		if moved {
			continue
		}
		if err := v.finish(ctx, shard); err != nil && !errors.Is(err, errMoved) {
			return err
		}
	}
}

// finish takes the steps that are left of what is under way in a shard.
// Others may be at the same; errMoved where they were quicker.
func (v *Shared) finish(ctx context.Context, shard byte) error {
	v.works[shard].Lock()
	defer v.works[shard].Unlock()
	for {
		doc, _, err := v.read(ctx, shard)
		if err != nil {
			return err
		}
		switch doc.State {
		case turning:
			err = v.turn(ctx, shard, doc)
		case destroying:
			err = v.destroy(ctx, shard, doc)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// turn wraps every record of a shard anew and brings the next epoch into force.
func (v *Shared) turn(ctx context.Context, shard byte, doc document) error {
	old, err := v.shardKey(ctx, shard, doc.Epoch, doc.Key)
	if err != nil {
		return err
	}
	fresh, err := v.shardKey(ctx, shard, doc.Epoch+1, doc.Next)
	if err != nil {
		return err
	}
	if err := v.carry(ctx, shard, doc, old, fresh); err != nil {
		return err
	}
	return v.move(ctx, shard, doc, document{Epoch: doc.Epoch + 1, State: destroying, Key: doc.Next, Old: doc.Key})
}

// carry writes the record of everybody into the next epoch. One that is there
// already was put there by another process that carries too, and is as good.
//
// It reads the stream up to the shard's document, which moved when the turn
// began: every record of the epoch lies before that.
func (v *Shared) carry(ctx context.Context, shard byte, doc document, old, fresh *shardKey) error {
	consumer, drop, err := v.reader(ctx, jetstream.DeliverAllPolicy, shardRecords(shard, doc.Epoch)+">", turnSubject(shard))
	if err != nil {
		return err
	}
	defer drop()
	messages, err := consumer.Messages()
	if err != nil {
		return away(err)
	}
	defer messages.Stop()
	c := carrying{v: v, shard: shard, doc: doc, old: old, fresh: fresh, seen: map[string]bool{}}
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return away(err)
		}
		if m.Subject() != turnSubject(shard) {
			if err := c.take(ctx, m); err != nil {
				return err
			}
			continue
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("keys: %w", err)
		}
		if meta.Sequence.Stream != doc.seq {
			return errMoved
		}
		return c.arrived(ctx)
	}
}

// destroy deletes a shard's old key and what it wrapped.
func (v *Shared) destroy(ctx context.Context, shard byte, doc document) error {
	if err := v.dropShardKey(ctx, doc.Old); err != nil {
		return err
	}
	if err := v.stream.Purge(ctx, jetstream.WithPurgeSubject(shardRecords(shard, doc.Epoch-1)+">")); err != nil {
		return away(err)
	}
	return v.move(ctx, shard, doc, document{Epoch: doc.Epoch, State: kept, Key: doc.Key})
}

// movesWithin waits until a shard's document says something else; false where
// it does not in the time that is given.
func (v *Shared) movesWithin(ctx context.Context, shard byte, doc document, patience time.Duration) (bool, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		v.mu.Lock()
		now, changed := v.shard[shard].doc, v.changed
		v.mu.Unlock()
		if !now.says(doc) {
			return true, nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}
