package esdb_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/eventstore/esdb"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

// TestAppendsAnswerAsTheEmbeddedStoreDoes sends the same appends, new ones,
// repeated ones and parts of earlier ones, under any expectation, to the embedded
// store and through one of two adapters, and compares every answer.
func TestAppendsAnswerAsTheEmbeddedStoreDoes(t *testing.T) {
	t.Parallel()
	n := esdbtest.StartNode(t)
	adapters := []*esdb.Store{open(t, n.URL()), open(t, n.URL())}
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		stream := fmt.Sprint("s-", round)
		reference, err := embedded.Open(context.Background(), embedded.Options{Dir: "store", FS: vfs.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := reference.Close(); err != nil {
				t.Error(err)
			}
		}()
		var sent []eventstore.Proposed
		for range rapid.IntRange(1, 25).Draw(t, "appends") {
			var batch []eventstore.Proposed
			if len(sent) > 0 && rapid.Bool().Draw(t, "old") {
				from := rapid.IntRange(0, len(sent)-1).Draw(t, "from")
				batch = append(batch, sent[from:min(len(sent), from+rapid.IntRange(1, 4).Draw(t, "count"))]...)
				if rapid.IntRange(0, 3).Draw(t, "turned") == 0 {
					for i, j := 0, len(batch)-1; i < j; i, j = i+1, j-1 {
						batch[i], batch[j] = batch[j], batch[i]
					}
				}
			}
			for range rapid.IntRange(0, 3).Draw(t, "new") {
				batch = append(batch, proposed("{}"))
			}
			if len(batch) == 0 {
				batch = append(batch, proposed("{}"))
			}
			expected := rapid.SampledFrom([]event.Expected{event.Any, event.None, event.Exists,
				event.Exact(uint64(rapid.IntRange(0, len(sent)+1).Draw(t, "revision"))),
				event.Exact(uint64(max(len(sent)-1, 0)))}).Draw(t, "expected")
			adapter := adapters[rapid.IntRange(0, 1).Draw(t, "adapter")]
			want, wantErr := reference.Append(context.Background(), stream, expected, batch...)
			got, gotErr := adapter.Append(context.Background(), stream, expected, batch...)
			sameAnswer(t, got, gotErr, want, wantErr)
			if wantErr == nil && !want.Repeated {
				sent = append(sent, batch...)
			}
		}
	})
}

func sameAnswer(t *rapid.T, got event.Written, gotErr error, want event.Written, wantErr error) {
	var gotWrong, wantWrong *event.WrongRevision
	switch {
	case errors.As(wantErr, &wantWrong):
		if !errors.As(gotErr, &gotWrong) || *gotWrong != *wantWrong {
			t.Fatalf("%+v, %v, want %v", got, gotErr, wantErr)
		}
	case wantErr != nil:
		if !errors.Is(wantErr, eventstore.ErrIDReused) || !errors.Is(gotErr, eventstore.ErrIDReused) {
			t.Fatalf("%+v, %v, want %v", got, gotErr, wantErr)
		}
	case gotErr != nil || got.Revision != want.Revision || got.Repeated != want.Repeated:
		t.Fatalf("%+v, %v, want %+v", got, gotErr, want)
	}
}
