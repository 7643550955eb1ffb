package embedded

import (
	"bytes"
	"encoding/binary"
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

const testSeed = 77

func drawHeader(t *rapid.T) header {
	h := header{position: rapid.Uint64().Draw(t, "position"), after: rapid.Uint64().Draw(t, "after"),
		revision: rapid.Uint64().Draw(t, "revision"), recordedAt: rapid.Int64().Draw(t, "recorded at")}
	h.group = rapid.Uint64Max(h.position).Draw(t, "group")
	return h
}

func encoded(h header, stream string, p *eventstore.Proposed) []byte {
	return appendRecord(nil, testSeed, &h, stream, p)
}

func TestRecordComesBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, stream, h := drawProposed(t), rapid.String().Draw(t, "stream"), drawHeader(t)
		src := encoded(h, stream, &p)
		if len(src) != recordSize(&h, stream, &p) {
			t.Fatalf("%d bytes, %d were said", len(src), recordSize(&h, stream, &p))
		}
		r, err := decodeRecord(testSeed, h.position, src)
		if err != nil {
			t.Fatal(err)
		}
		if r.header != h || r.id != p.ID || string(r.kind) != p.Type || string(r.stream) != stream ||
			!bytes.Equal(r.data, p.Data) || !bytes.Equal(r.metadata, p.Metadata) {
			t.Fatalf("%+v", r)
		}
	})
}

func TestRecordWithAnyBitChangedOrAtAnotherPlaceIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProposed(t)
		src := encoded(header{position: 7, group: 7, revision: 3, recordedAt: 1}, "s", &p)
		if _, err := decodeRecord(testSeed, 8, src); err == nil {
			t.Fatal("a record under another position was taken")
		}
		if _, err := decodeRecord(testSeed+1, 7, src); err == nil {
			t.Fatal("a record of another log was taken")
		}
		bit := rapid.IntRange(0, 8*len(src)-1).Draw(t, "bit")
		src[bit/8] ^= 1 << (bit % 8)
		if _, err := decodeRecord(testSeed, 7, src); err == nil {
			t.Fatalf("a record with bit %d changed was taken", bit)
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	p := eventstore.Proposed{ID: uuid.UUID{1}, Type: "a.v1", Data: []byte(`{"n":1}`), Metadata: []byte(`{}`)}
	good := encoded(header{position: 300, group: 1, after: 5, revision: 300, recordedAt: 1_700_000_000_000_000_000}, "stream", &p)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, src []byte) {
		// With a size and a checksum that are right, every shape must be decided without panic.
		position := uint64(0)
		if len(src) >= fixedSize {
			src = bytes.Clone(src)
			binary.BigEndian.PutUint32(src, uint32(len(src)))
			putCRC(testSeed, src)
			position = binary.BigEndian.Uint64(src[positionOffset:])
		}
		r, err := decodeRecord(testSeed, position, src)
		if err != nil {
			return
		}
		again := encoded(r.header, string(r.stream), &eventstore.Proposed{ID: r.id, Type: string(r.kind), Data: r.data, Metadata: r.metadata})
		if second, err := decodeRecord(testSeed, position, again); err != nil || second.id != r.id || !bytes.Equal(second.data, r.data) {
			t.Fatalf("decoded, encoded and decoded: %+v, %v; first %+v", second, err, r)
		}
	})
}

func FuzzDecodeVersion1(f *testing.F) {
	f.Add([]byte{}, uint64(0))
	f.Add(make([]byte, version1FixedSize+8), uint64(1))
	f.Fuzz(func(t *testing.T, src []byte, position uint64) {
		if len(src) >= version1FixedSize {
			src = bytes.Clone(src)
			src[0] = version1
			binary.BigEndian.PutUint32(src[1:], version1CRC(position, src))
		}
		r, err := decodeVersion1(position, src)
		if err == nil && len(r.stream)+len(r.kind)+len(r.data)+len(r.metadata) > len(src) {
			t.Fatalf("%+v has more than there was", r)
		}
	})
}

func FuzzDecodeRun(f *testing.F) {
	f.Add(streamKey(1, 2), appendRunValue(nil, run{lastPosition: 9, count: 3, offset: 70}))
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

// given chunks of events, when they are lent, then each is put where the one before
// was, once that has grown to be large enough; when they are not, all stay.
func TestWhatIsLentIsPutInTheSamePlaceAgain(t *testing.T) {
	read := func(m *materializer, fill string) (first *byte) {
		m.again()
		data := bytes.Repeat([]byte(fill), 100)
		var events []eventstore.Recorded
		for range 100 {
			events = append(events, m.event(&record{data: data}))
		}
		for _, e := range events {
			if !bytes.Equal(e.Data, data) || cap(e.Data) != len(data) {
				t.Fatalf("event %q has become %q", data, e.Data)
			}
		}
		return &events[0].Data[0]
	}
	for _, lent := range []bool{true, false} {
		m := &materializer{lent: lent}
		for range 5 {
			read(m, "a")
		}
		first, second := read(m, "a"), read(m, "b")
		if (first == second) != lent || (*first == 'a') == lent {
			t.Errorf("lent %t: the first event is %q, the next chunk begins there: %t", lent, *first, first == second)
		}
	}
}
