package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"go.opentelemetry.io/otel/trace"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/web/policy"
	"dossierledger/infra/web/request"
	"dossierledger/queries"
)

// streamLife is how long a live timeline stays open before the client is asked
// to open it again, so that none lives for ever and rights are checked anew.
const streamLife = time.Hour

// reconnectAfter is how long a client waits before it opens a stream again.
const reconnectAfter = 3 * time.Second

// writeWithin is how long a client may take to read what was sent.
const writeWithin = 20 * time.Second

var errStreams = fault.New(fault.Unavailable, "stream.too-many", "too many live timelines are open; read the timeline instead")

func (a *API) mountStream() {
	type streamInput struct {
		DossierInput
		LastEventID string `header:"Last-Event-ID" maxLength:"20" pattern:"^[0-9]+$" doc:"The position of the last entry that the client has; what came after it is sent first. Browsers send it by themselves."`
		After       Number `query:"after" doc:"The same as the header, for the first request."`
	}
	op := huma.Operation{
		OperationID: "timeline-stream", Method: http.MethodGet, Path: Prefix + "/dossiers/{code}/timeline/stream", Tags: []string{"Dossiers"},
		Summary: "A dossier's timeline, live",
		Description: "Server-sent events. `entry` carries an entry of the timeline, with its position in the ledger as the id; `status` the status after what was sent. " +
			"A comment comes as a heartbeat. Without an id the stream begins behind what is there now.",
		Responses: map[string]*huma.Response{"200": {
			Description: "The stream", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: "string"}}},
		}},
	}
	route(a, op, policy.ReadStatus, func(ctx context.Context, in *streamInput) (*huma.StreamResponse, error) {
		c, err := a.dossierFor(ctx, policy.ReadStatus, in.Code.Text)
		if err != nil {
			return nil, err
		}
		after := c.Last().Position
		if in.After.Set {
			after = in.After.Value
		}
		if in.LastEventID != "" {
			if after, err = strconv.ParseUint(in.LastEventID, 10, 64); err != nil {
				return nil, badParameter("header.Last-Event-ID", "it is not a position of the ledger")
			}
		}
		l := &liveTimeline{
			API: a, code: c.Code, view: a.wordsFor(ctx, c), ends: a.Now().Add(streamLife),
			trace: trace.SpanContextFromContext(ctx),
		}
		if who := request.From(ctx); who.Known() && who.Expires.Before(l.ends) {
			l.ends = who.Expires
		}
		if l.known, l.replay, err = a.Dossiers.Since(ctx, c, after); err != nil {
			return nil, err
		}
		return a.stream(l)
	})
}

// liveTimeline is one open stream. It holds nothing of the request.
type liveTimeline struct {
	*API
	code   string
	view   queries.View
	ends   time.Time
	trace  trace.SpanContext
	known  *queries.Case
	replay []event.Event
	conn   net.Conn
	out    *bufio.Writer
}

// stream answers with a body that is written while it happens.
func (a *API) stream(l *liveTimeline) (*huma.StreamResponse, error) {
	select {
	case a.streams <- struct{}{}:
	default:
		return nil, errStreams
	}
	var after *uint64
	all := l.known.Events + len(l.replay)
	if all > 0 {
		last := lastRevision(l)
		after = &last
	}
	subscription, err := a.Store.Subscribe(a.Live, eventstore.SubscribeTo{Stream: dossier.StreamOf(l.code), AfterRevision: after})
	if err != nil {
		<-a.streams
		return nil, err
	}
	a.open.Add(1)
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", "text/event-stream; charset=utf-8")
		ctx.SetHeader("Cache-Control", "no-store")
		ctx.SetHeader("X-Accel-Buffering", "no")
		c := humafiber.Unwrap(ctx)
		l.conn = c.Context().Conn()
		c.Context().SetBodyStreamWriter(func(out *bufio.Writer) {
			defer func() { <-a.streams }()
			defer a.open.Done()
			defer func() { _ = subscription.Close() }()
			l.out = out
			if err := l.run(subscription); err != nil && a.Live.Err() == nil && !errors.Is(err, errClientGone) {
				a.Logger.ErrorContext(trace.ContextWithSpanContext(a.Live, l.trace), "live timeline broke", "error", err)
			}
		})
	}}, nil
}

func lastRevision(l *liveTimeline) uint64 {
	if n := len(l.replay); n > 0 {
		return l.replay[n-1].Revision
	}
	return l.known.Last().Revision
}

// errClientGone ends a stream that nobody reads any more.
var errClientGone = errors.New("api: the client of a live timeline is gone")

func (l *liveTimeline) run(subscription eventstore.Subscription) error {
	if err := l.line("retry: %d\n\n", reconnectAfter.Milliseconds()); err != nil {
		return err
	}
	for _, e := range l.replay {
		if err := l.entry(e); err != nil {
			return err
		}
	}
	if err := l.status(); err != nil {
		return err
	}
	for {
		e, err := l.next(subscription)
		switch {
		case errors.Is(err, errQuiet):
			if !l.Now().Before(l.ends) {
				return l.line("event: bye\ndata: {}\n\n")
			}
			if err := l.line(": still here\n\n"); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			if err := errors.Join(l.entry(e), l.status()); err != nil {
				return err
			}
		}
	}
}

// errQuiet says that nothing happened for the time of a heartbeat.
var errQuiet = errors.New("api: nothing happened")

func (l *liveTimeline) next(subscription eventstore.Subscription) (event.Event, error) {
	ctx, cancel := context.WithTimeout(l.Live, l.Heartbeat)
	defer cancel()
	for {
		delivery, err := subscription.Next(ctx)
		switch {
		case err != nil && l.Live.Err() != nil:
			return event.Event{}, l.Live.Err()
		case err != nil && ctx.Err() != nil:
			return event.Event{}, errQuiet
		case err != nil:
			return event.Event{}, err
		case delivery.Event != nil:
			return l.Decode(*delivery.Event)
		}
	}
}

func (l *liveTimeline) entry(e event.Event) error {
	l.known = l.known.With(e)
	entry, err := l.Dossiers.LastEntry(l.known, l.view)
	if err != nil {
		return err
	}
	return l.send("entry", &entry.Position, entry)
}

func (l *liveTimeline) status() error {
	if l.known.Events == 0 {
		return nil
	}
	status, err := l.Dossiers.StatusOf(l.known, l.Now())
	if err != nil {
		return err
	}
	return l.send("status", nil, status)
}

func (l *liveTimeline) send(name string, id *uint64, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("api: live timeline: %w", err)
	}
	if id != nil {
		return l.line("id: %d\nevent: %s\ndata: %s\n\n", *id, name, text)
	}
	return l.line("event: %s\ndata: %s\n\n", name, text)
}

// line writes and sends. The server's limit on the time of an answer is for
// answers that end, so a stream moves it on with every line.
func (l *liveTimeline) line(format string, args ...any) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return errClientGone
	}
	if _, err := fmt.Fprintf(l.out, format, args...); err != nil {
		return errClientGone
	}
	if err := l.out.Flush(); err != nil {
		return errClientGone
	}
	return nil
}
