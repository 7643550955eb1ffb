package esdbserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	persistentapi "github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// persistent is the service of persistent subscriptions.
type persistent struct {
	persistentapi.UnimplementedPersistentSubscriptionsServer
	*Server
}

// offered says whether the store can keep persistent subscriptions, and whether
// this caller may manage them.
func (p *persistent) offered(ctx context.Context, manages bool) error {
	switch {
	case p.opts.ReadOnly, manages && !callerOf(ctx).admin:
		return accessDenied()
	case p.system == nil:
		return refuse(codes.Unimplemented, "the store behind this server keeps no persistent subscriptions")
	}
	return nil
}

// settingsRequest is what the settings of Create and Update have in common.
type settingsRequest interface {
	GetResolveLinks() bool
	GetExtraStatistics() bool
	GetMaxRetryCount() int32
	GetMinCheckpointCount() int32
	GetMaxCheckpointCount() int32
	GetMaxSubscriberCount() int32
	GetLiveBufferSize() int32
	GetReadBatchSize() int32
	GetHistoryBufferSize() int32
	GetMessageTimeoutTicks() int64
	GetMessageTimeoutMs() int32
	GetCheckpointAfterTicks() int64
	GetCheckpointAfterMs() int32
}

// ticksPerMillisecond converts the durations of older clients.
const ticksPerMillisecond = 10_000

func settingsOf(r settingsRequest, strategy string) groupSettings {
	return groupSettings{
		ResolveLinks: r.GetResolveLinks(), ExtraStatistics: r.GetExtraStatistics(), MaxRetryCount: r.GetMaxRetryCount(),
		MinCheckpoint: r.GetMinCheckpointCount(), MaxCheckpoint: r.GetMaxCheckpointCount(),
		MaxSubscribers: r.GetMaxSubscriberCount(), LiveBuffer: r.GetLiveBufferSize(), ReadBatch: r.GetReadBatchSize(),
		HistoryBuffer:     r.GetHistoryBufferSize(),
		MessageTimeoutMS:  r.GetMessageTimeoutMs() + int32(r.GetMessageTimeoutTicks()/ticksPerMillisecond),
		CheckpointAfterMS: r.GetCheckpointAfterMs() + int32(r.GetCheckpointAfterTicks()/ticksPerMillisecond),
		Strategy:          strategy,
	}
}

func checkSettings(key groupKey, s groupSettings) error {
	switch {
	case !knownStrategy(s.Strategy):
		return groupFailed(key, fmt.Sprintf("Consumer strategy %s does not exist.", s.Strategy))
	case s.HistoryBuffer < 0 || s.LiveBuffer < 0 || s.ReadBatch < 0 || s.MaxRetryCount < 0 || s.MaxSubscribers < 0 ||
		s.MinCheckpoint < 0 || s.MaxCheckpoint < 0 || s.MessageTimeoutMS < 0 || s.CheckpointAfterMS < 0:
		return groupFailed(key, "a setting is negative")
	}
	return nil
}

// Create implements the service.
func (p *persistent) Create(ctx context.Context, req *persistentapi.CreateReq) (*persistentapi.CreateResp, error) {
	if err := p.offered(ctx, true); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	strategy := o.GetSettings().GetConsumerStrategy()
	if strategy == "" {
		//lint:ignore SA1019 clients before 21.10 name the strategy here
		strategy = o.GetSettings().GetNamedConsumerStrategy().String()
	}
	config := groupConfig{Group: o.GetGroupName(), Settings: settingsOf(o.GetSettings(), strategy), Start: startBegin}
	var err error
	switch {
	case o.GetAll() != nil:
		config.Stream = allStream
		switch v := o.GetAll().GetAllOption().(type) {
		case *persistentapi.CreateReq_AllOptions_Position:
			config.startAt(v.Position.GetCommitPosition())
		case *persistentapi.CreateReq_AllOptions_End:
			config.Start = startEnd
		}
		if config.Filter, err = createFilter(o.GetAll().GetFilter()); err != nil {
			return nil, err
		}
	case o.GetStream() != nil:
		if config.Stream, err = streamName(o.GetStream().GetStreamIdentifier()); err != nil {
			return nil, err
		}
		switch v := o.GetStream().GetRevisionOption().(type) {
		case *persistentapi.CreateReq_StreamOptions_Revision:
			config.startAt(v.Revision)
		case *persistentapi.CreateReq_StreamOptions_End:
			config.Start = startEnd
		}
	default:
		//lint:ignore SA1019 clients before 21.10 name the stream here
		if config.Stream, err = streamName(o.GetStreamIdentifier()); err != nil {
			return nil, err
		}
	}
	if config.Group == "" {
		return nil, invalid("a persistent subscription needs the name of a group")
	}
	if err := checkSettings(groupKey{config.Stream, config.Group}, config.Settings); err != nil {
		return nil, err
	}
	if err := p.groups.create(ctx, config); err != nil {
		return nil, err
	}
	return &persistentapi.CreateResp{}, nil
}

