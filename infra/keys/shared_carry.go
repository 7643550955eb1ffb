package keys

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// carrying writes the records of an epoch into the next one.
type carrying struct {
	v          *Shared
	shard      byte
	doc        document
	old, fresh *shardKey
	seen       map[string]bool // persons; only the first record of each counts
	sent       []sending
}

// sending is a record on its way.
type sending struct {
	subject string
	record  []byte
	jetstream.PubAckFuture
}

// carriedAtOnce bounds the records that are on their way at once.
const carriedAtOnce = 256

// take takes the next record, in the order of the stream.
func (c *carrying) take(ctx context.Context, m jetstream.Msg) error {
	person, err := personOf(m.Subject())
	if err != nil || c.seen[person] {
		return err
	}
	c.seen[person] = true
	var record []byte
	if person != c.doc.Victim && len(m.Data()) > 0 {
		raw, err := c.old.unwrap(person, m.Data())
		if err != nil {
			return err
		}
		if record, err = c.fresh.wrap(person, raw); err != nil {
			return err
		}
	}
	if len(c.sent) >= carriedAtOnce {
		if err := c.arrived(ctx); err != nil {
			return err
		}
	}
	subject := personRecords(c.shard, c.fresh.epoch, person) + carriedName
	future, err := c.v.js.PublishAsync(subject, record, jetstream.WithExpectLastSequenceForSubject(0, subject))
	if err != nil {
		return away(err)
	}
	c.sent = append(c.sent, sending{subject, record, future})
	return nil
}

// arrived waits for all records on their way.
func (c *carrying) arrived(ctx context.Context) error {
	for _, s := range c.sent {
		select {
		case <-s.Ok():
			continue
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.Err():
			if err = refused(err); !errors.Is(err, errMoved) {
				return err
			}
		}
		if err := c.v.arrive(ctx, s); err != nil {
			return err
		}
	}
	c.sent = c.sent[:0]
	return nil
}

// arrive sees to a record that was refused: it is there already, or another
// process is just about to put it there.
func (v *Shared) arrive(ctx context.Context, s sending) error {
	return v.again(ctx, func() error {
		if _, _, found, err := v.get(ctx, s.subject); err != nil || found {
			return err
		}
		_, err := v.write(ctx, s.subject, s.record, s.subject, 0)
		return err
	})
}
