package esdbserver

import (
	"context"
	"fmt"
	"slices"
	"strings"

	persistentapi "github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
)

// GetInfo implements the service.
func (p *persistent) GetInfo(ctx context.Context, req *persistentapi.GetInfoReq) (*persistentapi.GetInfoResp, error) {
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
	info, err := g.info(ctx)
	if err != nil {
		return nil, err
	}
	return &persistentapi.GetInfoResp{SubscriptionInfo: info}, nil
}

// List implements the service. A stream that has no groups is not found, as in EventStoreDB.
func (p *persistent) List(ctx context.Context, req *persistentapi.ListReq) (*persistentapi.ListResp, error) {
	if err := p.offered(ctx, true); err != nil {
		return nil, err
	}
	stream := ""
	if only := req.GetOptions().GetListForStream(); only != nil {
		key, err := keyOf(only.GetAll(), only.GetStream(), "")
		if err != nil {
			return nil, err
		}
		stream = key.stream
	}
	found, err := p.groups.list(ctx, stream)
	if err != nil {
		return nil, err
	}
	if stream != "" && len(found) == 0 {
		return nil, groupUnknown(groupKey{stream: stream})
	}
	slices.SortFunc(found, func(a, b *group) int {
		return strings.Compare(a.key.stream+"\x00"+a.key.name, b.key.stream+"\x00"+b.key.name)
	})
	out := &persistentapi.ListResp{}
	for _, g := range found {
		info, err := g.info(ctx)
		if err != nil {
			return nil, err
		}
		out.Subscriptions = append(out.Subscriptions, info)
	}
	return out, nil
}

// info tells how a group is doing. Rates are not measured and stay 0.
func (g *group) info(ctx context.Context) (*persistentapi.SubscriptionInfo, error) {
	known, err := g.lastKnown(ctx)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.config.Settings
	out := &persistentapi.SubscriptionInfo{
		EventSource: g.key.stream, GroupName: g.key.name, Status: "Behind", LastKnownEventPosition: known,
		StartFrom: g.startFrom(), TotalItems: g.items, CountSinceLastMeasurement: g.itemsSince,
		ResolveLinkTos: s.ResolveLinks, ExtraStatistics: s.ExtraStatistics,
		MessageTimeoutMilliseconds: s.MessageTimeoutMS, MaxRetryCount: s.MaxRetryCount,
		LiveBufferSize: s.LiveBuffer, BufferSize: s.HistoryBuffer, ReadBatchSize: s.ReadBatch,
		CheckPointAfterMilliseconds: s.CheckpointAfterMS, MinCheckPointCount: s.MinCheckpoint,
		MaxCheckPointCount: s.MaxCheckpoint, MaxSubscriberCount: s.MaxSubscribers, NamedConsumerStrategy: s.Strategy,
		ReadBufferCount: int32(len(g.waiting)), TotalInFlightMessages: int32(len(g.sent)),
		OutstandingMessagesCount: int32(len(g.window)),
		ParkedMessageCount:       int64(g.next - min(g.next, max(g.first, g.replaying))),
	}
	g.itemsSince = 0
	if g.live {
		out.Status = "Live"
	}
	if g.written != nil {
		out.LastCheckpointedEventPosition = g.placeName(*g.written)
	}
	for _, m := range g.waiting {
		if m.retries > 0 {
			out.RetryBufferCount++
		}
	}
	for _, c := range g.consumers {
		out.Connections = append(out.Connections, &persistentapi.SubscriptionInfo_ConnectionInfo{
			From: c.from, Username: c.login, ConnectionName: c.name, TotalItems: c.items,
			AvailableSlots: int32(c.slots - c.inFlight), InFlightMessages: int32(c.inFlight),
			ObservedMeasurements: c.times.measured(),
		})
	}
	return out, nil
}

func (g *group) lastKnown(ctx context.Context) (string, error) {
	if g.key.stream == allStream {
		head, ok, err := g.server.store.Head(ctx)
		if err != nil || !ok {
			return "", err
		}
		return g.placeName(head), nil
	}
	st, err := g.server.state(ctx, g.key.stream)
	if err != nil || !st.exists {
		return "", err
	}
	return g.placeName(st.last), nil
}

// startFrom is the configured start as EventStoreDB writes it.
func (g *group) startFrom() string {
	number := g.config.Start
	switch number {
	case startBegin:
		number = "0"
	case startEnd:
		number = "-1"
	}
	if g.key.stream == allStream {
		return fmt.Sprintf("C:%s/P:%s", number, number)
	}
	return number
}
