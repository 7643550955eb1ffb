package esdbserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
)

const (
	// configStream holds, in its last event, all groups of persistent subscribers.
	configStream = "$persistentSubscriptionConfig"
	configType   = "$PersistentConfig"
	groupsMax    = 1000
)

// groupKey names a group: a stream, or $all, and the group's own name.
type groupKey struct{ stream, name string }

// groupConfig is a group as it is stored.
type groupConfig struct {
	Stream   string        `json:"stream"`
	Group    string        `json:"group"`
	Settings groupSettings `json:"settings"`
	// Start is where the client wanted to begin: "start", "end" or a number. After,
	// where it is there, is the last revision or position before that place, as it
	// was when the group was made.
	Start  string       `json:"start"`
	After  *uint64      `json:"after,omitempty"`
	Filter *groupFilter `json:"filter,omitempty"`
}

type groupSettings struct {
	ResolveLinks      bool   `json:"resolveLinks"`
	ExtraStatistics   bool   `json:"extraStatistics"`
	MaxRetryCount     int32  `json:"maxRetryCount"`
	MinCheckpoint     int32  `json:"minCheckpointCount"`
	MaxCheckpoint     int32  `json:"maxCheckpointCount"`
	MaxSubscribers    int32  `json:"maxSubscriberCount"`
	LiveBuffer        int32  `json:"liveBufferSize"`
	ReadBatch         int32  `json:"readBatchSize"`
	HistoryBuffer     int32  `json:"historyBufferSize"`
	MessageTimeoutMS  int32  `json:"messageTimeout_ms"`
	CheckpointAfterMS int32  `json:"checkpointAfter_ms"`
	Strategy          string `json:"strategy"`
}

type groupFilter struct {
	OnStream bool     `json:"onStream"`
	Prefixes []string `json:"prefixes,omitempty"`
	Pattern  string   `json:"pattern,omitempty"`
}

func (f *groupFilter) made() (eventstore.Filter, error) {
	var out eventstore.Filter
	if f == nil {
		return out, nil
	}
	re, err := pattern(f.Pattern)
	if err != nil {
		return out, err
	}
	if f.OnStream {
		out.StreamPrefixes, out.StreamPattern = f.Prefixes, re
	} else {
		out.TypePrefixes, out.TypePattern = f.Prefixes, re
	}
	return out, nil
}

// groups are the persistent subscriptions of a server. They are read from the
// store when they are first asked for.
type groups struct {
	server *Server
	mu     sync.Mutex
	loaded bool
	ended  bool
	byKey  map[groupKey]*group
}

func newGroups(s *Server) *groups { return &groups{server: s} }

// load reads the groups; g.mu is held.
func (g *groups) load(ctx context.Context) error {
	switch {
	case g.ended:
		return errStopping
	case g.loaded:
		return nil
	}
	g.byKey = map[groupKey]*group{}
	read := eventstore.StreamRead{Direction: eventstore.Backwards, Limit: 1}
	for e, err := range g.server.store.ReadStream(ctx, configStream, read) {
		if errors.Is(err, eventstore.ErrStreamNotFound) {
			break
		}
		if err != nil {
			return err
		}
		var stored struct {
			Entries []groupConfig `json:"entries"`
		}
		if err := json.Unmarshal(e.Data, &stored); err != nil {
			return fmt.Errorf("revision %d of stream %s: %w", e.Revision, configStream, err)
		}
		for _, c := range stored.Entries {
			made, err := newGroup(ctx, g.server, c)
			if err != nil {
				return fmt.Errorf("persistent subscription %s on %s: %w", c.Group, c.Stream, err)
			}
			g.byKey[made.key] = made
		}
	}
	g.loaded = true
	return nil
}

// save stores the groups as they would be with one of them changed; g.mu is held.
func (g *groups) save(ctx context.Context, by string, key groupKey, changed *groupConfig) error {
	stored := struct {
		Version   string        `json:"version"`
		Updated   time.Time     `json:"updated"`
		UpdatedBy string        `json:"updatedBy"`
		Entries   []groupConfig `json:"entries"`
	}{Version: "2", Updated: time.Now().UTC(), UpdatedBy: by, Entries: []groupConfig{}}
	for k, other := range g.byKey {
		if k != key {
			stored.Entries = append(stored.Entries, other.config)
		}
	}
	if changed != nil {
		stored.Entries = append(stored.Entries, *changed)
	}
	data, err := json.Marshal(stored)
	if err != nil {
		return err
	}
	_, err = g.server.system.AppendSystem(ctx, configStream, event.Any,
		eventstore.Proposed{ID: uuid.New(), Type: configType, Data: data})
	return err
}

