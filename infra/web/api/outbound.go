package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"dossierledger/commands"
	"dossierledger/domain/delivery"
	"dossierledger/domain/fault"
	"dossierledger/infra/outbound"
	"dossierledger/infra/web/policy"
	"dossierledger/infra/web/request"
)

// Deliveries tells how deliveries stand; nil where nothing is delivered.
type Deliveries interface {
	Status() []outbound.Status
}

// Letters lists what was given up; *queries.Deliveries is one.
type Letters interface {
	Letters(ctx context.Context, receiver string) ([]delivery.Letter, error)
}

// Resending decides on what was given up; *commands.Deliveries is one.
type Resending interface {
	Resend(ctx context.Context, req commands.Request, receiver string, keys ...string) ([]string, error)
	Skip(ctx context.Context, req commands.Request, receiver, key, why string) error
}

// Outbound is what the API needs of the deliveries to receivers outside. Where its
// parts are nil, there are no receivers.
type Outbound struct {
	Deliveries Deliveries
	Letters    Letters
	Resending  Resending
}

// Receiver is how the deliveries to one receiver stand.
type Receiver outbound.Status

// ReceiverList tells it of each receiver.
type ReceiverList struct {
	Items []Receiver `json:"items"`
}

// LetterList is what was given up.
type LetterList struct {
	Items []delivery.Letter `json:"items"`
}

// ResendOrder says what is to be sent again.
type ResendOrder struct {
	Keys []string `json:"keys,omitempty" doc:"Dossiers by their code, or keys as dead letters tell them."`
	All  bool     `json:"all,omitempty" doc:"Everything that was given up for the receiver."`
}

// Resent is what is sent again because of an order.
type Resent struct {
	Keys []string `json:"keys"`
}

// SkipOrder says what a receiver is never to get.
type SkipOrder struct {
	Key string `json:"key" doc:"A dossier by its code, or a key as dead letters tell it; the event it stands before is skipped."`
	Why string `json:"why" doc:"Goes on record."`
}

// errReceiver is for a receiver that this server does not deliver to.
var errReceiver = fault.New(fault.NotFound, "outbound.no-receiver", "this ledger delivers to no receiver of that name")

// MaxResend bounds the keys that one order names.
const MaxResend = 1000

func (a *API) mountOutbound() {
	route(a, huma.Operation{
		OperationID: "receivers", Method: http.MethodGet, Path: Prefix + "/outbound", Tags: []string{"Deliveries"},
		Summary: "How the deliveries to receivers outside stand",
	}, policy.ReadDeliveries, func(ctx context.Context, _ *struct{}) (*Private[ReceiverList], error) {
		if err := may(ctx, policy.ReadDeliveries, policy.Resource{}); err != nil {
			return nil, err
		}
		found := ReceiverList{Items: []Receiver{}}
		for _, s := range a.receivers() {
			found.Items = append(found.Items, Receiver(s))
		}
		return private(found), nil
	})

	type receiverInput struct {
		Name Segment `path:"name" doc:"The receiver's."`
	}
	route(a, huma.Operation{
		OperationID: "dead-letters", Method: http.MethodGet, Path: Prefix + "/outbound/{name}/dead-letters", Tags: []string{"Deliveries"},
		Summary:     "What was given up for a receiver",
		Description: "The event that could not be delivered, by key, with the reason; what follows of its key waits behind it.",
	}, policy.ReadDeliveries, func(ctx context.Context, in *receiverInput) (*Private[LetterList], error) {
		if err := a.mayDeliver(ctx, policy.ReadDeliveries, in.Name.Text); err != nil {
			return nil, err
		}
		letters, err := a.Outbound.Letters.Letters(ctx, in.Name.Text)
		return private(LetterList{Items: letters}), err
	})
	a.mountResending()
}

func (a *API) mountResending() {
	type orderInput struct {
		Name    Segment `path:"name" doc:"The receiver's."`
		Content Content
	}
	resend, skip := Prefix+"/outbound/{name}/resend", Prefix+"/outbound/{name}/skip"
	route(a, huma.Operation{
		OperationID: "resend", Method: http.MethodPost, Path: resend, Tags: []string{"Deliveries"},
		Summary: "Send again what was given up", Description: "In order, from the event that could not be delivered on.",
	}, policy.Resend, func(ctx context.Context, in *orderInput) (*Private[Resent], error) {
		if err := a.mayDeliver(ctx, policy.Resend, in.Name.Text); err != nil {
			return nil, err
		}
		value, err := in.Content.into(reflect.TypeFor[ResendOrder]())
		if err != nil {
			return nil, err
		}
		order := value.(ResendOrder)
		if order.All != (len(order.Keys) == 0) || len(order.Keys) > MaxResend || slices.Contains(order.Keys, "") {
			return nil, fault.New(fault.Invalid, "outbound.resend", "name 1 to %d keys, or say all", MaxResend)
		}
		keys := make([]string, len(order.Keys))
		for i, name := range order.Keys {
			keys[i] = outbound.KeyNamed(name)
		}
		asked, err := a.Outbound.Resending.Resend(ctx, requestOf(ctx), in.Name.Text, keys...)
		return private(Resent{Keys: asked}), err
	})
	a.describeBody(resend, reflect.TypeFor[ResendOrder](), map[string]any{"all": true})
	route(a, huma.Operation{
		OperationID: "skip", Method: http.MethodPost, Path: skip, Tags: []string{"Deliveries"},
		Summary: "Never deliver an event that was given up", Description: "What follows of its key is sent.",
	}, policy.Resend, func(ctx context.Context, in *orderInput) (*Private[Resent], error) {
		if err := a.mayDeliver(ctx, policy.Resend, in.Name.Text); err != nil {
			return nil, err
		}
		value, err := in.Content.into(reflect.TypeFor[SkipOrder]())
		if err != nil {
			return nil, err
		}
		order := value.(SkipOrder)
		key := outbound.KeyNamed(order.Key)
		err = a.Outbound.Resending.Skip(ctx, requestOf(ctx), in.Name.Text, key, order.Why)
		return private(Resent{Keys: []string{key}}), err
	})
	a.describeBody(skip, reflect.TypeFor[SkipOrder](), map[string]any{"key": "H15.40-261124-0001", "why": "the receiver takes no files of this size"})
}

// receivers tells how the deliveries stand.
func (a *API) receivers() []outbound.Status {
	if a.Outbound.Deliveries == nil {
		return nil
	}
	return a.Outbound.Deliveries.Status()
}

// mayDeliver refuses who may not, and a receiver that is none.
func (a *API) mayDeliver(ctx context.Context, action policy.Action, receiver string) error {
	if err := may(ctx, action, policy.Resource{}); err != nil {
		return err
	}
	if !slices.ContainsFunc(a.receivers(), func(s outbound.Status) bool { return s.Name == receiver }) {
		return errReceiver
	}
	return nil
}

func private[T any](body T) *Private[T] { return &Private[T]{Cache: "no-store", Body: body} }

// requestOf binds an order to who asks.
func requestOf(ctx context.Context) commands.Request {
	who := request.From(ctx)
	return commands.Request{Actor: who.Actor, Correlation: who.Trace, Trace: who.Trace}
}