// startAt begins with a revision, or with a position as clients see it.
func (c *groupConfig) startAt(at uint64) {
	c.Start = strconv.FormatUint(at, 10)
	first := uint64(1)
	if c.Stream == allStream {
		first = 2
	}
	if at >= first {
		after := at - first
		c.After = &after
	}
}

func createFilter(f *persistentapi.CreateReq_AllOptions_FilterOptions) (*groupFilter, error) {
	if f == nil {
		return nil, nil
	}
	out := &groupFilter{OnStream: f.GetStreamIdentifier() != nil}
	expression := f.GetEventType()
	if out.OnStream {
		expression = f.GetStreamIdentifier()
	}
	out.Prefixes, out.Pattern = expression.GetPrefix(), expression.GetRegex()
	_, err := out.made()
	return out, err
}

// Update implements the service.
func (p *persistent) Update(ctx context.Context, req *persistentapi.UpdateReq) (*persistentapi.UpdateResp, error) {
	if err := p.offered(ctx, true); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	config := groupConfig{Group: o.GetGroupName(), Start: startBegin,
		Settings: settingsOf(o.GetSettings(), o.GetSettings().GetNamedConsumerStrategy().String())}
	var err error
	switch {
	case o.GetAll() != nil:
		config.Stream = allStream
		switch v := o.GetAll().GetAllOption().(type) {
		case *persistentapi.UpdateReq_AllOptions_Position:
			config.startAt(v.Position.GetCommitPosition())
		case *persistentapi.UpdateReq_AllOptions_End:
			config.Start = startEnd
		}
	case o.GetStream() != nil:
		if config.Stream, err = streamName(o.GetStream().GetStreamIdentifier()); err != nil {
			return nil, err
		}
		switch v := o.GetStream().GetRevisionOption().(type) {
		case *persistentapi.UpdateReq_StreamOptions_Revision:
			config.startAt(v.Revision)
		case *persistentapi.UpdateReq_StreamOptions_End:
			config.Start = startEnd
		}
	default:
		//lint:ignore SA1019 clients before 21.10 name the stream here
		if config.Stream, err = streamName(o.GetStreamIdentifier()); err != nil {
			return nil, err
		}
	}
	if err := checkSettings(groupKey{config.Stream, config.Group}, config.Settings); err != nil {
		return nil, err
	}
	if err := p.groups.update(ctx, config); err != nil {
		return nil, err
	}
	return &persistentapi.UpdateResp{}, nil
}

// keyOf names the group of a request; all is set where it is one of $all.
func keyOf(all *shared.Empty, stream *shared.StreamIdentifier, group string) (groupKey, error) {
	if all != nil {
		return groupKey{allStream, group}, nil
	}
	name, err := streamName(stream)
	return groupKey{name, group}, err
}

// Delete implements the service.
func (p *persistent) Delete(ctx context.Context, req *persistentapi.DeleteReq) (*persistentapi.DeleteResp, error) {
	if err := p.offered(ctx, true); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	key, err := keyOf(o.GetAll(), o.GetStreamIdentifier(), o.GetGroupName())
	if err == nil {
		err = p.groups.remove(ctx, key)
	}
	if err != nil {
		return nil, err
	}
	return &persistentapi.DeleteResp{}, nil
}

