// Package request holds what is known of the HTTP request that is being
// answered: who asks, under which trace, in which language. It travels in the
// context, so that nothing of Fiber has to.
package request

import (
	"context"
	"time"

	"dossierledger/domain/event"
)

// Identity is who asks. The zero Identity is anybody.
type Identity struct {
	event.Actor
	// Name is what to call them on pages; it is not stored.
	Name string
	// Expires is when the sign-in ends.
	Expires time.Time
	// ByCookie is true where a browser's session says who it is, which other
	// sites can make it do.
	ByCookie bool
	// Verified is true where the sign-in was with a verified electronic identity.
	Verified bool
}

// Known reports whether it is known who asks.
func (i Identity) Known() bool { return i.ID != "" }

// Info is what is known of a request.
type Info struct {
	Identity
	// Trace is the W3C trace id, 32 hex digits.
	Trace string
	// Language is "vi" or "en".
	Language string
}

type key struct{}

// With puts what is known into a context.
func With(ctx context.Context, info Info) context.Context { return context.WithValue(ctx, key{}, info) }

// From gives what is known; zero where nothing was put.
func From(ctx context.Context) Info {
	info, _ := ctx.Value(key{}).(Info)
	return info
}
