package esdb

import (
	"encoding/json"

	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

const (
	systemPrefix   = "$"
	metadataPrefix = "$$"
	metadataType   = "$metadata"
	allStream      = "$all"
)

func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, eventstore.ErrInvalid.Code, format, args...)
}

func tooLarge(format string, args ...any) error {
	return fault.New(fault.TooLarge, eventstore.ErrTooLarge.Code, format, args...)
}

func validJSON(data []byte) bool { return json.Valid(data) }

// checkBatch holds an append to the port's limits, which the server does not know.
func checkBatch(stream string, events []eventstore.Proposed) error {
	if err := eventstore.CheckName("stream name", stream, eventstore.MaxStreamName+metadataAllowance(stream)); err != nil {
		return err
	}
	if len(events) == 0 {
		return invalid("stream %q: a batch without events", stream)
	}
	if len(events) > eventstore.MaxBatchEvents {
		return tooLarge("stream %q: %d events in one batch, at most %d are allowed", stream, len(events), eventstore.MaxBatchEvents)
	}
	size := 0
	seen := make(map[uuid.UUID]struct{}, len(events))
	for i := range events {
		e := &events[i]
		if e.ID == uuid.Nil {
			return invalid("stream %q, event %d of the batch: the id is the zero UUID", stream, i)
		}
		if _, twice := seen[e.ID]; twice {
			return invalid("stream %q, event %d of the batch: id %s is in the batch twice", stream, i, e.ID)
		}
		seen[e.ID] = struct{}{}
		if err := eventstore.CheckName("event type", e.Type, eventstore.MaxTypeName); err != nil {
			return err
		}
		if _, at := unstamped(e.Metadata); !at.IsZero() {
			return invalid("stream %q, event %d of the batch: only a copy of a ledger sets the time of recording", stream, i)
		}
		n := len(e.Data) + len(e.Metadata)
		if n > eventstore.MaxEventSize {
			return tooLarge("stream %q, event %d of the batch: %d bytes of data and metadata, at most %d are allowed",
				stream, i, n, eventstore.MaxEventSize)
		}
		size += n
	}
	if size > eventstore.MaxBatchSize {
		return tooLarge("stream %q: a batch of %d bytes, at most %d are allowed", stream, size, eventstore.MaxBatchSize)
	}
	return nil
}

func metadataAllowance(stream string) int {
	if len(stream) >= 2 && stream[:2] == metadataPrefix {
		return len(metadataPrefix)
	}
	return 0
}

func checkMetadataTarget(stream string) error {
	if err := eventstore.CheckName("stream name", stream, eventstore.MaxStreamName); err != nil {
		return err
	}
	if metadataAllowance(stream) > 0 {
		return invalid("stream %q: a metadata stream has no metadata of its own", stream)
	}
	return nil
}

func checkRead(d eventstore.Direction, limit int) error {
	if d != eventstore.Forwards && d != eventstore.Backwards {
		return invalid("a read in direction %d, which is neither forwards nor backwards", d)
	}
	if limit < 0 {
		return invalid("a read with the limit %d", limit)
	}
	return nil
}

func checkSubscription(to eventstore.SubscribeTo) error {
	switch {
	case to.CheckpointEvery < 0:
		return invalid("a subscription with a checkpoint every %d events", to.CheckpointEvery)
	case to.Stream == "" && to.AfterRevision != nil:
		return invalid("a subscription to the whole ledger begins after a position, not a revision")
	case to.Stream == "":
		return nil
	case to.AfterPosition != nil:
		return invalid("a subscription to stream %q begins after a revision, not a position", to.Stream)
	}
	return eventstore.CheckName("stream name", to.Stream, eventstore.MaxStreamName+len(metadataPrefix))
}
