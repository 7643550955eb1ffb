package leases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// bucketName is permanent.
const bucketName = "LEDGER_LEASES"

// callWithin bounds one call of JetStream.
const callWithin = 3 * time.Second

// document is the lease of a task.
type document struct {
	// Holder is the process that has the task; empty where it was given back.
	Holder string `json:"holder,omitempty"`
	// Asked is a process that asks the holder to give the task over, or for whom it
	// was given back.
	Asked string `json:"asked,omitempty"`
	// TermMS is after how many milliseconds without a change it is taken over.
	TermMS int64 `json:"term_ms"`
	// Since is when the holder took it, by the holder's clock. It is for people.
	Since time.Time `json:"since,omitzero"`
}

func (d document) term() time.Duration { return time.Duration(d.TermMS) * time.Millisecond }

// errMoved means that a document is at another revision than was seen.
var errMoved = errors.New("leases: the lease has changed meanwhile")

// place keeps documents.
type place interface {
	// read gives a document and its revision, zero where there is none. It may be an
	// earlier state, on which every write fails.
	read(ctx context.Context, task string) (document, uint64, error)
	// write replaces a document at a revision and gives the new one; errMoved where
	// it is at another. After any other error it is not known whether it was written.
	write(ctx context.Context, task string, doc document, revision uint64) (uint64, error)
}

// bucket is a place in NATS.
type bucket struct{ jetstream.KeyValue }

func openBucket(ctx context.Context, js jetstream.JetStream, replicas int) (bucket, error) {
	kv, err := js.KeyValue(ctx, bucketName)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: bucketName, Description: "Which ledger does what. Deleting it stops that for a moment.",
			History: 1, Storage: jetstream.FileStorage, Replicas: replicas,
		})
		if errors.Is(err, jetstream.ErrBucketExists) { // another process has just made it, with other replicas
			kv, err = js.KeyValue(ctx, bucketName)
		}
	}
	if err != nil {
		return bucket{}, unavailable(err)
	}
	return bucket{kv}, nil
}

func (b bucket) read(ctx context.Context, task string) (document, uint64, error) {
	var doc document
	entry, err := b.Get(ctx, task)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return doc, 0, nil
	}
	if err != nil {
		return doc, 0, unavailable(err)
	}
	if err := json.Unmarshal(entry.Value(), &doc); err != nil || doc.TermMS <= 0 {
		// Whoever wrote that, it is a change; it is replaced after a term.
		return document{Holder: "unknown"}, entry.Revision(), nil
	}
	return doc, entry.Revision(), nil
}

func (b bucket) write(ctx context.Context, task string, doc document, revision uint64) (uint64, error) {
	data, err := json.Marshal(doc)
	if err != nil {
		return 0, fmt.Errorf("leases: %w", err)
	}
	var written uint64
	if revision == 0 {
		written, err = b.Create(ctx, task, data) // also where it was deleted
	} else {
		written, err = b.Update(ctx, task, data, revision)
	}
	switch {
	case errors.Is(err, jetstream.ErrKeyExists), errors.Is(err, jetstream.ErrKeyRevisionMismatch):
		return 0, errMoved
	case err != nil:
		return 0, unavailable(err)
	}
	return written, nil
}