// create adds a group.
func (g *groups) create(ctx context.Context, config groupConfig) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.load(ctx); err != nil {
		return err
	}
	key := groupKey{config.Stream, config.Group}
	if g.byKey[key] != nil {
		return groupRefusal(codes.AlreadyExists, "Subscription group %s on stream %s exists.", "persistent-subscription-exists", key)
	}
	if len(g.byKey) >= groupsMax {
		return groupFailed(key, fmt.Sprintf("there are %d persistent subscriptions already", groupsMax))
	}
	if longest := len(key.stateStream(checkpointSuffix)); longest > eventstore.MaxStreamName {
		return groupFailed(key, "the names of stream and group are too long together")
	}
	if err := g.resolveStart(ctx, &config); err != nil {
		return err
	}
	made, err := newGroup(ctx, g.server, config)
	if err != nil {
		return err
	}
	if err := g.save(ctx, callerOf(ctx).login, key, &config); err != nil {
		return err
	}
	g.byKey[key] = made
	return nil
}

// resolveStart fixes where "end" is, so that nothing is lost that is written
// between the making of a group and its first subscriber.
func (g *groups) resolveStart(ctx context.Context, config *groupConfig) error {
	if config.Start != startEnd {
		return nil
	}
	config.After = nil
	if config.Stream == allStream {
		head, ok, err := g.server.store.Head(ctx)
		if ok {
			config.After = &head
		}
		return err
	}
	st, err := g.server.state(ctx, config.Stream)
	if st.exists {
		config.After = &st.last
	}
	return err
}

// update changes a group's settings; its subscribers are dropped and connect again.
func (g *groups) update(ctx context.Context, config groupConfig) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.load(ctx); err != nil {
		return err
	}
	key := groupKey{config.Stream, config.Group}
	old := g.byKey[key]
	if old == nil {
		return groupUnknown(key)
	}
	config.Filter = old.config.Filter
	if err := g.resolveStart(ctx, &config); err != nil {
		return err
	}
	if err := g.save(ctx, callerOf(ctx).login, key, &config); err != nil {
		return err
	}
	if err := old.stop(ctx, groupRefusal(codes.Canceled, "Subscription group %s on stream %s was dropped.",
		"persistent-subscription-dropped", key)); err != nil {
		return err
	}
	made, err := newGroup(ctx, g.server, config)
	if err != nil {
		return err
	}
	g.byKey[key] = made
	return nil
}

// remove deletes a group and hides what it kept.
func (g *groups) remove(ctx context.Context, key groupKey) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.load(ctx); err != nil {
		return err
	}
	old := g.byKey[key]
	if old == nil {
		return groupUnknown(key)
	}
	if err := g.save(ctx, callerOf(ctx).login, key, nil); err != nil {
		return err
	}
	delete(g.byKey, key)
	if err := old.stop(ctx, groupUnknown(key)); err != nil {
		return err
	}
	for _, suffix := range []string{checkpointSuffix, parkedSuffix} {
		stream := key.stateStream(suffix)
		st, err := g.server.state(ctx, stream)
		if err == nil && st.found() {
			_, err = g.server.setTruncation(ctx, stream, st.meta, truncatedForEver)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *groups) find(ctx context.Context, key groupKey) (*group, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.load(ctx); err != nil {
		return nil, err
	}
	if found := g.byKey[key]; found != nil {
		return found, nil
	}
	return nil, groupUnknown(key)
}

// list gives the groups of a stream, or all where it is empty.
func (g *groups) list(ctx context.Context, stream string) ([]*group, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.load(ctx); err != nil {
		return nil, err
	}
	var out []*group
	for key, one := range g.byKey {
		if stream == "" || key.stream == stream {
			out = append(out, one)
		}
	}
	return out, nil
}

// restart ends all groups and reads them again from the store.
func (g *groups) restart(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.endAll(ctx); err != nil {
		return err
	}
	g.loaded = false
	return g.load(ctx)
}

func (g *groups) endAll(ctx context.Context) error {
	var failed error
	for key, one := range g.byKey {
		failed = errors.Join(failed, one.stop(ctx, groupRefusal(codes.Canceled,
			"Subscription group %s on stream %s was dropped.", "persistent-subscription-dropped", key)))
	}
	g.byKey = nil
	return failed
}

func (g *groups) stop(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	return g.endAll(ctx)
}

func groupRefusal(code codes.Code, format, exception string, key groupKey) error {
	return refuse(code, fmt.Sprintf(format, key.name, key.stream),
		"exception", exception, "stream-name", key.stream, "group-name", key.name)
}

func groupUnknown(key groupKey) error {
	return groupRefusal(codes.NotFound, "Subscription group %s on stream %s does not exist.",
		"persistent-subscription-does-not-exist", key)
}

func groupFailed(key groupKey, reason string) error {
	return refuse(codes.Internal, fmt.Sprintf("Subscription group %s on stream %s failed: '%s'", key.name, key.stream, reason),
		"exception", "persistent-subscription-failed", "stream-name", key.stream, "group-name", key.name, "reason", reason)
}
