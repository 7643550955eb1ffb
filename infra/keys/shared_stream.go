package keys

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"dossierledger/domain/fault"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// Codes of faults of the shared store.
const (
	// CodeUnavailable: the shared store of keys does not answer.
	CodeUnavailable = "keys.unavailable"
	// CodeSettings: the stream of keys has settings under which keys could be lost.
	CodeSettings = "keys.stream-settings"
)

const (
	streamName       = "LEDGER_KEYS"
	subjectRoot      = "ledger.keys."
	checkSubjectName = subjectRoot + "check"
	pulseSubject     = subjectRoot + "pulse"
	turnRoot         = subjectRoot + "turn."
)

// callWithin bounds one call of JetStream where the caller sets no bound.
const callWithin = 5 * time.Second

// mostTries bounds how often others may be quicker.
const mostTries = 100

func shortPause(try int) time.Duration {
	return time.Duration(rand.Int64N(int64(min(try, 20)))+1) * time.Millisecond
}

// errMoved means that what was to be changed has changed meanwhile.
var errMoved = errors.New("keys: somebody else was quicker")

func turnSubject(shard byte) string { return fmt.Sprintf("%s%02x", turnRoot, shard) }

// shardRoot begins the subjects of a shard's keys in an epoch.
func shardRoot(shard byte, epoch uint64) string {
	return fmt.Sprintf("%sshard.%02x.%d.", subjectRoot, shard, epoch)
}

// shardSubject is a new one for every key that is made.
func shardSubject(shard byte, epoch uint64) string { return shardRoot(shard, epoch) + nuid.Next() }

func shardRecords(shard byte, epoch uint64) string {
	return fmt.Sprintf("%sperson.%02x.%d.", subjectRoot, shard, epoch)
}

// personRecords holds the pseudonym in base64, whatever characters it has.
func personRecords(shard byte, epoch uint64, subject string) string {
	return shardRecords(shard, epoch) + base64.RawURLEncoding.EncodeToString([]byte(subject)) + "."
}

// carriedName ends the subject of a record that was carried into its epoch.
const carriedName = "carried"

func personOf(subject string) (string, error) {
	tokens := strings.Split(subject, ".")
	person, err := base64.RawURLEncoding.DecodeString(tokens[len(tokens)-2])
	if err != nil {
		return "", fault.New(fault.Corrupt, "keys.damaged", "the shared store of keys holds a record of nobody: %s", subject)
	}
	return string(person), nil
}

// openStream opens the stream, or makes it, and refuses one in which keys could be lost.
func (v *Shared) openStream(ctx context.Context, replicas int) error {
	if replicas == 0 {
		replicas = DefaultReplicas
	}
	stream, err := v.js.Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = v.js.CreateStream(ctx, jetstream.StreamConfig{
			Name: streamName, Description: "Keys of persons, wrapped. Do not delete: what they sealed could never be read again.",
			Subjects: []string{subjectRoot + ">"}, Storage: jetstream.FileStorage, Replicas: replicas,
			MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew,
		})
	}
	if err != nil {
		return away(err)
	}
	v.stream = stream
	c := stream.CachedInfo().Config
	if c.MaxMsgsPerSubject != 1 || c.MaxAge != 0 || c.MaxMsgs > 0 || c.MaxBytes > 0 || c.Storage != jetstream.FileStorage ||
		c.Retention != jetstream.LimitsPolicy || c.AllowDirect || c.DenyDelete || c.DenyPurge {
		return fault.New(fault.Invalid, CodeSettings, "the stream %s has other settings than the ledger gives it; keys could be lost, or not be destroyed", streamName)
	}
	return nil
}

// A consumer that nobody deletes is removed by the servers after consumerIdle.
const (
	consumerIdle   = time.Minute
	consumerGoesIn = time.Second
)

// reader opens an ordered consumer. drop must be called.
func (v *Shared) reader(ctx context.Context, policy jetstream.DeliverPolicy, subjects ...string) (c jetstream.Consumer, drop func(), err error) {
	c, err = v.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: subjects, DeliverPolicy: policy, InactiveThreshold: consumerIdle})
	if err != nil {
		return nil, nil, away(err)
	}
	return c, func() {
		info := c.CachedInfo()
		if info == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), consumerGoesIn)
		defer cancel()
		if err := v.stream.DeleteConsumer(ctx, info.Name); err != nil {
			v.log.Debug("a consumer of the shared store of keys stays until it has been idle for a while", "error", err)
		}
	}, nil
}

// get reads the message of a subject. It asks the stream's leader, never a
// replica that may be behind.
func (v *Shared) get(ctx context.Context, subject string) (data []byte, seq uint64, found bool, err error) {
	m, err := v.stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, 0, false, nil
	}
	if err != nil {
		return nil, 0, false, away(err)
	}
	return m.Data, m.Sequence, true, nil
}

