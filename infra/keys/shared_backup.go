package keys

import (
	"context"
	"errors"
	"iter"
	"slices"

	"dossierledger/domain/fault"
	"github.com/nats-io/nats.go/jetstream"
)

var _ Copier = (*Shared)(nil)

// Copy implements Copier. Each shard is handed over as it was at one moment, the one
// after the other: nobody waits for it, and where a shard turns meanwhile it is read
// anew. So a person who is erased while it runs may be in the copy or not. ErrNone
// where the shared store holds nothing.
func (v *Shared) Copy(ctx context.Context, each func(Wrapped) error) error {
	none := true
	for i := range shards {
		var parts []Wrapped
		err := v.again(ctx, func() (err error) {
			parts, err = v.copyShard(ctx, byte(i))
			return err
		})
		if err != nil {
			return err
		}
		for _, part := range parts {
			none = false
			if err := each(part); err != nil {
				return err
			}
		}
	}
	if none {
		return fault.New(ErrNone.Kind, ErrNone.Code, "there are no keys in NATS")
	}
	return nil
}

// copyShard reads a shard's key and records between two looks at its document;
// errMoved where that has changed.
func (v *Shared) copyShard(ctx context.Context, shard byte) (parts []Wrapped, err error) {
	if err := v.settle(ctx, shard); err != nil {
		return nil, err
	}
	doc, _, err := v.read(ctx, shard)
	if err != nil || doc.seq == 0 {
		return nil, err
	}
	key, err := v.stream.GetMsg(ctx, doc.Key)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, away(err)
	}
	var records []Wrapped
	if err == nil {
		if records, err = v.shardRecords(ctx, shard, doc.Epoch); err != nil {
			return nil, err
		}
	}
	now, _, err := v.read(ctx, shard)
	switch {
	case err != nil:
		return nil, err
	case now.seq != doc.seq || doc.State != kept:
		return nil, errMoved
	case key == nil:
		return nil, fault.New(fault.Corrupt, "keys.damaged", "there is no key of epoch %d of shard %02x in the shared store", doc.Epoch, shard)
	}
	return append([]Wrapped{{Shard: shard, Epoch: doc.Epoch, Key: key.Data}}, records...), nil
}

// shardRecords reads the records of an epoch, of each person the first one.
func (v *Shared) shardRecords(ctx context.Context, shard byte, epoch uint64) (records []Wrapped, err error) {
	consumer, drop, err := v.reader(ctx, jetstream.DeliverAllPolicy, shardRecords(shard, epoch)+">")
	if err != nil {
		return nil, err
	}
	defer drop()
	info, err := consumer.Info(ctx)
	if err != nil {
		return nil, away(err)
	}
	if info.NumPending == 0 {
		return nil, nil
	}
	messages, err := consumer.Messages()
	if err != nil {
		return nil, away(err)
	}
	defer messages.Stop()
	seen := map[string]bool{}
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, away(err)
		}
		person, err := personOf(m.Subject())
		if err != nil {
			return nil, err
		}
		if !seen[person] {
			seen[person] = true
			records = append(records, Wrapped{Shard: shard, Subject: person, Record: m.Data()})
		}
		meta, err := m.Metadata()
		if err != nil {
			return nil, away(err)
		}
		if meta.NumPending == 0 {
			return records, nil
		}
	}
}

// RestoreFrom makes the keys of a shared store, which nobody has used yet, from a
// copy, as RestoreFolder makes those of a folder: who is erased is erased in it,
// whatever the copy holds. One that was broken off goes on with the same copy. The
// master key is the one that the copied vault had.
func (v *Shared) RestoreFrom(ctx context.Context, parts iter.Seq2[Wrapped, error], erased iter.Seq[string]) (Copied, error) {
	c := lacking{parts: parts, gone: map[byte]map[string]bool{}}
	for subject := range erased {
		shard := shardOf(subject)
		if c.gone[shard] == nil {
			c.gone[shard] = map[string]bool{}
		}
		c.gone[shard][subject] = true
	}
	return v.CopyFrom(ctx, c)
}

// lacking is a copy without the keys of some persons, who are marked as erased in it.
type lacking struct {
	parts iter.Seq2[Wrapped, error]
	gone  map[byte]map[string]bool // persons by shard
}

// Copy implements Copier. The persons of a copy come shard by shard.
func (c lacking) Copy(ctx context.Context, each func(Wrapped) error) error {
	marked := map[byte]bool{}
	mark := func(shard byte) error {
		if marked[shard] {
			return nil
		}
		marked[shard] = true
		for subject := range c.gone[shard] {
			if err := each(Wrapped{Shard: shard, Subject: subject}); err != nil {
				return err
			}
		}
		return nil
	}
	for part, err := range c.parts {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if part.Subject != "" {
			if err := mark(part.Shard); err != nil {
				return err
			}
			if c.gone[part.Shard][part.Subject] {
				continue
			}
		}
		if err := each(part); err != nil {
			return err
		}
	}
	var rest []byte
	for shard := range c.gone {
		rest = append(rest, shard)
	}
	slices.Sort(rest)
	for _, shard := range rest {
		if err := mark(shard); err != nil {
			return err
		}
	}
	return nil
}
