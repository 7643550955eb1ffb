package esdbserver

import (
	"context"
	"errors"
	"time"

	"dossierledger/infra/eventstore"
	streamsapi "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
)

// behind is how many events a live subscriber may lag before it is told so.
const behind = 1024

func (r *reader) subscribeStream(ctx context.Context) error {
	stream, err := r.stream(ctx)
	if err != nil {
		return err
	}
	st, err := r.state(ctx, stream)
	if err != nil {
		return err
	}
	if st.tombstoned {
		return streamDeleted(stream)
	}
	to := eventstore.SubscribeTo{Stream: stream}
	switch v := r.options.GetStream().GetRevisionOption().(type) {
	case *streamsapi.ReadReq_Options_StreamOptions_Revision:
		to.AfterRevision = &v.Revision
	case *streamsapi.ReadReq_Options_StreamOptions_End:
		if st.exists {
			to.AfterRevision = &st.last
		}
	}
	to.AfterRevision = st.from(to.AfterRevision)
	return r.follow(ctx, to, 0, func(e *eventstore.Recorded) (bool, error) {
		if e.Type == tombstoneType {
			return false, streamDeleted(stream)
		}
		return st.maxAge == 0 || time.Since(e.RecordedAt) <= st.maxAge, nil
	})
}

func (r *reader) subscribeAll(ctx context.Context) error {
	filter, checkpointEvery, err := r.filter()
	if err != nil {
		return err
	}
	to := eventstore.SubscribeTo{Filter: filter, CheckpointEvery: checkpointEvery}
	switch v := r.options.GetAll().GetAllOption().(type) {
	case *streamsapi.ReadReq_Options_AllOptions_Position:
		if at := v.Position.GetCommitPosition(); at > 0 {
			after := at - 1
			to.AfterPosition = &after
		}
	case *streamsapi.ReadReq_Options_AllOptions_End:
		head, ok, err := r.store.Head(ctx)
		if err != nil {
			return err
		}
		if ok {
			to.AfterPosition = &head
		}
	}
	return r.follow(ctx, to, uint64(checkpointEvery), func(e *eventstore.Recorded) (bool, error) { return r.visible(ctx, e) })
}

// follow hands over what a subscription delivers until the call ends. Where
// checkpointEvery is not 0, the client is told at least once every so many
// positions how far it has come.
func (r *reader) follow(
	ctx context.Context, to eventstore.SubscribeTo, checkpointEvery uint64, wanted func(*eventstore.Recorded) (bool, error),
) (err error) {
	sub, err := r.store.Subscribe(ctx, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sub.Close()) }()
	confirmed := &streamsapi.ReadResp{Content: &streamsapi.ReadResp_Confirmation{
		Confirmation: &streamsapi.ReadResp_SubscriptionConfirmation{SubscriptionId: uuid.NewString()},
	}}
	if err := r.call.Send(confirmed); err != nil {
		return err
	}
	at := place{revision: to.AfterRevision, position: to.AfterPosition}
	live, told := false, uint64(0)
	if to.AfterPosition != nil {
		told = *to.AfterPosition
	}
	for {
		d, err := sub.Next(ctx)
		if err != nil {
			return err
		}
		switch {
		case d.Event != nil:
			if live && r.lags(ctx, d.Event.Position) {
				live = false
				message := &streamsapi.ReadResp_FellBehind{}
				message.ProtoReflect().SetUnknown(at.fields(time.Now()))
				err = r.call.Send(&streamsapi.ReadResp{Content: &streamsapi.ReadResp_FellBehind_{FellBehind: message}})
			}
			at.pass(d.Event, to.Stream != "")
			shown, refused := wanted(d.Event)
			if err = errors.Join(err, refused); err == nil && shown {
				err = r.show(ctx, d.Event)
			}
			if err == nil && checkpointEvery > 0 && d.Event.Position >= told+checkpointEvery {
				told = d.Event.Position
				err = r.checkpoint(told)
			}
		case d.Checkpoint != nil:
			told = *d.Checkpoint
			at.position = d.Checkpoint
			if checkpointEvery > 0 {
				err = r.checkpoint(told)
			}
		case d.CaughtUp:
			live = true
			message := &streamsapi.ReadResp_CaughtUp{}
			message.ProtoReflect().SetUnknown(at.fields(time.Now()))
			err = r.call.Send(&streamsapi.ReadResp{Content: &streamsapi.ReadResp_CaughtUp_{CaughtUp: message}})
		}
		if err != nil {
			return err
		}
	}
}

// lags says whether much has been written behind a position. A store that
// cannot tell now says so at the next event.
func (r *reader) lags(ctx context.Context, position uint64) bool {
	head, ok, err := r.store.Head(ctx)
	return err == nil && ok && head >= position+behind
}

func (r *reader) checkpoint(position uint64) error {
	at := wirePosition(position)
	return r.call.Send(&streamsapi.ReadResp{Content: &streamsapi.ReadResp_Checkpoint_{
		Checkpoint: &streamsapi.ReadResp_Checkpoint{CommitPosition: at, PreparePosition: at}}})
}
