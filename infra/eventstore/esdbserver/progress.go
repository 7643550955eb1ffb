package esdbserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"dossierledger/infra/eventstore"
)

const (
	statePrefix      = "$persistentsubscription-"
	checkpointSuffix = "-checkpoint"
	parkedSuffix     = "-parked"
	checkpointType   = "$SubscriptionCheckpoint"

	startBegin = "start"
	startEnd   = "end"
)

// stateStream names a stream in which a group keeps what it must remember.
func (k groupKey) stateStream(suffix string) string {
	return statePrefix + k.stream + "::" + k.name + suffix
}

func hasStatePrefix(stream string) bool {
	return strings.HasPrefix(strings.TrimPrefix(stream, metadataPrefix), statePrefix)
}

// progress is how far a group has come. Numbers are revisions, or positions in a
// group of $all; nil is before the first.
type progress struct {
	// fetched is the last that was read, passed the last behind which everything
	// is finished, written what the checkpoint in the store says.
	fetched, passed, written *uint64
	// count is how many have been passed since the last checkpoint.
	count int64
}

// loadProgress finds where the group was, or begins where its configuration says.
func (g *group) loadProgress(ctx context.Context) error {
	stream := g.key.stateStream(checkpointSuffix)
	st, err := g.server.state(ctx, stream)
	if err != nil {
		return err
	}
	if st.found() {
		for e, err := range g.server.store.ReadStream(ctx, stream, eventstore.StreamRead{Direction: eventstore.Backwards, Limit: 1}) {
			if err != nil || e.Revision < st.first {
				return err
			}
			at, err := g.parsePlace(e.Data)
			if err != nil {
				return fmt.Errorf("revision %d of stream %s: %w", e.Revision, stream, err)
			}
			g.fetched, g.passed, g.written = &at, &at, &at
			return nil
		}
	}
	g.fetched = g.config.After
	return nil
}

// advance moves over what is finished at the window's beginning; g.mu is held.
func (g *group) advance() {
	n := 0
	for n < len(g.window) && g.window[n].done {
		g.passed = &g.window[n].at
		n++
	}
	if n == 0 {
		return
	}
	g.count += int64(n)
	clear(g.window[:n])
	g.window = g.window[n:]
	signal(g.room)
}

// writeProgress writes a checkpoint if there is something new and due says so.
func (g *group) writeProgress(ctx context.Context, due func(count int64) bool) error {
	g.mu.Lock()
	passed, count := g.passed, g.count
	if passed == nil || (g.written != nil && *g.written == *passed) || !due(count) {
		g.mu.Unlock()
		return nil
	}
	g.mu.Unlock()
	if _, err := g.appendState(ctx, checkpointSuffix, eventstore.Proposed{Type: checkpointType, Data: g.placeText(*passed)}); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.written = passed
	g.count -= count
	return nil
}

// placeText and parsePlace write and read a checkpoint as EventStoreDB does: a
// number, or in a group of $all a position in quotes.
func (g *group) placeText(at uint64) []byte {
	if g.key.stream != allStream {
		return []byte(fmt.Sprint(at))
	}
	return []byte(`"` + g.placeName(at) + `"`)
}

func (g *group) placeName(at uint64) string {
	if g.key.stream != allStream {
		return fmt.Sprint(at)
	}
	return fmt.Sprintf("C:%d/P:%d", wirePosition(at), wirePosition(at))
}

func (g *group) parsePlace(data []byte) (uint64, error) {
	if g.key.stream != allStream {
		var at uint64
		return at, json.Unmarshal(data, &at)
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return 0, err
	}
	var commit, prepare uint64
	if _, err := fmt.Sscanf(text, "C:%d/P:%d", &commit, &prepare); err != nil {
		return 0, err
	}
	if commit == 0 {
		return 0, errors.New("a checkpoint before the first position")
	}
	return commit - 1, nil
}
