package esdbserver

import (
	"context"
	"iter"
	"math"
	"regexp"
	"time"

	"dossierledger/infra/eventstore"
	streamsapi "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

// Read implements the Streams service: reads and catch-up subscriptions.
func (s *streams) Read(req *streamsapi.ReadReq, call streamsapi.Streams_ReadServer) error {
	o := req.GetOptions()
	if o == nil {
		return invalid("a read without options")
	}
	ctx, cancel := s.life(call.Context())
	defer cancel()
	r := reader{Server: s.Server, call: call, who: callerOf(ctx), options: o, limit: math.MaxUint64}
	_, r.frames.textIDs = o.GetUuidOption().GetContent().(*streamsapi.ReadReq_Options_UUIDOption_String_)
	subscribes := false
	switch v := o.GetCountOption().(type) {
	case *streamsapi.ReadReq_Options_Count:
		r.limit = v.Count
	case *streamsapi.ReadReq_Options_Subscription:
		subscribes = true
	default:
		return invalid("a read says how many events it wants, or that it subscribes")
	}
	var err error
	switch {
	case o.GetStream() != nil && subscribes:
		err = r.subscribeStream(ctx)
	case o.GetStream() != nil:
		err = r.readStream(ctx)
	case o.GetAll() != nil && subscribes:
		err = r.subscribeAll(ctx)
	case o.GetAll() != nil:
		err = r.readAll(ctx)
	default:
		err = invalid("a read names a stream, or $all")
	}
	if err != nil && ctx.Err() != nil && call.Context().Err() == nil {
		return context.Cause(ctx)
	}
	return err
}

// reader answers one Read call.
type reader struct {
	*Server
	call    streamsapi.Streams_ReadServer
	who     caller
	options *streamsapi.ReadReq_Options
	frames  frames
	limit   uint64
	sent    uint64
}

func (r *reader) backwards() bool {
	return r.options.GetReadDirection() == streamsapi.ReadReq_Options_Backwards
}

func (r *reader) direction() eventstore.Direction {
	if r.backwards() {
		return eventstore.Backwards
	}
	return eventstore.Forwards
}

// show sends an event to the client.
func (r *reader) show(ctx context.Context, e *eventstore.Recorded) error {
	shown := resolved{event: e}
	if r.options.GetResolveLinks() {
		var err error
		if shown, err = r.resolve(ctx, r.who, e); err != nil {
			return err
		}
	}
	return r.call.SendMsg(r.frames.read(shown))
}

// visible says whether a reader of $all is shown an event.
func (r *reader) visible(ctx context.Context, e *eventstore.Recorded) (bool, error) {
	return r.may(ctx, r.who, e.Stream, readRight)
}

// send hands events over that wanted lets through, up to the limit.
func (r *reader) send(
	ctx context.Context, events iter.Seq2[eventstore.Recorded, error], wanted func(e *eventstore.Recorded) (show, more bool, err error),
) error {
	if r.limit == 0 {
		return nil
	}
	for e, err := range events {
		if err != nil {
			return err
		}
		shown, more, err := wanted(&e)
		if err == nil && shown {
			r.sent++
			err = r.show(ctx, &e)
		}
		if err != nil {
			return err
		}
		if !more || r.sent >= r.limit {
			break
		}
	}
	return nil
}

// stream names the stream that is read, if the caller may.
func (r *reader) stream(ctx context.Context) (string, error) {
	stream, err := streamName(r.options.GetStream().GetStreamIdentifier())
	if err != nil {
		return "", err
	}
	return stream, r.permit(ctx, stream, readRight)
}

func (r *reader) readStream(ctx context.Context) error {
	stream, err := r.stream(ctx)
	if err != nil {
		return err
	}
	st, err := r.shownState(ctx, stream)
	switch {
	case err != nil:
		return err
	case st.tombstoned:
		return streamDeleted(stream)
	case !st.found():
		return r.call.Send(&streamsapi.ReadResp{Content: &streamsapi.ReadResp_StreamNotFound_{
			StreamNotFound: &streamsapi.ReadResp_StreamNotFound{StreamIdentifier: identifier(stream)},
		}})
	}
	read := eventstore.StreamRead{Direction: r.direction()}
	from, empty := uint64(0), false
	switch v := r.options.GetStream().GetRevisionOption().(type) {
	case *streamsapi.ReadReq_Options_StreamOptions_Revision:
		from = v.Revision
		read.From = &from
	case *streamsapi.ReadReq_Options_StreamOptions_Start:
		read.From = &from
	case *streamsapi.ReadReq_Options_StreamOptions_End:
		empty = !r.backwards()
	}
	asked := from
	if !r.backwards() && from < st.first {
		from = st.first
		read.From = &from
	}
	if !empty {
		now := time.Now()
		err = r.send(ctx, r.store.ReadStream(ctx, stream, read), func(e *eventstore.Recorded) (show, more bool, err error) {
			return st.shows(e, now), e.Revision > st.first || !r.backwards(), nil
		})
		if err != nil {
			return err
		}
	}
	return r.ends(st, asked)
}

// shownState is the stream's state as a read needs it: of a plain stream the end is
// looked at only for clients that are told of it.
func (r *reader) shownState(ctx context.Context, stream string) (streamState, error) {
	l := r.lock(stream)
	l.RLock()
	defer l.RUnlock()
	if !r.tellsEnds() {
		if plain, err := r.plain(ctx, stream); err != nil || plain {
			return streamState{exists: plain}, err
		}
	}
	st, err := r.state(ctx, stream)
	if err == nil && st.exists && !st.tombstoned {
		r.enliven(stream)
	}
	return st, err
}

func (r *reader) tellsEnds() bool { return r.options.GetControlOption().GetCompatibility() >= 1 }

// ends tells clients that ask for it where the stream begins and ends.
func (r *reader) ends(st streamState, asked uint64) error {
	if !r.tellsEnds() {
		return nil
	}
	if r.sent == 0 && !r.backwards() && asked < st.first {
		if err := r.call.Send(&streamsapi.ReadResp{
			Content: &streamsapi.ReadResp_FirstStreamPosition{FirstStreamPosition: st.first}}); err != nil {
			return err
		}
	}
	return r.call.Send(&streamsapi.ReadResp{Content: &streamsapi.ReadResp_LastStreamPosition{LastStreamPosition: st.last}})
}

func (r *reader) readAll(ctx context.Context) error {
	filter, _, err := r.filter()
	if err != nil {
		return err
	}
	read := eventstore.AllRead{Direction: r.direction(), Filter: filter}
	switch v := r.options.GetAll().GetAllOption().(type) {
	case *streamsapi.ReadReq_Options_AllOptions_Position:
		at := v.Position.GetCommitPosition()
		// Forwards includes the event at the position, backwards begins before it.
		switch {
		case r.backwards() && at == 0:
			return nil
		case r.backwards():
			before := at - 1
			read.After = &before
		case at >= 2:
			after := at - 2
			read.After = &after
		}
	case *streamsapi.ReadReq_Options_AllOptions_Start:
		if r.backwards() {
			return nil
		}
	case *streamsapi.ReadReq_Options_AllOptions_End:
		if !r.backwards() {
			return nil
		}
	}
	return r.send(ctx, r.store.ReadAll(ctx, read), func(e *eventstore.Recorded) (show, more bool, err error) {
		show, err = r.visible(ctx, e)
		return show, true, err
	})
}

// searchWindow is EventStoreDB's window where a client names none.
const searchWindow = 32

// filter reads the filter of a call and how many events are considered between
// two checkpoints; 0 means that there is no filter and no checkpoints.
func (r *reader) filter() (f eventstore.Filter, checkpointEvery int, err error) {
	o := r.options.GetFilter()
	if o == nil {
		return f, 0, nil
	}
	window := uint64(searchWindow)
	if v, ok := o.GetWindow().(*streamsapi.ReadReq_Options_FilterOptions_Max); ok {
		window = uint64(v.Max)
	}
	if window == 0 {
		return f, 0, invalid("the largest search window of a filter must be greater than 0")
	}
	checkpointEvery = int(min(window*uint64(max(o.GetCheckpointIntervalMultiplier(), 1)), math.MaxInt32))
	switch {
	case o.GetStreamIdentifier() != nil:
		f.StreamPrefixes = o.GetStreamIdentifier().GetPrefix()
		f.StreamPattern, err = pattern(o.GetStreamIdentifier().GetRegex())
	case o.GetEventType() != nil:
		f.TypePrefixes = o.GetEventType().GetPrefix()
		f.TypePattern, err = pattern(o.GetEventType().GetRegex())
	default:
		err = invalid("a filter applies to the stream identifier or to the event type")
	}
	return f, checkpointEvery, err
}

func pattern(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, invalid("the regular expression of a filter is not understood: %v", err)
	}
	return re, nil
}
