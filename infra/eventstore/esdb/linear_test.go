package esdb_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	"dossierledger/infra/eventstore/storetest"
)

// answered counts the appends that came to an end.
type answered struct {
	eventstore.Store
	appends atomic.Int64
}

func (a *answered) Append(ctx context.Context, stream string, expected event.Expected, events ...eventstore.Proposed) (event.Written, error) {
	defer a.appends.Add(1)
	return a.Store.Append(ctx, stream, expected, events...)
}

// TestAppendsHaveASingleOrder lets clients of two adapters meet on few streams
// while connections are cut and the server is started again. Something is answered
// between two cuts, so that a slow machine is not cut off for good.
func TestAppendsHaveASingleOrder(t *testing.T) {
	t.Parallel()
	n := esdbtest.StartNode(t)
	h := storetest.NewHistory(0, nil)
	for round := range 3 {
		p := startProxy(t, n.Address)
		direct, cut := open(t, n.URL()), &answered{Store: open(t, "esdb://"+p.listener.Addr().String()+"?tls=false")}
		var streams []string
		for i := range 4 {
			streams = append(streams, fmt.Sprintf("r%d-%d", round, i))
		}
		var acting sync.WaitGroup
		acting.Go(func() { h.Act(t.Context(), direct, streams, 4, 30, uint64(round)) })
		acting.Go(func() { h.Act(t.Context(), cut, streams, 4, 30, uint64(round+100)) })
		acted := make(chan struct{})
		go func() {
			acting.Wait()
			close(acted)
		}()
		restart := time.After(60 * time.Millisecond)
		before := int64(-1)
		for acting := true; acting; {
			select {
			case <-acted:
				acting = false
			case <-restart:
				n.Restart(t)
			case <-time.After(time.Duration(5+rand.IntN(30)) * time.Millisecond):
				if now := cut.appends.Load(); now > before {
					before = now
					p.cut()
				}
			}
		}
		for _, stream := range streams {
			if _, err := h.Read(t.Context(), direct, stream); err != nil {
				t.Error(err)
			}
		}
	}
	h.Check(t)
}
