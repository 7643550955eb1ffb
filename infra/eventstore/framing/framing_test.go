package framing_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"
	"time"

	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/framing"
	"dossierledger/infra/eventstore/storetest"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func written(log []eventstore.Recorded) []byte {
	out := framing.AppendHeader(nil)
	for i := range log {
		out = framing.AppendEvent(out, &log[i])
	}
	return framing.AppendEnd(out, uint64(len(log)))
}

func read(from []byte) (log []eventstore.Recorded, err error) {
	for r := framing.NewReader(bytes.NewReader(from)); ; {
		e, err := r.Next()
		if err != nil {
			return log, err
		}
		log = append(log, e)
	}
}

func same(a, b eventstore.Recorded) bool { return reflect.DeepEqual(a, b) }

func TestWhatIsWrittenIsRead(t *testing.T) {
	bytesOf := rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) []byte {
		if len(b) == 0 {
			return nil
		}
		return b
	})
	event := rapid.Custom(func(t *rapid.T) eventstore.Recorded {
		return eventstore.Recorded{
			ID: uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")), Type: rapid.String().Draw(t, "type"),
			Data: bytesOf.Draw(t, "data"), Metadata: bytesOf.Draw(t, "metadata"), Stream: rapid.String().Draw(t, "stream"),
			Revision: rapid.Uint64().Draw(t, "revision"), Position: rapid.Uint64().Draw(t, "position"),
			RecordedAt: time.Unix(0, rapid.Int64Min(0).Draw(t, "at")).UTC(),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		log := rapid.SliceOfN(event, 0, 20).Draw(t, "log")
		got, err := read(written(log))
		if !errors.Is(err, io.EOF) || !slices.EqualFunc(got, log, same) {
			t.Fatalf("%#v was read as %#v, %v", log, got, err)
		}
	})
}

func TestWhatIsCutOffOrLongerIsNotTakenForWhole(t *testing.T) {
	whole := written(slices.Collect(storetest.Log(1, 5)))
	for n := range whole {
		if _, err := read(whole[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
	if _, err := read(append(slices.Clone(whole), 0)); !errors.Is(err, framing.ErrMalformed) {
		t.Errorf("a byte more: %v", err)
	}
	lost := framing.AppendEnd(framing.AppendHeader(nil), 1)
	if _, err := read(lost); !errors.Is(err, framing.ErrMalformed) {
		t.Errorf("an event less than was counted: %v", err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(written(slices.Collect(storetest.Log(1, 3))))
	f.Add(framing.AppendHeader(nil))
	f.Fuzz(func(t *testing.T, from []byte) {
		log, err := read(from)
		if !errors.Is(err, io.EOF) {
			return
		}
		again, err := read(written(log))
		if !errors.Is(err, io.EOF) || !slices.EqualFunc(again, log, same) {
			t.Errorf("%#v was read again as %#v, %v", log, again, err)
		}
	})
}
