package esdb_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	"dossierledger/infra/eventstore/storetest"
)

// TestAppendsHaveASingleOrder lets clients of two adapters meet on few streams
// while connections are cut and the server is started again.
func TestAppendsHaveASingleOrder(t *testing.T) {
	t.Parallel()
	n := esdbtest.StartNode(t)
	h := storetest.NewHistory(0, nil)
	for round := range 3 {
		p := startProxy(t, n.Address)
		direct, cut := open(t, n.URL()), open(t, "esdb://"+p.listener.Addr().String()+"?tls=false")
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
		for acting := true; acting; {
			select {
			case <-acted:
				acting = false
			case <-restart:
				n.Restart(t)
			case <-time.After(time.Duration(5+rand.IntN(30)) * time.Millisecond):
				p.cut()
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
