package eventstore

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// Digest is a hash over events in the order in which they are added: of each its
// stream, revision, id, type, data, metadata and the time at which it was
// recorded. Positions are not in it, since every engine counts its own. Two logs
// with the same sum hold the same history.
type Digest struct {
	hash  hash.Hash
	count uint64
	frame []byte
}

// NewDigest is the digest of no events.
func NewDigest() *Digest { return &Digest{hash: sha256.New()} }

// Add takes the next event in. What an event is made of is framed, so that no two
// different events have the same bytes.
func (d *Digest) Add(e *Recorded) {
	f := d.frame[:0]
	f = appendField(f, e.Stream)
	f = binary.AppendUvarint(f, e.Revision)
	f = append(f, e.ID[:]...)
	f = appendField(f, e.Type)
	f = binary.BigEndian.AppendUint64(f, uint64(e.RecordedAt.Unix()))
	f = binary.BigEndian.AppendUint32(f, uint32(e.RecordedAt.Nanosecond()))
	f = appendField(f, e.Data)
	f = appendField(f, e.Metadata)
	d.frame = f
	d.hash.Write(f) // a hash never fails
	d.count++
}

func appendField[T string | []byte](dst []byte, field T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(field))), field...)
}

// Count is the number of events.
func (d *Digest) Count() uint64 { return d.count }

// Sum is the hash of the events so far (SHA-256); more can be added.
func (d *Digest) Sum() [sha256.Size]byte { return [sha256.Size]byte(d.hash.Sum(nil)) }

// String is the sum in hexadecimal.
func (d *Digest) String() string {
	sum := d.Sum()
	return hex.EncodeToString(sum[:])
}
