package auth

import (
	"crypto/sha256"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"dossierledger/infra/web/request"
)

const (
	// tokensKept bounds the tokens that are remembered: some megabytes.
	tokensKept = 10_000
	// trustFor is how long a signature that was found right is not looked at
	// again. A key that its issuer withdraws counts for so much longer at most.
	trustFor = time.Minute
)

// known remembers tokens that were found right, by their hash. What depends on
// the clock is looked at every time.
type known struct {
	tokens *lru.Cache[[sha256.Size]byte, knownToken]
	now    func() time.Time
	leeway time.Duration
}

type knownToken struct {
	identity  request.Identity
	notBefore time.Time // zero where the token does not say
	checked   time.Time
}

func newKnown(now func() time.Time, leeway time.Duration) *known {
	tokens, err := lru.New[[sha256.Size]byte, knownToken](tokensKept)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &known{tokens: tokens, now: now, leeway: leeway}
}

// find gives whose token it is, where that is known and still holds.
func (k *known) find(hash [sha256.Size]byte) (request.Identity, bool) {
	t, ok := k.tokens.Get(hash)
	if !ok {
		return request.Identity{}, false
	}
	now := k.now()
	age := now.Sub(t.checked)
	if age < 0 || age >= trustFor || !now.Before(t.identity.Expires.Add(k.leeway)) || now.Before(t.notBefore.Add(-k.leeway)) {
		k.tokens.Remove(hash)
		return request.Identity{}, false
	}
	return t.identity, true
}

func (k *known) add(hash [sha256.Size]byte, identity request.Identity, notBefore, checked time.Time) {
	k.tokens.Add(hash, knownToken{identity: identity, notBefore: notBefore, checked: checked})
}
