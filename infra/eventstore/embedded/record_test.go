package embedded

import (
	"bytes"
	"testing"

	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func drawProposed(t *rapid.T) eventstore.Proposed {
	text := rapid.SliceOfN(rapid.Byte(), 0, 300)
	return eventstore.Proposed{
		ID:       uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")),
		Type:     rapid.String().Draw(t, "type"),
		Data:     text.Draw(t, "data"),
		Metadata: text.Draw(t, "metadata"),
	}
}

func encoded(position uint64, stream string, revision uint64, recordedAt int64, p *eventstore.Proposed) []byte {
	dst := make([]byte, recordSize(stream, revision, p))
	encodeRecord(dst, position, stream, revision, recordedAt, p)
	return dst
}

func TestRecordComesBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, stream := drawProposed(t), rapid.String().Draw(t, "stream")
		position, revision := rapid.Uint64().Draw(t, "position"), rapid.Uint64().Draw(t, "revision")
		at := rapid.Int64().Draw(t, "recorded at")
		r, err := decodeRecord(position, encoded(position, stream, revision, at, &p))
		if err != nil {
			t.Fatal(err)
		}
		if r.id != p.ID || string(r.kind) != p.Type || string(r.stream) != stream || r.revision != revision ||
			r.recordedAt != at || !bytes.Equal(r.data, p.Data) || !bytes.Equal(r.metadata, p.Metadata) {
			t.Fatalf("%+v", r)
		}
	})
}

func TestRecordWithAnyBitChangedOrUnderAnotherPositionIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProposed(t)
		src := encoded(7, "s", 3, 1, &p)
		if _, err := decodeRecord(8, src); err == nil {
			t.Fatal("a record under another position was taken")
		}
		bit := rapid.IntRange(0, 8*len(src)-1).Draw(t, "bit")
		src[bit/8] ^= 1 << (bit % 8)
		if _, err := decodeRecord(7, src); err == nil {
			t.Fatalf("a record with bit %d changed was taken", bit)
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	p := eventstore.Proposed{ID: uuid.UUID{1}, Type: "a.v1", Data: []byte(`{"n":1}`), Metadata: []byte(`{}`)}
	good := encoded(0, "stream", 300, 1_700_000_000_000_000_000, &p)
	f.Add(uint64(0), good)
	f.Add(uint64(1), good)
	f.Add(uint64(0), good[:len(good)-1])
	f.Add(uint64(0), []byte{})
	f.Fuzz(func(t *testing.T, position uint64, src []byte) {
		// With a checksum that is right, every shape must be decided without panic.
		if len(src) >= fixedSize {
			src = bytes.Clone(src)
			putCRC(position, src)
		}
		r, err := decodeRecord(position, src)
		if err != nil {
			return
		}
		again := encoded(position, string(r.stream), r.revision, r.recordedAt,
			&eventstore.Proposed{ID: r.id, Type: string(r.kind), Data: r.data, Metadata: r.metadata})
		if second, err := decodeRecord(position, again); err != nil || second.id != r.id || !bytes.Equal(second.data, r.data) {
			t.Fatalf("decoded, encoded and decoded: %+v, %v; first %+v", second, err, r)
		}
	})
}

func FuzzDecodeRun(f *testing.F) {
	f.Add(streamKey(1, 2), appendRunValue(nil, run{lastPosition: 9, count: 3}))
	f.Add(streamKey(1, 2), []byte{0x80})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		r, ok := decodeRun(key, value)
		if ok && (r.count == 0 || r.firstRevision() > r.lastRevision || r.firstPosition() > r.lastPosition) {
			t.Fatalf("%+v", r)
		}
	})
}

func TestFilterSeesRawNames(t *testing.T) {
	m := newMatcher(eventstore.Filter{StreamPrefixes: []string{"hồ-", "x"}, TypePrefixes: []string{"a"}})
	for _, c := range []struct {
		stream, kind string
		want         bool
	}{{"hồ-sơ", "a.v1", true}, {"x", "a", true}, {"h", "a", false}, {"hồ-sơ", "b", false}, {"", "", false}} {
		if got := m.matches(&record{stream: []byte(c.stream), kind: []byte(c.kind)}); got != c.want {
			t.Errorf("%q %q: %v", c.stream, c.kind, got)
		}
	}
}

func TestHeadCacheForgetsOnlyWhatIsOld(t *testing.T) {
	c := newHeadCache(2)
	for i, name := range []string{"a", "b", "c"} {
		c.put(name, head{number: uint64(i)})
	}
	c.age()
	if h, ok := c.get("b"); !ok || h.number != 1 {
		t.Fatalf("%+v, %v", h, ok)
	}
	c.put("d", head{})
	c.put("e", head{})
	c.age()
	if _, ok := c.get("a"); ok {
		t.Fatal("a was not used for two generations and is still there")
	}
	if _, ok := c.get("b"); !ok {
		t.Fatal("b was used and is gone")
	}
}
