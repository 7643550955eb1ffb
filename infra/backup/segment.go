package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/framing"
	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
)

// segmentBytes is how many bytes of events, before they are compressed, close a
// segment; segmentMax bounds what reading one can ask for: one event more.
const (
	segmentBytes = 16 << 20
	segmentMax   = segmentBytes + 48<<20
)

// segment is what a manifest says of a segment.
type segment struct {
	Name string `json:"name"`
	// First is the number of its first event, counted from 0 over the whole backup.
	First  uint64 `json:"first"`
	Events uint64 `json:"events"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Digest is that of its events; Chain the hash of the chain before and of it.
	Digest string `json:"digest"`
	Chain  string `json:"chain"`
	// FirstPosition, LastPosition and LastID tell where it is in the ledger, the
	// times when its events were recorded.
	FirstPosition uint64    `json:"first_position"`
	LastPosition  uint64    `json:"last_position"`
	LastID        uuid.UUID `json:"last_id"`
	FirstAt       time.Time `json:"first_recorded_at"`
	LastAt        time.Time `json:"last_recorded_at"`
}

func (s segment) String() string {
	return fmt.Sprintf("events %d to %d, positions %d to %d, recorded %s to %s", s.First, s.First+s.Events-1, s.FirstPosition, s.LastPosition,
		s.FirstAt.Format(time.RFC3339), s.LastAt.Format(time.RFC3339))
}

// link gives the chain behind a segment with this digest.
func link(before, digest string) string { return hashOf([]byte(before + digest)) }

// packer compresses the events of one segment after the other as they come, so
// that no segment is held uncompressed.
type packer struct {
	encoder *zstd.Encoder
	frame   []byte
}

func newPacker() (*packer, error) {
	// Two at a time: one takes events while the other compresses those before.
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2))
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return &packer{encoder: encoder}, nil
}

// filling is a segment that takes events. Its packer is its own until it is closed.
type filling struct {
	segment
	sum    *eventstore.Digest
	packer *packer
	raw    int // bytes before they are compressed
	object bytes.Buffer
}

// fill begins a segment. The one before must be closed.
func (p *packer) fill(first uint64) (*filling, error) {
	f := &filling{segment: segment{First: first}, sum: eventstore.NewDigest(), packer: p}
	p.encoder.Reset(&f.object)
	return f, f.write(framing.AppendHeader(p.frame[:0]))
}

func (f *filling) write(frame []byte) error {
	f.packer.frame = frame
	f.raw += len(frame)
	if _, err := f.packer.encoder.Write(frame); err != nil {
		return fmt.Errorf("backup: compress a segment: %w", err)
	}
	return nil
}

func (f *filling) add(e *eventstore.Recorded) error {
	if f.Events == 0 {
		f.FirstPosition, f.FirstAt = e.Position, e.RecordedAt
	}
	f.LastPosition, f.LastID, f.LastAt = e.Position, e.ID, e.RecordedAt
	f.sum.Add(e)
	f.Events++
	return f.write(framing.AppendEvent(f.packer.frame[:0], e))
}

// close ends the segment behind a chain. What is left to do can be done elsewhere.
func (f *filling) close(chain string) error {
	err := f.write(framing.AppendEnd(f.packer.frame[:0], f.Events))
	if closed := f.packer.encoder.Close(); err == nil && closed != nil {
		err = fmt.Errorf("backup: compress a segment: %w", closed)
	}
	f.packer = nil
	f.Digest = f.sum.String()
	f.Chain = link(chain, f.Digest)
	return err
}

// store hashes and writes a closed segment.
func (f *filling) store(ctx context.Context, place Place) error {
	object := f.object.Bytes()
	f.object = bytes.Buffer{} // the manifest waits for all segments, and needs only what is said of them
	f.SHA256, f.Bytes = hashOf(object), len(object)
	f.Name = fmt.Sprintf("segments/%012d-%s.zst", f.First, f.SHA256[:16])
	return put(ctx, place, f.Name, object)
}

func compressed(raw []byte) ([]byte, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	object := encoder.EncodeAll(raw, nil)
	return object, encoder.Close()
}

// stored reads an object that a manifest names and holds its hash.
func stored(ctx context.Context, place Place, name, hash string) (*zstd.Decoder, error) {
	object, err := get(ctx, place, name)
	if err != nil {
		return nil, err
	}
	if found := sha256.Sum256(object); hex.EncodeToString(found[:]) != hash {
		return nil, damaged(place, name, "has the SHA-256 %x where its manifest says %s", found, hash)
	}
	raw, err := zstd.NewReader(bytes.NewReader(object), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(segmentMax))
	if err != nil {
		return nil, damaged(place, name, "cannot be unpacked: %w", err)
	}
	return raw, nil
}

// read reads a segment, whole, and holds it to everything that is said of it.
func (s segment) read(ctx context.Context, place Place) ([]eventstore.Recorded, error) {
	raw, err := stored(ctx, place, s.Name, s.SHA256)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", err, s)
	}
	defer raw.Close()
	events := make([]eventstore.Recorded, 0, min(s.Events, segmentBytes/64))
	sum := eventstore.NewDigest()
	for r := framing.NewReader(raw); ; {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, damaged(place, s.Name, "cannot be read (%s): %w", s, err)
		}
		sum.Add(&e)
		events = append(events, e)
	}
	switch {
	case uint64(len(events)) != s.Events:
		return nil, damaged(place, s.Name, "has %d events (%s)", len(events), s)
	case sum.String() != s.Digest:
		return nil, damaged(place, s.Name, "holds other events than were read from the ledger: their hash is %s, not %s (%s)", sum, s.Digest, s)
	}
	return events, nil
}
