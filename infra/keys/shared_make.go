package keys

import (
	"cmp"
	"context"
	"errors"

	"github.com/nats-io/nuid"
)

// make makes a person's key in a shard that is not turning, unless another
// process is first: then it is errMoved, and the other's is to be taken.
func (v *Shared) make(ctx context.Context, shard byte, doc document, subject string) ([]byte, error) {
	raw, err := randomKey()
	if err != nil {
		return nil, err
	}
	key, err := v.shardKey(ctx, shard, doc.Epoch, doc.Key)
	if err != nil {
		return nil, err
	}
	record, err := key.wrap(subject, raw)
	if err != nil {
		return nil, err
	}
	return raw, v.place(ctx, shard, doc, subject, record)
}

// place puts a person's first record into an epoch. It is taken only while the
// shard's document is the one that was seen, so that none comes into an epoch
// that is being left. errMoved where it is not the first, or the document moved.
func (v *Shared) place(ctx context.Context, shard byte, doc document, subject string, record []byte) error {
	seq, err := v.write(ctx, personRecords(shard, doc.Epoch, subject)+nuid.Next(), record, turnSubject(shard), doc.seq)
	if errors.Is(err, errMoved) {
		_, _, failed := v.read(ctx, shard)
		return cmp.Or(failed, err)
	}
	if err != nil {
		return err
	}
	first, found, err := v.firstRecord(ctx, shard, doc.Epoch, subject)
	if err == nil && (!found || first.Sequence != seq) {
		err = errMoved
	}
	return err
}

// found makes the first epoch of a shard.
func (v *Shared) found(ctx context.Context, shard byte, doc document) error {
	const first = 1
	key, err := v.newShardKey(ctx, shard, first)
	if err != nil {
		return err
	}
	return v.moveOrDrop(ctx, shard, doc, document{Epoch: first, State: kept, Key: key}, key)
}

// moveOrDrop replaces a shard's document with one that names a new key, and
// drops the key where somebody else was quicker.
func (v *Shared) moveOrDrop(ctx context.Context, shard byte, doc, next document, key uint64) error {
	err := v.move(ctx, shard, doc, next)
	if errors.Is(err, errMoved) {
		return errors.Join(v.dropShardKey(ctx, key), err)
	}
	return err
}