// ReplayParked implements the service.
func (p *persistent) ReplayParked(ctx context.Context, req *persistentapi.ReplayParkedReq) (*persistentapi.ReplayParkedResp, error) {
	if err := p.offered(ctx, true); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	key, err := keyOf(o.GetAll(), o.GetStreamIdentifier(), o.GetGroupName())
	if err != nil {
		return nil, err
	}
	g, err := p.groups.find(ctx, key)
	if err != nil {
		return nil, err
	}
	if o.GetStopAt() < 0 {
		return nil, invalid("a replay that stops at %d", o.GetStopAt())
	}
	if err := g.replayParked(ctx, o.GetStopAt()); err != nil {
		return nil, err
	}
	return &persistentapi.ReplayParkedResp{}, nil
}

// RestartSubsystem implements the service.
func (p *persistent) RestartSubsystem(ctx context.Context, _ *shared.Empty) (*shared.Empty, error) {
	if err := p.offered(ctx, true); err != nil {
		return nil, err
	}
	if err := p.groups.restart(ctx); err != nil {
		return nil, err
	}
	return &shared.Empty{}, nil
}

// Read implements the service: one subscriber's connection to its group.
func (p *persistent) Read(call persistentapi.PersistentSubscriptions_ReadServer) error {
	if err := p.offered(call.Context(), false); err != nil {
		return err
	}
	first, err := call.Recv()
	if err != nil {
		return err
	}
	o := first.GetOptions()
	if o == nil {
		return invalid("a persistent subscription begins with its options")
	}
	key, err := keyOf(o.GetAll(), o.GetStreamIdentifier(), o.GetGroupName())
	if err != nil {
		return err
	}
	if err := p.permit(call.Context(), key.stream, readRight); err != nil {
		return err
	}
	ctx, cancel := p.life(call.Context())
	defer cancel()
	g, err := p.groups.find(ctx, key)
	if err != nil {
		return err
	}
	c := newConsumer(ctx, o.GetBufferSize())
	if err := g.connect(c); err != nil {
		return err
	}
	defer g.leave(c)
	confirmed := &persistentapi.ReadResp{Content: &persistentapi.ReadResp_SubscriptionConfirmation_{
		SubscriptionConfirmation: &persistentapi.ReadResp_SubscriptionConfirmation{SubscriptionId: key.stream + "::" + key.name},
	}}
	if err := call.Send(confirmed); err != nil {
		return err
	}
	answers, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() { stop(g.answers(call, c)) }()
	var out frames
	_, out.textIDs = o.GetUuidOption().GetContent().(*persistentapi.ReadReq_Options_UUIDOption_String_)
	for {
		messages, err := g.take(answers, c)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, m := range messages {
			shown := resolved{event: m.event}
			if g.config.Settings.ResolveLinks {
				if shown, err = p.resolve(answers, callerOf(ctx), m.event); err != nil {
					return err
				}
			}
			if err := call.SendMsg(out.delivered(shown, m.retries)); err != nil {
				return err
			}
		}
	}
}

func newConsumer(ctx context.Context, slots int32) *consumer {
	c := &consumer{id: uuid.NewString(), login: callerOf(ctx).login, name: "<unknown>",
		slots: int(max(slots, 1)), wake: make(chan struct{}, 1)}
	if md, ok := metadata.FromIncomingContext(ctx); ok && len(md.Get("connection-name")) > 0 {
		c.name = md.Get("connection-name")[0]
	}
	if from, ok := peer.FromContext(ctx); ok {
		c.from = from.Addr.String()
	}
	return c
}

// answers reads a subscriber's acknowledgements until it ends.
func (g *group) answers(call persistentapi.PersistentSubscriptions_ReadServer, c *consumer) error {
	for {
		req, err := call.Recv()
		if err != nil {
			return err
		}
		switch {
		case req.GetAck() != nil:
			ids, err := parseIDs(req.GetAck().GetIds())
			if err != nil {
				return err
			}
			g.ack(c, ids)
		case req.GetNack() != nil:
			ids, err := parseIDs(req.GetNack().GetIds())
			if err != nil {
				return err
			}
			g.nack(c, ids, int(req.GetNack().GetAction()), req.GetNack().GetReason())
		default:
			return invalid("the options of a persistent subscription come once")
		}
	}
}

func parseIDs(wire []*shared.UUID) ([]uuid.UUID, error) {
	out := make([]uuid.UUID, len(wire))
	for i, w := range wire {
		id, err := parseID(w)
		if err != nil {
			return nil, err
		}
		out[i] = id
	}
	return out, nil
}