// write puts a message into a subject, where the last one in another subject
// (mostly the same) is at a sequence, zero for none; else it is errMoved.
func (v *Shared) write(ctx context.Context, subject string, data []byte, last string, seq uint64) (uint64, error) {
	ack, err := v.js.Publish(ctx, subject, data, jetstream.WithExpectLastSequenceForSubject(seq, last))
	if err != nil {
		return 0, refused(err)
	}
	return ack.Sequence, nil
}

// refused tells errMoved from what is really wrong. Where no answer came it is
// not known whether the change was made: whoever goes on reads first.
func refused(err error) error {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		switch api.ErrorCode {
		case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
			return errMoved
		}
	}
	return away(err)
}

// away says that the store does not answer, or does not do what is asked.
func away(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fault.New(fault.Unavailable, CodeUnavailable, "the shared store of keys does not answer, so that personal values can be neither sealed nor opened: %w", err)
}

// state is what is under way in a shard.
type state string

const (
	kept       state = "kept"
	turning    state = "turning"
	destroying state = "destroying"
)

// document is a shard's document. Its sequence is zero where there is none yet.
// Keys of shards are named by the sequences of their messages.
type document struct {
	Epoch uint64 `json:"epoch"`
	State state  `json:"state"`
	Key   uint64 `json:"key"`
	// Next is the key of the next epoch, and Victim who is being erased, while turning.
	Next   uint64 `json:"next,omitempty"`
	Victim string `json:"victim,omitempty"`
	// Old is the key that is to be deleted, while destroying.
	Old uint64 `json:"old,omitempty"`
	seq uint64
}

// says reports whether two documents say the same of a shard.
func (d document) says(other document) bool {
	d.seq, other.seq = 0, 0
	return d == other
}

func readDocument(data []byte, seq uint64) (document, error) {
	doc := document{seq: seq}
	if err := json.Unmarshal(data, &doc); err != nil || doc.Epoch == 0 {
		return doc, fault.New(fault.Corrupt, "keys.damaged", "the document of a shard in the shared store of keys is damaged")
	}
	return doc, nil
}

// move replaces a shard's document.
func (v *Shared) move(ctx context.Context, shard byte, doc, next document) error {
	data, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	if next.seq, err = v.write(ctx, turnSubject(shard), data, turnSubject(shard), doc.seq); err != nil {
		return err
	}
	v.learn(shard, next)
	return nil
}

// read asks for a shard's document.
func (v *Shared) read(ctx context.Context, shard byte) (document, uint64, error) {
	data, seq, found, err := v.get(ctx, turnSubject(shard))
	if err != nil {
		return document{}, 0, err
	}
	if found {
		doc, err := readDocument(data, seq)
		if err != nil {
			return doc, 0, err
		}
		v.learn(shard, doc)
	}
	doc, generation := v.known(shard)
	return doc, generation, nil
}

// firstRecord reads a person's record in an epoch: the first one. Others can be
// there, of whoever made one at the same time and did not get its way.
func (v *Shared) firstRecord(ctx context.Context, shard byte, epoch uint64, subject string) (m *jetstream.RawStreamMsg, found bool, err error) {
	if epoch == 0 {
		return nil, false, nil
	}
	m, err = v.stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(personRecords(shard, epoch, subject)+"*"))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, away(err)
	}
	return m, true, nil
}

// newShardKey makes the key of an epoch. It is nobody's until a document names it.
func (v *Shared) newShardKey(ctx context.Context, shard byte, epoch uint64) (seq uint64, err error) {
	_, wrapped, err := makeShardKey(ctx, v.master, shard, epoch)
	if err != nil {
		return 0, err
	}
	subject := shardSubject(shard, epoch)
	return v.write(ctx, subject, wrapped, subject, 0)
}

// dropShardKey deletes a key that no document names, or none any longer, and
// overwrites it on the servers' disks.
func (v *Shared) dropShardKey(ctx context.Context, seq uint64) error {
	err := v.stream.SecureDeleteMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		if _, there := v.stream.GetMsg(ctx, seq); errors.Is(there, jetstream.ErrMsgNotFound) {
			return nil // somebody else did it
		}
	}
	if err != nil {
		return away(err)
	}
	return nil
}

// shardKey opens the key of a shard in an epoch; errMoved where it is gone.
func (v *Shared) shardKey(ctx context.Context, shard byte, epoch, seq uint64) (*shardKey, error) {
	v.mu.Lock()
	key := v.shard[shard].key
	v.mu.Unlock()
	if key != nil && key.epoch == epoch {
		return key, nil
	}
	m, err := v.stream.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		_, _, err := v.read(ctx, shard)
		return nil, cmp.Or(err, errMoved)
	}
	if err != nil {
		return nil, away(err)
	}
	if key, err = openShardKey(ctx, v.master, shard, epoch, m.Data); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if s := &v.shard[shard]; s.doc.Epoch == epoch {
		s.key = key
	}
	return key, nil
}
