package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"dossierledger/domain/fault"
	"github.com/nats-io/nats.go/jetstream"
)

// CodeInUse is for a shared store that holds something else than what is copied to it.
const CodeInUse = "keys.in-use"

// Copied says what a copy of keys into a shared store came to.
type Copied struct {
	// Persons is how many have a key, Erased how many are erased for ever.
	Persons int `json:"persons"`
	Erased  int `json:"erased"`
	// Shards is how many were copied, Present how many were there already, the same.
	Shards  int `json:"shards"`
	Present int `json:"shards_present"`
}

// CopyFrom copies a vault into a shared store that nobody uses yet, and holds what
// lies there against it. Both have the same master key. Nobody may have the source
// open: a key that is made later would be missing. A copy that was broken off goes on
// where it stopped. A fault with CodeInUse where the shared store has other keys in a
// shard than the source; then what was copied before stays.
//
// A shard's records are taken only while the shard has no document yet, so that
// nobody can have made another key for a person; the document comes last.
func (v *Shared) CopyFrom(ctx context.Context, from Copier) (Copied, error) {
	c := copying{v: v, keys: map[byte]Wrapped{}}
	err := from.Copy(ctx, func(part Wrapped) error {
		switch {
		case part.Subject == "" && part.Epoch == 0, part.Subject != "" && part.Shard != shardOf(part.Subject):
			return fault.New(fault.Corrupt, "keys.damaged", "the keys hold something of shard %02x that does not belong there", part.Shard)
		case part.Subject == "":
			c.keys[part.Shard] = part
			return nil
		}
		if len(c.records) > 0 && c.shard != part.Shard {
			if err := c.finish(ctx); err != nil {
				return err
			}
		}
		if c.records == nil {
			c.records = map[string][]byte{}
		}
		c.shard = part.Shard
		c.records[part.Subject] = part.Record
		return nil
	})
	if err == nil && len(c.records) > 0 {
		err = c.finish(ctx)
	}
	return c.copied, err
}

// copying is a copy under way, one shard after the other.
type copying struct {
	v       *Shared
	keys    map[byte]Wrapped // of shards
	shard   byte
	records map[string][]byte // of the shard, by person
	copied  Copied
}

// finish copies the shard whose records are complete.
func (c *copying) finish(ctx context.Context) error {
	key, known := c.keys[c.shard]
	if !known {
		return c.tombstones(ctx)
	}
	doc, _, err := c.v.read(ctx, c.shard)
	if err != nil {
		return err
	}
	if doc.seq == 0 {
		if doc, err = c.place(ctx, key); err != nil {
			return err
		}
		c.copied.Shards++
	} else {
		c.copied.Present++
	}
	if err := c.compare(ctx, key, doc); err != nil {
		return err
	}
	for _, record := range c.records {
		if len(record) == 0 {
			c.copied.Erased++
		} else {
			c.copied.Persons++
		}
	}
	c.records = nil
	return nil
}

// tombstones marks those as erased who never had a key, in a shard that has none.
func (c *copying) tombstones(ctx context.Context) error {
	for person, record := range c.records {
		if len(record) > 0 {
			return fault.New(fault.Corrupt, "keys.damaged", "there is no key of shard %02x, and records that it wrapped", c.shard)
		}
		if err := c.v.Erase(ctx, person); err != nil {
			return err
		}
		c.copied.Erased++
	}
	c.copied.Shards++
	c.records = nil
	return nil
}

// copiedName ends the subject of a shard's key that was copied. Records have the
// name of those that were carried into their epoch.
const copiedName = "copied"

// place writes a shard's key, its records, and then its document.
func (c *copying) place(ctx context.Context, key Wrapped) (document, error) {
	if _, err := openShardKey(ctx, c.v.master, c.shard, key.Epoch, key.Key); err != nil {
		return document{}, err
	}
	if err := c.clear(ctx); err != nil {
		return document{}, err
	}
	alone := func() jetstream.PublishOpt {
		return jetstream.WithExpectLastSequenceForSubject(0, turnSubject(c.shard))
	}
	ack, err := c.v.js.Publish(ctx, shardRoot(c.shard, key.Epoch)+copiedName, key.Key, alone())
	if err != nil {
		return document{}, c.inUse(refused(err))
	}
	var sent []jetstream.PubAckFuture
	settle := func() error {
		for _, future := range sent {
			select {
			case <-future.Ok():
			case err := <-future.Err():
				return c.inUse(refused(err))
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		sent = sent[:0]
		return nil
	}
	for person, record := range c.records {
		future, err := c.v.js.PublishAsync(personRecords(c.shard, key.Epoch, person)+carriedName, record, alone())
		if err != nil {
			return document{}, away(err)
		}
		if sent = append(sent, future); len(sent) >= carriedAtOnce {
			if err := settle(); err != nil {
				return document{}, err
			}
		}
	}
	if err := settle(); err != nil {
		return document{}, err
	}
	if err := c.v.move(ctx, c.shard, document{}, document{Epoch: key.Epoch, State: kept, Key: ack.Sequence}); err != nil {
		return document{}, c.inUse(err)
	}
	doc, _, err := c.v.read(ctx, c.shard)
	return doc, err
}

// clear removes what a copy left that was broken off: the source may have erased
// somebody since. Whoever else begins to use the shard names its messages otherwise.
func (c *copying) clear(ctx context.Context) error {
	left := fmt.Sprintf("%sshard.%02x.*.%s", subjectRoot, c.shard, copiedName)
	for {
		m, err := c.v.stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(left))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return away(err)
		}
		if err := c.v.dropShardKey(ctx, m.Sequence); err != nil {
			return err
		}
	}
	if err := c.v.stream.Purge(ctx, jetstream.WithPurgeSubject(fmt.Sprintf("%sperson.%02x.*.*.%s", subjectRoot, c.shard, carriedName))); err != nil {
		return away(err)
	}
	return nil
}

func (c *copying) inUse(err error) error {
	if errors.Is(err, errMoved) {
		return fault.New(fault.Conflict, CodeInUse, "the shared store of keys is in use, or holds other keys than the source, in shard %02x; keys are copied into one that nobody has used", c.shard)
	}
	return err
}

// compare holds what lies in the shared store against the source.
func (c *copying) compare(ctx context.Context, key Wrapped, doc document) error {
	if doc.State != kept || doc.Epoch != key.Epoch {
		return c.inUse(errMoved)
	}
	m, err := c.v.stream.GetMsg(ctx, doc.Key)
	if err != nil {
		return away(err)
	}
	if !bytes.Equal(m.Data, key.Key) {
		return c.inUse(errMoved)
	}
	consumer, drop, err := c.v.reader(ctx, jetstream.DeliverAllPolicy, shardRecords(c.shard, doc.Epoch)+">", turnSubject(c.shard))
	if err != nil {
		return err
	}
	defer drop()
	messages, err := consumer.Messages()
	if err != nil {
		return away(err)
	}
	defer messages.Stop()
	for found := 0; ; found++ {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return away(err)
		}
		if m.Subject() == turnSubject(c.shard) { // it lies behind all that was copied
			if found != len(c.records) {
				return c.inUse(errMoved)
			}
			return nil
		}
		person, err := personOf(m.Subject())
		if err != nil {
			return err
		}
		if record, there := c.records[person]; !there || !bytes.Equal(record, m.Data()) {
			return c.inUse(errMoved)
		}
	}
}
